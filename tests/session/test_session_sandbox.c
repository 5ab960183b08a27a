/* SPDX-License-Identifier: MIT */
/* The processes of real devices, looked at from outside and tried from inside. */
#include "gpu_story.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <json-c/json_pointer.h>

#include "tests/frontend/inject.h"

/* ---- from outside ---- */

/* A number of /proc/PID/status; capabilities are in hexadecimal. */
static unsigned long status_of(pid_t pid, const char *key)
{
    char path[64], line[256];
    unsigned long value = ~0ul;
    size_t length = strlen(key);
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    file = fopen(path, "re");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL)
        if (strncmp(line, key, length) == 0 && line[length] == ':')
            value = strtoul(line + length + 1, NULL, key[0] == 'C' ? 16 : 10);
    fclose(file);
    return value;
}

static bool same_namespace(pid_t pid, const char *name)
{
    char path[64], ours[64], theirs[64];
    ssize_t n;

    snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
    n = readlink(path, ours, sizeof(ours) - 1);
    assert_true(n > 0);
    ours[n] = '\0';
    snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, name);
    n = readlink(path, theirs, sizeof(theirs) - 1);
    if (n < 0 && errno == EACCES)
        return false; /* only root may look */
    assert_true(n > 0);
    theirs[n] = '\0';
    return strcmp(ours, theirs) == 0;
}

/* What lies in the process's root; -1: one may not look. */
static int root_entries(pid_t pid)
{
    char path[64];
    int count = 0;
    DIR *dir;

    snprintf(path, sizeof(path), "/proc/%d/root/", (int)pid);
    dir = opendir(path);
    if (dir == NULL)
        return -1;
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir))
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(dir);
    return count;
}

static void sandbox_of(struct story *s, const char *process, char text[128])
{
    struct json_object *state = daemon_process_state(&s->daemon), *found = NULL;
    char path[64];

    snprintf(path, sizeof(path), "/%s/sandbox", process);
    assert_non_null(state);
    assert_int_equal(json_pointer_get(state, path, &found), 0);
    snprintf(text, 128, "%s", json_object_get_string(found));
    json_object_put(state);
}

static pid_t pid_of(struct story *s, const char *process)
{
    char path[64];

    snprintf(path, sizeof(path), "/%s/pid", process);
    return (pid_t)daemon_process_number(&s->daemon, path);
}

static const char *const processes[] = {"starter", "door", "worker"};

/* What can be started, if 'needs' is in what --check finds, and whether its worker needs no path.
 */
struct device {
    const char *program, *needs;
    const char *arguments[5];
    bool no_path;
};

static char film[] = "/tmp/hostblob-film-XXXXXX";
static char film_option[64];

static const struct device devices[] = {
    {STORY_GPU, NULL, {NULL}, true},
    {STORY_GPU, NULL, {"--display=file:."}, false},
    {STORY_MEDIA, NULL, {NULL}, true},
    {STORY_MEDIA, NULL, {"--kind=file", film_option, "--size=16x16", "--file-format=NV12"}, false},
    {STORY_MEDIA, "/kinds/decoder/in", {"--kind=decoder"}, true},
    {STORY_GPU, "/renderers/virgl/in", {"--renderer=virgl"}, false},
    {STORY_GPU, "/renderers/venus/in", {"--renderer=venus"}, false},
};
#define DEVICES (sizeof(devices) / sizeof(devices[0]))

/* What a program says of itself here. */
static bool has(const char *program, const char *path)
{
    struct json_object *json, *found = NULL;
    char text[32768];
    bool in = false;

    story_shell(text, sizeof(text), "%s --check 2>/dev/null", getenv(program));
    json = json_tokener_parse(text);
    if (json != NULL && json_pointer_get(json, path, &found) == 0)
        in = json_object_get_boolean(found);
    json_object_put(json);
    return in;
}

/* False: it cannot be started here. */
static bool start(struct story *s, const struct device *device)
{
    if (device->needs != NULL && !has(device->program, device->needs)) {
        printf("left out: %s\n", device->needs);
        return false;
    }
    s->cast.program = device->program;
    story_start(s, device->arguments);
    printf("%s %s\n", device->program, device->arguments[0] != NULL ? device->arguments[0] : "");
    return true;
}

static void finish(struct story *s)
{
    daemon_process_stop(&s->daemon, 5000);
    daemon_process_finish(&s->daemon, false);
}

