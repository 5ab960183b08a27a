/* SPDX-License-Identifier: MIT */
#ifndef TESTS_POINTS_POINTS_H
#define TESTS_POINTS_POINTS_H

/*
 * The points of the V4L2 specification that a node has to keep, each with its section and its test:
 * what v4l2-compliance asks, and more. The tests see a node as a program in the guest does, through
 * a driver at the device's rings, and run on every kind of node that a point is about.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/media_fixture.h"

/* What a point is about, as bits; all of them are needed. */
enum point_needs {
    POINT_CAMERA = 1,
    POINT_CODEC = 2, /* memory to memory */
    POINT_DECODER = 4,
    POINT_ENCODER = 8,
    POINT_MULTIPLANAR = 16,
    POINT_STREAMS = 32, /* what a codec works on can be made here */
    POINT_LIVE = 64,    /* a camera that does not wait for buffers */
    POINT_CONTROLS = 128,
};

struct point_guest;

struct point {
    const char *section; /* of the specification */
    const char *what;    /* has to hold */
    void (*run)(struct point_guest *g);
    unsigned needs;
};

/* A sort of node. */
struct point_subject {
    const char *name;
    struct media_options options;
    unsigned has; /* enum point_needs */
    /* Of a codec: makes what goes in, once; false: this machine cannot. Then sets the formats, and
     * gives number 'index' of what goes in, of which as many come out. */
    bool (*make)(void);
    void (*prepare)(struct point_guest *g);
    const uint8_t *(*input)(unsigned index, uint32_t *size);
};

/* There are so many inputs; the first can be used anew at any time. */
#define POINT_INPUTS 24u
/* Beyond them lie those of another size of picture, as many again: of a decoder. */

#define POINT_EVENTS 512u
#define POINT_EVENT_BUFFERS 32u

/* A program in the guest, with the node open. */
struct point_guest {
    struct media_fixture *f;
    const struct point_subject *subject;
    uint32_t session;
    uint32_t capture, output; /* types of its queues; 0: it has none */
    unsigned types;
    uint32_t type[2]; /* the same */
    uint32_t
        sources;     /* of a codec that has begun: output buffers that are the program's, as bits */
    unsigned input;  /* the next to go in */
    uint64_t stamp;  /* the last timestamp given, us */
    bool keeps;      /* capture buffers are not queued again */
    unsigned events; /* that came and were not taken yet, oldest first */
    struct virtio_media_event_dqbuf event[POINT_EVENTS];
};

extern const struct point_subject point_subjects[];
extern const unsigned point_subject_count;

/* The points, by file. */
extern const struct point point_formats[], point_buffers[], point_camera[], point_controls[],
    point_events[], point_codecs[], point_decoders[], point_encoders[], point_user_memory[],
    point_streams[], point_ext_controls[];
extern const unsigned point_formats_count, point_buffers_count, point_camera_count,
    point_controls_count, point_events_count, point_codecs_count, point_decoders_count,
    point_encoders_count, point_user_memory_count, point_streams_count, point_ext_controls_count;

#define POINTS(name, ...)                                                                          \
    const struct point name[] = {__VA_ARGS__};                                                     \
    const unsigned name##_count = sizeof(name) / sizeof(name[0])

/* An ioctl; its status. */
#define ASK(g, name, payload) MEDIA_IOCTL((g)->f, (g)->session, name, payload)

/* What both structs of a format say. */
struct point_format {
    uint32_t width, height, fourcc, field, planes, colorspace;
    uint32_t size[VIDEO_MAX_PLANES], line[VIDEO_MAX_PLANES];
};

/* The node with one session, on a fresh device. */
void point_guest_init(struct point_guest *g, const struct point_subject *subject);
void point_guest_finish(struct point_guest *g);
/* Another program that opens the same node, with an end of its own. */
void point_guest_open(struct point_guest *other, const struct point_guest *g);

struct point_format point_format_of(const struct v4l2_format *format);
void point_format_put(struct v4l2_format *format, uint32_t fourcc, uint32_t width, uint32_t height);
/* G_FMT, which has to work. */
struct v4l2_format point_g_fmt(struct point_guest *g, uint32_t type);
/* The format number 'index', or 0. */
uint32_t point_fourcc(struct point_guest *g, uint32_t type, unsigned index);

