/* SPDX-License-Identifier: MIT */
#include "tests/frontend/daemon_process.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <json-c/json_pointer.h>

#define STATE_SIZE 262144u
#define PATIENCE 10000 /* milliseconds */

/* Reads to the end of the stream. Returns the bytes or -errno. */
static ssize_t read_whole(int fd, char *to, size_t size)
{
    size_t have = 0;

    for (;;) {
        struct pollfd readable = {.fd = fd, .events = POLLIN};
        ssize_t r;

        if (poll(&readable, 1, PATIENCE) <= 0)
            return -ETIMEDOUT;
        r = read(fd, to + have, size - have);
        if (r < 0)
            return -errno;
        if (r == 0)
            return (ssize_t)have;
        have += (size_t)r;
        if (have == size)
            return -E2BIG;
    }
}

struct json_object *daemon_process_state(const struct daemon_process *daemon)
{
    static char text[STATE_SIZE];
    int fd = daemon_process_connect_to(daemon->control_path);
    struct json_object *state = NULL;
    ssize_t size = -EIO;

    if (fd < 0) {
        errno = -fd;
        return NULL;
    }
    /* Nothing more is said: so it does not wait for us to ask. */
    if (shutdown(fd, SHUT_WR) == 0)
        size = read_whole(fd, text, sizeof(text) - 1);
    close(fd);
    if (size >= 0) {
        text[size] = '\0';
        state = json_tokener_parse(text);
        size = -EBADMSG;
    }
    if (state == NULL)
        errno = (int)-size;
    return state;
}

long daemon_process_number(const struct daemon_process *daemon, const char *path)
{
    struct json_object *state = daemon_process_state(daemon), *found = NULL;
    long number = -1;

    if (state != NULL && json_pointer_get(state, path, &found) == 0) {
        if (json_object_is_type(found, json_type_array))
            number = (long)json_object_array_length(found);
        else if (json_object_is_type(found, json_type_int))
            number = (long)json_object_get_int64(found);
    }
    json_object_put(state);
    return number;
}

long daemon_process_await_number(const struct daemon_process *daemon, const char *path,
                                 long expected, int milliseconds)
{
    long number = daemon_process_number(daemon, path);

    for (int waited = 0; number != expected && waited < milliseconds; waited += 10) {
        usleep(10000);
        number = daemon_process_number(daemon, path);
    }
    return number;
}
