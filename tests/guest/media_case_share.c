/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "media_case.h"

/* Cases with more than one client: who owns the queue, and what is left of one that dies. */

static int expect(const char *what, int got, int wanted)
{
    if (got == wanted)
        return 0;
    fprintf(stderr, "media: %s: %s, expected: %s\n", what, got ? strerror(-got) : "success",
            wanted ? strerror(-wanted) : "success");
    return 1;
}

static int request(struct media_client *client, uint32_t session, uint32_t type, uint32_t count)
{
    struct v4l2_requestbuffers req = {.count = count, .type = type, .memory = V4L2_MEMORY_MMAP};

    return media_client_ioctl(client, session, VIDIOC_REQBUFS, &req, sizeof(req));
}

/* What the second may do, and what not, while the first owns the queue. */
static int while_owned(struct media_client *client, uint32_t session, struct v4l2_format *format)
{
    uint32_t type = format->type;
    struct v4l2_fmtdesc desc = {.type = type};
    struct media_frame_info info;
    struct media_stream shape = {.type = type};
    int bad = 0;

    bad += expect("ENUM_FMT of the second",
                  media_client_ioctl(client, session, VIDIOC_ENUM_FMT, &desc, sizeof(desc)), 0);
    bad += expect("G_FMT of the second",
                  media_client_ioctl(client, session, VIDIOC_G_FMT, format, sizeof(*format)), 0);
    bad += expect("TRY_FMT of the second",
                  media_client_ioctl(client, session, VIDIOC_TRY_FMT, format, sizeof(*format)), 0);
    bad +=
        expect("S_FMT of the second",
               media_client_ioctl(client, session, VIDIOC_S_FMT, format, sizeof(*format)), -EBUSY);
    bad += expect("REQBUFS of the second", request(client, session, type, 4), -EBUSY);
    bad += expect("REQBUFS 0 of the second", request(client, session, type, 0), -EBUSY);
    shape.check.multi_planar = type == V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE;
    shape.planes = shape.check.multi_planar ? format->fmt.pix_mp.num_planes : 1;
    bad += expect("QBUF of the second",
                  media_client_ioctl(client, session, VIDIOC_QBUF, &info,
                                     media_stream_buffer(&shape, 0, &info)),
                  -EBUSY);
    bad +=
        expect("STREAMON of the second",
               media_client_ioctl(client, session, VIDIOC_STREAMON, &type, sizeof(type)), -EBUSY);
    bad +=
        expect("STREAMOFF of the second",
               media_client_ioctl(client, session, VIDIOC_STREAMOFF, &type, sizeof(type)), -EBUSY);
    return bad;
}

/* Runs 'frames' frames from the start to the end of a session. */
static int short_run(struct media_case *c, struct media_client *client, unsigned frames)
{
    static struct media_stream stream;
    int rc = media_stream_begin(&stream, client, &c->place, &c->ask), end;
    unsigned index;

    if (!rc)
        rc = media_stream_buffers(&stream, c->buffers);
    if (!rc)
        rc = media_stream_start(&stream);
    for (unsigned i = 0; i < frames && !rc; i++)
        rc = media_stream_next(&stream, false, &index);
    if (!rc)
        rc = media_stream_stop(&stream);
    end = media_stream_end(&stream);
    return rc || end || media_check_bad(&stream.check);
}

/* The second process: tries while the first owns the queue, then takes over. */
static int second(struct media_case *c, int from, int to)
{
    struct v4l2_format format = {.type = 0};
    struct media_client client;
    uint32_t session;
    char byte = 0;
    int bad;

    media_case_close_sockets(c, 1);
    if (media_case_client(c, 1, &client) || media_client_open(&client, &session))
        return 1;
    if (read(from, &format.type, sizeof(format.type)) != sizeof(format.type))
        return 1;
    bad = while_owned(&client, session, &format);
    if (write(to, &byte, 1) != 1 || read(from, &byte, 1) != 1)
        return 1;
    /* The first has given its buffers back, and holds its session still. */
    bad +=
        expect("REQBUFS after the first's REQBUFS 0", request(&client, session, format.type, 2), 0);
    if (write(to, &byte, 1) != 1 || read(from, &byte, 1) != 1)
        return 1;
    bad += expect("REQBUFS 0 of the owner", request(&client, session, format.type, 0), 0);
    if (write(to, &byte, 1) != 1 || read(from, &byte, 1) != 1)
        return 1;
    /* The first has taken buffers again and is gone without a word. */
    bad += expect("REQBUFS after the first is gone", request(&client, session, format.type, 0), 0);
    bad += short_run(c, &client, 10);
    bad += expect("CLOSE of the second", media_client_close(&client, session), 0);
    media_client_finish(&client);
    return bad != 0;
}

