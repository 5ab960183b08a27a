/* SPDX-License-Identifier: MIT */
#include "gpu/sink_socket_part.h"

#include <string.h>

#include "gpu/blend.h"

/*
 * The outputs' pointers. The front-end has them as its own, beside the picture; or, as a person may
 * ask, they are drawn into the pixels that it is sent. Then all that was sent has the pointer where
 * 'drawn' says, and each change of it is new pixels at the old place and at the new one. Only what
 * goes out is drawn on: the guest's memory and its resources never have a pointer in them.
 */

_Static_assert(SINK_CURSOR_SIDE == VHOST_USER_GPU_CURSOR_SIDE, "the pointer's size");

static struct sink_socket_output *output_of(struct sink_socket *s, unsigned output)
{
    return &s->outputs[output];
}

/* Many moves of one turn of the loop cost one drawing. */
static void draw_soon(struct sink_socket *s, struct sink_socket_output *o)
{
    o->draw_due = true;
    sd_event_source_set_enabled(s->turn, SD_EVENT_ONESHOT);
}

static int on_turn(sd_event_source *source, void *data)
{
    sink_socket_pump(data);
    return 0;
}

/* ---- what the display says ---- */

void sink_socket_pointer_set(struct sink_socket *s, unsigned output,
                             const struct sink_cursor *cursor, int32_t x, int32_t y)
{
    struct sink_socket_output *o = output_of(s, output);

    o->cursor.pos = (struct vhost_user_gpu_cursor_pos){output, (uint32_t)x, (uint32_t)y};
    o->cursor_hidden = cursor == NULL;
    o->cursor_due = !s->draws_pointer || (cursor != NULL && !o->hide_said);
    if (cursor != NULL) {
        o->cursor.hot_x = cursor->hot_x;
        o->cursor.hot_y = cursor->hot_y;
        memcpy(o->cursor.pixels, cursor->pixels, sizeof(o->cursor.pixels));
    }
    if (s->draws_pointer)
        draw_soon(s, o);
    else
        sink_socket_pump(s);
}

void sink_socket_pointer_move(struct sink_socket *s, unsigned output, int32_t x, int32_t y)
{
    struct sink_socket_output *o = output_of(s, output);

    if (s->draws_pointer && o->cursor.pos.x == (uint32_t)x && o->cursor.pos.y == (uint32_t)y)
        return;
    o->cursor.pos = (struct vhost_user_gpu_cursor_pos){output, (uint32_t)x, (uint32_t)y};
    if (s->draws_pointer) {
        draw_soon(s, o);
        return;
    }
    o->place_due = true;
    sink_socket_pump(s);
}

/* ---- the front-end's own ---- */

/* Beside a pointer that is drawn it is to show none of its own, and hears so once. */
int sink_socket_pointer_send(struct sink_socket *s, unsigned output)
{
    struct sink_socket_output *o = output_of(s, output);
    uint32_t request = VHOST_USER_GPU_CURSOR_POS;
    size_t size = sizeof(o->cursor.pos);
    int r;

    if (!o->cursor_due && !o->place_due)
        return 0;
    if (o->cursor_hidden || s->draws_pointer)
        request = VHOST_USER_GPU_CURSOR_POS_HIDE;
    else if (o->cursor_due)
        request = VHOST_USER_GPU_CURSOR_UPDATE;
    if (request == VHOST_USER_GPU_CURSOR_UPDATE)
        size = sizeof(o->cursor);
    r = display_wire_say(&s->wire, request, &o->cursor, size, -1);
    if (r == 0) {
        o->cursor_due = o->place_due = false;
        o->hide_said = request == VHOST_USER_GPU_CURSOR_POS_HIDE;
    }
    return r;
}

/* ---- in the pictures ---- */

/* Where it is to be seen. */
static struct rect place_of(const struct sink_socket *s, const struct sink_socket_output *o)
{
    if (!s->draws_pointer || o->cursor_hidden)
        return (struct rect){0};
    return blend_pointer_place((int32_t)o->cursor.pos.x, (int32_t)o->cursor.pos.y);
}

bool sink_socket_pointer_is_due(const struct sink_socket *s, unsigned output)
{
    return s->outputs[output].draw_due;
}

void sink_socket_pointer_damage(struct sink_socket *s, unsigned output, bool is_shown)
{
    struct sink_socket_output *o = output_of(s, output);
    struct rect place = place_of(s, o);

    if (!o->draw_due)
        return;
    if (is_shown) {
        damage_add(&o->damage, &o->drawn);
        damage_add(&o->damage, &place);
    }
    o->drawn = place;
    o->draw_due = false;
}

bool sink_socket_pointer_is_in(const struct sink_socket *s, unsigned output,
                               const struct rect *piece)
{
    struct rect common = rect_common(&s->outputs[output].drawn, piece);

    return !rect_is_empty(&common);
}

void sink_socket_pointer_draw(struct sink_socket *s, unsigned output, const struct rect *piece)
{
    const struct sink_socket_output *o = output_of(s, output);

    blend_pointer((uint8_t *)s->converted, (size_t)piece->width * 4, piece,
                  (const uint8_t *)o->cursor.pixels, (int32_t)o->cursor.pos.x,
                  (int32_t)o->cursor.pos.y);
}

/* ---- life ---- */

void sink_socket_draw_pointer(struct sink *sink)
{
    struct sink_socket *s = (struct sink_socket *)(void *)sink;

    s->draws_pointer = true;
    sink->flags &= ~(unsigned)SINK_TAKES_DMABUF;
    for (unsigned i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++)
        s->outputs[i].cursor_hidden = true;
}

int sink_socket_pointer_init(struct sink_socket *s, sd_event *loop)
{
    int r = sd_event_add_defer(loop, &s->turn, on_turn, s);

    return r < 0 ? r : sd_event_source_set_enabled(s->turn, SD_EVENT_OFF);
}

void sink_socket_pointer_finish(struct sink_socket *s)
{
    s->turn = sd_event_source_disable_unref(s->turn);
}
