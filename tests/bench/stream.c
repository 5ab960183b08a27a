/* SPDX-License-Identifier: MIT */
#include "tests/bench/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/frame_stamp.h"
#include "tests/frontend/media_guest.h"

#define EVENTS 32u
#define PATIENCE_MS 5000

static int check(struct stream *stream, int answer, const char *what)
{
    if (answer == 0)
        return 0;
    return rig_trouble(&stream->work->rig, answer < 0 ? answer : -EPROTO, "%s: %s", what,
                       strerror(answer < 0 ? -answer : answer));
}

int stream_ioctl(struct stream *stream, unsigned long code, void *payload, const char *what)
{
    return check(stream,
                 media_guest_ioctl(&stream->work->rig.frontend, stream->session, code, payload),
                 what);
}

static bool is_mplane(const struct stream *stream)
{
    return stream->type == V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE;
}

size_t stream_fill(const struct stream *stream, unsigned index, struct stream_buffer *payload)
{
    *payload = (struct stream_buffer){
        .buffer = {.index = index, .type = stream->type, .memory = V4L2_MEMORY_MMAP}};
    if (!is_mplane(stream))
        return sizeof(payload->buffer);
    payload->buffer.length = 1;
    return sizeof(*payload);
}

static int buffer_ioctl(struct stream *stream, unsigned long code, unsigned index,
                        struct stream_buffer *payload, const char *what)
{
    size_t size = stream_fill(stream, index, payload);

    return check(stream,
                 media_guest_ioctl_sized(&stream->work->rig.frontend, stream->session,
                                         _IOC_NR(code), payload, size, size),
                 what);
}

/* As fast as it goes; what the device makes of it does not matter. */
static void set_rate(struct stream *stream)
{
    struct v4l2_streamparm rate = {.type = stream->type, .parm.capture.timeperframe = {1, 1000}};

    media_guest_ioctl(&stream->work->rig.frontend, stream->session, VIDIOC_S_PARM, &rate);
}

/* Which of the two interfaces there is. */
static bool find_type(struct stream *stream, struct v4l2_format *format)
{
    static const uint32_t types[] = {V4L2_BUF_TYPE_VIDEO_CAPTURE,
                                     V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE};

    for (unsigned i = 0; i < 2; i++) {
        *format = (struct v4l2_format){.type = types[i]};
        stream->type = types[i];
        if (media_guest_ioctl(&stream->work->rig.frontend, stream->session, VIDIOC_G_FMT, format) ==
            0)
            return true;
    }
    return false;
}

/* Sets the item's size; false if the device has another one then. */
static bool set_size(struct stream *stream, struct v4l2_format *format)
{
    uint32_t width = stream->work->with.width, height = stream->work->with.height;
    struct v4l2_pix_format *pix = &format->fmt.pix;

    *format = (struct v4l2_format){.type = stream->type};
    if (is_mplane(stream))
        format->fmt.pix_mp = (struct v4l2_pix_format_mplane){
            .width = width, .height = height, .pixelformat = V4L2_PIX_FMT_NV12, .num_planes = 1};
    else
        *pix = (struct v4l2_pix_format){
            .width = width, .height = height, .pixelformat = V4L2_PIX_FMT_NV12};
    /* Both begin with the same three. */
    return media_guest_ioctl(&stream->work->rig.frontend, stream->session, VIDIOC_S_FMT, format) ==
               0 &&
           pix->width == width && pix->height == height && pix->pixelformat == V4L2_PIX_FMT_NV12;
}

static int set_format(struct stream *stream)
{
    struct work *work = stream->work;
    struct v4l2_format format;

    if (!find_type(stream, &format))
        return item_unsupported(work, "it has no capture (VIDIOC_G_FMT)");
    if (work->with.width != 0 && !set_size(stream, &format))
        return item_unsupported(work, "it gives no NV12 of %u x %u", work->with.width,
                                work->with.height);
    stream->size = is_mplane(stream) ? 0 : format.fmt.pix.sizeimage;
    for (unsigned i = 0;
         is_mplane(stream) && i < format.fmt.pix_mp.num_planes && i < VIDEO_MAX_PLANES; i++)
        stream->size += format.fmt.pix_mp.plane_fmt[i].sizeimage;
    return 0;
}

static int ask_buffers(struct stream *stream)
{
    struct v4l2_requestbuffers request = {
        .count = STREAM_BUFFERS, .type = stream->type, .memory = V4L2_MEMORY_MMAP};
    int r = stream_ioctl(stream, VIDIOC_REQBUFS, &request, "VIDIOC_REQBUFS");

    stream->count = request.count < STREAM_BUFFERS ? request.count : STREAM_BUFFERS;
    for (uint32_t i = 0; r == 0 && i < stream->count; i++) {
        struct stream_buffer payload;

        r = buffer_ioctl(stream, VIDIOC_QUERYBUF, i, &payload, "VIDIOC_QUERYBUF");
        if (r == 0 && is_mplane(stream) && payload.buffer.length != 1)
            return item_unsupported(stream->work, "its buffers have %u planes",
                                    payload.buffer.length);
        stream->mem_offset[i] =
            is_mplane(stream) ? payload.plane.m.mem_offset : payload.buffer.m.offset;
    }
    return r;
}

