/* SPDX-License-Identifier: MIT */
#include "media/pipewire_stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#define POD_BYTES 8192u

static const struct pipewire_library *pw_of(const struct pipewire_stream *stream)
{
    return stream->remote->pw;
}

static void fail(struct pipewire_stream *stream, const char *error)
{
    stream->failed = true;
    snprintf(stream->error, sizeof(stream->error), "%s", error != NULL ? error : "unknown error");
    pipewire_remote_later(stream->remote);
}

static void drop_frames(struct pipewire_stream *stream)
{
    unsigned older;
    struct pw_buffer *buffer = pipewire_stream_take(stream, &older);

    if (buffer != NULL)
        pipewire_stream_give(stream, buffer);
}

/* ---- what the library tells ---- */

static void on_state(void *data, enum pw_stream_state old, enum pw_stream_state state,
                     const char *error)
{
    struct pipewire_stream *stream = data;

    if (state == PW_STREAM_STATE_ERROR)
        fail(stream, error);
    else if (state == PW_STREAM_STATE_UNCONNECTED && old != PW_STREAM_STATE_UNCONNECTED)
        fail(stream, "the daemon took it down");
    pipewire_remote_later(stream->remote);
}

static void on_param(void *data, uint32_t id, const struct spa_pod *param)
{
    struct pipewire_stream *stream = data;
    _Alignas(8) uint8_t bytes[POD_BYTES];
    struct spa_pod_builder builder = SPA_POD_BUILDER_INIT(bytes, sizeof(bytes));
    const struct spa_pod *params[4];
    unsigned count;
    int r;

    if (id != SPA_PARAM_Format)
        return;
    stream->format.format = NULL;
    stream->wanted = false;
    pipewire_remote_later(stream->remote);
    if (param == NULL)
        return;
    r = pipewire_format_parse(&stream->format, param);
    if (r != 0) {
        fail(stream, "the camera has a format that was not offered");
        return;
    }
    count = pipewire_format_buffers(&builder, params);
    pw_of(stream)->stream_update_params(stream->stream, params, count);
}

static void on_add_buffer(void *data, struct pw_buffer *buffer)
{
    static struct log_limit limit;
    struct pipewire_memory *memory = malloc(sizeof(*memory));
    int r;

    buffer->user_data = memory;
    if (memory == NULL)
        return;
    r = pipewire_memory_init(memory, buffer->buffer);
    if (r != 0 && log_limit_allows(&limit))
        log_warning("pipewire: a buffer of the camera (type %u) cannot be mapped: error %d",
                    buffer->buffer->n_datas > 0 ? buffer->buffer->datas[0].type : 0, -r);
}

static void on_remove_buffer(void *data, struct pw_buffer *buffer)
{
    struct pipewire_stream *stream = data;
    struct pipewire_memory *memory = buffer->user_data;

    stream->events->forget(stream->data, buffer);
    if (memory != NULL)
        pipewire_memory_finish(memory);
    free(memory);
    buffer->user_data = NULL;
}

static void on_process(void *data)
{
    struct pipewire_stream *stream = data;

    if (stream->wanted)
        stream->events->frames(stream->data);
    else
        drop_frames(stream);
}

static const struct pw_stream_events stream_events = {
    PW_VERSION_STREAM_EVENTS,    .state_changed = on_state,         .param_changed = on_param,
    .add_buffer = on_add_buffer, .remove_buffer = on_remove_buffer, .process = on_process,
};

/* ---- life ---- */

static int offer(struct pipewire_stream *stream, const struct media_stream *wanted)
{
    _Alignas(8) uint8_t bytes[POD_BYTES];
    struct spa_pod_builder builder = SPA_POD_BUILDER_INIT(bytes, sizeof(bytes));
    const struct spa_pod *params[PIPEWIRE_FORMAT_WISHES];
    unsigned count = pipewire_format_wishes(&builder, wanted, params);

    return pw_of(stream)->stream_connect(stream->stream, PW_DIRECTION_INPUT, PW_ID_ANY,
                                         PW_STREAM_FLAG_AUTOCONNECT, params, count);
}

static struct pw_properties *properties_of(const struct pipewire_library *pw, const char *target)
{
    /* The list ends where there is no target. */
    return pw->properties_new(
        PW_KEY_MEDIA_TYPE, "Video", PW_KEY_MEDIA_CATEGORY, "Capture", PW_KEY_MEDIA_ROLE, "Camera",
        PW_KEY_NODE_NAME, "hostblob-media", PW_KEY_NODE_DESCRIPTION, "virtual machine's camera",
        target != NULL ? PW_KEY_TARGET_OBJECT : NULL, target, "node.dont-fallback", "true", NULL);
}

