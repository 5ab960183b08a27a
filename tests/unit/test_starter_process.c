/* SPDX-License-Identifier: MIT */
#include "fd_count.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "daemon/starter_process.h"
#include "daemon/upgrade.h"
#include "protocol/upgrade_wish.h"

/*
 * The starter, in a process of its own, with doors that this test plays: the first is a function,
 * the one of an upgrade is this very program with --upgrade, and the program that the starter
 * becomes is this one with --starter. How a play ends is the starter's exit status.
 */
enum {
    ENDED_WELL = 40,  /* the first door's own end */
    ENDED_AFTER = 41, /* the second's, under the starter that was exchanged */
    ENDED_WRONG = 42,
};

static char self[UPGRADE_PATH], play[] = "--play=?"; /* which one is in the last letter */

static void say(int line, enum starter_type type, int status, int fd)
{
    const struct starter_message m = {.type = type, .status = status};

    if (fd_send(line, &m, sizeof(m), &fd, fd >= 0) != sizeof(m))
        _exit(ENDED_WRONG);
}

/* Waits for a message of that kind. */
static struct starter_message hear(int line, enum starter_type type)
{
    struct starter_message m;
    struct fd_list fds = {0};

    do
        if (fd_receive(line, &m, sizeof(m), &fds) != sizeof(m))
            _exit(ENDED_WRONG);
    while (m.type != type);
    return m;
}

/* ---- the first door ---- */

static int first_door(void *data, int line)
{
    struct starter_message m;
    char word;
    int pair[2];

    hear(line, STARTER_SETTLED);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return ENDED_WRONG;
    say(line, STARTER_GIVEN, 0, -1); /* there is nobody: nothing comes of it */
    say(line, STARTER_UPGRADE, 0, pair[1]);
    close(pair[1]);
    say(line, STARTER_UPGRADE, 0, pair[0]); /* one at a time */
    switch (play[7]) {
    case 'd': /* it dies when the other has all */
        recv(pair[0], &word, 1, 0);
        raise(SIGKILL);
        return ENDED_WRONG;
    case 'g': /* it gives the device away, and lives on */
    case 'k':
        recv(pair[0], &word, 1, 0);
        say(line, STARTER_GIVEN, 0, -1);
        pause();
        return ENDED_WRONG;
    case 'e': /* it gives away what the other does not have */
    case 's':
        recv(pair[0], &word, 1, 0);
        say(line, STARTER_GIVEN, 0, -1);
        say(line, STARTER_DROP, 0, -1);
        break;
    default:
        break;
    }
    m = hear(line, STARTER_BESIDE_ENDED);
    if (play[7] != 'x' && m.code == 0 && m.status == -EBUSY)
        m = hear(line, STARTER_BESIDE_ENDED);
    if (play[7] == 'v')
        return m.code == CLD_KILLED ? ENDED_WELL : ENDED_WRONG;
    if (play[7] == 'x')
        return m.code == 0 && m.status == -ENOENT ? ENDED_WELL : ENDED_WRONG;
    if (play[7] == 'q')
        return m.code == CLD_EXITED && m.status == 7 ? ENDED_WELL : ENDED_WRONG;
    return m.code == CLD_KILLED ? ENDED_WELL : ENDED_WRONG;
}

/* ---- the one beside ---- */

static int second_door(int line, int channel)
{
    bool holds = play[7] == 'd' || play[7] == 'g' || play[7] == 'k';
    char word;

    if (play[7] == 'q')
        return 7;
    if (play[7] == 's') { /* it does not say first which language it speaks */
        say(line, STARTER_HOLDS, 0, -1);
        return send(channel, "", 1, 0) == 1 ? pause() : ENDED_WRONG;
    }
    say(line, STARTER_SPEAKS, play[7] == 'v' ? (int)STARTER_VERSION + 1 : (int)STARTER_VERSION, -1);
    if (play[7] == 'v')
        pause();
    say(line, STARTER_STOPPING, 0, -1); /* it may not speak for the device: nobody hears of it */
    if (holds)
        say(line, STARTER_HOLDS, 0, -1);
    if (send(channel, "", 1, 0) != 1)
        return ENDED_WRONG;
    hear(line, STARTER_YOURS);
    hear(line, STARTER_SETTLED);                           /* from the starter that was exchanged */
    if (play[7] == 'k' && recv(channel, &word, 1, 0) != 0) /* the first door's end of it */
        return ENDED_WRONG;
    return ENDED_AFTER;
}

/* ---- the starter ---- */

static int settle(void *data, unsigned inherited)
{
    return inherited != 0 ? (int)inherited : 5;
}

static void inherit(void *data, unsigned made)
{
    if (made != UPGRADE_MADE_CONTROL)
        _exit(ENDED_WRONG);
}

static int start(int resume_fd)
{
    char *argv[] = {self, play, NULL};
    struct starter_process process = {
        .argv = argv,
        .resume_fd = resume_fd,
        .made = UPGRADE_MADE_CONTROL,
        .leave_ms = 100,
        .door = first_door,
        .settle = settle,
        .inherit = inherit,
    };

    return starter_process_run(&process);
}

/* The starter's exit status. */
static int run_play(char which)
{
    int status;
    pid_t pid;

    play[7] = which;
    fflush(NULL);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        alarm(20);
        _exit(start(-1));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (!WIFEXITED(status))
        fail_msg("the starter was killed by signal %d", WTERMSIG(status));
    return WEXITSTATUS(status);
}

static void a_device_is_given_away(void **state)
{
    assert_int_equal(run_play('g'), ENDED_AFTER);
}