int stream_open(struct stream *stream, struct work *work)
{
    int r;

    *stream = (struct stream){.work = work};
    r = check(stream, media_guest_open(&work->rig.frontend, &stream->session), "OPEN");
    if (r == 0)
        r = set_format(stream);
    if (r < 0 || work->unsupported[0] != '\0')
        return r;
    set_rate(stream);
    return ask_buffers(stream);
}

int stream_close(struct stream *stream)
{
    int r = media_guest_close(&stream->work->rig.frontend, stream->session);

    return r < 0 ? check(stream, r, "CLOSE") : 0;
}

int stream_map(struct stream *stream, unsigned index)
{
    struct frontend *frontend = &stream->work->rig.frontend;

    return check(stream,
                 media_guest_mmap(frontend, stream->session, stream->mem_offset[index],
                                  &stream->place[index], &stream->length[index]),
                 "MMAP");
}

int stream_unmap(struct stream *stream, unsigned index)
{
    return check(stream, media_guest_munmap(&stream->work->rig.frontend, stream->place[index]),
                 "MUNMAP");
}

int stream_queue(struct stream *stream, unsigned index)
{
    struct stream_buffer payload;

    return buffer_ioctl(stream, VIDIOC_QBUF, index, &payload, "VIDIOC_QBUF");
}

int stream_start(struct stream *stream)
{
    int type = (int)stream->type, r = media_guest_post_events(&stream->work->rig.frontend, EVENTS);

    for (unsigned i = 0; r == 0 && i < stream->count; i++)
        r = stream_queue(stream, i);
    return r == 0 ? stream_ioctl(stream, VIDIOC_STREAMON, &type, "VIDIOC_STREAMON") : r;
}

/* A frame of hostblob's own camera tells its number and its sum; that of another tells nothing. */
static bool is_right(uint32_t sequence, const uint8_t *frame, uint32_t size, bool whole)
{
    struct frame_stamp stamp;
    uint64_t *copy;
    bool right;

    if (size < sizeof(stamp))
        return false;
    memcpy(&stamp, frame, sizeof(stamp));
    if (stamp.magic != FRAME_STAMP_MAGIC)
        return true;
    if (stamp.sequence != sequence || !whole)
        return stamp.sequence == sequence;
    copy = malloc(size);
    if (copy == NULL)
        return false;
    memcpy(copy, frame, size);
    copy[offsetof(struct frame_stamp, sum) / 8] = 0;
    right = frame_stamp_sum(FRAME_STAMP_SEED, copy, size / 8) == stamp.sum;
    free(copy);
    return right;
}

int stream_take(struct stream *stream, bool whole)
{
    struct rig *rig = &stream->work->rig;
    struct virtio_media_event_dqbuf event;
    const uint8_t *frame;
    uint32_t size;
    int r = media_guest_event(&rig->frontend, &event, PATIENCE_MS);

    if (r < 0)
        return rig_trouble(rig, r, "no frame comes: %s", strerror(-r));
    if (event.hdr.event != VIRTIO_MEDIA_EVT_DQBUF || event.hdr.session_id != stream->session ||
        event.buffer.index >= stream->count || event.buffer.sequence < stream->next)
        return rig_trouble(rig, -EPROTO, "event %u of session %u with buffer %u, frame %u",
                           event.hdr.event, event.hdr.session_id, event.buffer.index,
                           event.buffer.sequence);
    size = is_mplane(stream) ? event.planes[0].bytesused : event.buffer.bytesused;
    frame = guest_window_at(&rig->frontend.window, stream->place[event.buffer.index], size);
    if (frame == NULL || size > stream->length[event.buffer.index])
        return rig_trouble(rig, -EPROTO, "a frame lies where nothing is mapped");
    if ((event.buffer.flags & V4L2_BUF_FLAG_ERROR) != 0 ||
        !is_right(event.buffer.sequence, frame, size, whole))
        return rig_trouble(rig, -EPROTO, "frame %u is not whole", event.buffer.sequence);
    stream->next = event.buffer.sequence + 1;
    return (int)event.buffer.index;
}

int stream_place(struct stream *stream, unsigned slot, unsigned long code, const void *payload,
                 size_t size)
{
    size_t out = _IOC_DIR(code) & _IOC_READ ? size : 0;
    struct virtio_media_cmd_ioctl *head =
        volley_place(&stream->work->rig.volley, slot, sizeof(*head) + size, 0, 0,
                     sizeof(struct virtio_media_resp_header) + out, 0);

    if (head == NULL)
        return -ENOSPC;
    *head = (struct virtio_media_cmd_ioctl){
        .hdr.cmd = VIRTIO_MEDIA_CMD_IOCTL, .session_id = stream->session, .code = _IOC_NR(code)};
    memcpy(head + 1, payload, size);
    return 0;
}
