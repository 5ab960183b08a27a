/* SPDX-License-Identifier: MIT */
/* Every role, taken on in a process of its own by the very functions that the programs use, and
 * what it is then refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/sandbox_parts.h"
#include "sandbox_here.h"

/* What a child ends with; else it is the errno of a call. */
#define IT_WORKED 200
#define NO_SANDBOX 201

static char folder[] = "/tmp/hostblob-sandbox-XXXXXX";
static char inside[64];

typedef int attempt_fn(void);

static int outcome(long result)
{
    return result >= 0 ? IT_WORKED : errno;
}

static int open_a_file(void)
{
    return outcome(open("/etc/passwd", O_RDONLY));
}

static int make_a_file(void)
{
    char path[80];

    snprintf(path, sizeof(path), "%s/new", folder);
    return outcome(open(path, O_WRONLY | O_CREAT, 0600));
}

static int start_a_program(void)
{
    char *const argv[] = {(char *)(uintptr_t) "true", NULL};

    return outcome(execv("/bin/true", argv));
}

static int fork_a_process(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    return outcome(pid);
}

static int make_a_socket(void)
{
    return outcome(socket(AF_INET, SOCK_STREAM, 0));
}

static int trace_the_parent(void)
{
    return outcome(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
}

static int signal_the_parent(void)
{
    return outcome(kill(getppid(), SIGCONT));
}

static int mount_something(void)
{
    return outcome(syscall(SYS_mount, "none", "/tmp", "tmpfs", 0ul, NULL));
}

static int load_a_bpf(void)
{
    return outcome(syscall(SYS_bpf, 0, NULL, 0));
}

static int make_code(void)
{
    void *page =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return page == MAP_FAILED ? errno : IT_WORKED;
}

static int do_nothing(void)
{
    char *memory = malloc(1 << 20);

    /* What every role does all the time, and an end. */
    if (memory == NULL || write(STDERR_FILENO, "", 0) < 0)
        return errno;
    memset(memory, 1, 1 << 20);
    free(memory);
    return IT_WORKED;
}

/* Devices of a kind are told by the number of the call: this is none, and says so. */
static int ask_a_device(char type)
{
    int fd = memfd_create("none", 0);

    return ioctl(fd, _IO(type, 0x42), NULL) < 0 && errno == ENOTTY ? IT_WORKED : errno;
}

static int ask_for_udmabuf(void)
{
    return ask_a_device('u');
}

static int ask_for_video(void)
{
    return ask_a_device('V');
}

static int inject_input(void)
{
    return ioctl(STDERR_FILENO, TIOCSTI, "x") < 0 && errno == ENOTTY ? IT_WORKED : errno;
}

static void *thread_main(void *data)
{
    return data;
}

static int make_a_thread(void)
{
    pthread_t thread;
    int r = pthread_create(&thread, NULL, thread_main, NULL);

    return r != 0 ? r : pthread_join(thread, NULL) == 0 ? IT_WORKED : EINVAL;
}

static int open_what_is_allowed(void)
{
    return outcome(open(inside, O_RDONLY));
}

static void be_the_child(enum sandbox_role role, attempt_fn *attempt)
{
    struct sandbox_plan plan = {.role = role, .mode = SANDBOX_AUTO};
    unsigned layers = 0, least = SANDBOX_PRIVILEGES | SANDBOX_SECCOMP;

    if (role != SANDBOX_STARTER && role != SANDBOX_STARTER_VENUS)
        least |= SANDBOX_LANDLOCK;
    sandbox_allow(&plan, folder, SANDBOX_READ);
    if (sandbox_enter(&plan, &layers) < 0 || (layers & least) != least)
        _exit(NO_SANDBOX);
    _exit(attempt());
}

/* 0 if it was refused, IT_WORKED if not. */
static int attempt_as(enum sandbox_role role, attempt_fn *attempt)
{
    pid_t pid = fork();
    int status;

    assert_true(pid >= 0);
    if (pid == 0)
        be_the_child(role, attempt);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFSIGNALED(status)) {
        assert_int_equal(WTERMSIG(status), SIGSYS);
        return 0;
    }
    switch (WEXITSTATUS(status)) {
    case EPERM:
    case EACCES:
    case ENOSYS:
    case ENOENT: /* in an empty root */
    case EROFS:
        return 0;
    case IT_WORKED:
        return IT_WORKED;
    default:
        fail_msg("%s: errno %d (%s)", sandbox_role_name(role), WEXITSTATUS(status),
                 strerror(WEXITSTATUS(status)));
        return -1;
    }
}

