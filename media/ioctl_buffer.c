/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include <linux/videodev2.h>

#include "media/ioctl.h"
#include "media/media.h"

/* Buffers that are mapped outlive REQBUFS. */
#define QUEUE_CAPABILITIES (V4L2_BUF_CAP_SUPPORTS_MMAP | V4L2_BUF_CAP_SUPPORTS_ORPHANED_BUFS)

static uint32_t session_of(const struct ioctl_call *call)
{
    return call->session->id.id;
}

static bool is_multiplanar(const struct media *media)
{
    return V4L2_TYPE_IS_MULTIPLANAR(media->queue.type);
}

/* What a buffer for the format in force needs. */
static void current_layout(const struct media *media, struct buffer_layout *layout)
{
    const struct picture *picture = &media->stream.picture;

    *layout = (struct buffer_layout){.planes = picture->format->planes};
    for (unsigned i = 0; i < layout->planes; i++)
        layout->size[i] = picture->plane_size[i];
}

int ioctl_reqbufs(struct media *media, struct ioctl_call *call)
{
    struct v4l2_requestbuffers *request = call->payload;
    struct buffer_layout layout;
    int r;

    if (request->type != media->queue.type || request->memory != V4L2_MEMORY_MMAP)
        return -EINVAL;
    current_layout(media, &layout);
    r = buffer_queue_request(&media->queue, session_of(call), &request->count, &layout);
    if (r != 0)
        return r;
    *request = (struct v4l2_requestbuffers){.count = request->count,
                                            .type = request->type,
                                            .memory = request->memory,
                                            .capabilities = QUEUE_CAPABILITIES};
    return 0;
}

/* The sizes that CREATE_BUFS asks for: at least those of the format in force. */
static int wished_layout(const struct media *media, const struct v4l2_format *format,
                         struct buffer_layout *layout)
{
    const struct v4l2_pix_format_mplane *mp = &format->fmt.pix_mp;
    struct buffer_layout least;

    current_layout(media, &least);
    *layout = least;
    if (is_multiplanar(media)) {
        if (mp->num_planes != least.planes)
            return -EINVAL;
        for (unsigned i = 0; i < least.planes; i++)
            layout->size[i] = mp->plane_fmt[i].sizeimage;
    } else {
        layout->size[0] = format->fmt.pix.sizeimage;
    }
    for (unsigned i = 0; i < least.planes; i++)
        if (layout->size[i] < least.size[i])
            return -EINVAL;
    return 0;
}

int ioctl_create_bufs(struct media *media, struct ioctl_call *call)
{
    struct v4l2_create_buffers *create = call->payload;
    size_t rest = offsetof(struct v4l2_create_buffers, capabilities) + sizeof(create->capabilities);
    struct buffer_layout layout;
    int r;

    if (create->format.type != media->queue.type || create->memory != V4L2_MEMORY_MMAP)
        return -EINVAL;
    if (create->count == 0) { /* only asks what there is */
        create->index = media->queue.count;
    } else {
        r = wished_layout(media, &create->format, &layout);
        if (r == 0)
            r = buffer_queue_add(&media->queue, session_of(call), &create->count, &create->index,
                                 &layout);
        if (r != 0)
            return r;
    }
    create->capabilities = QUEUE_CAPABILITIES;
    memset((uint8_t *)create + rest, 0, sizeof(*create) - rest);
    return 0;
}

/* The buffer that a v4l2_buffer names; NULL when there is none, or its planes have no room. */
static struct queue_buffer *named_buffer(struct media *media, const struct ioctl_call *call)
{
    const struct v4l2_buffer *named = call->payload;
    struct queue_buffer *buffer = buffer_queue_get(&media->queue, named->index);

    if (named->type != media->queue.type || buffer == NULL)
        return NULL;
    if (!is_multiplanar(media))
        return buffer;
    if (named->length < buffer->planes || named->length > VIDEO_MAX_PLANES ||
        call->tail_size < buffer->planes * sizeof(struct v4l2_plane))
        return NULL;
    return buffer;
}

static void answer_buffer(struct media *media, struct ioctl_call *call,
                          const struct queue_buffer *buffer)
{
    struct v4l2_buffer *to = call->payload;
    __typeof__(to->m) pointer = to->m;

    buffer_queue_describe(&media->queue, buffer, to, call->tail);
    if (!is_multiplanar(media))
        return;
    to->m = pointer; /* the guest's own, in its address space */
    call->tail_answer = buffer->planes * sizeof(struct v4l2_plane);
}

int ioctl_querybuf(struct media *media, struct ioctl_call *call)
{
    struct queue_buffer *buffer = named_buffer(media, call);

    if (buffer == NULL)
        return -EINVAL;
    answer_buffer(media, call, buffer);
    return 0;
}

static int hand_over(struct media *media, struct ioctl_call *call,
                     int (*hand)(struct buffer_queue *queue, struct queue_buffer *buffer))
{
    const struct v4l2_buffer *named = call->payload;
    struct queue_buffer *buffer = named_buffer(media, call);
    int r = buffer_queue_check_owner(&media->queue, session_of(call));

    if (r != 0)
        return r;
    if (buffer == NULL || named->memory != V4L2_MEMORY_MMAP)
        return -EINVAL;
    if (named->flags & V4L2_BUF_FLAG_REQUEST_FD)
        return -EBADR; /* as a queue without the request API says */
    r = hand(&media->queue, buffer);
    if (r == 0)
        answer_buffer(media, call, buffer);
    return r;
}

int ioctl_qbuf(struct media *media, struct ioctl_call *call)
{
    return hand_over(media, call, buffer_queue_put);
}

int ioctl_prepare_buf(struct media *media, struct ioctl_call *call)
{
    return hand_over(media, call, buffer_queue_prepare);
}

/* STREAMON and STREAMOFF: whether this session may, and for this queue. */
static int check_stream(const struct media *media, const struct ioctl_call *call)
{
    uint32_t type;

    memcpy(&type, call->payload, sizeof(type));
    if (type != media->queue.type)
        return -EINVAL;
    return buffer_queue_check_owner(&media->queue, session_of(call));
}

int ioctl_streamon(struct media *media, struct ioctl_call *call)
{
    int r = check_stream(media, call);

    return r != 0 ? r : buffer_queue_start(&media->queue);
}

int ioctl_streamoff(struct media *media, struct ioctl_call *call)
{
    int r = check_stream(media, call);

    if (r == 0)
        buffer_queue_stop(&media->queue);
    return r;
}
