/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include <linux/videodev2.h>

#include "media/context.h"
#include "media/ioctl.h"
#include "media/session.h"
#include "media/user_plane.h"

/* Buffers that are mapped outlive REQBUFS. */
static uint32_t capabilities_of(const struct buffer_queue *queue)
{
    return V4L2_BUF_CAP_SUPPORTS_MMAP | V4L2_BUF_CAP_SUPPORTS_ORPHANED_BUFS |
           (queue->takes_user ? V4L2_BUF_CAP_SUPPORTS_USERPTR : 0);
}

static bool takes_memory(const struct buffer_queue *queue, uint32_t memory)
{
    return memory == V4L2_MEMORY_MMAP || (memory == V4L2_MEMORY_USERPTR && queue->takes_user);
}

static uint32_t session_of(const struct ioctl_call *call)
{
    return call->session->id.id;
}

int ioctl_reqbufs(struct context *context, struct ioctl_call *call)
{
    struct v4l2_requestbuffers *request = call->payload;
    struct buffer_queue *queue = context_queue(context, request->type);
    struct buffer_layout layout;
    int r;

    if (queue == NULL || !takes_memory(queue, request->memory))
        return -EINVAL;
    context->impl->layout(context, queue, &layout);
    layout.user = request->memory == V4L2_MEMORY_USERPTR;
    r = buffer_queue_request(queue, session_of(call), &request->count, &layout);
    if (r != 0)
        return r;
    *request = (struct v4l2_requestbuffers){.count = request->count,
                                            .type = request->type,
                                            .memory = request->memory,
                                            .capabilities = capabilities_of(queue)};
    return 0;
}

