/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_M2M_H
#define MEDIA_M2M_H

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "media/buffer_queue.h"
#include "media/context.h"
#include "media/job.h"

/*
 * The context of a codec ("memory to memory"): what the guest gives in buffers of the output queue
 * goes through a codec, and comes out in buffers of the capture queue. This file keeps the rules
 * that stateful decoders and encoders share (Linux: dev-decoder, dev-encoder): which buffers go
 * together to the codec, the drain with its LAST buffer and EOS event, what a STREAMOFF undoes, and
 * the stop at a change of the stream's format. The codec works in jobs, one at a time for each
 * context.
 */
struct m2m;

/* The bytes of one plane. The guest sees and may change them at any time: read what matters once.
 */
struct m2m_plane {
    uint8_t *data;
    uint32_t size; /* of a source: what the guest has put in, without its data_offset; of a target:
                      the room, which need not suffice */
};

/* One step of the codec: what it gets, and what has come of it. */
struct m2m_work {
    /* Given; the planes of both stay where they are until the job is done. */
    unsigned source_planes; /* 0: there is no source */
    struct m2m_plane source[VIDEO_MAX_PLANES];
    uint64_t source_time;   /* ns, the source's timestamp */
    unsigned target_planes; /* 0: there is no target */
    struct m2m_plane target[VIDEO_MAX_PLANES];
    bool flush; /* forget every source so far, and all output that is not in a target yet, first */
    bool drain; /* after what it has got, no source comes for now: all output is to come out. Stays
                   set, without a source, until 'ended' */

    /* To be filled in; all zero before. A source is always taken in, and goes back to the guest. */
    bool source_bad; /* it goes back with V4L2_BUF_FLAG_ERROR */
    bool filled;     /* the target holds output, or 'other' does */
    unsigned
        other; /* 1 + the index of a buffer that was a target before, and kept; 0: the target */
    bool kept; /* the target stays with the codec, until another step says 'other' or
                  buffer_queue_untake gives it back */
    uint32_t bytesused[VIDEO_MAX_PLANES];
    uint64_t target_time;  /* ns, the timestamp of the source that it came from */
    uint32_t target_flags; /* V4L2_BUF_FLAG_KEYFRAME, _PFRAME, _BFRAME, _ERROR */
    bool pending; /* there is more output, for which a target is wanted; no source comes before */
    bool placed;  /* and it lies in a kept buffer: no target is wanted */
    bool changed; /* the pending output, or what is to come, has another format than the capture
                     queue: ops->changed is called */
    bool ended;   /* the drain is over, nothing is pending; the next source begins anew. */
};

struct m2m_ops {
    /* Works only while both queues stream, as encoders do; a decoder looks for the format first. */
    bool both;
    /* On a thread: does one step. Touches nothing of m2m but 'work', and what is its own. */
    void (*work)(struct m2m *m2m, struct m2m_work *work);

    /* All others are called on the loop, while no step is done; NULL where there is nothing to do.
     */
    /* Chooses a queued buffer to be the target; NULL: none will do. Where this is NULL, it is the
     * oldest. */
    struct queue_buffer *(*pick)(struct m2m *m2m);
    /* A step is about to be done: the time to copy controls for it. */
    void (*prepare)(struct m2m *m2m, struct m2m_work *work);
    /* A step is done, before its buffers go back. */
    void (*finished)(struct m2m *m2m, const struct m2m_work *work);
    /* work->changed: brings the format of the capture queue up to date. Returns whether the buffers
     * that stream do not fit. The guest is told; if they do not fit (or none stream), nothing is
     * done until the capture queue has begun anew. */
    bool (*changed)(struct m2m *m2m);
    /* Whether the codec has nothing inside that a drain would bring out; NULL: it is to be asked by
     * a step. */
    bool (*is_empty)(const struct m2m *m2m);
    /* STREAMON of either queue; 0 or -errno. */
    int (*start)(struct m2m *m2m, struct buffer_queue *queue);
    /* STREAMOFF of either. */
    void (*stop)(struct m2m *m2m, struct buffer_queue *queue);
};

/*
 * What of a codec's context outlives a worker: the formats, and where a drain or a change of the
 * format has come to. What the codec itself held is lost: the pictures that it had taken in and not
 * given out. The source in its hands comes back with V4L2_BUF_FLAG_ERROR; an encoder goes on with a
 * key picture and its headers, a decoder with the next key picture, and the sources that it passes
 * over until then come back with V4L2_BUF_FLAG_ERROR too.
 */
struct m2m_estate {
    uint32_t output_sequence, capture_sequence;
    uint32_t behind; /* sources that came after the STOP of a drain */
    uint8_t draining, changing, owes_last, stopped;
    struct v4l2_format output, capture;
};

struct m2m {
    struct context context;
    const struct m2m_ops *ops;
    struct buffer_queue output, capture;
    bool output_on, capture_on; /* they stream */
    bool pending, placed;       /* as the last step said */
    bool flush;                 /* for the next step */
    bool draining;              /* from a STOP command to the LAST buffer */
    unsigned drain_left;        /* sources that were queued before the STOP */
    bool changing;              /* waits for the capture queue to begin anew */
    bool owes_last;             /* a LAST buffer, as soon as there is a buffer */
    bool stopped;               /* the LAST buffer is out */
    uint32_t output_sequence, capture_sequence;
    sd_event_source *later; /* looks what is to be done next */
    struct job job;
    struct m2m_work work;
    struct queue_buffer *source, *target; /* of the job; NULL: none */
    struct m2m_estate left;               /* by another worker, to go on from */
};

/* Of a struct that has an m2m named 'm2m' in it. */
#define M2M_OF(pointer, type) ((type *)(void *)((char *)(pointer)-offsetof(type, m2m)))

/* Sets up the queues, in V4L2's multi-planar API or the single-planar one, and holds the threads.
 * 'session' is the id of the one whose it is. 'impl' has m2m_busy as 'busy', and m2m_has_event or
 * its like. 0 or -errno, and then it is not to be finished. */
int m2m_init(struct m2m *m2m, struct media *media, uint32_t session, bool multiplanar,
             const struct context_impl *impl, const struct m2m_ops *ops);
/* Frees what is left of buffers, and lets go of the threads; waits for a step that is done now. */
void m2m_finish(struct m2m *m2m);
struct m2m *m2m_of(struct context *context);
/* Looks soon what is to be done next, from the loop. */
void m2m_wake(struct m2m *m2m);
/* If it owes a LAST buffer, gives it to the guest as soon as there is one; and says that the drain
 * is over. */
void m2m_give_last(struct m2m *m2m);
/* V4L2_CAP_* of a codec's node. */
uint32_t m2m_caps(bool multiplanar);

/* m2m_estate.c, for context_impl.leave, resume and resumed. The formats are set by s_fmt, as a
 * guest would: 0 or -errno. */
void m2m_leave(const struct context *context, struct m2m_estate *estate);
int m2m_resume(struct context *context, const struct m2m_estate *estate);
void m2m_resumed(struct context *context);

/* For context_impl. */
bool m2m_busy(struct context *context);
/* V4L2_EVENT_EOS, and for a decoder V4L2_EVENT_SOURCE_CHANGE. */
bool m2m_has_event(struct context *context, uint32_t type, uint32_t id);
int m2m_decoder_cmd(struct context *context, struct v4l2_decoder_cmd *cmd, bool only_try);
int m2m_encoder_cmd(struct context *context, struct v4l2_encoder_cmd *cmd, bool only_try);

#endif
