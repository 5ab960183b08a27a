/* SPDX-License-Identifier: MIT */
#include "gpu/sink_socket_part.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "gpu/picture.h"

/*
 * The outputs' pictures. Pixels go in UPDATEs of one display_wire message each, straight out of the
 * frame where its format is the front-end's and no pointer is drawn. What QEMU 11.1 does with them
 * decides two things. It dies of an UPDATE without a SCANOUT before it, and loses memory when
 * SCANOUTs follow each other without an UPDATE: so a SCANOUT goes in one piece with the first
 * pixels. And it remembers one DMABUF_UPDATE only, whichever output it is of: so there is one at a
 * time.
 */
#define ACCURACY_US 1000u
#define LINES (DISPLAY_WIRE_PARTS - 1u)
#define MODIFIER_LINEAR 0u
#define MODIFIER_UNKNOWN 0x00ffffffffffffffull
/* The front-end makes a surface of that size, and dies when it cannot. */
#define MAX_SIDE 16384u

/* Before the pixels: a SCANOUT, perhaps, and the UPDATE that they belong to. */
struct heads {
    struct vhost_user_gpu_header scanout_header;
    struct vhost_user_gpu_scanout scanout;
    struct vhost_user_gpu_header update_header;
    struct vhost_user_gpu_update update;
};

_Static_assert(sizeof(struct heads) == 56, "there is no padding");

bool sink_socket_picture_as_dmabuf(const struct sink_socket *s, const struct sink_frame *frame)
{
    if (frame->dmabuf < 0 || !s->ask.ready || s->draws_pointer)
        return false;
    /* The messages have no offset, and QEMU looks at neither x nor y. */
    if (frame->dmabuf_x != 0 || frame->dmabuf_y != 0 || frame->dmabuf_offset != 0)
        return false;
    return (s->ask.features & VHOST_USER_GPU_F_DMABUF2) || frame->modifier == MODIFIER_LINEAR ||
           frame->modifier == MODIFIER_UNKNOWN;
}

/* The guest need not wait any more. It is told from the loop: this may be one of the display's
 * own calls. */
static void let_go(struct sink_socket *s, unsigned output, unsigned *count)
{
    if (*count == 0)
        return;
    s->outputs[output].settled += *count;
    *count = 0;
    sd_event_source_set_enabled(s->settle, SD_EVENT_ONESHOT);
}

static int on_settle(sd_event_source *source, void *data)
{
    struct sink_socket *s = data;

    for (unsigned i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++)
        for (; s->outputs[i].settled > 0; s->outputs[i].settled--)
            display_updated(&s->sink, i);
    return 0;
}

/* ---- nothing ---- */

static int send_off(struct sink_socket *s, unsigned output)
{
    struct sink_socket_output *o = &s->outputs[output];
    struct vhost_user_gpu_dmabuf_scanout none = {.scanout = output};
    struct vhost_user_gpu_scanout off = {.scanout = output};
    int r;

    if (o->shows == SINK_SOCKET_DMABUF)
        r = display_wire_say(&s->wire, VHOST_USER_GPU_DMABUF_SCANOUT, &none, sizeof(none), -1);
    else
        r = display_wire_say(&s->wire, VHOST_USER_GPU_SCANOUT, &off, sizeof(off), -1);
    if (r == 0) {
        o->shows = SINK_SOCKET_NOTHING;
        o->off_due = false;
    }
    return r;
}

/* ---- pixels ---- */

static bool is_native(uint32_t format)
{
    return le32toh(1) == 1 && (format == VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM ||
                               format == VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM);
}

static bool has_size(const struct sink_socket_output *o, const struct sink_frame *frame)
{
    return o->shows == SINK_SOCKET_PIXELS && o->width == frame->width && o->height == frame->height;
}