/* Waits until the driver holds no more than this many sessions and mappings. */
static int await_state(struct media_client *client, uint32_t sessions, uint32_t mappings)
{
    struct media_state state;

    for (unsigned i = 0; i < 500; i++) {
        int rc = media_client_state(client, &state);

        if (rc)
            return expect("the driver's state", rc, 0);
        if (state.sessions <= sessions && state.mappings <= mappings)
            return 0;
        usleep(10000);
    }
    fprintf(stderr, "media: %u sessions and %u mappings are left\n", state.sessions,
            state.mappings);
    return 1;
}

/* The first process: owner, then not, then refused itself, then owner again until it ends. */
static int first(struct media_case *c, int from, int to)
{
    static struct media_stream stream;
    struct media_client client;
    char byte = 0;
    int bad = 0;

    if (media_case_client(c, 0, &client))
        return 1;
    if (media_stream_begin(&stream, &client, &c->place, &c->ask) ||
        media_stream_buffers(&stream, c->buffers) || media_stream_start(&stream))
        return 1;
    bad += expect("S_FMT of the owner with buffers",
                  media_client_ioctl(&client, stream.session, VIDIOC_S_FMT, &stream.format,
                                     sizeof(stream.format)),
                  -EBUSY);
    if (write(to, &stream.type, sizeof(stream.type)) < 0 || read(from, &byte, 1) != 1)
        return 1;
    bad += media_stream_stop(&stream) != 0;
    if (write(to, &byte, 1) != 1 || read(from, &byte, 1) != 1)
        return 1;
    bad += expect("REQBUFS of the first, now the second's",
                  request(&client, stream.session, stream.type, 2), -EBUSY);
    if (write(to, &byte, 1) != 1 || read(from, &byte, 1) != 1)
        return 1;
    bad += media_stream_buffers(&stream, 2) != 0;
    /* No CLOSE: the driver sees the end of the process. */
    media_client_finish(&client);
    return bad != 0;
}

int media_case_busy(struct media_case *c)
{
    int there[2], back[2], status = 0, rc;
    struct media_client watcher;
    char byte = 0;
    pid_t pid;

    if (pipe(there) || pipe(back))
        return expect("pipe", -errno, 0);
    pid = fork();
    if (!pid) {
        close(there[1]);
        close(back[0]);
        _exit(second(c, there[0], back[1]));
    }
    close(there[0]);
    close(back[1]);
    close(c->sockets[1]);
    c->sockets[1] = -1;
    signal(SIGPIPE, SIG_IGN);
    rc = first(c, back[0], there[1]);
    if (!rc && !media_case_client(c, 2, &watcher)) {
        /* The second has a session, and nothing mapped, when the first is buried. */
        rc = await_state(&watcher, 1, 0);
        media_client_finish(&watcher);
    }
    if (!rc && write(there[1], &byte, 1) != 1)
        rc = 1;
    close(there[1]);
    waitpid(pid, &status, 0);
    close(back[0]);
    printf("@@ first=%d second=%d\n", rc, status);
    return rc || status;
}

/* Streams until it is killed; says so on the pipe once frames flow. */
static void victim(struct media_case *c, unsigned socket, int to)
{
    static struct media_stream stream;
    struct media_client client;
    unsigned index;
    char byte = 0;

    media_case_close_sockets(c, socket);
    if (media_case_client(c, socket, &client) ||
        media_stream_begin(&stream, &client, &c->place, &c->ask) ||
        media_stream_buffers(&stream, c->buffers) || media_stream_start(&stream))
        _exit(1);
    for (unsigned i = 0;; i++) {
        if (media_stream_next(&stream, false, &index) || media_check_bad(&stream.check))
            _exit(1);
        if (i == 10 && write(to, &byte, 1) != 1)
            _exit(1);
    }
}

static int kill_one(struct media_case *c, unsigned socket)
{
    int to[2], status;
    char byte;
    pid_t pid;

    if (pipe(to))
        return 1;
    pid = fork();
    if (!pid) {
        close(to[0]);
        victim(c, socket, to[1]);
    }
    close(to[1]);
    close(c->sockets[socket]);
    c->sockets[socket] = -1;
    if (read(to[0], &byte, 1) != 1)
        fprintf(stderr, "media: the client to be killed does not stream\n");
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    close(to[0]);
    return !(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

int media_case_killed(struct media_case *c)
{
    struct media_client client;
    unsigned round;
    int rc = 0;

    if (media_case_client(c, 0, &client))
        return 1;
    for (round = 0; round + 1 < MEDIA_CASE_SOCKETS && !rc; round++) {
        rc = kill_one(c, round + 1);
        if (!rc)
            rc = await_state(&client, 0, 0);
        if (!rc)
            rc = short_run(c, &client, 30);
        if (!rc)
            rc = await_state(&client, 0, 0);
    }
    media_client_finish(&client);
    printf("@@ killed=%u\n", round);
    return rc;
}