static void look_at(struct story *s, const char *process, bool no_path)
{
    static const char *const sets[] = {"CapEff", "CapPrm", "CapInh", "CapAmb"};
    pid_t pid = pid_of(s, process);
    char text[128];

    sandbox_of(s, process, text);
    printf("  %-8s pid %-7d Seccomp %lu NoNewPrivs %lu CapEff %lx net %s mnt %s: %s\n", process,
           (int)pid, status_of(pid, "Seccomp"), status_of(pid, "NoNewPrivs"),
           status_of(pid, "CapEff"), same_namespace(pid, "net") ? "ours" : "own",
           same_namespace(pid, "mnt") ? "ours" : "own", text);
    assert_int_equal(status_of(pid, "Seccomp"), 2);
    assert_int_equal(status_of(pid, "NoNewPrivs"), 1);
    for (unsigned i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
        assert_int_equal(status_of(pid, sets[i]), 0);
    if (strcmp(process, "starter") == 0)
        return;
    assert_non_null(strstr(text, "landlock"));
    if (has(STORY_MEDIA, "/sandbox/namespaces/in"))
        assert_non_null(strstr(text, "namespaces"));
    if (strstr(text, "namespaces") != NULL) {
        assert_false(same_namespace(pid, "net"));
        assert_false(same_namespace(pid, "mnt"));
        assert_false(same_namespace(pid, "ipc"));
    }
    if (no_path && strstr(text, "root") != NULL)
        assert_true(root_entries(pid) <= 0);
}

static void every_process_is_shut_in(void **state)
{
    struct story *s = story(state);

    for (unsigned i = 0; i < DEVICES; i++) {
        if (!start(s, &devices[i]))
            continue;
        assert_int_equal(s->daemon.program, pid_of(s, "starter"));
        for (unsigned p = 0; p < 3; p++)
            look_at(s, processes[p], devices[i].no_path || p < 2);
        finish(s);
    }
    s->ended = true;
}

static void none_is_said(void **state)
{
    const char *const arguments[] = {"--sandbox=none", NULL};
    struct story *s = story(state);
    char text[128];

    story_start(s, arguments);
    for (unsigned i = 0; i < 3; i++) {
        sandbox_of(s, processes[i], text);
        assert_string_equal(text, "none");
        assert_int_equal(status_of(pid_of(s, processes[i]), "Seccomp"), 0);
    }
    assert_true(daemon_process_logged(&s->daemon, "--sandbox=none: "));
    story_end(s);
}

/* ---- from inside ---- */

static const struct {
    const char *what;
    long number;
    unsigned long arguments[4];
    const char *path;
} calls[] = {
    {"open", SYS_openat, {(unsigned long)AT_FDCWD, INJECT_PATH, O_RDONLY}, "/root"},
    {"exec", SYS_execve, {INJECT_PATH}, "/bin/true"},
    {"socket", SYS_socket, {AF_INET, SOCK_STREAM}},
    {"ptrace", SYS_ptrace, {0}},
    {"kill", SYS_kill, {1, 0}},
};
#define CALLS (sizeof(calls) / sizeof(calls[0]))

/* EFAULT, say, would mean that the kernel has looked at the arguments. */
static void assert_refused(pid_t pid, const char *process, unsigned call)
{
    static const unsigned long nothing[4];
    long result;

    if (inject_call(pid, SYS_getpid, nothing, NULL) <= 0)
        fail_msg("process %d cannot be tried", (int)pid);
    result = inject_call(pid, calls[call].number, calls[call].arguments, calls[call].path);
    /* In an empty root there is no such file. */
    if (result == -ENOENT && calls[call].path != NULL)
        result = -EACCES;
    if (result != INJECT_KILLED + SIGSYS && result != -EACCES && result != -EPERM)
        fail_msg("the %s is not refused %s: %ld", process, calls[call].what, result);
    printf("%-8s %-7s %s\n", process, calls[call].what,
           result == INJECT_KILLED + SIGSYS ? "killed by SIGSYS" : strerror((int)-result));
}

/* It dies of most of them, and is replaced. */
static void try_worker(struct story *s)
{
    for (unsigned call = 0; call < CALLS; call++) {
        pid_t worker = story_worker(s);

        assert_refused(worker, "worker", call);
        for (unsigned i = 0;
             i < 500 && pid_of(s, "worker") == worker && !daemon_process_alive(worker); i++)
            usleep(10000);
        story_await(s, "/worker/ready", 1);
    }
    assert_true(daemon_process_logged(&s->daemon, "was killed by its sandbox (SIGSYS"));
}

static void a_worker_is_refused_what_it_may_not(void **state)
{
    struct story *s = story(state);

    for (unsigned i = 0; i < DEVICES; i++) {
        if (!start(s, &devices[i]))
            continue;
        try_worker(s);
        story_join(s);
        story_leave(s);
        finish(s);
    }
    s->ended = true;
}

static void assert_ends(pid_t pid)
{
    for (unsigned i = 0; i < 500 && daemon_process_alive(pid); i++)
        usleep(10000);
    assert_false(daemon_process_alive(pid));
}

/* Neither the starter nor the door is replaced. */
static void try_once(struct story *s, const char *process, unsigned call)
{
    pid_t pid, worker;

    story_start(s, NULL);
    worker = story_worker(s);
    pid = pid_of(s, process);
    assert_refused(pid, process, call);
    /* Who traces its child has reaped it as well. */
    if (pid == s->daemon.program && !daemon_process_alive(pid))
        s->daemon.program = 0;
    daemon_process_stop(&s->daemon, 5000);
    assert_ends(worker);
    daemon_process_finish(&s->daemon, false);
}

static void a_door_is_refused_what_it_may_not(void **state)
{
    struct story *s = story(state);

    for (unsigned call = 0; call < CALLS; call++)
        try_once(s, "door", call);
    s->ended = true;
}

/* It may open and start, but nothing else. */
static void a_starter_is_refused_what_it_may_not(void **state)
{
    struct story *s = story(state);

    for (unsigned call = 2; call < CALLS; call++)
        try_once(s, "starter", call);
    s->ended = true;
}

/* ---- ends ---- */

/* None of the three outlives another, but for the worker's death. */
static void they_end_together(void **state)
{
    struct story *s = story(state);

    for (unsigned which = 0; which < 2; which++) {
        pid_t worker, door;
        int status;

        story_start(s, NULL);
        worker = story_worker(s);
        door = s->daemon.pid;
        kill(which == 0 ? door : s->daemon.program, SIGKILL);
        status = daemon_process_wait(&s->daemon, 5000);
        assert_true(status >= 0);
        if (which == 0) {
            assert_true(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_FAILURE);
            assert_true(daemon_process_logged(&s->daemon, "The door was killed by signal 9"));
            assert_int_not_equal(access(s->daemon.socket_path, F_OK), 0);
        }
        assert_ends(door);
        assert_ends(worker);
        daemon_process_finish(&s->daemon, false);
    }
    s->ended = true;
}

/* ---- a host that lacks a layer ---- */

/* For this process and all that it starts, until its end: so this story is the last. */
static void take_landlock_away(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

    assert_int_equal(
        seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(landlock_create_ruleset), 0), 0);
    assert_int_equal(seccomp_load(filter), 0);
    seccomp_release(filter);
}

