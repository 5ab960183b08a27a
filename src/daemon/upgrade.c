/* SPDX-License-Identifier: MIT */
#include "daemon/upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "protocol/upgrade_wish.h"

#define DELETED " (deleted)"

static int find_running(char path[static UPGRADE_PATH])
{
    ssize_t n = readlink("/proc/self/exe", path, UPGRADE_PATH - 1);

    if (n < 0)
        return -errno;
    path[n] = '\0';
    if ((size_t)n > strlen(DELETED) && strcmp(path + n - strlen(DELETED), DELETED) == 0)
        path[(size_t)n - strlen(DELETED)] = '\0';
    return 0;
}

int upgrade_find(const char *first_word, char path[static UPGRADE_PATH])
{
    char here[PATH_MAX];
    int n;

    if (first_word == NULL || strchr(first_word, '/') == NULL)
        return find_running(path);
    if (first_word[0] == '/')
        n = snprintf(path, UPGRADE_PATH, "%s", first_word);
    else if (getcwd(here, sizeof(here)) == NULL)
        return -errno;
    else
        n = snprintf(path, UPGRADE_PATH, "%s/%s", here, first_word);
    return n < (int)UPGRADE_PATH ? 0 : -ENAMETOOLONG;
}

int upgrade_take_wish(const char *control_path, char path[static UPGRADE_PATH])
{
    char link[UPGRADE_PATH];
    struct stat st;
    ssize_t n;

    if (control_path == NULL ||
        snprintf(link, sizeof(link), "%s" UPGRADE_WISH_LINK, control_path) >= (int)sizeof(link) ||
        lstat(link, &st) < 0)
        return 0;
    if (st.st_uid != geteuid() && st.st_uid != 0) {
        log_error("%s is not of the device's user: the upgrade is not made.", link);
        return -EPERM;
    }
    n = readlink(link, path, UPGRADE_PATH - 1);
    if (n < 0)
        return -errno;
    path[n] = '\0';
    unlink(link);
    return path[0] == '/' ? 1 : -EINVAL;
}

/* Where it is found now it is looked for the next time. A name without a path stays one. */
static char *first_word(const char *path, char *const *argv)
{
    return argv[0] != NULL && strchr(argv[0], '/') == NULL ? argv[0] : (char *)(uintptr_t)path;
}

/* ---- beside ---- */

static void become_beside(const struct house *beside, const char *path, char *const *argv, int line,
                          int channel, pid_t parent)
{
    char *words[HOUSE_ARGUMENTS + HOUSE_MORE];
    char last[64];

    child_begin(parent);
    if (fd_set_inherited(line) < 0 || fd_set_inherited(channel) < 0)
        _exit(127);
    snprintf(last, sizeof(last), "--upgrade=%d,%d", line, channel);
    house_command(argv, &beside->words, last, words);
    words[0] = first_word(path, argv);
    house_execute(beside->program, words);
    _exit(127);
}