static void assert_refused(enum sandbox_role role, const char *what, attempt_fn *attempt)
{
    if (attempt_as(role, attempt) != 0)
        fail_msg("the %s may %s", sandbox_role_name(role), what);
}

static const struct {
    const char *what;
    attempt_fn *attempt;
} attempts[] = {
    {"open a file", open_a_file},
    {"make a file", make_a_file},
    {"start a program", start_a_program},
    {"make a socket", make_a_socket},
    {"trace a process", trace_the_parent},
    {"signal a process", signal_the_parent},
    {"mount", mount_something},
    {"load a bpf program", load_a_bpf},
};

/* Signals of a render server and of who starts it are landlock's to refuse, from Linux 6.12 on. */
static bool beyond_this_kernel(enum sandbox_role role, attempt_fn *attempt)
{
    return attempt == signal_the_parent && sandbox_landlock_version() < 6 &&
           (role == SANDBOX_GPU_VENUS || role == SANDBOX_RENDER_SERVER);
}

static void what_a_role_may_not_is_refused(void **state)
{
    for (unsigned role = SANDBOX_DOOR; role < SANDBOX_ROLES; role++)
        for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++)
            if (!beyond_this_kernel((enum sandbox_role)role, attempts[i].attempt))
                assert_refused((enum sandbox_role)role, attempts[i].what, attempts[i].attempt);
}

/* It is for starting programs that it is there. */
static void the_starter_is_refused_the_rest(void **state)
{
    assert_refused(SANDBOX_STARTER, "trace a process", trace_the_parent);
    assert_refused(SANDBOX_STARTER, "signal a process", signal_the_parent);
    assert_refused(SANDBOX_STARTER, "make a socket", make_a_socket);
    assert_refused(SANDBOX_STARTER, "load a bpf program", load_a_bpf);
    assert_refused(SANDBOX_STARTER, "mount", mount_something);
    assert_int_equal(attempt_as(SANDBOX_STARTER, open_a_file), IT_WORKED);
    assert_int_equal(attempt_as(SANDBOX_STARTER, fork_a_process), IT_WORKED);
}

static void what_a_role_needs_it_has(void **state)
{
    static const enum sandbox_role with_threads[] = {
        SANDBOX_GPU_MEMORY, SANDBOX_GPU_PICTURES, SANDBOX_GPU_3D,     SANDBOX_GPU_VENUS,
        SANDBOX_MEDIA,      SANDBOX_MEDIA_FILE,   SANDBOX_MEDIA_V4L2, SANDBOX_MEDIA_PIPEWIRE,
    };
    static const enum sandbox_role with_files[] = {SANDBOX_GPU_3D, SANDBOX_GPU_VENUS,
                                                   SANDBOX_MEDIA_FILE, SANDBOX_MEDIA_PIPEWIRE,
                                                   SANDBOX_OPENER};

    for (unsigned role = 0; role < SANDBOX_ROLES; role++)
        assert_int_equal(attempt_as((enum sandbox_role)role, do_nothing), IT_WORKED);
    for (size_t i = 0; i < sizeof(with_threads) / sizeof(with_threads[0]); i++)
        assert_int_equal(attempt_as(with_threads[i], make_a_thread), IT_WORKED);
    for (size_t i = 0; i < sizeof(with_files) / sizeof(with_files[0]); i++)
        assert_int_equal(attempt_as(with_files[i], open_what_is_allowed), IT_WORKED);
}

