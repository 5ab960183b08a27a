/* SPDX-License-Identifier: MIT */
#include "gpu/sink_socket_part.h"

#include <endian.h>
#include <errno.h>
#include <time.h>

#include "base/log.h"

/*
 * What the front-end is asked. Its answers come in the order of the questions, and have no number.
 * A question for the EDID of an output that it does not have is never answered; so another question
 * goes right behind each, GET_PROTOCOL_FEATURES: if its answer comes first, there is no EDID.
 *
 * The worker before this one may have asked questions whose answers come only now. They are passed
 * over until the first answer to GET_PROTOCOL_FEATURES, and do no harm after it.
 */
#define ACCURACY_US 1000u
#define WANTED (VHOST_USER_GPU_F_EDID | VHOST_USER_GPU_F_DMABUF2)

static bool is_answered(const struct sink_socket_questions *q)
{
    return q->ready && !q->info_due && q->info_asked == 0 && q->edids_due == 0 && q->edid_asked < 0;
}

/* Lets the guest have its answers. */
static void release(struct sink_socket *s)
{
    if (!s->ask.holding)
        return;
    s->ask.holding = false;
    sd_event_source_set_enabled(s->ask.limit, SD_EVENT_OFF);
    display_release(s->sink.display);
}

static void hold(struct sink_socket *s)
{
    if (s->ask.holding)
        return;
    s->ask.holding = true;
    sd_event_source_set_time_relative(s->ask.limit, s->answer_us);
    sd_event_source_set_enabled(s->ask.limit, SD_EVENT_ONESHOT);
    display_hold(s->sink.display);
}

/* libkrun answers every question but the first. What it can show are pixels. */
static void presume(struct sink_socket *s)
{
    static struct log_limit limit;

    if (log_limit_allows(&limit))
        log_info("The front-end does not say what its window can do: it is given pixels only.");
    s->ask.presumed = s->ask.ready = true;
    s->ask.features = 0;
    s->ask.edids_due = 0;
    s->ask.info_due = true;
}

static int on_limit(sd_event_source *source, uint64_t now, void *data)
{
    struct sink_socket *s = data;

    if (s->ask.begun && !s->ask.ready)
        presume(s);
    else
        log_stranger("The front-end does not say in time what the outputs are: the guest is told "
                     "what is known.");
    release(s);
    sink_socket_pump(s);
    return 0;
}

/* ---- questions ---- */

static int say(struct sink_socket *s, uint32_t request, const void *payload, size_t size)
{
    return display_wire_say(&s->wire, request, payload, size, -1);
}

static int send_features(struct sink_socket *s)
{
    int r = 0;

    if (!s->ask.begun || s->ask.knock_due)
        r = say(s, VHOST_USER_GPU_GET_PROTOCOL_FEATURES, NULL, 0);
    if (r == 0) {
        s->ask.begun = true;
        s->ask.knock_due = false;
    }
    if (r == 0 && s->ask.take_features) {
        r = say(s, VHOST_USER_GPU_SET_PROTOCOL_FEATURES, &s->ask.features, sizeof(s->ask.features));
        s->ask.take_features = r != 0;
    }
    return r;
}

static int send_info(struct sink_socket *s)
{
    int r;

    if (!s->ask.info_due)
        return 0;
    r = say(s, VHOST_USER_GPU_GET_DISPLAY_INFO, NULL, 0);
    if (r == 0) {
        s->ask.info_due = false;
        s->ask.info_asked++;
    }
    return r;
}

static int send_edid(struct sink_socket *s)
{
    struct vhost_user_gpu_edid_request request;
    int r;

    if (s->ask.edids_due == 0 || s->ask.edid_asked >= 0)
        return 0;
    request.scanout = (uint32_t)__builtin_ctz(s->ask.edids_due);
    r = say(s, VHOST_USER_GPU_GET_EDID, &request, sizeof(request));
    if (r < 0)
        return r;
    s->ask.edids_due &= (uint16_t) ~(1u << request.scanout);
    s->ask.edid_asked = (int)request.scanout;
    s->ask.edid_last = request.scanout;
    s->ask.knock_due = true;
    return send_features(s);
}

