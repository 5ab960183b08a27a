/* SPDX-License-Identifier: MIT */
#include "soak_load.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/session/gpu_story.h"
#include "tests/session/media_story.h"

#define KEPT_SIZE (256u << 10)

/* Another door, worker and, if there is a new one, program take over from those of now. */
static pid_t begin(struct story *s)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid != 0)
        return pid;
    dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDOUT_FILENO);
    execl(getenv("HOSTBLOB"), "hostblob", "upgrade", s->daemon.control_path, NULL);
    _exit(127);
}

/* Whether it still goes on. */
static bool goes_on(struct story *s, pid_t pid)
{
    int status;

    if (waitpid(pid, &status, WNOHANG) == 0)
        return true;
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    s->daemon.pid = (pid_t)daemon_process_number(&s->daemon, "/door/pid");
    return false;
}

void soak_gpu_upgrade(struct story *s, unsigned long turn)
{
    unsigned long seed = turn;
    pid_t pid;

    story_join(s);
    gpu_story_bind(s);
    gpu_story_create_mapped(s, 1, KEPT_SIZE, MIB);
    gpu_story_create_mapped(s, 2, KEPT_SIZE, 2 * MIB);
    gpu_story_verify_down(s, 1, MIB, KEPT_SIZE, turn);
    pid = begin(s);
    do {
        gpu_story_verify_down(s, 2, 2 * MIB, KEPT_SIZE, ++seed);
    } while (goes_on(s, pid));
    assert_true(gpu_story_sees(s, MIB, KEPT_SIZE, turn));
    gpu_story_verify_up(s, 1, MIB, KEPT_SIZE, seed);
    story_leave(s);
}

void soak_media_upgrade(struct story *s, unsigned long turn)
{
    struct stream stream;
    pid_t pid;

    story_join(s);
    assert_int_equal(media_guest_post_events(&s->frontend, EVENTS), 0);
    begin_stream(s, &stream, WIDTH, HEIGHT, BUFFERS + 4);
    pid = begin(s);
    do {
        take_frame(s, &stream);
    } while (goes_on(s, pid));
    take_frame(s, &stream);
    story_leave(s);
}