static void strict_refuses_what_auto_goes_without(void **state)
{
    static bool taken; /* for good, from this process */
    const char *const strict[] = {"--sandbox=strict", NULL};
    struct story *s = story(state);
    char text[128];

    if (!taken) {
        story_start(s, strict); /* here it can be had */
        finish(s);
        take_landlock_away();
    }
    taken = true;
    story_start(s, NULL);
    sandbox_of(s, "worker", text);
    assert_null(strstr(text, "landlock"));
    assert_non_null(strstr(text, "seccomp"));
    assert_true(daemon_process_logged(&s->daemon, "worker does without landlock"));
    story_join(s);
    story_leave(s);
    finish(s);
    assert_true(daemon_process_start(&s->daemon, s->cast.program, strict) < 0 ||
                daemon_process_wait(&s->daemon, 5000) > 0);
    assert_true(daemon_process_logged(&s->daemon, "cannot be built: landlock"));
    assert_true(daemon_process_logged(&s->daemon, "--sandbox=auto goes on without"));
    s->ended = true;
}

static int make_film(void **state)
{
    int fd = mkstemp(film);

    snprintf(film_option, sizeof(film_option), "--file=%s", film);
    if (fd < 0 || ftruncate(fd, 16 * 16 * 3 / 2 * 10) < 0)
        return -1;
    return close(fd);
}

static int remove_film(void **state)
{
    return unlink(film);
}

int main(void)
{
    const struct CMUnitTest outside[] = {
        STORY(every_process_is_shut_in, gpu_qemu_arena),
        STORY(none_is_said, gpu_qemu_arena),
        STORY(they_end_together, gpu_qemu_arena),
    };
    const struct CMUnitTest inside[] = {
        STORY(a_worker_is_refused_what_it_may_not, media_qemu),
        STORY(a_door_is_refused_what_it_may_not, gpu_qemu_arena),
        STORY(a_door_is_refused_what_it_may_not, media_qemu),
        STORY(a_starter_is_refused_what_it_may_not, media_qemu),
    };
    const struct CMUnitTest without[] = {
        STORY(strict_refuses_what_auto_goes_without, media_qemu),
        STORY(strict_refuses_what_auto_goes_without, gpu_qemu_arena),
    };
    int failed;

    if (!has(STORY_MEDIA, "/sandbox/seccomp/in") || !has(STORY_MEDIA, "/sandbox/landlock/in")) {
        fprintf(stderr, "skipped: no seccomp or no landlock here, or the build is instrumented\n");
        return 77;
    }
    failed = cmocka_run_group_tests(outside, make_film, remove_film);
    snprintf(film, sizeof(film), "/tmp/hostblob-film-XXXXXX");
    if (inject_possible())
        failed += cmocka_run_group_tests(inside, make_film, remove_film);
    else
        fprintf(stderr, "left out: only root, on x86-64, can try from inside\n");
    if (has(STORY_MEDIA, "/sandbox/root/in"))
        failed += cmocka_run_group_tests(without, NULL, NULL);
    return failed;
}