static void a_door_that_does_not_leave_is_killed(void **state)
{
    assert_int_equal(run_play('k'), ENDED_AFTER);
}

static void a_death_after_all_is_held_is_survived(void **state)
{
    assert_int_equal(run_play('d'), ENDED_AFTER);
}

static void what_nobody_holds_is_not_given(void **state)
{
    assert_int_equal(run_play('e'), ENDED_WELL);
}

static void another_language_is_refused(void **state)
{
    assert_int_equal(run_play('v'), ENDED_WELL);
}

static void who_says_no_language_holds_nothing(void **state)
{
    assert_int_equal(run_play('s'), ENDED_WELL);
}

static void an_end_is_told(void **state)
{
    assert_int_equal(run_play('q'), ENDED_WELL);
}

static void a_missing_program_is_told(void **state)
{
    char kept[UPGRADE_PATH];

    memcpy(kept, self, sizeof(kept));
    snprintf(self, sizeof(self), "/no/such/program");
    assert_int_equal(run_play('x'), ENDED_WELL);
    memcpy(self, kept, sizeof(kept));
}

/* ---- what goes through the exec ---- */

static void a_record_of_another_version_is_refused(void **state)
{
    struct house house;
    unsigned layers, made;
    int fd = fd_memfd("record", sizeof(struct upgrade_record));

    assert_true(fd >= 0);
    assert_true(upgrade_resume(fd, &house, &layers, &made) < 0);
    house_finish(&house);
}

/* Else they would be killed at the end. */
static void a_record_of_other_processes_is_refused(void **state)
{
    struct upgrade_record record = {.magic = UPGRADE_MAGIC,
                                    .version = STARTER_VERSION,
                                    .size = sizeof(record),
                                    .line = fd_memfd("line", 4096),
                                    .door = getppid()};
    struct house house;
    unsigned layers, made;
    int fd = fd_memfd("record", sizeof(record));

    assert_int_equal(pwrite(fd, &record, sizeof(record), 0), sizeof(record));
    assert_int_equal(upgrade_resume(fd, &house, &layers, &made), -ECHILD);
    assert_int_equal(house.door.pid, 0);
    house_finish(&house);
}

static void a_program_is_looked_for_where_it_was(void **state)
{
    char path[UPGRADE_PATH], here[UPGRADE_PATH];

    assert_int_equal(upgrade_find("/usr/bin/it", path), 0);
    assert_string_equal(path, "/usr/bin/it");
    assert_int_equal(upgrade_find("./it", path), 0);
    assert_non_null(getcwd(here, sizeof(here)));
    assert_int_equal(strncmp(path, here, strlen(here)), 0);
    assert_string_equal(path + strlen(here), "/./it");
    assert_int_equal(upgrade_find("it", path), 0);
    assert_string_equal(path, self);
    assert_int_equal(upgrade_find(NULL, path), 0);
    assert_string_equal(path, self);
}

static void a_wish_is_taken_once(void **state)
{
    char folder[] = "/tmp/hostblob-wish-XXXXXX", control[64], link[80], path[UPGRADE_PATH];

    assert_non_null(mkdtemp(folder));
    snprintf(control, sizeof(control), "%s/control", folder);
    snprintf(link, sizeof(link), "%s" UPGRADE_WISH_LINK, control);
    assert_int_equal(upgrade_take_wish(NULL, path), 0);
    assert_int_equal(upgrade_take_wish(control, path), 0);
    assert_int_equal(symlink("/usr/bin/it", link), 0);
    assert_int_equal(upgrade_take_wish(control, path), 1);
    assert_string_equal(path, "/usr/bin/it");
    assert_int_equal(upgrade_take_wish(control, path), 0);
    assert_int_equal(symlink("relative", link), 0);
    assert_true(upgrade_take_wish(control, path) < 0);
    assert_int_equal(symlink("/usr/bin/it", link), 0);
    if (lchown(link, 12345, 12345) == 0) { /* else it is not root's test */
        assert_true(upgrade_take_wish(control, path) < 0);
        assert_int_equal(access(folder, F_OK), 0);
    }
    unlink(link);
    assert_int_equal(rmdir(folder), 0);
}

/* What the starter starts: this program in another part. */
static int play_part(int argc, char **argv)
{
    int line, channel;

    snprintf(play, sizeof(play), "%s", argv[1]);
    alarm(20);
    if (argc == 3 && sscanf(argv[2], "--upgrade=%d,%d", &line, &channel) == 2)
        return second_door(line, channel);
    if (argc == 3 && sscanf(argv[2], "--starter=%d", &line) == 1)
        return start(line);
    return ENDED_WRONG;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(a_device_is_given_away),
        FD_TEST(a_door_that_does_not_leave_is_killed),
        FD_TEST(a_death_after_all_is_held_is_survived),
        FD_TEST(what_nobody_holds_is_not_given),
        FD_TEST(another_language_is_refused),
        FD_TEST(who_says_no_language_holds_nothing),
        FD_TEST(an_end_is_told),
        FD_TEST(a_missing_program_is_told),
        FD_TEST(a_record_of_another_version_is_refused),
        FD_TEST(a_record_of_other_processes_is_refused),
        FD_TEST(a_program_is_looked_for_where_it_was),
        FD_TEST(a_wish_is_taken_once),
    };
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

    if (argc > 1 && strncmp(argv[1], "--play=", 7) == 0)
        return play_part(argc, argv);
    return n > 0 ? cmocka_run_group_tests(tests, NULL, NULL) : EXIT_FAILURE;
}
