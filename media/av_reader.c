/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "media/av_scale.h"
#include "media/av_source.h"
#include "media/frame_reader.h"

/*
 * Frames as libavformat and libavcodec find them. These wait where they please, so that a thread of
 * their own reads and decodes, one picture ahead; who wants it takes it, or is told by a descriptor
 * when it is there.
 */
struct av_reader {
    struct frame_reader reader;
    struct frame_reader_options options;
    const struct av_library *av;
    struct frame_input input; /* the thread's, while it runs */
    struct av_scale scale;
    bool running;
    pthread_t thread;
    int cancel; /* eventfd, owned: the thread is to end */
    int ready;  /* eventfd, owned: 'full' */
    AVFrame *taken;
    bool has_frame; /* 'taken' is a picture that nobody has had yet */

    pthread_mutex_t lock; /* for what follows */
    pthread_cond_t changed;
    bool full;                  /* the thread has left something */
    uint64_t round;             /* pictures in the loop's last round */
    bool ending;                /* it is to end */
    enum frame_outcome outcome; /* what: a picture, or how it ended */
    AVFrame *left;
    struct frame_shape shape;
    char why[FRAME_READER_TEXT];
};

static struct av_reader *av_of(struct frame_reader *reader)
{
    return (struct av_reader *)(void *)reader; /* its first member */
}

static void say(char to[FRAME_READER_TEXT], const char *why)
{
    snprintf(to, FRAME_READER_TEXT, "%s", why);
}

/* On the thread: leaves 'outcome' for the others, when they have taken what was there before. */
static void leave(struct av_reader *r, enum frame_outcome outcome, AVFrame *frame)
{
    pthread_mutex_lock(&r->lock);
    while (r->full && !r->ending)
        pthread_cond_wait(&r->changed, &r->lock);
    if (!r->ending) {
        r->full = true;
        r->outcome = outcome;
        if (frame != NULL)
            r->av->av_frame_move_ref(r->left, frame);
        eventfd_write(r->ready, 1);
        pthread_cond_broadcast(&r->changed);
    }
    pthread_mutex_unlock(&r->lock);
}

/* Only this thread writes the shape and the reason, while nobody may look. */
static bool tell_shape(struct av_reader *r, const struct av_source *source, const AVFrame *frame)
{
    struct frame_shape shape = {.known = true};
    AVRational rate = av_source_rate(source);

    if (!av_scale_shape(frame, &shape.picture))
        return false;
    if (rate.num > 0 && rate.den > 0 && rate.num / 1000 <= rate.den && rate.den / 1000 <= rate.num)
        shape.interval = (struct v4l2_fract){(uint32_t)rate.den, (uint32_t)rate.num};
    pthread_mutex_lock(&r->lock);
    while (r->full && !r->ending)
        pthread_cond_wait(&r->changed, &r->lock);
    r->shape = shape;
    pthread_mutex_unlock(&r->lock);
    return true;
}

static void leave_end(struct av_reader *r, enum frame_outcome outcome, const char *why)
{
    pthread_mutex_lock(&r->lock);
    while (r->full && !r->ending)
        pthread_cond_wait(&r->changed, &r->lock);
    say(r->why, why);
    pthread_mutex_unlock(&r->lock);
    leave(r, outcome, NULL);
}

/* From the beginning to the end. How many pictures; -ECANCELED, or -errno after it was told. */
static int64_t read_once(struct av_reader *r, AVFrame *frame)
{
    struct av_source source;
    int64_t frames = 0;
    char text[100];
    int n = av_source_init(&source, r->av, &r->input, r->cancel);

    if (n == 0) {
        av_source_describe(&source, text, sizeof(text));
        log_debug("file: %s is %s", r->options.path, text);
    }
    while (n == 0 && (n = av_source_next(&source, frame)) == 0) {
        if (!tell_shape(r, &source, frame)) {
            source.wrong = "its size is impossible";
            n = -EINVAL;
        } else {
            leave(r, FRAME_READY, frame);
            frames++;
        }
        r->av->av_frame_unref(frame);
    }
    if (n != -ENODATA && n != -ECANCELED && frames == 0)
        leave_end(r, FRAME_BAD, source.wrong != NULL ? source.wrong : "it cannot be decoded");
    else if (n == -ENODATA || n != -ECANCELED)
        n = 0;
    av_source_finish(&source);
    return n < 0 ? n : frames;
}

static void *thread_main(void *data)
{
    struct av_reader *r = data;
    AVFrame *frame = r->av->av_frame_alloc();
    int64_t frames;

    if (frame == NULL) {
        leave_end(r, FRAME_BAD, "there is no memory for a picture of it");
        return NULL;
    }
    do {
        frames = read_once(r, frame);
        pthread_mutex_lock(&r->lock);
        r->round = frames > 0 ? (uint64_t)frames : 0;
        pthread_mutex_unlock(&r->lock);
    } while (frames > 0 && r->options.loop && !r->reader.stream &&
             frame_input_open(&r->input) == 0);
    if (frames >= 0 && r->reader.stream)
        leave_end(r, FRAME_GONE, "");
    else if (frames >= 0)
        leave_end(r, FRAME_END, frames == 0 ? "there is not one picture in it" : "");
    r->av->av_frame_free(&frame);
    return NULL;
}

