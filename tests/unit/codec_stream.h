/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_CODEC_STREAM_H
#define TESTS_UNIT_CODEC_STREAM_H

/*
 * Compressed streams and their pictures, made by the ffmpeg program while the test runs. Where the
 * program or the encoder is missing, codec_stream_make says so and the test is skipped.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ring_driver.h"

#include "media/av_library.h"

#define CODEC_STREAM_MAX 512u

struct codec_packet {
    uint8_t *data;
    uint32_t size;
};

struct codec_stream {
    char path[64];
    struct codec_packet packets[CODEC_STREAM_MAX];
    unsigned count;
    uint8_t *pictures; /* as ffmpeg decodes them */
    size_t picture_bytes;
};

static inline const struct av_library *codec_stream_library(void)
{
    const char *why;
    const struct av_library *av = av_library_load(AV_LIBRARY_FORMAT | AV_LIBRARY_SCALE, &why);

    RING_DRIVER_MUST(av != NULL);
    return av;
}

static inline bool codec_stream_shell(const char *command)
{
    int status = system(command);

    if (status != 0)
        fprintf(stderr, "%s: status %d\n", command, status);
    return status == 0;
}

static inline uint8_t *codec_stream_slurp(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data;
    long end;

    RING_DRIVER_MUST(file != NULL && fseek(file, 0, SEEK_END) == 0);
    end = ftell(file);
    RING_DRIVER_MUST(end >= 0);
    rewind(file);
    data = malloc((size_t)end + 1);
    RING_DRIVER_MUST(data != NULL && fread(data, 1, (size_t)end, file) == (size_t)end);
    fclose(file);
    *size = (size_t)end;
    return data;
}

/* Takes the stream's file apart: one access unit is a packet. */
static inline void codec_stream_read(struct codec_stream *stream)
{
    const struct av_library *av = codec_stream_library();
    AVPacket *packet = av->av_packet_alloc();
    AVFormatContext *format = NULL;

    RING_DRIVER_MUST(packet != NULL);
    RING_DRIVER_MUST(av->avformat_open_input(&format, stream->path, NULL, NULL) == 0);
    RING_DRIVER_MUST(av->avformat_find_stream_info(format, NULL) >= 0);
    while (av->av_read_frame(format, packet) >= 0) {
        struct codec_packet *to = &stream->packets[stream->count++];

        RING_DRIVER_MUST(stream->count <= CODEC_STREAM_MAX);
        to->size = (uint32_t)packet->size;
        to->data = malloc(to->size);
        RING_DRIVER_MUST(to->data != NULL);
        memcpy(to->data, packet->data, to->size);
        av->av_packet_unref(packet);
    }
    av->avformat_close_input(&format);
    av->av_packet_free(&packet);
}

/* Makes a stream of ffmpeg's test pictures: 'source' are its parameters ("size=320x240:rate=25"),
 * 'how' the options of the encoder and the format ("-c:v libx264 -f h264"), 'frames' how many, and
 * 'layout' what the pictures are to be compared in ("nv12"). False: this machine cannot. */
static inline bool codec_stream_make(struct codec_stream *stream, const char *source,
                                     const char *how, unsigned frames, const char *layout)
{
    char command[512], raw[80];
    int fd;

    *stream = (struct codec_stream){.path = "/tmp/hostblob-stream-XXXXXX"};
    fd = mkstemp(stream->path);
    RING_DRIVER_MUST(fd >= 0);
    close(fd);
    snprintf(raw, sizeof(raw), "%s.raw", stream->path);
    snprintf(command, sizeof(command),
             "ffmpeg -v error -nostdin -y -f lavfi -i testsrc2=%s -frames:v %u %s %s", source,
             frames, how, stream->path);
    if (!codec_stream_shell(command)) {
        unlink(stream->path);
        return false;
    }
    snprintf(command, sizeof(command),
             "ffmpeg -v error -nostdin -y -i %s -fps_mode passthrough -pix_fmt %s -sws_flags "
             "bicubic+accurate_rnd -f rawvideo %s",
             stream->path, layout, raw);
    RING_DRIVER_MUST(codec_stream_shell(command));
    codec_stream_read(stream);
    stream->pictures = codec_stream_slurp(raw, &stream->picture_bytes);
    unlink(raw);
    unlink(stream->path);
    return true;
}

/* 'other' follows; it is empty then. */
static inline void codec_stream_append(struct codec_stream *stream, struct codec_stream *other)
{
    RING_DRIVER_MUST(stream->count + other->count <= CODEC_STREAM_MAX);
    memcpy(&stream->packets[stream->count], other->packets,
           other->count * sizeof(other->packets[0]));
    stream->count += other->count;
    stream->pictures = realloc(stream->pictures, stream->picture_bytes + other->picture_bytes);
    RING_DRIVER_MUST(stream->pictures != NULL);
    memcpy(stream->pictures + stream->picture_bytes, other->pictures, other->picture_bytes);
    stream->picture_bytes += other->picture_bytes;
    free(other->pictures);
    *other = (struct codec_stream){.count = 0};
}

static inline void codec_stream_free(struct codec_stream *stream)
{
    for (unsigned i = 0; i < stream->count; i++)
        free(stream->packets[i].data);
    free(stream->pictures);
    *stream = (struct codec_stream){.count = 0};
}

/* In which order the packets' pictures are shown: order[n] is the packet of picture n. Returns how
 * many pictures there are. */
static inline unsigned codec_stream_order(const struct codec_stream *stream, const char *decoder,
                                          unsigned order[CODEC_STREAM_MAX])
{
    const struct av_library *av = codec_stream_library();
    const AVCodec *codec = av->avcodec_find_decoder_by_name(decoder);
    AVCodecContext *context = av->avcodec_alloc_context3(codec);
    AVPacket *packet = av->av_packet_alloc();
    AVFrame *frame = av->av_frame_alloc();
    unsigned shown = 0;

    RING_DRIVER_MUST(av->avcodec_open2(context, codec, NULL) == 0);
    for (unsigned i = 0; i <= stream->count; i++) {
        if (i < stream->count) {
            RING_DRIVER_MUST(av->av_new_packet(packet, (int)stream->packets[i].size) == 0);
            memcpy(packet->data, stream->packets[i].data, stream->packets[i].size);
            packet->pts = i;
        }
        av->avcodec_send_packet(context, i < stream->count ? packet : NULL);
        av->av_packet_unref(packet);
        while (av->avcodec_receive_frame(context, frame) >= 0) {
            RING_DRIVER_MUST(shown < CODEC_STREAM_MAX);
            order[shown++] = (unsigned)frame->pts;
        }
    }
    av->av_frame_free(&frame);
    av->av_packet_free(&packet);
    av->avcodec_free_context(&context);
    return shown;
}

#endif