/* The sizes that CREATE_BUFS asks for: at least those of the format in force. */
static int wished_layout(struct context *context, const struct buffer_queue *queue,
                         const struct v4l2_format *format, struct buffer_layout *layout)
{
    const struct v4l2_pix_format_mplane *mp = &format->fmt.pix_mp;
    struct buffer_layout least;

    context->impl->layout(context, queue, &least);
    *layout = least;
    if (V4L2_TYPE_IS_MULTIPLANAR(queue->type)) {
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

int ioctl_create_bufs(struct context *context, struct ioctl_call *call)
{
    struct v4l2_create_buffers *create = call->payload;
    size_t rest = offsetof(struct v4l2_create_buffers, capabilities) + sizeof(create->capabilities);
    struct buffer_queue *queue = context_queue(context, create->format.type);
    struct buffer_layout layout;
    int r;

    if (queue == NULL || !takes_memory(queue, create->memory))
        return -EINVAL;
    if (create->count == 0) { /* only asks what there is */
        create->index = queue->count;
    } else {
        r = wished_layout(context, queue, &create->format, &layout);
        layout.user = create->memory == V4L2_MEMORY_USERPTR;
        if (r == 0)
            r = buffer_queue_add(queue, session_of(call), &create->count, &create->index, &layout);
        if (r != 0)
            return r;
    }
    create->capabilities = capabilities_of(queue);
    memset((uint8_t *)create + rest, 0, sizeof(*create) - rest);
    return 0;
}

/* The buffer that a v4l2_buffer names, with its queue; NULL when there is none, or its planes have
 * no room. */
static struct queue_buffer *named_buffer(struct context *context, const struct ioctl_call *call,
                                         struct buffer_queue **queue)
{
    const struct v4l2_buffer *named = call->payload;
    struct queue_buffer *buffer;

    *queue = context_queue(context, named->type);
    if (*queue == NULL)
        return NULL;
    buffer = buffer_queue_get(*queue, named->index);
    if (buffer == NULL || !V4L2_TYPE_IS_MULTIPLANAR((*queue)->type))
        return buffer;
    if (named->length < buffer->planes || named->length > VIDEO_MAX_PLANES ||
        call->tail_size < buffer->planes * sizeof(struct v4l2_plane))
        return NULL;
    return buffer;
}

static void answer_buffer(const struct buffer_queue *queue, struct ioctl_call *call,
                          const struct queue_buffer *buffer)
{
    struct v4l2_buffer *to = call->payload;
    __typeof__(to->m) pointer = to->m;

    buffer_queue_describe(queue, buffer, to, call->tail);
    if (!V4L2_TYPE_IS_MULTIPLANAR(queue->type))
        return;
    to->m = pointer; /* the guest's own, in its address space */
    call->tail_answer = buffer->planes * sizeof(struct v4l2_plane);
}

int ioctl_querybuf(struct context *context, struct ioctl_call *call)
{
    struct buffer_queue *queue;
    struct queue_buffer *buffer = named_buffer(context, call, &queue);

    if (buffer == NULL)
        return -EINVAL;
    answer_buffer(queue, call, buffer);
    return 0;
}

/* Finds the memory that the guest gives with a buffer of its own: what follows the planes. */
static int set_user_planes(const struct buffer_queue *queue, struct queue_buffer *buffer,
                           const struct ioctl_call *call)
{
    const struct v4l2_buffer *given = call->payload;
    size_t planes = V4L2_TYPE_IS_MULTIPLANAR(queue->type) ? given->length : 0;
    size_t skip = planes * sizeof(struct v4l2_plane);

    if (buffer->state == QUEUE_BUFFER_PREPARED)
        return 0; /* it has it */
    if (buffer->state != QUEUE_BUFFER_IDLE || skip > call->tail_size)
        return -EINVAL;
    return user_plane_set(queue, buffer, given, planes > 0 ? call->tail : NULL,
                          (const uint8_t *)call->tail + skip, call->tail_size - skip);
}

typedef int hand_function(struct buffer_queue *queue, struct queue_buffer *buffer,
                          const struct v4l2_buffer *given, const struct v4l2_plane *planes);

static int hand_over(struct context *context, struct ioctl_call *call, hand_function *hand)
{
    const struct v4l2_buffer *named = call->payload;
    struct buffer_queue *queue;
    struct queue_buffer *buffer = named_buffer(context, call, &queue);
    int r;

    if (queue == NULL)
        return -EINVAL;
    r = buffer_queue_check_owner(queue, session_of(call));
    if (r != 0)
        return r;
    if (buffer == NULL || named->memory != (queue->user ? V4L2_MEMORY_USERPTR : V4L2_MEMORY_MMAP))
        return -EINVAL;
    if (named->flags & V4L2_BUF_FLAG_REQUEST_FD)
        return -EBADR; /* as a queue without the request API says */
    if (queue->user)
        r = set_user_planes(queue, buffer, call);
    if (r == 0)
        r = hand(queue, buffer, named, call->tail);
    if (r == 0)
        answer_buffer(queue, call, buffer);
    return r;
}

int ioctl_qbuf(struct context *context, struct ioctl_call *call)
{
    return hand_over(context, call, buffer_queue_put);
}

int ioctl_prepare_buf(struct context *context, struct ioctl_call *call)
{
    return hand_over(context, call, buffer_queue_prepare);
}

/* The queue of STREAMON and STREAMOFF, if this session may: 0 or -errno. */
static int streaming_queue(struct context *context, const struct ioctl_call *call,
                           struct buffer_queue **queue)
{
    uint32_t type;

    memcpy(&type, call->payload, sizeof(type));
    *queue = context_queue(context, type);
    if (*queue == NULL)
        return -EINVAL;
    return buffer_queue_check_owner(*queue, session_of(call));
}

int ioctl_streamon(struct context *context, struct ioctl_call *call)
{
    struct buffer_queue *queue;
    int r = streaming_queue(context, call, &queue);

    return r != 0 ? r : buffer_queue_start(queue);
}

int ioctl_streamoff(struct context *context, struct ioctl_call *call)
{
    struct buffer_queue *queue;
    int r = streaming_queue(context, call, &queue);

    if (r == 0)
        buffer_queue_stop(queue);
    return r;
}