static void end_thread(struct av_reader *r)
{
    eventfd_t count;

    if (r->running) {
        pthread_mutex_lock(&r->lock);
        r->ending = true;
        pthread_cond_broadcast(&r->changed);
        pthread_mutex_unlock(&r->lock);
        eventfd_write(r->cancel, 1);
        pthread_join(r->thread, NULL);
    }
    r->running = r->ending = r->full = r->has_frame = false;
    r->av->av_frame_unref(r->left);
    r->av->av_frame_unref(r->taken);
    eventfd_read(r->cancel, &count);
    eventfd_read(r->ready, &count);
}

/* Signals are the loop's. */
static int start_thread(struct av_reader *r)
{
    sigset_t all, before;
    int n;

    sigfillset(&all);
    sigdelset(&all, SIGBUS); /* guest memory may be cut short: guest/guest_fault.h */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    n = pthread_create(&r->thread, NULL, thread_main, r);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    r->running = n == 0;
    return -n;
}

static int av_reach(struct frame_reader *reader)
{
    struct frame_input *input = &av_of(reader)->input;

    return frame_reader_opened(reader, input, frame_input_reach(input));
}

static int av_open(struct frame_reader *reader)
{
    struct av_reader *r = av_of(reader);
    int n;

    end_thread(r);
    n = frame_reader_opened(reader, &r->input, frame_input_open(&r->input));
    if (n == 0) {
        n = start_thread(r);
        if (n != 0)
            say(reader->why, "there is no thread to read it");
    }
    return n;
}

static void av_close(struct frame_reader *reader)
{
    end_thread(av_of(reader));
    frame_input_finish(&av_of(reader)->input);
}

static enum frame_outcome av_next(struct frame_reader *reader)
{
    struct av_reader *r = av_of(reader);
    enum frame_outcome outcome = FRAME_WAIT;
    eventfd_t count;

    if (r->has_frame)
        return FRAME_READY;
    pthread_mutex_lock(&r->lock);
    reader->round = r->options.loop ? r->round : 0;
    if (r->full) {
        outcome = r->outcome;
        r->full = false;
        eventfd_read(r->ready, &count);
        r->av->av_frame_move_ref(r->taken, r->left);
        reader->shape = r->shape.known ? r->shape : reader->shape;
        say(reader->why, outcome == FRAME_READY ? "" : r->why);
        pthread_cond_broadcast(&r->changed);
    }
    pthread_mutex_unlock(&r->lock);
    r->has_frame = outcome == FRAME_READY;
    return outcome;
}

static enum frame_outcome av_take(struct frame_reader *reader, const struct picture *picture,
                                  uint8_t *const *planes)
{
    struct av_reader *r = av_of(reader);
    int n = av_scale_run(&r->scale, r->taken, picture, planes);

    r->has_frame = false;
    r->av->av_frame_unref(r->taken);
    if (n == 0)
        return FRAME_READY;
    say(reader->why, "its pictures cannot be brought into the guest's format");
    return FRAME_BAD;
}

static void av_pass(struct frame_reader *reader)
{
    struct av_reader *r = av_of(reader);

    r->has_frame = false;
    r->av->av_frame_unref(r->taken);
}

static void av_forsake(struct frame_reader *reader)
{
    /* A picture that nobody has had is there for the next one who wants it. */
}

static int av_fd(const struct frame_reader *reader)
{
    return ((const struct av_reader *)(const void *)reader)->ready;
}

static void av_destroy(struct frame_reader *reader)
{
    struct av_reader *r = av_of(reader);

    end_thread(r);
    frame_input_finish(&r->input);
    av_scale_finish(&r->scale);
    r->av->av_frame_free(&r->left);
    r->av->av_frame_free(&r->taken);
    fd_close(&r->cancel);
    fd_close(&r->ready);
    pthread_cond_destroy(&r->changed);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

static const struct frame_reader_impl av_impl = {
    .reach = av_reach,
    .open = av_open,
    .close = av_close,
    .next = av_next,
    .take = av_take,
    .pass = av_pass,
    .forsake = av_forsake,
    .fd = av_fd,
    .destroy = av_destroy,
};

static bool init_parts(struct av_reader *r)
{
    r->left = r->av->av_frame_alloc();
    r->taken = r->av->av_frame_alloc();
    r->cancel = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    r->ready = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return r->left != NULL && r->taken != NULL && r->cancel >= 0 && r->ready >= 0;
}

struct frame_reader *av_reader_create(const struct frame_reader_options *options, const char **why)
{
    const struct av_library *av = av_library_load(AV_LIBRARY_SCALE | AV_LIBRARY_FORMAT, why);
    struct av_reader *r = av != NULL ? calloc(1, sizeof(*r)) : NULL;

    if (av == NULL)
        return NULL;
    *why = "there is no memory";
    if (r == NULL)
        return NULL;
    r->reader.impl = &av_impl;
    r->reader.scales = true;
    r->options = *options;
    r->av = av;
    frame_input_init(&r->input, options->path);
    av_scale_init(&r->scale, av);
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->changed, NULL);
    picture_init(&r->reader.shape.picture, pixel_format_find(V4L2_PIX_FMT_YUV420),
                 options->width != 0 ? options->width : FRAME_READER_WIDTH,
                 options->height != 0 ? options->height : FRAME_READER_HEIGHT);
    if (!init_parts(r)) {
        av_destroy(&r->reader);
        return NULL;
    }
    return &r->reader;
}
