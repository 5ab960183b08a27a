/* SPDX-License-Identifier: MIT */
#ifndef GPU_SINK_SOCKET_H
#define GPU_SINK_SOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "gpu/damage.h"
#include "gpu/display_wire.h"
#include "gpu/sink.h"

/* Bytes that go out before everybody else gets a turn. */
#define SINK_SOCKET_BATCH (1u << 20)
/* The front-end's time to say what its outputs are; the guest's driver waits 5 s for us. */
#define SINK_SOCKET_ANSWER_US UINT64_C(1500000)
/* Its time to show a dmabuf; then the guest goes on all the same. */
#define SINK_SOCKET_SHOW_US UINT64_C(250000)

/* What the front-end's window shows of an output, as far as we have said. */
enum sink_socket_shows {
    SINK_SOCKET_UNKNOWN, /* perhaps what a worker before us said */
    SINK_SOCKET_NOTHING,
    SINK_SOCKET_PIXELS,
    SINK_SOCKET_DMABUF,
};

/* One output: what there is to say is kept as a state, not as a row of messages, so that a
 * front-end that is behind gets the latest of each and costs no memory. */
struct sink_socket_output {
    bool off_due; /* it shows nothing any more */
    struct damage damage;
    enum sink_socket_shows shows;
    uint32_t width, height; /* that it was told */
    uint64_t serial;        /* of the dmabuf that it was given */
    /* The guest's updates that wait, by what for. */
    unsigned unsaid;  /* to be passed on */
    unsigned unshown; /* for the front-end to show them */
    unsigned settled; /* for nothing any more */
    bool cursor_due, place_due;
    bool cursor_hidden;
    struct vhost_user_gpu_cursor_update cursor; /* and its place */
    /* Of a pointer that is drawn into the pictures. */
    bool draw_due;     /* it is not, or is elsewhere, in the pixels that were sent */
    bool hide_said;    /* the front-end knows that it has none of its own */
    struct rect drawn; /* where it is in them; of no size: nowhere */
};

/* What is asked of the front-end. */
struct sink_socket_questions {
    bool begun;         /* the first question was sent */
    bool ready;         /* the front-end has said what it can do */
    bool presumed;      /* no, it has not: libkrun never does */
    bool holding;       /* the guest's questions wait for ours */
    bool take_features; /* say which of them we use */
    bool info_due;      /* ask what outputs there are */
    unsigned info_asked;
    uint16_t edids_due; /* outputs whose EDID is to be asked for */
    int edid_asked;     /* the output whose EDID is awaited; -1: none is */
    unsigned edid_last; /* the last one that was asked for */
    bool knock_due;     /* after an EDID's question: see sink_socket_question.c */
    uint64_t features;  /* VHOST_USER_GPU_F_* that both have */
    sd_event_source *limit;
};

/* The sink's owner is told once, from the loop, that the socket is of no use any more: it takes the
 * sink out of the display. */
typedef void sink_socket_closed(void *data, struct sink *sink);

/*
 * A front-end's display socket (protocol/vhost_user_gpu.h): shows the outputs in QEMU's window, and
 * asks what the window would have them be. A front-end that hangs up or breaks the rules loses the
 * sink and nothing else.
 */
struct sink_socket {
    struct sink sink; /* first */
    struct display_wire wire;
    sd_event_source *io;
    bool blocked; /* the socket is full: io says when it is not */
    bool broken;
    sd_event_source *end;
    sink_socket_closed *closed;
    void *data;
    struct sink_socket_questions ask;
    uint64_t answer_us, show_us; /* the front-end's time limits */
    unsigned showing;            /* DMABUF_UPDATEs that were not answered */
    bool late;                   /* and one of them is overdue: nobody waits for it */
    sd_event_source *show_limit;
    sd_event_source *settle;
    bool draws_pointer; /* into the pictures */
    sd_event_source *turn;
    unsigned next; /* the output whose turn it is */
    struct sink_socket_output outputs[VIRTIO_GPU_MAX_SCANOUTS];
    uint32_t converted[DISPLAY_WIRE_MESSAGE / 4]; /* pixels whose format is not the front-end's */
};

/* A sink on 'fd', a connected stream socket, which it owns, even on error. It is to be given to the
 * display, and then to sink_socket_begin. NULL with errno set. */
struct sink *sink_socket_create(sd_event *loop, int fd, sink_socket_closed *closed, void *data);
/* Has the pointer drawn into the pictures: the front-end is given pixels only, no dmabufs, and no
 * pointer of its own. To be called before the display is given the sink. */
void sink_socket_draw_pointer(struct sink *sink);
/* Asks the front-end what it can do and what outputs there are. The guest's own questions for that
 * are held until it has answered, or its time is over. */
void sink_socket_begin(struct sink *sink);

#endif
