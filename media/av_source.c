/* SPDX-License-Identifier: MIT */
#include "media/av_source.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"

#define IO_BYTES (64 * 1024)
#define MAX_PIXELS (8192 * 8192)
#define MAX_PROBE (8 << 20) /* bytes to find out what it is */
#define MOST_THREADS 4

/* Whether somebody wants all this to end. */
static bool is_cancelled(const struct av_source *source)
{
    struct pollfd poller = {.fd = source->cancel, .events = POLLIN};

    return poll(&poller, 1, 0) != 0;
}

static int interrupt(void *data)
{
    return is_cancelled(data);
}

/* A FIFO that no writer has opened yet would be at its end: so it is waited for first. */
static int read_some(void *data, uint8_t *to, int size)
{
    struct av_source *source = data;
    struct pollfd pollers[2] = {{.fd = source->cancel, .events = POLLIN},
                                {.fd = source->input->fd, .events = POLLIN}};
    ssize_t n = -EAGAIN;

    while (n == -EAGAIN) {
        if (poll(pollers, 2, -1) < 0 && errno != EINTR)
            return AVERROR(errno);
        if (pollers[0].revents != 0)
            return AVERROR_EXIT;
        if (pollers[1].revents != 0)
            n = frame_input_read(source->input, to, (size_t)size);
    }
    if (n < 0)
        return AVERROR((int)-n);
    return n > 0 ? (int)n : AVERROR_EOF;
}

static int64_t seek(void *data, int64_t offset, int whence)
{
    struct av_source *source = data;
    off_t now, end;

    if ((whence & ~AVSEEK_FORCE) != AVSEEK_SIZE) {
        now = lseek(source->input->fd, offset, whence & ~AVSEEK_FORCE);
        return now >= 0 ? now : AVERROR(errno);
    }
    now = lseek(source->input->fd, 0, SEEK_CUR);
    end = lseek(source->input->fd, 0, SEEK_END);
    if (now < 0 || end < 0 || lseek(source->input->fd, now, SEEK_SET) < 0)
        return AVERROR(errno);
    return end;
}

/* What a playlist or the like would open. */
static int refuse(AVFormatContext *format, AVIOContext **io, const char *url, int flags,
                  AVDictionary **options)
{
    return AVERROR(EACCES);
}

/* What 'r' was about, if nobody has said it yet. */
static int failed(struct av_source *source, int r)
{
    if (is_cancelled(source))
        return -ECANCELED;
    if (source->wrong == NULL)
        source->wrong = av_library_text(source->av, r, source->text);
    return av_library_failure(r);
}

static int open_io(struct av_source *source)
{
    bool stream = frame_input_is_stream(source->input);
    uint8_t *buffer = source->av->av_malloc(IO_BYTES);

    if (buffer == NULL)
        return AVERROR(ENOMEM);
    source->io = source->av->avio_alloc_context(buffer, IO_BYTES, 0, source, read_some, NULL,
                                                stream ? NULL : seek);
    if (source->io == NULL) {
        source->av->av_free(buffer);
        return AVERROR(ENOMEM);
    }
    source->format = source->av->avformat_alloc_context();
    if (source->format == NULL)
        return AVERROR(ENOMEM);
    source->format->pb = source->io;
    source->format->io_open = refuse;
    source->format->probesize = MAX_PROBE;
    source->format->interrupt_callback = (AVIOInterruptCB){interrupt, source};
    /* Frees the context when it fails. */
    return source->av->avformat_open_input(&source->format, NULL, NULL, NULL);
}

static int threads(void)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    return processors < 1 ? 1 : processors < MOST_THREADS ? (int)processors : MOST_THREADS;
}

static int open_codec(struct av_source *source)
{
    const AVCodec *codec = NULL;
    int r = source->av->av_find_best_stream(source->format, AVMEDIA_TYPE_VIDEO, -1, -1, &codec, 0);

    if (r < 0) {
        source->wrong = r == AVERROR_DECODER_NOT_FOUND ? "there is no decoder for its video"
                                                       : "there is no video in it";
        return r;
    }
    source->stream = r;
    source->codec = source->av->avcodec_alloc_context3(codec);
    source->packet = source->av->av_packet_alloc();
    if (source->codec == NULL || source->packet == NULL)
        return AVERROR(ENOMEM);
    r = source->av->avcodec_parameters_to_context(source->codec,
                                                  source->format->streams[r]->codecpar);
    source->codec->thread_count = threads();
    source->codec->max_pixels = MAX_PIXELS;
    return r < 0 ? r : source->av->avcodec_open2(source->codec, codec, NULL);
}

int av_source_init(struct av_source *source, const struct av_library *av, struct frame_input *input,
                   int cancel)
{
    int r;

    *source = (struct av_source){.av = av, .input = input, .cancel = cancel};
    r = open_io(source);
    if (r >= 0)
        r = av->avformat_find_stream_info(source->format, NULL);
    if (r >= 0)
        r = open_codec(source);
    if (r < 0)
        return failed(source, r);
    for (unsigned i = 0; i < source->format->nb_streams; i++)
        if ((int)i != source->stream)
            source->format->streams[i]->discard = AVDISCARD_ALL;
    return 0;
}

void av_source_finish(struct av_source *source)
{
    const struct av_library *av = source->av;

    if (av == NULL)
        return;
    av->avcodec_free_context(&source->codec);
    av->av_packet_free(&source->packet);
    av->avformat_close_input(&source->format);
    if (source->io != NULL)
        av->av_freep(&source->io->buffer);
    av->avio_context_free(&source->io);
}

/* Gives the decoder something more. 0 or FFmpeg's error. */
static int feed(struct av_source *source)
{
    int r = source->av->av_read_frame(source->format, source->packet);

    if (r == AVERROR(EAGAIN))
        return 0;
    if (r < 0) {
        source->drained = true;
        return source->av->avcodec_send_packet(source->codec, NULL);
    }
    if (source->packet->stream_index == source->stream)
        r = source->av->avcodec_send_packet(source->codec, source->packet);
    source->av->av_packet_unref(source->packet);
    if (r < 0)
        log_debug("file: a packet cannot be decoded: error %d", r);
    return 0;
}

int av_source_next(struct av_source *source, AVFrame *frame)
{
    int r = AVERROR(EAGAIN);

    while (!is_cancelled(source)) {
        r = source->av->avcodec_receive_frame(source->codec, frame);
        if (r == 0)
            return 0;
        if (r == AVERROR_EOF)
            return -ENODATA;
        if (r != AVERROR(EAGAIN) && source->drained)
            return failed(source, r);
        if (!source->drained)
            feed(source);
    }
    return -ECANCELED;
}

AVRational av_source_rate(const struct av_source *source)
{
    return source->av->av_guess_frame_rate(source->format, source->format->streams[source->stream],
                                           NULL);
}

void av_source_describe(const struct av_source *source, char *text, size_t size)
{
    snprintf(text, size, "%s / %s", source->format->iformat->name,
             source->av->avcodec_get_name(source->codec->codec_id));
}