static int open_program(const char *path)
{
    struct stat st;
    int fd = open(path, O_PATH | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        return fd;
    close(fd);
    return -EACCES;
}

static int start_beside(struct house *beside, const char *path, char *const *argv, int channel)
{
    pid_t parent = getpid(), pid;
    int pair[2];
    int r;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    beside->line = pair[0];
    fflush(NULL);
    pid = fork();
    if (pid == 0)
        become_beside(beside, path, argv, pair[1], channel, parent);
    r = pid < 0 ? -errno : fd_set_nonblock(beside->line);
    close(pair[1]);
    return r < 0 ? r : child_init(&beside->door, pid);
}

int upgrade_start_beside(struct house *beside, const char *path, char *const *argv,
                         const struct house_words *words, int channel)
{
    static struct log_limit limit;
    int r;

    house_clear(beside);
    beside->words = *words;
    beside->program = open_program(path);
    r = beside->program < 0 ? beside->program : start_beside(beside, path, argv, channel);
    if (r == 0) {
        if (log_limit_allows(&limit))
            log_info("An upgrade is asked for: %s is tried beside the running program.", path);
        return 0;
    }
    log_stranger("%s cannot be started for an upgrade: %s.", path, strerror(-r));
    house_finish(beside);
    return r;
}

/* ---- in place ---- */

static int write_record(const struct upgrade_record *record)
{
    int fd = memfd_create("hostblob-starter", 0);

    if (fd < 0)
        return -errno;
    if (pwrite(fd, record, sizeof(*record), 0) == sizeof(*record))
        return fd;
    close(fd);
    return -EIO;
}

/* By its path if it is still there, or it would have a number for a name. */
static void execute(const struct house *house, const char *path, char *const *argv)
{
    struct stat found, tried;

    if (house->program >= 0 && fstat(house->program, &tried) == 0 && stat(path, &found) == 0 &&
        found.st_dev == tried.st_dev && found.st_ino == tried.st_ino)
        execv(path, argv);
    house_execute(house->program, argv);
}

int upgrade_become(const struct house *house, const char *path, char *const *argv, unsigned layers,
                   unsigned made)
{
    struct upgrade_record record = {
        .magic = UPGRADE_MAGIC,
        .version = STARTER_VERSION,
        .size = sizeof(record),
        .line = house->line,
        .door = house->door.pid,
        .worker = house->worker.pid,
        .leaving = house->leaving.pid,
        .layers = layers,
        .made = made,
        .foreign = house->words.foreign,
    };
    const struct house_words none = {.foreign = false}; /* they go through the record */
    char *words[HOUSE_ARGUMENTS + HOUSE_MORE];
    char last[32];
    int fd, r;

    memcpy(record.word, house->words.word, sizeof(record.word));
    fd = write_record(&record);
    if (fd < 0)
        return fd;
    r = fd_set_inherited(house->line);
    if (r == 0) {
        snprintf(last, sizeof(last), "--starter=%d", fd);
        house_command(argv, &none, last, words);
        words[0] = first_word(path, argv);
        fflush(NULL);
        execute(house, path, words);
        r = -errno;
        fcntl(house->line, F_SETFD, FD_CLOEXEC);
    }
    close(fd);
    return r;
}

/* There is no way back. */
static int take_child(struct child *child, pid_t pid)
{
    unsigned tries = 0;
    int r;

    do
        r = child_init(child, pid);
    while (r < 0 && house_patience(r, &tries));
    return r;
}

/* What is not ours must never be signalled, whatever the record says. */
static bool is_child(pid_t pid)
{
    siginfo_t si;

    return pid > 0 && waitid(P_PID, (id_t)pid, &si, WEXITED | WNOHANG | WNOWAIT) == 0;
}

static bool children_good(const struct upgrade_record *record)
{
    return is_child(record->door) && record->worker != record->door &&
           (record->worker <= 0 || (is_child(record->worker) && record->worker != record->leaving));
}

static int take_children(const struct upgrade_record *record, struct house *house)
{
    int r = fcntl(record->line, F_SETFD, FD_CLOEXEC) < 0 ? -errno : 0;

    house->line = record->line;
    if (r == 0 && !children_good(record))
        r = -ECHILD;
    if (r == 0)
        r = take_child(&house->door, record->door);
    if (r == 0 && record->worker > 0)
        r = take_child(&house->worker, record->worker);
    /* It may have ended meanwhile. */
    if (r == 0 && record->leaving != record->door && is_child(record->leaving))
        r = take_child(&house->leaving, record->leaving);
    house->words.foreign = record->foreign != 0;
    memcpy(house->words.word, record->word, sizeof(record->word));
    house->words.word[STARTER_TEXT - 1] = '\0';
    return r;
}

int upgrade_resume(int fd, struct house *house, unsigned *layers, unsigned *made)
{
    struct upgrade_record record = {0};
    ssize_t n = pread(fd, &record, sizeof(record), 0);
    int r = -EPROTO;

    house_clear(house);
    close(fd);
    if (n == sizeof(record) && record.magic == UPGRADE_MAGIC && record.version == STARTER_VERSION &&
        record.size == sizeof(record))
        r = take_children(&record, house);
    if (r < 0)
        log_error("What the program before this one left cannot be taken over: %s.", strerror(-r));
    *layers = record.layers;
    *made = record.made;
    return r;
}
