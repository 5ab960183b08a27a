/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/frontend/media_guest.h"
#include "tests/shortage/visit.h"

/* A program of the guest at a stateful codec: each source must come back, and the drain must come
 * to its end, whatever fails; or the session is told that it is over. */
#define OUTPUT V4L2_BUF_TYPE_VIDEO_OUTPUT
#define CAPTURE V4L2_BUF_TYPE_VIDEO_CAPTURE
#define WIDTH 128u
#define HEIGHT 96u
#define SOURCES 2u
#define TARGETS 4u
#define TARGETS_MOST 16u
#define EVENTS 16u
#define UNIT_MOST 65536u

static struct codec {
    bool encodes;
    uint32_t id, size; /* bytes of a source */
    uint64_t offset[SOURCES], length[SOURCES];
    uint32_t targets;
    unsigned at_device;          /* sources, a bit each */
    bool changed, streams, last; /* the stream's size is known; both queues run; drained */
    bool broken;                 /* the session is over */
    unsigned pictures, errors;
} codec;

static uint8_t unit[UNIT_MOST]; /* one picture of H.264, that needs no other */
static size_t unit_size;

#define IOCTL(v, name, payload)                                                                    \
    VISIT_STEP(v, #name, media_guest_ioctl(&(v)->frontend, codec.id, VIDIOC_##name, payload), 0)

/* ---- what the host has ---- */

static bool has_kind(const char *kind)
{
    char command[256];

    snprintf(command, sizeof(command),
             "timeout 60 %s --check | tr -d ' \\n' | grep -q '\"%s\":{\"in\":true'",
             getenv("HOSTBLOB_MEDIA"), kind);
    return system(command) == 0;
}

const char *visit_codec_missing(void)
{
    return has_kind("encoder") ? NULL : "there is no encoder on this host";
}

const char *visit_decoder_missing(void)
{
    static const char command[] =
        "ffmpeg -v error -nostdin -f lavfi -i testsrc2=size=128x96:rate=25 -frames:v 1 -c:v "
        "libx264 -profile:v baseline -f h264 - 2>/dev/null";
    FILE *pipe;

    if (!has_kind("decoder"))
        return "there is no decoder on this host";
    pipe = popen(command, "r");
    unit_size = pipe != NULL ? fread(unit, 1, sizeof(unit), pipe) : 0;
    if (pipe == NULL || pclose(pipe) != 0 || unit_size == 0 || unit_size == sizeof(unit))
        return "there is no ffmpeg program that makes H.264";
    return NULL;
}

/* ---- buffers ---- */

static bool queue(struct visit *v, uint32_t type, uint32_t index)
{
    struct v4l2_buffer buffer = {.index = index,
                                 .type = type,
                                 .memory = V4L2_MEMORY_MMAP,
                                 .bytesused = type == OUTPUT ? codec.size : 0};

    if (!IOCTL(v, QBUF, &buffer))
        return false;
    if (type == OUTPUT)
        codec.at_device |= 1u << index;
    return true;
}

static void fill(struct visit *v, uint32_t index)
{
    uint8_t *at = guest_window_at(&v->frontend.window, codec.offset[index], codec.size);

    if (!VISIT_STEP(v, "the window shows a source", at != NULL, true))
        return;
    if (!codec.encodes)
        memcpy(at, unit, codec.size);
    for (uint32_t i = 0; codec.encodes && i < codec.size; i++)
        at[i] = (uint8_t)(i * 3 + i / 256 + index);
}

static bool make_sources(struct visit *v)
{
    struct v4l2_requestbuffers request = {
        .count = SOURCES, .type = OUTPUT, .memory = V4L2_MEMORY_MMAP};
    bool good = IOCTL(v, REQBUFS, &request);

    for (uint32_t i = 0; good && i < SOURCES; i++) {
        struct v4l2_buffer buffer = {.index = i, .type = OUTPUT, .memory = V4L2_MEMORY_MMAP};

        good = IOCTL(v, QUERYBUF, &buffer) &&
               VISIT_STEP(v, "MMAP",
                          media_guest_mmap(&v->frontend, codec.id, buffer.m.offset,
                                           &codec.offset[i], &codec.length[i]),
                          0);
        if (good)
            fill(v, i);
    }
    return good;
}

static bool make_targets(struct visit *v)
{
    struct v4l2_requestbuffers request = {
        .count = TARGETS, .type = CAPTURE, .memory = V4L2_MEMORY_MMAP};
    int type = CAPTURE;

    if (!IOCTL(v, REQBUFS, &request))
        return false;
    codec.targets = request.count < TARGETS_MOST ? request.count : TARGETS_MOST;
    for (uint32_t i = 0; i < codec.targets; i++)
        if (!queue(v, CAPTURE, i))
            return false;
    codec.streams = IOCTL(v, STREAMON, &type);
    return codec.streams;
}

/* ---- events ---- */

static void take_buffer(struct visit *v, const struct v4l2_buffer *buffer)
{
    bool error = (buffer->flags & V4L2_BUF_FLAG_ERROR) != 0;

    codec.errors += error;
    if (buffer->type == OUTPUT) {
        codec.at_device &= ~(1u << (buffer->index & 31u));
        return;
    }
    codec.pictures += !error && buffer->bytesused > 0;
    if (buffer->flags & V4L2_BUF_FLAG_LAST)
        codec.last = true;
    else
        queue(v, CAPTURE, buffer->index);
}

/* Waits for the next one, which must come. */
static bool take_event(struct visit *v, const char *what)
{
    struct virtio_media_event_dqbuf event;
    int r = visit_goes_on(v) ? media_guest_event(&v->frontend, &event, FRONTEND_PATIENCE) : -EPIPE;

    if (!VISIT_STEP(v, what, r < 0 ? r : 0, 0))
        return false;
    if (event.hdr.session_id != codec.id)
        return true;
    if (event.hdr.event == VIRTIO_MEDIA_EVT_DQBUF)
        take_buffer(v, &event.buffer);
    else if (event.hdr.event == VIRTIO_MEDIA_EVT_EVENT)
        codec.changed = true; /* no other was asked for */
    else
        codec.broken = true;
    return !codec.broken;
}

/* ---- a stream ---- */

static void send_sources(struct visit *v)
{
    for (uint32_t i = 0; i < SOURCES; i++)
        if ((codec.at_device & (1u << i)) == 0)
            queue(v, OUTPUT, i);
}

/* The decoder says how large the pictures are when it knows. Where it could not work on the first
 * source it gives it back, and gets another. */
static bool learn_size(struct visit *v)
{
    for (unsigned i = 0; i < 3 && !codec.changed && !codec.broken; i++) {
        send_sources(v);
        while (codec.at_device != 0 && !codec.changed)
            if (!take_event(v, "the stream's size"))
                return false;
    }
    return codec.changed;
}

static void set_formats(struct visit *v)
{
    struct v4l2_format raw = {
        .type = codec.encodes ? OUTPUT : CAPTURE,
        .fmt.pix = {.width = WIDTH, .height = HEIGHT, .pixelformat = V4L2_PIX_FMT_NV12}};
    struct v4l2_format coded = {.type = codec.encodes ? CAPTURE : OUTPUT,
                                .fmt.pix = {.width = WIDTH,
                                            .height = HEIGHT,
                                            .sizeimage = UNIT_MOST,
                                            .pixelformat = V4L2_PIX_FMT_H264}};

    IOCTL(v, S_FMT, &coded);
    if (codec.encodes)
        IOCTL(v, S_FMT, &raw);
    codec.size = codec.encodes ? raw.fmt.pix.sizeimage : (uint32_t)unit_size;
}

static bool begin(struct visit *v, bool encodes)
{
    struct v4l2_event_subscription wish = {.type = V4L2_EVENT_SOURCE_CHANGE};
    int type = OUTPUT;

    codec = (struct codec){.encodes = encodes};
    if (!VISIT_STEP(v, "post events", media_guest_post_events(&v->frontend, EVENTS), 0) ||
        !VISIT_STEP(v, "open", media_guest_open(&v->frontend, &codec.id), 0))
        return false;
    if (!encodes && !IOCTL(v, SUBSCRIBE_EVENT, &wish))
        return false;
    set_formats(v);
    if (!make_sources(v) || !IOCTL(v, STREAMON, &type))
        return false;
    return (encodes || learn_size(v)) && make_targets(v);
}

/* Some sources go through. */
static void work(struct visit *v, unsigned rounds)
{
    for (unsigned i = 0; i < rounds && visit_goes_on(v) && !codec.broken; i++) {
        send_sources(v);
        while (codec.at_device != 0)
            if (!take_event(v, "a source comes back"))
                return;
    }
}

/* All that it has comes out, and it can begin again. */
static void drain(struct visit *v)
{
    struct v4l2_encoder_cmd stop = {.cmd = V4L2_ENC_CMD_STOP}, start = {.cmd = V4L2_ENC_CMD_START};
    struct v4l2_decoder_cmd halt = {.cmd = V4L2_DEC_CMD_STOP}, go = {.cmd = V4L2_DEC_CMD_START};
    bool stopped = codec.encodes ? IOCTL(v, ENCODER_CMD, &stop) : IOCTL(v, DECODER_CMD, &halt);

    codec.last = false;
    while (stopped && !codec.last)
        if (!take_event(v, "the last picture"))
            return;
    if (!stopped)
        return;
    for (uint32_t i = 0; i < codec.targets; i++) {
        struct v4l2_buffer buffer = {.index = i, .type = CAPTURE, .memory = V4L2_MEMORY_MMAP};

        if (IOCTL(v, QUERYBUF, &buffer) && (buffer.flags & V4L2_BUF_FLAG_QUEUED) == 0)
            queue(v, CAPTURE, i);
    }
    if (codec.encodes)
        IOCTL(v, ENCODER_CMD, &start);
    else
        IOCTL(v, DECODER_CMD, &go);
}

static void use(struct visit *v, bool encodes)
{
    if (!begin(v, encodes))
        return;
    work(v, 2);
    drain(v);
    work(v, 1);
    VISIT_STEP(v, "pictures came", codec.pictures > 0, true);
    VISIT_STEP(v, "none with an error", codec.errors, 0);
    if (visit_goes_on(v) && codec.broken)
        VISIT_STEP(v, "the session goes on", false, true);
}

static void settle(struct visit *v, bool encodes)
{
    begin(v, encodes);
    work(v, 2);
}

/* What the dead worker was at comes back as an error; the stream goes on. */
static void see(struct visit *v)
{
    unsigned before = codec.pictures;

    work(v, 3);
    drain(v);
    VISIT_STEP(v, "the session goes on", codec.broken, false);
    VISIT_STEP(v, "pictures came", codec.pictures > before, true);
}

void visit_decoder(struct visit *v)
{
    use(v, false);
}

void visit_encoder(struct visit *v)
{
    use(v, true);
}

void visit_decoder_settle(struct visit *v)
{
    settle(v, false);
}

void visit_encoder_settle(struct visit *v)
{
    settle(v, true);
}

void visit_decoder_see(struct visit *v)
{
    see(v);
}

void visit_encoder_see(struct visit *v)
{
    see(v);
}
