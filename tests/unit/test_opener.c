/* SPDX-License-Identifier: MIT */
/* The process that opens one file, again and again. */
#include "tests/unit/fd_count.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/opener.h"

static char folder[] = "/tmp/hostblob-opener-XXXXXX";
static char path[64];

static void write_file(const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void assert_opens(const char *text)
{
    char read_text[32] = "";
    int fd = opener_open();

    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_true(read(fd, read_text, sizeof(read_text) - 1) >= 0);
    assert_string_equal(read_text, text);
    assert_int_equal(write(fd, "x", 1), -1); /* opened for reading, as was settled at first */
    close(fd);
}

/* The only child of this process; 0: there is none. */
static pid_t child(void)
{
    DIR *dir = opendir("/proc");
    pid_t found = 0;

    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        char name[300], state = 'Z';
        int parent = 0;
        FILE *file;

        snprintf(name, sizeof(name), "/proc/%s/stat", entry->d_name);
        file = fopen(name, "r");
        if (file == NULL)
            continue;
        if (fscanf(file, "%*d (%*[^)]) %c %d", &state, &parent) == 2 && parent == getpid() &&
            state != 'Z')
            found = (pid_t)strtol(entry->d_name, NULL, 10);
        fclose(file);
    }
    closedir(dir);
    return found;
}

static void kill_opener(void)
{
    pid_t pid = child();

    assert_true(pid > 0);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void opens_in(enum sandbox_mode mode)
{
    const struct sandbox_plan plan = {.role = SANDBOX_MEDIA_V4L2, .mode = mode};

    write_file("first");
    assert_int_equal(opener_start(&plan, path, O_RDONLY), 0);
    assert_opens("first");
    assert_opens("first");
    /* It is gone, and is back as another file. */
    assert_int_equal(unlink(path), 0);
    assert_int_equal(opener_open(), -1);
    assert_int_equal(errno, ENOENT);
    write_file("second");
    assert_opens("second");
    assert_int_equal(unlink(path), 0);
    kill_opener();
}

static void it_opens_whatever_has_that_name(void **state)
{
    opens_in(SANDBOX_NONE);
}

static void it_does_so_shut_in(void **state)
{
    opens_in(SANDBOX_AUTO);
}

static void without_it_nothing_is_opened(void **state)
{
    const struct sandbox_plan plan = {.role = SANDBOX_MEDIA_V4L2, .mode = SANDBOX_NONE};

    write_file("here");
    assert_int_equal(opener_start(&plan, path, O_RDONLY), 0);
    assert_opens("here");
    kill_opener();
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(opener_open(), -1);
        assert_int_equal(errno, EIO);
    }
    assert_int_equal(unlink(path), 0);
}

/* Who asks is gone: it does not stay. */
static void it_ends_with_who_started_it(void **state)
{
    const struct sandbox_plan plan = {.role = SANDBOX_MEDIA_V4L2, .mode = SANDBOX_NONE};
    int ends[2];
    char byte;
    pid_t pid;

    assert_int_equal(pipe(ends), 0);
    pid = fork();
    if (pid == 0)
        _exit(opener_start(&plan, path, O_RDONLY) == 0 ? 0 : 1);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    close(ends[1]);
    /* Its end of the pipe is closed at its start, and the rest with its end. */
    assert_int_equal(read(ends[0], &byte, 1), 0);
    close(ends[0]);
}

static int make_folder(void **state)
{
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/node", folder);
    signal(SIGPIPE, SIG_IGN);
    return 0;
}

static int remove_folder(void **state)
{
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_opens_whatever_has_that_name),
        cmocka_unit_test(it_does_so_shut_in),
        cmocka_unit_test(without_it_nothing_is_opened),
        cmocka_unit_test(it_ends_with_who_started_it),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