/* The lines of 'piece' as parts of a message, from the second on. Returns how many parts. */
static unsigned lines_of(struct sink_socket *s, unsigned output, const struct sink_frame *frame,
                         const struct rect *piece, struct iovec *parts)
{
    bool pointed = sink_socket_pointer_is_in(s, output, piece);
    const uint8_t *from = frame->pixels + (size_t)piece->y * frame->stride +
                          (size_t)piece->x * PICTURE_BYTES_PER_PIXEL;
    size_t line = (size_t)piece->width * PICTURE_BYTES_PER_PIXEL;

    if (is_native(frame->format) && !pointed) {
        uint32_t joined = line == frame->stride ? piece->height : 1; /* lines of a part */
        uint32_t count = piece->height / joined;

        for (uint32_t i = 0; i < count; i++, from += frame->stride)
            parts[1 + i] = (struct iovec){(void *)(uintptr_t)from, line * joined};
        return 1 + count;
    }
    for (uint32_t i = 0; i < piece->height; i++, from += frame->stride)
        picture_convert((uint8_t *)s->converted + i * line, from, piece->width, frame->format);
    if (pointed)
        sink_socket_pointer_draw(s, output, piece);
    for (size_t i = 0; i < (size_t)piece->width * piece->height; i++)
        s->converted[i] = le32toh(s->converted[i]);
    parts[1] = (struct iovec){s->converted, line * piece->height};
    return 2;
}

/* Sends some pixels; before the first ones, what size the output has. */
static int send_piece(struct sink_socket *s, unsigned output, const struct sink_frame *frame,
                      const struct rect *piece)
{
    struct sink_socket_output *o = &s->outputs[output];
    bool first = !has_size(o, frame);
    struct iovec parts[DISPLAY_WIRE_PARTS];
    struct heads heads = {
        {VHOST_USER_GPU_SCANOUT, 0, sizeof(heads.scanout)},
        {output, frame->width, frame->height},
        {VHOST_USER_GPU_UPDATE, 0,
         (uint32_t)sizeof(heads.update) + piece->width * piece->height * PICTURE_BYTES_PER_PIXEL},
        {output, piece->x, piece->y, piece->width, piece->height},
    };
    int r;

    if (first)
        parts[0] = (struct iovec){&heads, sizeof(heads)};
    else
        parts[0] = (struct iovec){&heads.update_header,
                                  sizeof(heads.update_header) + sizeof(heads.update)};
    r = display_wire_send(&s->wire, parts, lines_of(s, output, frame, piece, parts), -1);
    if (r == 0 && first) {
        o->shows = SINK_SOCKET_PIXELS;
        o->width = frame->width;
        o->height = frame->height;
    }
    return r;
}

/* How many pixels a message has room for. */
static uint32_t pixels_of(const struct sink_socket *s)
{
    return (uint32_t)((display_wire_room(&s->wire) - sizeof(struct heads)) /
                      PICTURE_BYTES_PER_PIXEL);
}

static int send_pixels(struct sink_socket *s, unsigned output, const struct sink_frame *frame,
                       int64_t *bytes)
{
    struct sink_socket_output *o = &s->outputs[output];
    struct rect whole = {0, 0, frame->width, frame->height};
    struct rect piece;
    int r = 0;

    let_go(s, output, &o->unsaid);
    if (o->shows == SINK_SOCKET_DMABUF)
        r = send_off(s, output);
    if (!has_size(o, frame))
        damage_add(&o->damage, &whole);
    while (r == 0 && damage_next(&o->damage, pixels_of(s), LINES, &piece)) {
        if (*bytes <= 0)
            return -EAGAIN;
        r = send_piece(s, output, frame, &piece);
        if (r == 0)
            damage_took(&o->damage, &piece);
        *bytes -= (int64_t)piece.width * piece.height * PICTURE_BYTES_PER_PIXEL;
    }
    return r;
}

/* ---- dmabufs ---- */

static int send_dmabuf_scanout(struct sink_socket *s, unsigned output,
                               const struct sink_frame *frame)
{
    struct sink_socket_output *o = &s->outputs[output];
    struct vhost_user_gpu_dmabuf_scanout2 scanout = {
        .scanout =
            {
                .scanout = output,
                .width = frame->width,
                .height = frame->height,
                .fd_width = frame->dmabuf_width,
                .fd_height = frame->dmabuf_height,
                .fd_stride = frame->dmabuf_stride,
                .fd_flags = frame->bottom_up ? VHOST_USER_GPU_Y_0_TOP : 0,
                .fd_fourcc = (int32_t)frame->fourcc,
            },
        .modifier = frame->modifier,
    };
    bool two = (s->ask.features & VHOST_USER_GPU_F_DMABUF2) != 0;
    int r;

    if (o->shows == SINK_SOCKET_DMABUF && o->serial == frame->serial)
        return 0;
    r = display_wire_say(&s->wire,
                         two ? VHOST_USER_GPU_DMABUF_SCANOUT2 : VHOST_USER_GPU_DMABUF_SCANOUT,
                         &scanout, two ? sizeof(scanout) : sizeof(scanout.scanout), frame->dmabuf);
    if (r == 0) {
        o->shows = SINK_SOCKET_DMABUF;
        o->serial = frame->serial;
    }
    return r;
}