int sink_socket_question_send(struct sink_socket *s)
{
    int r = send_features(s);

    if (r == 0 && s->ask.ready)
        r = send_info(s);
    if (r == 0 && s->ask.ready)
        r = send_edid(s);
    return r;
}

/* ---- answers ---- */

static void take_features(struct sink_socket *s)
{
    static struct log_limit limit;
    struct sink_socket_questions *q = &s->ask;

    if (q->ready && !q->presumed) { /* the knock */
        q->edid_asked = -1;
        return;
    }
    q->ready = true;
    q->presumed = false;
    q->features = s->wire.in.u64 & WANTED;
    q->take_features = true;
    q->info_due = true;
    if (!(q->features & VHOST_USER_GPU_F_EDID))
        q->edids_due = 0;
    if (log_limit_allows(&limit))
        log_info("The front-end shows our outputs in its window%s%s.",
                 q->features & VHOST_USER_GPU_F_EDID ? ", knows their EDIDs" : "",
                 s->draws_pointer ? ", and is given pixels only, no dmabufs: the pointer is in them"
                 : q->features & VHOST_USER_GPU_F_DMABUF2 ? ", takes any dmabuf"
                                                          : "");
}

/* Disabled outputs count as well: the guest was told by the front-end how many there are. */
static void take_info(struct sink_socket *s)
{
    const struct virtio_gpu_resp_display_info *info = &s->wire.in.display_info;

    if (s->ask.info_asked > 0)
        s->ask.info_asked--;
    for (unsigned i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++) {
        const struct virtio_gpu_display_one *one = &info->pmodes[i];
        bool on = one->enabled != 0;
        uint32_t width = on ? le32toh(one->r.width) : 0;
        uint32_t height = on ? le32toh(one->r.height) : 0;

        if (display_set_output(s->sink.display, i, width, height, 0) < 0)
            log_stranger("The front-end wants output %u to be %u x %u: it stays as it is.", i,
                         width, height);
    }
}

static void take_edid(struct sink_socket *s)
{
    const struct virtio_gpu_resp_edid *edid = &s->wire.in.edid;
    uint32_t size = le32toh(edid->size);

    s->ask.edid_asked = -1;
    if (size > sizeof(edid->edid) ||
        display_set_edid(s->sink.display, s->ask.edid_last, edid->edid, size) < 0)
        log_stranger("The front-end's EDID of output %u cannot be one: ours is used.",
                     s->ask.edid_last);
}

void sink_socket_question_answer(struct sink_socket *s)
{
    uint32_t request = s->wire.in.header.request;

    if (request == VHOST_USER_GPU_GET_PROTOCOL_FEATURES)
        take_features(s);
    else if (!s->ask.ready)
        return; /* a dead worker's */
    else if (request == VHOST_USER_GPU_GET_DISPLAY_INFO)
        take_info(s);
    else if (request == VHOST_USER_GPU_GET_EDID)
        take_edid(s);
    if (is_answered(&s->ask))
        release(s);
}

/* ---- the guest's questions ---- */

void sink_socket_question_asked(struct sink_socket *s, int output)
{
    if (s->broken)
        return;
    if (output < 0)
        s->ask.info_due = true;
    else if (!s->ask.ready || (s->ask.features & VHOST_USER_GPU_F_EDID))
        s->ask.edids_due |= (uint16_t)(1u << output);
    if (!is_answered(&s->ask))
        hold(s);
    sink_socket_pump(s);
}

void sink_socket_begin(struct sink *sink)
{
    struct sink_socket *s = (struct sink_socket *)(void *)sink;

    hold(s);
    sink_socket_pump(s);
}

/* ---- life ---- */

int sink_socket_question_init(struct sink_socket *s, sd_event *loop)
{
    int r = sd_event_add_time_relative(loop, &s->ask.limit, CLOCK_MONOTONIC, 0, ACCURACY_US,
                                       on_limit, s);

    s->ask.edid_asked = -1;
    if (r >= 0)
        r = sd_event_source_set_enabled(s->ask.limit, SD_EVENT_OFF);
    return r;
}

void sink_socket_question_finish(struct sink_socket *s)
{
    if (s->ask.limit != NULL)
        release(s);
    s->ask.limit = sd_event_source_disable_unref(s->ask.limit);
}