struct pipewire_stream *
pipewire_stream_create(struct pipewire_remote *remote, const struct media_stream *stream,
                       const char *target, const struct pipewire_stream_events *events, void *data)
{
    struct pipewire_stream *s = calloc(1, sizeof(*s));
    int r;

    if (s == NULL)
        return NULL;
    s->remote = remote;
    s->events = events;
    s->data = data;
    s->stream =
        remote->pw->stream_new(remote->core, "hostblob camera", properties_of(remote->pw, target));
    if (s->stream == NULL) {
        free(s);
        return NULL;
    }
    remote->pw->stream_add_listener(s->stream, &s->hook, &stream_events, s);
    r = offer(s, stream);
    if (r < 0) {
        pipewire_stream_destroy(s);
        errno = -r;
        return NULL;
    }
    return s;
}

static void drop_link(struct pipewire_stream *stream)
{
    if (stream->link == NULL)
        return;
    spa_hook_remove(&stream->link_hook);
    pw_of(stream)->proxy_destroy(stream->link);
    stream->link = NULL;
}

void pipewire_stream_destroy(struct pipewire_stream *stream)
{
    if (stream == NULL)
        return;
    drop_link(stream);
    pw_of(stream)->stream_destroy(stream->stream);
    free(stream);
}

/* ---- links ---- */

uint32_t pipewire_stream_node(const struct pipewire_stream *stream)
{
    return pw_of(stream)->stream_get_node_id(stream->stream);
}

static void on_link_removed(void *data)
{
    struct pipewire_stream *stream = data;

    stream->link_ended = true;
    pipewire_remote_later(stream->remote);
}

static void on_link_error(void *data, int sequence, int result, const char *message)
{
    struct pipewire_stream *stream = data;

    fail(stream, message);
}

static const struct pw_proxy_events link_events = {
    PW_VERSION_PROXY_EVENTS,
    .removed = on_link_removed,
    .error = on_link_error,
};

int pipewire_stream_link(struct pipewire_stream *stream, uint32_t node)
{
    char from[16], to[16];
    const struct spa_dict_item items[] = {
        SPA_DICT_ITEM_INIT(PW_KEY_LINK_OUTPUT_NODE, from),
        SPA_DICT_ITEM_INIT(PW_KEY_LINK_INPUT_NODE, to),
        SPA_DICT_ITEM_INIT(PW_KEY_OBJECT_LINGER, "false"),
    };
    const struct spa_dict props = SPA_DICT_INIT_ARRAY(items);

    drop_link(stream);
    stream->link_ended = false;
    snprintf(from, sizeof(from), "%u", node);
    snprintf(to, sizeof(to), "%u", pipewire_stream_node(stream));
    stream->link = pw_core_create_object(stream->remote->core, "link-factory",
                                         PW_TYPE_INTERFACE_Link, PW_VERSION_LINK, &props, 0);
    if (stream->link == NULL)
        return -errno;
    pw_of(stream)->proxy_add_listener(stream->link, &stream->link_hook, &link_events, stream);
    return 0;
}

bool pipewire_stream_linking(const struct pipewire_stream *stream)
{
    return stream->link != NULL && !stream->link_ended;
}

/* ---- frames ---- */

void pipewire_stream_want(struct pipewire_stream *stream, bool wanted)
{
    stream->wanted = wanted;
}

struct pw_buffer *pipewire_stream_take(struct pipewire_stream *stream, unsigned *older)
{
    struct pw_buffer *newest = NULL, *buffer;

    *older = 0;
    while ((buffer = pw_of(stream)->stream_dequeue_buffer(stream->stream)) != NULL) {
        if (newest != NULL) {
            pipewire_stream_give(stream, newest);
            ++*older;
        }
        newest = buffer;
    }
    return newest;
}

void pipewire_stream_give(struct pipewire_stream *stream, struct pw_buffer *buffer)
{
    pw_of(stream)->stream_queue_buffer(stream->stream, buffer);
}

int pipewire_stream_locate(const struct pipewire_stream *stream, const struct pw_buffer *buffer,
                           struct frame *frame)
{
    const struct pipewire_memory *memory = buffer->user_data;

    if (memory == NULL)
        return -ENOMEM;
    if (stream->format.format == NULL)
        return -ENODATA;
    return pipewire_format_locate(frame, &stream->format, buffer->buffer, memory->data);
}

const struct pipewire_memory *pipewire_stream_memory(const struct pw_buffer *buffer)
{
    return buffer->user_data;
}
