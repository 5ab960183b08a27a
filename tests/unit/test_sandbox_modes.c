/* SPDX-License-Identifier: MIT */
/* What a person asks for: a refused call's name, no sandbox, or all of it. And the list that a
 * child takes on. Each in a process of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "sandbox_here.h"

#define SAID 2048u

static int open_a_file(void)
{
    return open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}

/* Runs 'life' in a child; what it logs is in 'said'. The wait status. */
static int live(int (*life)(void), char said[SAID])
{
    int ends[2], status;
    size_t used = 0;
    ssize_t n;
    pid_t pid;

    assert_int_equal(pipe(ends), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(ends[1], STDERR_FILENO);
        _exit(life());
    }
    close(ends[1]);
    while (used < SAID - 1 && (n = read(ends[0], said + used, SAID - 1 - used)) > 0)
        used += (size_t)n;
    said[used] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

/* ---- the log ---- */

static int refused_with_its_name(void)
{
    const struct sandbox_plan plan = {.role = SANDBOX_DOOR, .log = true};
    unsigned layers = 0;

    if (sandbox_filter(&plan, &layers) < 0)
        return 1;
    socket(AF_INET, SOCK_STREAM, 0);
    return 2;
}

static void a_refused_call_is_named(void **state)
{
    char said[SAID];
    int status = live(refused_with_its_name, said);

    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 128 + SIGSYS);
    assert_non_null(strstr(said, "The sandbox refuses system call"));
    assert_non_null(strstr(said, "(socket)"));
}

static int refused_in_silence(void)
{
    const struct sandbox_plan plan = {.role = SANDBOX_DOOR};
    unsigned layers = 0;

    if (sandbox_filter(&plan, &layers) < 0)
        return 1;
    socket(AF_INET, SOCK_STREAM, 0);
    return 2;
}

static void or_the_kernel_ends_it(void **state)
{
    char said[SAID];
    int status = live(refused_in_silence, said);

    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSYS);
    assert_string_equal(said, "");
}

/* ---- modes ---- */

static int without_any(void)
{
    const struct sandbox_plan plan = {.role = SANDBOX_DOOR, .mode = SANDBOX_NONE};
    unsigned layers = 0;

    sandbox_child_prepare(&plan);
    if (sandbox_enter(&plan, &layers) != 0 || layers != 0)
        return 1;
    return open_a_file() >= 0 && sandbox_child_enter() == 0 ? 0 : 2;
}

static void none_is_none(void **state)
{
    char said[SAID];

    assert_int_equal(live(without_any, said), 0);
    assert_string_equal(said, "");
}

/* A host that permits no namespaces, as many containers. */
static bool forbid_namespaces(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    bool done = filter != NULL &&
                seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(unshare), 0) == 0 &&
                seccomp_load(filter) == 0;

    seccomp_release(filter);
    return done;
}

static int confined(enum sandbox_mode mode)
{
    const struct sandbox_plan plan = {.role = SANDBOX_DOOR, .mode = mode};
    unsigned layers = 0;
    int r;

    if (!forbid_namespaces())
        return 1;
    r = sandbox_enter(&plan, &layers);
    if ((layers & (SANDBOX_NAMESPACES | SANDBOX_ROOT)) != 0)
        return 2;
    if (mode == SANDBOX_STRICT)
        return r == -EPERM && (layers & SANDBOX_SECCOMP) == 0 ? 0 : 3;
    return r == 0 && (layers & SANDBOX_SECCOMP) != 0 ? 0 : 4;
}

static int confined_auto(void)
{
    return confined(SANDBOX_AUTO);
}

static int confined_strict(void)
{
    return confined(SANDBOX_STRICT);
}

static void auto_says_what_it_gives_up(void **state)
{
    char said[SAID];

    assert_int_equal(live(confined_auto, said), 0);
    assert_non_null(strstr(said, "The sandbox of the door does without namespaces ("));
    assert_non_null(strstr(said, "root (without namespaces: Operation not permitted)"));
}

static void strict_refuses_and_says_what_helps(void **state)
{
    char said[SAID];

    assert_int_equal(live(confined_strict, said), 0);
    assert_non_null(strstr(said, "The sandbox of the door cannot be built: namespaces ("));
    assert_non_null(strstr(said, "To have it, permit user namespaces"));
    assert_non_null(strstr(said, "--sandbox=auto goes on without."));
}

/* ---- a program that is started ---- */

static int as_a_child(void)
{
    const struct sandbox_plan plan = {.role = SANDBOX_GPU_VENUS};

    sandbox_child_prepare(&plan);
    /* Not yet: it is for who is started. */
    if (socket(AF_INET, SOCK_STREAM, 0) < 0)
        return 2;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || sandbox_child_enter() != 0)
        return 3;
    return socket(AF_INET, SOCK_STREAM, 0) < 0 && errno == EPERM ? 0 : 4;
}

static void a_child_takes_on_its_list(void **state)
{
    char said[SAID];

    assert_int_equal(live(as_a_child, said), 0);
    assert_string_equal(said, "");
}

/* ---- paths ---- */

static int too_many_paths(void)
{
    struct sandbox_plan plan = {.role = SANDBOX_MEDIA_FILE};

    sandbox_allow(&plan, "no/absolute/path", SANDBOX_READ);
    for (unsigned i = 0; i < SANDBOX_PATHS + 1; i++)
        sandbox_allow(&plan, "/tmp", SANDBOX_READ);
    return plan.path_count == SANDBOX_PATHS ? 0 : 1;
}

static void paths_without_a_place_are_told(void **state)
{
    char said[SAID];

    assert_int_equal(live(too_many_paths, said), 0);
    assert_non_null(strstr(said, "leaves out no/absolute/path: it is no absolute path"));
    assert_non_null(strstr(said, "leaves out /tmp: there is no room for it"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refused_call_is_named),
        cmocka_unit_test(or_the_kernel_ends_it),
        cmocka_unit_test(none_is_none),
        cmocka_unit_test(auto_says_what_it_gives_up),
        cmocka_unit_test(strict_refuses_and_says_what_helps),
        cmocka_unit_test(a_child_takes_on_its_list),
        cmocka_unit_test(paths_without_a_place_are_told),
    };

    if (!sandbox_is_here("seccomp"))
        return 77;
    log_init("test", NULL, LOG_LEVEL_INFO);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