/* REQBUFS; the status, and how many there are. */
uint32_t point_reqbufs(struct point_guest *g, uint32_t type, uint32_t memory, uint32_t *count);
/* As many buffers as the node wants, at least 'count', which have to come. Returns how many. */
uint32_t point_allocate(struct point_guest *g, uint32_t type, uint32_t count);
/* QUERYBUF, QBUF, PREPARE_BUF of MMAP buffers, with all planes' room; 'b' is the answer. */
uint32_t point_buffer(struct point_guest *g, uint32_t code, uint32_t type, uint32_t index,
                      struct media_buffer_payload *b);
/* The same with what is in 'b'. */
uint32_t point_buffer_raw(struct point_guest *g, uint32_t code, struct media_buffer_payload *b);
/* Of a described buffer: where plane 'i' is to be mapped, its bytes, and how many there are. */
uint32_t point_offset(const struct media_buffer_payload *b, unsigned i);
uint32_t point_length(const struct media_buffer_payload *b, unsigned i);
unsigned point_planes(const struct media_buffer_payload *b);
uint32_t point_qbuf(struct point_guest *g, uint32_t type, uint32_t index);
/* With data: of a codec's output queue. The timestamp is in us. */
uint32_t point_qbuf_data(struct point_guest *g, uint32_t index, const uint8_t *data, uint32_t size,
                         uint64_t time);
uint32_t point_streamon(struct point_guest *g, uint32_t type);
uint32_t point_streamoff(struct point_guest *g, uint32_t type);
/* The bytes of a buffer's plane. */
uint8_t *point_bytes(struct point_guest *g, uint32_t type, uint32_t index, unsigned plane);
#define QUERYBUF _IOC_NR(VIDIOC_QUERYBUF)
#define QBUF _IOC_NR(VIDIOC_QBUF)
#define PREPARE_BUF _IOC_NR(VIDIOC_PREPARE_BUF)

/* What an event is: the type of the queue whose buffer comes back, or V4L2_EVENT_* with this. */
#define POINT_EVENT 0x80000000u
/* The next event of that sort, which must come within 10 s. */
struct virtio_media_event_dqbuf point_take(struct point_guest *g, uint32_t what);
struct v4l2_event point_take_event(struct point_guest *g, uint32_t type);
/* Whether one comes within 'ms'; it stays to be taken. */
bool point_comes(struct point_guest *g, uint32_t what, unsigned ms);
/* The guest gives the device no buffers for events any more, and takes back those it gave. */
void point_starve(struct point_guest *g);
uint32_t point_subscribe(struct point_guest *g, uint32_t type, uint32_t id, uint32_t flags);

/* A call of several controls; with data of one control each at most, in 'data'. */
struct point_controls {
    struct v4l2_ext_controls head;
    struct v4l2_ext_control one[8];
    uint8_t *data[8]; /* of those with a size; what comes back is copied here */
};
uint32_t point_ext(struct point_guest *g, uint32_t code, struct point_controls *call);
#define G_EXT_CTRLS _IOC_NR(VIDIOC_G_EXT_CTRLS)
#define S_EXT_CTRLS _IOC_NR(VIDIOC_S_EXT_CTRLS)
#define TRY_EXT_CTRLS _IOC_NR(VIDIOC_TRY_EXT_CTRLS)

/* What a codec gave out. */
struct point_output {
    unsigned count; /* pictures or packets */
    uint64_t times[256];
    uint32_t flags[256];
    uint32_t sizes[256];
    uint32_t indexes[256];
    bool last; /* the LAST buffer came; an empty one is not counted */
};
/* Begins as dev-decoder and dev-encoder have it, up to where the output queue streams, and a
 * decoder knows its stream. */
void point_codec_begin(struct point_guest *g);
/* Goes on with 'count' capture buffers, at least as many as it wants; queues them unless g->keeps,
 * and begins that stream. */
void point_codec_capture(struct point_guest *g, uint32_t count);
/* Both. */
void point_codec_start(struct point_guest *g);
/* Gives in 'count' more, and takes what comes out meanwhile. */
void point_codec_feed(struct point_guest *g, unsigned count, struct point_output *out);
/* STOP, which has to work, and takes all that comes out, up to the LAST buffer. */
void point_codec_drain(struct point_guest *g, struct point_output *out);
/* Takes what comes until the LAST buffer has come. */
void point_codec_until_last(struct point_guest *g, struct point_output *out);
uint32_t point_codec_cmd(struct point_guest *g, bool only_try, uint32_t cmd);
#define POINT_CMD_START 0u
#define POINT_CMD_STOP 1u

#endif
