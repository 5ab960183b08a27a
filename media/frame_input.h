/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_FRAME_INPUT_H
#define MEDIA_FRAME_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Where bytes come from: a regular file, a FIFO, or a unix socket that somebody listens at. Nothing
 * here waits, except for the disk that a regular file lies on.
 */
enum frame_input_kind { FRAME_INPUT_FILE, FRAME_INPUT_FIFO, FRAME_INPUT_SOCKET };

#define FRAME_INPUT_AHEAD 4096u

struct frame_input {
    const char *path; /* borrowed */
    enum frame_input_kind kind;
    int fd;                           /* owned; -1 while it is not open */
    uint8_t ahead[FRAME_INPUT_AHEAD]; /* read, but not taken: bytes 'from' to 'to' */
    size_t from, to;
};

/* An input that is not open. */
void frame_input_init(struct frame_input *input, const char *path);
void frame_input_finish(struct frame_input *input);
/*
 * Opens it, or opens it anew from its beginning: a FIFO for the next writer, a socket by connecting
 * again. A FIFO is never without a reader meanwhile, so what its next writer has written is not
 * lost. 0; -EINVAL when it is something else; -errno: then it is not open, except for a FIFO that
 * was.
 */
int frame_input_open(struct frame_input *input);
/* Sees what it is, and whether it can be had, and disturbs nobody who uses it: a socket is not
 * connected, of a FIFO nothing is read. As frame_input_open, which comes before any byte. */
int frame_input_reach(struct frame_input *input);
/* Whether a descriptor can wait for its bytes; else it is a regular file, which ends where it ends.
 */
bool frame_input_is_stream(const struct frame_input *input);

/* Bytes into 'to': how many, 0 at the end (of a stream: its writer has gone), -EAGAIN when there
 * are none yet, -errno. Of a stream only, when bytes of it can still come. */
ssize_t frame_input_read(struct frame_input *input, void *to, size_t size);
/* Passes over bytes, as frame_input_read. */
ssize_t frame_input_skip(struct frame_input *input, uint64_t size);
/* Looks at the next bytes without taking them: *at has more of them each time, up to
 * FRAME_INPUT_AHEAD. How many, of which at least one is new; 0, -EAGAIN, -errno as above, -EMSGSIZE
 * when there is no more room. */
ssize_t frame_input_look(struct frame_input *input, const uint8_t **at);
/* The bytes that were looked at and not taken. */
size_t frame_input_seen(const struct frame_input *input, const uint8_t **at);
/* Takes the first 'size' of them. */
void frame_input_take(struct frame_input *input, size_t size);

/* What a person is to be told of a path that cannot be opened, for 'error' of frame_input_open. */
const char *frame_input_reason(int error);

#endif
