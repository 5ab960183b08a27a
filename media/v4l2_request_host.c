/* SPDX-License-Identifier: MIT */
/*
 * The part of an ioctl that runs on a thread. It sees the request, and of the session what nobody
 * changes meanwhile.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "base/units.h"
#include "buffer/buffer.h"
#include "media/v4l2_context.h"

#define NUMBER(name) _IOC_NR(VIDIOC_##name)

static const struct v4l2_node *node_of(const struct v4l2_request *request)
{
    return request->context->node;
}

/* A plane as a descriptor that the guest's window can take. NULL with errno set. */
static struct buffer *export_plane(const struct v4l2_request *request, uint32_t index,
                                   unsigned plane, uint32_t length)
{
    struct v4l2_exportbuffer export = {
        .type = request->queue->type,
        .index = index,
        .plane = plane,
        .flags = O_CLOEXEC | O_RDWR,
        .fd = -1,
    };
    uint64_t size;
    int r = v4l2_node_ioctl(node_of(request), VIDIOC_EXPBUF, &export);

    if (r != 0 || !units_round_up(length, units_page_size(), &size)) {
        errno = r != 0 ? -r : EINVAL;
        return NULL;
    }
    return buffer_imported_create(export.fd, 0, size);
}

/* Gets hold of one plane in one of the two ways. 0 or -errno. */
static int get_plane(struct v4l2_request *request, uint32_t index, unsigned plane, uint32_t length,
                     uint32_t offset)
{
    const struct v4l2_node *node = node_of(request);
    void *map;

    request->had[plane].length = length;
    if (length == 0)
        return -EINVAL;
    request->had[plane].buffer = export_plane(request, index, plane, length);
    if (request->had[plane].buffer != NULL)
        return 0;
    if (errno == EMFILE || errno == ENFILE || errno == ENODEV)
        return -errno;
    request->error = -errno;
    map = node->calls->mmap(length, node->fd, offset);
    if (map == MAP_FAILED)
        return -errno;
    request->had[plane].map = map;
    return 0;
}

static int get_planes(struct v4l2_request *request, const struct v4l2_buffer *buffer)
{
    const struct v4l2_plane *planes = request->planes;
    int r = 0;

    if (!V4L2_TYPE_IS_MULTIPLANAR(buffer->type))
        return get_plane(request, buffer->index, 0, buffer->length, buffer->m.offset);
    for (unsigned i = 0; i < buffer->length && r == 0; i++)
        r = get_plane(request, buffer->index, i, planes[i].length, planes[i].m.mem_offset);
    return r;
}

static int ask_about_buffer(struct v4l2_request *request)
{
    struct v4l2_buffer *buffer = request->call->payload;
    bool multi = V4L2_TYPE_IS_MULTIPLANAR(buffer->type);
    __typeof__(buffer->m) given = buffer->m;
    int r = 0;

    if (V4L2_TYPE_IS_OUTPUT(buffer->type) && request->call->number != NUMBER(QUERYBUF) &&
        !request->is_done)
        r = v4l2_queue_copy(request->queue, buffer, request->planes);
    if (multi)
        buffer->m.planes = request->planes;
    if (r == 0)
        r = v4l2_node_ioctl(node_of(request), request->is_done ? VIDIOC_QUERYBUF : request->code,
                            buffer);
    if (multi)
        buffer->m = given; /* the guest's own, in its address space */
    if (r == 0 && multi && buffer->length > VIDEO_MAX_PLANES)
        r = -EIO;
    if (r == 0 && request->wants_planes)
        r = get_planes(request, buffer);
    return r;
}

/* Linux frees the old buffers first, and may then have none for new ones. */
static int ask_for_buffers(struct v4l2_request *request)
{
    struct v4l2_requestbuffers *wish = request->call->payload;
    struct v4l2_plane planes[VIDEO_MAX_PLANES] = {0};
    struct v4l2_buffer first = {.type = wish->type, .memory = V4L2_MEMORY_MMAP};
    int r = v4l2_node_ioctl(node_of(request), request->code, wish);

    if (r == 0)
        return 0;
    if (V4L2_TYPE_IS_MULTIPLANAR(wish->type)) {
        first.length = VIDEO_MAX_PLANES;
        first.m.planes = planes;
    }
    request->freed = v4l2_node_ioctl(node_of(request), VIDIOC_QUERYBUF, &first) == -EINVAL;
    return r;
}