/* Which devices a role may speak to. */
static void ioctls_are_for_few(void **state)
{
    static const enum sandbox_role with_buffers[] = {
        SANDBOX_GPU_MEMORY, SANDBOX_GPU_PICTURES,   SANDBOX_GPU_3D,     SANDBOX_MEDIA,
        SANDBOX_MEDIA_FILE, SANDBOX_MEDIA_PIPEWIRE, SANDBOX_MEDIA_V4L2,
    };

    for (size_t i = 0; i < sizeof(with_buffers) / sizeof(with_buffers[0]); i++)
        assert_int_equal(attempt_as(with_buffers[i], ask_for_udmabuf), IT_WORKED);
    assert_int_equal(attempt_as(SANDBOX_MEDIA_V4L2, ask_for_video), IT_WORKED);
    assert_refused(SANDBOX_DOOR, "ask for udmabuf", ask_for_udmabuf);
    assert_refused(SANDBOX_MEDIA, "ask for video", ask_for_video);
    assert_refused(SANDBOX_GPU_MEMORY, "ask for video", ask_for_video);
    assert_refused(SANDBOX_DOOR, "put words into a terminal", inject_input);
    assert_refused(SANDBOX_GPU_MEMORY, "put words into a terminal", inject_input);
    assert_refused(SANDBOX_MEDIA_V4L2, "put words into a terminal", inject_input);
}

/* Nobody but those that need it makes a process, or memory that is a program. */
static void processes_and_code_are_for_few(void **state)
{
    static const enum sandbox_role plain[] = {
        SANDBOX_DOOR,       SANDBOX_GPU_MEMORY, SANDBOX_GPU_PICTURES, SANDBOX_MEDIA,
        SANDBOX_MEDIA_FILE, SANDBOX_MEDIA_V4L2, SANDBOX_OPENER};

    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
        assert_refused(plain[i], "make code", make_code);
        assert_refused(plain[i], "fork", fork_a_process);
    }
    assert_refused(SANDBOX_DOOR, "make a thread", make_a_thread);
    assert_refused(SANDBOX_GPU_3D, "fork", fork_a_process);
    assert_refused(SANDBOX_MEDIA_PIPEWIRE, "fork", fork_a_process);
    assert_int_equal(attempt_as(SANDBOX_GPU_3D, make_code), IT_WORKED);
    assert_int_equal(attempt_as(SANDBOX_GPU_VENUS, fork_a_process), IT_WORKED);
}

static void layers_have_names(void **state)
{
    enum sandbox_mode mode;
    char text[128];

    sandbox_describe(0, text, sizeof(text));
    assert_string_equal(text, "none");
    sandbox_describe(SANDBOX_LANDLOCK | SANDBOX_SECCOMP, text, sizeof(text));
    assert_string_equal(text, "landlock seccomp");
    assert_int_equal(sandbox_mode_parse("strict", &mode), 0);
    assert_int_equal(mode, SANDBOX_STRICT);
    assert_true(sandbox_mode_parse("some", &mode) < 0);
    for (unsigned role = 0; role < SANDBOX_ROLES; role++)
        assert_non_null(sandbox_role_name((enum sandbox_role)role));
}

static int make_folder(void **state)
{
    FILE *file;

    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(inside, sizeof(inside), "%s/file", folder);
    file = fopen(inside, "w");
    return file == NULL || fclose(file) != 0;
}

static int remove_folder(void **state)
{
    unlink(inside);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_have_names),
        cmocka_unit_test(what_a_role_may_not_is_refused),
        cmocka_unit_test(the_starter_is_refused_the_rest),
        cmocka_unit_test(what_a_role_needs_it_has),
        cmocka_unit_test(ioctls_are_for_few),
        cmocka_unit_test(processes_and_code_are_for_few),
    };

    if (!sandbox_is_here("seccomp") || !sandbox_is_here("landlock"))
        return 77;
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
