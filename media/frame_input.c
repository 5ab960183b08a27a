/* SPDX-License-Identifier: MIT */
#include "media/frame_input.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"

/* Of a FIFO, if the kernel gives it: fewer turns for each frame. */
#define PIPE_BYTES (1 << 20)

void frame_input_init(struct frame_input *input, const char *path)
{
    *input = (struct frame_input){.path = path, .fd = -1};
}

void frame_input_finish(struct frame_input *input)
{
    fd_close(&input->fd);
    input->from = input->to = 0;
}

/* Somebody listens there: a descriptor or -errno. */
static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd, r;

    if (strlen(path) >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)(const void *)&address, sizeof(address)) == 0)
        return fd;
    r = -errno;
    close(fd);
    return r;
}

/* A descriptor and what it is, or -errno. O_NONBLOCK: else a FIFO waits for a writer. */
static int open_path(const char *path, enum frame_input_kind *kind)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    struct stat st;

    if (fd < 0 && errno == ENXIO) {
        *kind = FRAME_INPUT_SOCKET;
        return connect_to(path);
    }
    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        *kind = FRAME_INPUT_FILE;
        return fd;
    }
    if (S_ISFIFO(st.st_mode)) {
        *kind = FRAME_INPUT_FIFO;
        fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES);
        return fd;
    }
    close(fd);
    return -EINVAL;
}

int frame_input_open(struct frame_input *input)
{
    enum frame_input_kind kind = input->kind;
    int fd;

    /* The old end of a socket or a file first; of a FIFO last. */
    if (input->kind != FRAME_INPUT_FIFO)
        fd_close(&input->fd);
    input->from = input->to = 0;
    fd = open_path(input->path, &kind);
    if (fd < 0) {
        if (input->fd < 0)
            input->kind = kind;
        return fd;
    }
    fd_close(&input->fd);
    input->fd = fd;
    input->kind = kind;
    return 0;
}

int frame_input_reach(struct frame_input *input)
{
    struct stat st;

    if (stat(input->path, &st) < 0 || !S_ISSOCK(st.st_mode))
        return frame_input_open(input);
    input->kind = FRAME_INPUT_SOCKET;
    return 0;
}

bool frame_input_is_stream(const struct frame_input *input)
{
    return input->kind != FRAME_INPUT_FILE;
}

static ssize_t read_some(struct frame_input *input, void *to, size_t size)
{
    ssize_t n;

    do
        n = read(input->fd, to, size);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

ssize_t frame_input_read(struct frame_input *input, void *to, size_t size)
{
    size_t seen = input->to - input->from;

    if (seen == 0)
        return read_some(input, to, size);
    if (seen > size)
        seen = size;
    memcpy(to, input->ahead + input->from, seen);
    frame_input_take(input, seen);
    return (ssize_t)seen;
}

ssize_t frame_input_skip(struct frame_input *input, uint64_t size)
{
    const uint8_t *at;
    size_t seen = frame_input_seen(input, &at);
    ssize_t n = (ssize_t)seen;

    if (seen == 0)
        n = frame_input_look(input, &at);
    if (n <= 0)
        return n;
    if ((uint64_t)n > size)
        n = (ssize_t)size;
    frame_input_take(input, (size_t)n);
    return n;
}

size_t frame_input_seen(const struct frame_input *input, const uint8_t **at)
{
    *at = input->ahead + input->from;
    return input->to - input->from;
}

ssize_t frame_input_look(struct frame_input *input, const uint8_t **at)
{
    ssize_t n;

    if (input->from > 0) {
        memmove(input->ahead, input->ahead + input->from, input->to - input->from);
        input->to -= input->from;
        input->from = 0;
    }
    if (input->to == sizeof(input->ahead))
        return -EMSGSIZE;
    n = read_some(input, input->ahead + input->to, sizeof(input->ahead) - input->to);
    if (n <= 0)
        return n;
    input->to += (size_t)n;
    *at = input->ahead;
    return (ssize_t)input->to;
}

void frame_input_take(struct frame_input *input, size_t size)
{
    assert(size <= input->to - input->from);
    input->from += size;
}

const char *frame_input_reason(int error)
{
    switch (-error) {
    case EINVAL:
        return "it is neither a file, a FIFO nor a unix socket";
    case ENOENT:
        return "there is no such file; make a FIFO with mkfifo before the device starts";
    case ECONNREFUSED:
        return "nobody listens at this socket";
    case EACCES:
        return "this user may not read it";
    default:
        return strerror(-error);
    }
}
