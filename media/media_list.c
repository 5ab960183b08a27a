/* SPDX-License-Identifier: MIT */
#include "media/media_list.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/fd.h"
#include "device/device_list.h"
#include "media/context.h"
#include "media/media.h"

/* Four letters, which a stranger's node may have made of anything. */
static void put_fourcc(struct json_text *to, uint32_t fourcc)
{
    char name[5] = "";

    for (unsigned i = 0; i < 4; i++) {
        char c = (char)(fourcc >> 8 * i & 0x7f);

        name[i] = c >= ' ' && c <= '~' ? c : '?';
    }
    for (unsigned i = 4; i > 0 && name[i - 1] == ' '; i--)
        name[i - 1] = '\0';
    json_text_string(to, "format", name);
}

static void put_format(struct json_text *to, struct context *context, struct buffer_queue *queue)
{
    struct v4l2_format format = {.type = queue->type};

    if (context->impl->g_fmt == NULL || context->impl->g_fmt(context, queue, &format) < 0)
        return;
    if (V4L2_TYPE_IS_MULTIPLANAR(queue->type)) {
        put_fourcc(to, format.fmt.pix_mp.pixelformat);
        json_text_number(to, "width", format.fmt.pix_mp.width);
        json_text_number(to, "height", format.fmt.pix_mp.height);
    } else {
        put_fourcc(to, format.fmt.pix.pixelformat);
        json_text_number(to, "width", format.fmt.pix.width);
        json_text_number(to, "height", format.fmt.pix.height);
    }
}

static void put_buffers(struct json_text *to, const struct buffer_queue *queue)
{
    static const char *const names[] = {"idle", "prepared", "queued", "active", "done"};
    unsigned counts[sizeof(names) / sizeof(names[0])] = {0};

    for (unsigned i = 0; i < queue->count; i++)
        counts[queue->buffers[i]->state]++;
    json_text_number(to, "buffers", queue->count);
    json_text_open(to, "states", '{');
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (counts[i] > 0)
            json_text_number(to, names[i], counts[i]);
    json_text_close(to, '}');
}

/* Of a camera's buffers, only those that are the session's. */
static void put_queue(struct json_text *to, const struct session *session, const char *direction,
                      struct buffer_queue *queue)
{
    bool own = session->context->id != 0 || (queue->owned && queue->owner == session->id.id);

    json_text_open(to, NULL, '{');
    json_text_string(to, "direction", direction);
    put_format(to, session->context, queue);
    if (own) {
        json_text_string(to, "memory", queue->user ? "userptr" : "mmap");
        json_text_boolean(to, "streaming", queue->streaming);
        put_buffers(to, queue);
    } else {
        json_text_boolean(to, "streaming", false);
        json_text_number(to, "buffers", 0);
    }
    json_text_close(to, '}');
}

static void put_session(struct json_text *to, const struct session *session)
{
    struct context *context = session->context;

    json_text_number(to, "id", session->id.id);
    json_text_number(to, "events", session->subscription_count);
    json_text_open(to, "queues", '[');
    if (context != NULL && context->output != NULL)
        put_queue(to, session, "output", context->output);
    if (context != NULL && context->capture != NULL)
        put_queue(to, session, "capture", context->capture);
    if (context != NULL && context->impl->list != NULL)
        context->impl->list(context, to);
    json_text_close(to, ']');
}

void media_command(struct device *device, const char *line, int fd, device_answer *answer,
                   void *data)
{
    struct media *media = (struct media *)(void *)((char *)device - offsetof(struct media, device));
    struct device_list list;
    struct session *session;

    if (strcmp(line, "sessions") != 0) {
        fd_close(&fd);
        answer(data, -EINVAL, "there is no such command for a media device: it is sessions");
        return;
    }
    device_list_init(&list, line, fd);
    for (session = session_first(&media->sessions); session != NULL;
         session = session_next(session)) {
        struct json_text *to = device_list_open(&list);

        if (to == NULL)
            continue;
        put_session(to, session);
        device_list_close(&list);
    }
    device_list_answer(&list, answer, data);
}
