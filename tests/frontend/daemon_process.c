/* SPDX-License-Identifier: MIT */
#include "tests/frontend/daemon_process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define STEP_US 2000

static int make_folder(struct daemon_process *daemon)
{
    memset(daemon, 0, sizeof(*daemon));
    snprintf(daemon->dir, sizeof(daemon->dir), "/tmp/hostblob-test-XXXXXX");
    if (mkdtemp(daemon->dir) == NULL)
        return -errno;
    snprintf(daemon->socket_path, sizeof(daemon->socket_path), "%s/device", daemon->dir);
    snprintf(daemon->control_path, sizeof(daemon->control_path), "%s/control", daemon->dir);
    snprintf(daemon->log_path, sizeof(daemon->log_path), "%s/log", daemon->dir);
    return 0;
}

/* In the child: standard output and error go to the log. */
static void run(const struct daemon_process *daemon, const char *program, char *const *argv)
{
    int log = open(daemon->log_path, O_WRONLY | O_CREAT | O_APPEND, 0600);

    /* A test that is killed must not leave it behind. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (log >= 0) {
        dup2(log, STDOUT_FILENO);
        dup2(log, STDERR_FILENO);
    }
    execv(program, argv);
    perror(program);
    _exit(127);
}

static int spawn(struct daemon_process *daemon, const char *variable, const char *where,
                 const char *const *arguments)
{
    const char *program = getenv(variable);
    char control[128];
    char *argv[DAEMON_PROCESS_ARGUMENTS + 5];
    unsigned count = 0;

    if (program == NULL) {
        fprintf(stderr, "%s is not set: it names the program under test\n", variable);
        return -ENOENT;
    }
    snprintf(control, sizeof(control), "--control-path=%s", daemon->control_path);
    argv[count++] = (char *)(uintptr_t)program;
    argv[count++] = (char *)(uintptr_t)where;
    argv[count++] = control;
    /* For who looks for a call that a sandbox's list lacks. */
    if (getenv("HOSTBLOB_TEST_SANDBOX_LOG") != NULL)
        argv[count++] = (char *)(uintptr_t) "--sandbox-log";
    for (unsigned i = 0; arguments != NULL && arguments[i] != NULL; i++) {
        if (i == DAEMON_PROCESS_ARGUMENTS)
            return -E2BIG;
        argv[count++] = (char *)(uintptr_t)arguments[i];
    }
    argv[count] = NULL;
    fflush(NULL);
    daemon->program = fork();
    if (daemon->program == 0)
        run(daemon, program, argv);
    return daemon->program < 0 ? -errno : 0;
}

int daemon_process_connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd, error;

    if (strlen(path) >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    strcpy(address.sun_path, path);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    error = -errno;
    close(fd);
    return error;
}

int daemon_process_connect(const struct daemon_process *daemon)
{
    return daemon_process_connect_to(daemon->socket_path);
}

/* Waits until a file is there, while the program runs. */
static int await_file(struct daemon_process *daemon, const char *path)
{
    for (int waited = 0; waited < 20000000; waited += STEP_US) {
        if (access(path, F_OK) == 0)
            return 0;
        if (waitpid(daemon->program, &daemon->status, WNOHANG) == daemon->program) {
            daemon->program = 0;
            return -ESRCH;
        }
        usleep(STEP_US);
    }
    return -ETIMEDOUT;
}

/* The process that answers; the socket is there a moment before it. */
static int find_door(struct daemon_process *daemon)
{
    int r = await_file(daemon, daemon->control_path);

    for (int waited = 0; r == 0 && waited < 20000000; waited += STEP_US) {
        daemon->pid = (pid_t)daemon_process_number(daemon, "/door/pid");
        if (daemon->pid > 0)
            return 0;
        if (waitpid(daemon->program, &daemon->status, WNOHANG) == daemon->program) {
            daemon->program = 0;
            return -ESRCH;
        }
        usleep(STEP_US);
    }
    return r < 0 ? r : -ETIMEDOUT;
}

int daemon_process_start(struct daemon_process *daemon, const char *variable,
                         const char *const *arguments)
{
    char where[128];
    int r = make_folder(daemon);

    if (r < 0)
        return r;
    snprintf(where, sizeof(where), "--socket-path=%s", daemon->socket_path);
    r = spawn(daemon, variable, where, arguments);
    if (r == 0)
        r = await_file(daemon, daemon->socket_path);
    return r < 0 ? r : find_door(daemon);
}