static int send_dmabuf(struct sink_socket *s, unsigned output, const struct sink_frame *frame)
{
    struct sink_socket_output *o = &s->outputs[output];
    struct rect all = damage_around(&o->damage);
    struct vhost_user_gpu_update update = {output, all.x, all.y, all.width, all.height};
    int r;

    if (s->showing > 0)
        return 0; /* when that one is shown it is this one's turn */
    r = send_dmabuf_scanout(s, output, frame);
    if (r == 0)
        r = display_wire_say(&s->wire, VHOST_USER_GPU_DMABUF_UPDATE, &update, sizeof(update), -1);
    if (r < 0)
        return r;
    s->showing++;
    o->unshown += o->unsaid;
    o->unsaid = 0;
    damage_clear(&o->damage);
    sd_event_source_set_time_relative(s->show_limit, s->show_us);
    sd_event_source_set_enabled(s->show_limit, SD_EVENT_ONESHOT);
    return 0;
}

static void let_all_go(struct sink_socket *s)
{
    for (unsigned i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++)
        let_go(s, i, &s->outputs[i].unshown);
}

void sink_socket_picture_shown(struct sink_socket *s)
{
    if (s->showing == 0)
        return; /* a dead worker's */
    s->showing--;
    s->late = false;
    sd_event_source_set_enabled(s->show_limit, SD_EVENT_OFF);
    let_all_go(s);
}

/* A window that is hidden may not be painted for hours. */
static int on_limit(sd_event_source *source, uint64_t now, void *data)
{
    struct sink_socket *s = data;

    s->late = true;
    let_all_go(s);
    for (unsigned i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++)
        let_go(s, i, &s->outputs[i].unsaid);
    return 0;
}

/* ---- all of it ---- */

static bool can_be_shown(const struct sink_frame *frame, unsigned output)
{
    if (frame->width <= MAX_SIDE && frame->height <= MAX_SIDE)
        return true;
    log_stranger("Output %u is not shown: %u x %u is more than the front-end is asked to show.",
                 output, frame->width, frame->height);
    return false;
}

int sink_socket_picture_send(struct sink_socket *s, unsigned output, int64_t *bytes)
{
    struct sink_socket_output *o = &s->outputs[output];
    struct sink_frame frame;

    if (o->off_due)
        return send_off(s, output);
    if (damage_is_empty(&o->damage) && !sink_socket_pointer_is_due(s, output))
        return 0;
    if (!display_frame(s->sink.display, output, &frame) || !can_be_shown(&frame, output)) {
        sink_socket_picture_drop(s, output);
        return 0;
    }
    sink_socket_pointer_damage(s, output, has_size(o, &frame));
    damage_clip(&o->damage, frame.width, frame.height);
    if (damage_is_empty(&o->damage)) {
        sink_socket_picture_drop(s, output);
        return 0;
    }
    if (sink_socket_picture_as_dmabuf(s, &frame))
        return send_dmabuf(s, output, &frame);
    if (frame.pixels != NULL)
        return send_pixels(s, output, &frame, bytes);
    log_stranger("Output %u cannot be shown: the front-end cannot take its dmabuf.", output);
    sink_socket_picture_drop(s, output);
    return 0;
}

void sink_socket_picture_drop(struct sink_socket *s, unsigned output)
{
    damage_clear(&s->outputs[output].damage);
    let_go(s, output, &s->outputs[output].unsaid);
    let_go(s, output, &s->outputs[output].unshown);
}

int sink_socket_picture_init(struct sink_socket *s, sd_event *loop)
{
    int r = sd_event_add_time_relative(loop, &s->show_limit, CLOCK_MONOTONIC, 0, ACCURACY_US,
                                       on_limit, s);

    if (r >= 0)
        r = sd_event_source_set_enabled(s->show_limit, SD_EVENT_OFF);
    if (r >= 0)
        r = sd_event_add_defer(loop, &s->settle, on_settle, s);
    if (r >= 0)
        r = sd_event_source_set_enabled(s->settle, SD_EVENT_OFF);
    return r;
}

void sink_socket_picture_finish(struct sink_socket *s)
{
    s->show_limit = sd_event_source_disable_unref(s->show_limit);
    s->settle = sd_event_source_disable_unref(s->settle);
}
