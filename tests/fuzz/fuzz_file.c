/* SPDX-License-Identifier: MIT */
#include "fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "media/frame_input.h"
#include "media/frame_reader.h"
#include "media/y4m.h"

/*
 * A file, and a FIFO that is fed in pieces, with anything in them, as Y4M or as raw frames. What
 * must hold: no frame is larger than its memory (of just its size, so that a sanitizer sees it),
 * what is called a frame is one, every file comes to an end, and file and FIFO tell of the same
 * frames.
 */
#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)
#define MOST_PIXELS (1u << 20) /* larger pictures are not taken: it is for speed */

struct tale {
    unsigned frames;
    uint64_t sum;
    enum frame_outcome end;
};

/* One frame, as the format that 'how' picks among those that can be made. */
static enum frame_outcome take(struct frame_reader *reader, struct tale *tale, uint8_t *memory)
{
    const struct picture *picture = &reader->shape.picture;
    uint64_t size = picture_size(picture);
    uint8_t *planes[PICTURE_MAX_PLANES] = {memory};
    enum frame_outcome outcome = reader->impl->take(reader, picture, planes);

    if (outcome != FRAME_READY)
        return outcome;
    tale->frames++;
    for (uint64_t i = 0; i < size; i++)
        tale->sum = tale->sum * 31 + memory[i];
    return FRAME_READY;
}

/* Goes on until nothing is left to read. */
static void read_on(struct frame_reader *reader, struct tale *tale, uint8_t **memory,
                    uint64_t *room)
{
    unsigned steps = 0;

    do {
        tale->end = reader->impl->next(reader);
        if (tale->end != FRAME_READY)
            continue;
        MUST(reader->shape.known && reader->shape.picture.width > 0);
        if ((uint64_t)reader->shape.picture.width * reader->shape.picture.height > MOST_PIXELS) {
            tale->end = FRAME_OTHER;
            break;
        }
        if (*room != picture_size(&reader->shape.picture)) { /* keeps a frame that is begun */
            *room = picture_size(&reader->shape.picture);
            *memory = realloc(*memory, *room);
        }
        tale->end = take(reader, tale, *memory);
    } while ((tale->end == FRAME_READY || tale->end == FRAME_AGAIN) && ++steps < 100000);
    MUST(steps < 100000);
}

static struct tale read_file(const struct frame_reader_options *options, const uint8_t *data,
                             size_t size)
{
    struct frame_reader_options wish = *options;
    struct frame_reader *reader;
    struct tale tale = {0};
    uint8_t *memory = NULL;
    uint64_t room = 0;
    char path[64];
    int fd = memfd_create("fuzz", MFD_CLOEXEC);

    MUST(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    wish.path = path;
    reader = raw_reader_create(&wish);
    MUST(reader->impl->open(reader) == 0 && !reader->stream);
    read_on(reader, &tale, &memory, &room);
    MUST(tale.end != FRAME_WAIT && tale.end != FRAME_GONE && tale.end != FRAME_READY);
    reader->impl->destroy(reader);
    free(memory);
    close(fd);
    return tale;
}

/* The pieces' sizes come from the data too. */
static struct tale read_fifo(const struct frame_reader_options *options, const uint8_t *data,
                             size_t size)
{
    static char path[64];
    struct frame_reader_options wish = *options;
    struct frame_reader *reader;
    struct tale tale = {.end = FRAME_WAIT};
    uint8_t *memory = NULL;
    uint64_t room = 0;
    int ends[2];

    MUST(pipe2(ends, O_CLOEXEC) == 0);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", ends[0]);
    wish.path = path;
    reader = raw_reader_create(&wish);
    MUST(reader->impl->open(reader) == 0 && reader->stream);
    close(ends[0]);
    for (size_t at = 0; at < size && tale.end == FRAME_WAIT;) {
        size_t piece = data[at] * 7u % 1900u + 1;

        piece = piece < size - at ? piece : size - at;
        MUST(write(ends[1], data + at, piece) == (ssize_t)piece);
        at += piece;
        read_on(reader, &tale, &memory, &room);
    }
    close(ends[1]);
    if (tale.end == FRAME_WAIT)
        read_on(reader, &tale, &memory, &room);
    MUST(tale.end == FRAME_GONE || tale.end == FRAME_BAD || tale.end == FRAME_OTHER);
    reader->impl->destroy(reader);
    free(memory);
    return tale;
}

/* A FIFO's next writer may begin anew, which is wrong in a file. */
static bool begins_twice(const uint8_t *data, size_t size)
{
    static const char magic[] = "YUV4MPEG2";
    const uint8_t *first = memmem(data, size, magic, sizeof(magic) - 1);

    return first != NULL &&
           memmem(first + 1, size - (size_t)(first + 1 - data), magic, sizeof(magic) - 1) != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct frame_reader_options options = {0};
    struct tale file, fifo;
    struct y4m y4m;

    if (size < 2 || size > 60000)
        return 0;
    if (y4m_parse(&y4m, (const char *)data + 1, size - 1) == NULL)
        MUST(picture_size(&y4m.picture) > 0 && y4m.picture.width <= PICTURE_MAX_SIDE);
    if (data[0] % 4 == 0) {
        options.raw = pixel_format_at(data[1] % 10u);
        if (options.raw->planes > 1) /* no file has it */
            options.raw = pixel_format_find(V4L2_PIX_FMT_NV12);
        options.width = 2 + data[1] / 10 * 2u;
        options.height = 2 + data[1] % 16 * 2u;
    }
    file = read_file(&options, data + 1, size - 1);
    fifo = read_fifo(&options, data + 1, size - 1);
    if (!begins_twice(data + 1, size - 1)) {
        MUST(file.frames == fifo.frames && file.sum == fifo.sum);
        MUST((file.end == FRAME_BAD) == (fifo.end == FRAME_BAD));
    }
    options.loop = true; /* ends only where there is no frame: then as without */
    if (file.frames == 0)
        MUST(read_file(&options, data + 1, size - 1).frames == 0);
    return 0;
}

/* A stream that is right, more or less. */
void fuzz_shape(uint8_t *data, size_t size, uint64_t (*next)(void))
{
    static const char *const lines[] = {
        "YUV4MPEG2 W16 H8 F25:1 C420jpeg\n", "YUV4MPEG2 W8 H16 C422 XA=B\n",
        "YUV4MPEG2 H2 W2 Cmono F0:0\n",      "YUV4MPEG2 W9999999999 H2\n",
        "YUV4MPEG2 W16384 H16384\n",         "YUV4MPEG2 W4 H4 F:\n",
    };
    uint64_t what = next();
    const char *line = lines[what % 6];
    size_t at = 1, bytes = what % 6 == 2 ? 4 : what % 6 == 1 ? 256 : 192;

    if (size < 64)
        return;
    memcpy(data + at, line, strlen(line));
    at += strlen(line);
    while (at + 6 + bytes < size && (what = next()) % 64 != 0) {
        memcpy(data + at, what % 32 == 1 ? "FRAMO\n" : "FRAME\n", 6);
        at += 6 + bytes;
    }
}