int daemon_process_start_fd(struct daemon_process *daemon, const char *variable,
                            const char *const *arguments, int *socket)
{
    char where[32];
    int pair[2], r = make_folder(daemon);

    if (r < 0)
        return r;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    fcntl(pair[1], F_SETFD, 0);
    snprintf(where, sizeof(where), "--fd=%d", pair[1]);
    r = spawn(daemon, variable, where, arguments);
    close(pair[1]);
    *socket = pair[0];
    return r < 0 ? r : find_door(daemon);
}

int daemon_process_wait(struct daemon_process *daemon, int milliseconds)
{
    int status;

    if (daemon->program == 0)
        return -ECHILD;
    for (int waited = 0; waited <= milliseconds * 1000; waited += STEP_US) {
        if (waitpid(daemon->program, &status, WNOHANG) == daemon->program) {
            daemon->program = 0;
            return status;
        }
        usleep(STEP_US);
    }
    return -ETIMEDOUT;
}

int daemon_process_stop(struct daemon_process *daemon, int milliseconds)
{
    int status;

    if (daemon->program == 0)
        return -ECHILD;
    kill(daemon->program, SIGTERM);
    status = daemon_process_wait(daemon, milliseconds);
    if (status == -ETIMEDOUT) {
        kill(daemon->program, SIGKILL);
        status = daemon_process_wait(daemon, 5000);
    }
    if (status < 0)
        return status;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* A process that a sanitizer has ended may have been replaced by the next: its report is in the log
 * and nowhere else. */
static bool has_report(const struct daemon_process *daemon)
{
    static const char *const words[] = {"ERROR: AddressSanitizer", "ERROR: LeakSanitizer",
                                        "WARNING: ThreadSanitizer", "runtime error:"};

    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (daemon_process_logged(daemon, words[i]))
            return true;
    return false;
}

void daemon_process_finish(struct daemon_process *daemon, bool print_log)
{
    char command[192];
    bool reported;

    if (daemon->program != 0)
        daemon_process_stop(daemon, 5000);
    if (daemon->dir[0] == '\0')
        return;
    reported = has_report(daemon);
    if (reported) {
        snprintf(command, sizeof(command), "echo 'the log of the program:'; cat %s",
                 daemon->log_path);
        print_log = system(command) != 0;
    }
    snprintf(command, sizeof(command), "echo 'the log of the program:'; tail -n 60 %s",
             daemon->log_path);
    if (print_log && system(command) != 0)
        fprintf(stderr, "%s cannot be shown\n", daemon->log_path);
    unlink(daemon->socket_path);
    unlink(daemon->control_path);
    unlink(daemon->log_path);
    rmdir(daemon->dir);
    daemon->dir[0] = '\0';
    if (reported) {
        fprintf(stderr, "FAILED: a sanitizer has reported\n");
        exit(EXIT_FAILURE);
    }
}

bool daemon_process_logged(const struct daemon_process *daemon, const char *text)
{
    FILE *log = fopen(daemon->log_path, "r");
    char line[1024];
    bool found = false;

    if (log == NULL)
        return false;
    while (!found && fgets(line, sizeof(line), log) != NULL)
        found = strstr(line, text) != NULL;
    fclose(log);
    return found;
}

int daemon_process_fds(pid_t pid)
{
    char path[32];
    int count = 0;
    DIR *dir;

    snprintf(path, sizeof(path), "/proc/%d/fd", pid);
    dir = opendir(path);
    if (dir == NULL)
        return -errno;
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir))
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

/* Waits until a process has from 'least' to 'most'. */
static int await_fds(pid_t pid, int least, int most, int milliseconds)
{
    int have = daemon_process_fds(pid);

    for (int waited = 0; (have < least || have > most) && waited < milliseconds * 1000;
         waited += STEP_US) {
        usleep(STEP_US);
        have = daemon_process_fds(pid);
    }
    return have;
}

int daemon_process_await_fds(pid_t pid, int expected, int milliseconds)
{
    return await_fds(pid, expected, expected, milliseconds);
}

int daemon_process_await_few_fds(pid_t pid, int most, int milliseconds)
{
    return await_fds(pid, INT_MIN, most, milliseconds);
}

bool daemon_process_alive(pid_t pid)
{
    char path[32], state = 'Z';
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    file = fopen(path, "r");
    if (file == NULL)
        return false;
    if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
        state = 'Z';
    fclose(file);
    return state != 'Z' && state != 'X';
}