/* A guest may give a number a size. Our address is no value for the driver to take then; and of a
 * control that it does not know, it gets neither side's. */
static void take_back_address(const struct v4l2_request *request, uint32_t i)
{
    struct v4l2_ext_control given, *control = &request->controls.list[i];
    struct v4l2_query_ext_ctrl about = {.id = control->id};

    if (v4l2_node_ioctl(node_of(request), VIDIOC_QUERY_EXT_CTRL, &about) != 0) {
        control->ptr = NULL;
    } else if ((about.flags & V4L2_CTRL_FLAG_HAS_PAYLOAD) == 0) {
        memcpy(&given, (const uint8_t *)request->call->tail + i * sizeof(given), sizeof(given));
        control->value64 = given.value64;
    }
}

static int ask_about_controls(struct v4l2_request *request)
{
    struct v4l2_ext_controls *head = request->call->payload;
    __typeof__(head->controls) given = head->controls;
    int r;

    for (uint32_t i = 0; i < request->controls.count; i++)
        if (request->controls.list[i].size > 0)
            take_back_address(request, i);
    head->controls = request->controls.list;
    r = v4l2_node_ioctl(node_of(request), request->code, head);
    head->controls = given;
    head->count = request->controls.count;
    return r;
}

/* What another worker has made is given to the guest, and not made again. */
static int ask_for_more(struct v4l2_request *request)
{
    struct v4l2_create_buffers *create = request->call->payload;
    uint32_t wanted = create->count;
    int r;

    if (request->surplus > 0)
        create->count = 0; /* makes none, and says what there is */
    r = v4l2_node_ioctl(node_of(request), request->code, create);
    if (r != 0 || request->surplus == 0)
        return r;
    create->count = wanted < request->surplus ? wanted : request->surplus;
    create->index = request->queue->count;
    return 0;
}

/* The state of things comes before the answer. Another worker may have subscribed, and taken that.
 */
static int subscribe(struct v4l2_request *request)
{
    struct v4l2_event_subscription old = *(struct v4l2_event_subscription *)request->call->payload;
    int r;

    if (request->anew && request->call->again)
        v4l2_node_ioctl(node_of(request), VIDIOC_UNSUBSCRIBE_EVENT, &old);
    r = v4l2_node_ioctl(node_of(request), request->code, request->call->payload);

    while (r == 0 && request->events < V4L2_REQUEST_EVENTS &&
           v4l2_node_ioctl(node_of(request), VIDIOC_DQEVENT, &request->event[request->events]) == 0)
        request->events++;
    return r;
}

/* Whether it is the node that is not there, and not what was asked for. */
static bool node_is_gone(const struct v4l2_request *request)
{
    struct v4l2_capability about;

    return v4l2_node_ioctl(node_of(request), VIDIOC_QUERYCAP, &about) == -ENODEV;
}

static int ask(struct v4l2_request *request)
{
    switch (request->call->number) {
    case NUMBER(QUERYBUF):
    case NUMBER(QBUF):
    case NUMBER(PREPARE_BUF):
        return ask_about_buffer(request);
    case NUMBER(REQBUFS):
        return ask_for_buffers(request);
    case NUMBER(CREATE_BUFS):
        return ask_for_more(request);
    case NUMBER(G_EXT_CTRLS):
    case NUMBER(S_EXT_CTRLS):
    case NUMBER(TRY_EXT_CTRLS):
        return ask_about_controls(request);
    case NUMBER(SUBSCRIBE_EVENT):
        return subscribe(request);
    default:
        return v4l2_node_ioctl(node_of(request), request->code, request->call->payload);
    }
}

void v4l2_request_run(struct v4l2_work *work)
{
    struct v4l2_request *request = (struct v4l2_request *)(void *)work; /* it comes first */

    request->result = ask(request);
    request->gone =
        (request->result == -ENODEV || request->result == -ENXIO) && node_is_gone(request);
}
