/* SPDX-License-Identifier: MIT */
#include "hostblob/ask.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/units.h"
#include "hostblob/json_path.h"

#define TRIES 5u
#define SECOND_NS UINT64_C(1000000000)
#define SECONDS 12u /* for an answer, if nothing else is said */
#define MAX_ANSWER (16u << 20)

static int fail(char *why, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int fail(char *why, int error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(why, ASK_WHY, format, args);
    va_end(args);
    json_path_clean(why);
    return error;
}

/* ---- finding ---- */

/* What fits, of the names that are there: exactly, or as a beginning. */
static int find_named(const struct run_directory *d, const char *device, const char **name,
                      char *why)
{
    size_t length = strlen(device);

    *name = NULL;
    for (unsigned i = 0; i < d->count; i++) {
        if (strcmp(d->names[i], device) == 0) {
            *name = d->names[i];
            return 0;
        }
    }
    for (unsigned i = 0; i < d->count; i++) {
        if (strncmp(d->names[i], device, length) != 0)
            continue;
        if (*name != NULL)
            return fail(why, -ENOTUNIQ, "'%s' may be %s or %s: say which", device, *name,
                        d->names[i]);
        *name = d->names[i];
    }
    if (*name != NULL)
        return 0;
    return fail(why, -ENOENT,
                "There is no device '%s' in %s. 'hostblob list' shows those there are; any other "
                "is named by the path of its control socket",
                device, d->path);
}

int ask_find(const char *device, char path[static RUN_DIRECTORY_PATH], char why[static ASK_WHY])
{
    static struct run_directory d;
    const char *name;
    int r;

    if (strchr(device, '/') != NULL) {
        if (strlen(device) >= RUN_DIRECTORY_PATH)
            return fail(why, -ENAMETOOLONG, "%.80s... is too long for a socket's path", device);
        strcpy(path, device);
        return 0;
    }
    if (!run_directory_read(&d))
        return fail(why, -ENOENT,
                    "There is no run directory to find '%s' in (XDG_RUNTIME_DIR is not set). Name "
                    "the device by the path of its control socket",
                    device);
    r = find_named(&d, device, &name, why);
    if (r < 0)
        return r;
    if (!run_directory_socket(d.path, name, path))
        return fail(why, -ENAMETOOLONG, "%s/%s is too long for a socket's path", d.path, name);
    return 0;
}

/* ---- asking ---- */

static int why_no_connection(const char *path, int error, char *why)
{
    struct stat st;

    if (error == ENOENT)
        return fail(why, -error, "There is no socket %s: start the device with --control-path=%s",
                    path, path);
    if (stat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
        return fail(why, -ENOTSOCK, "%s is no socket", path);
    if (error == ECONNREFUSED)
        return fail(why, -error, "Nobody listens at %s any more: that device has ended", path);
    if (error == EACCES)
        return fail(why, -error,
                    "%s is closed to you. Ask as the user that the device runs as, or as root",
                    path);
    return fail(why, -error, "%s cannot be asked: %s", path, strerror(error));
}

static int connect_to(const char *path, char *why)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return fail(why, -errno, "There can be no socket: %s", strerror(errno));
    if (strlen(path) >= sizeof(address.sun_path)) {
        close(fd);
        return why_no_connection(path, ENAMETOOLONG, why);
    }
    strcpy(address.sun_path, path);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        int error = errno;
        close(fd);
        return why_no_connection(path, error, why);
    }
    return fd;
}

/* Reads to the end of the stream: a string that the caller owns. */
static int read_answer(int fd, unsigned seconds, char **answer)
{
    uint64_t end = units_now_ns() + seconds * SECOND_NS;
    size_t have = 0, size = 0;
    char *text = NULL, *more;
    ssize_t n = 1;

    while (n > 0 && have < MAX_ANSWER) {
        struct pollfd readable = {.fd = fd, .events = POLLIN};

        if (units_now_ns() > end || poll(&readable, 1, (int)(seconds * 1000)) <= 0)
            break;
        size = have + 65536;
        more = realloc(text, size + 1);
        if (more == NULL)
            break;
        text = more;
        n = read(fd, text + have, size - have);
        have += n > 0 ? (size_t)n : 0;
    }
    if (n != 0 || have == 0) {
        free(text);
        return n < 0 ? -errno : n == 0 ? -ENODATA : -ETIMEDOUT;
    }
    text[have] = '\0';
    *answer = text;
    return 0;
}

/* One line to 'end', which it closes, and what comes back. */
static int talk(int end, const char *line, int fd, unsigned seconds, char **text)
{
    char request[600];
    ssize_t size;
    int r;

    snprintf(request, sizeof(request), "%s\n", line);
    size = (ssize_t)strlen(request);
    r = fd_send(end, request, (size_t)size, &fd, fd >= 0) == size ? 0 : -EPIPE;
    /* There is no more: who takes us for a front-end hangs up. */
    shutdown(end, SHUT_WR);
    if (r == 0)
        r = read_answer(end, seconds, text);
    close(end);
    return r;
}

/*
 * A device that hears nothing for a moment tells its report, and hangs up. Whoever had to wait for
 * a processor in that moment begins again: what was said was not read.
 */
static bool came_too_late(int r)
{
    return r == -EPIPE || r == -ECONNRESET;
}

/* One line there, one object back. */
static int converse(const char *path, const char *line, int fd, unsigned seconds,
                    struct json_object **answer, char *why)
{
    char *text = NULL;
    int r = -EPIPE, end;

    for (unsigned i = 0; i < TRIES && came_too_late(r); i++) {
        end = connect_to(path, why);
        if (end < 0)
            return end;
        r = talk(end, line, fd, seconds, &text);
    }
    if (r == -ENODATA)
        return fail(why, r, "%s is no control socket; it may be the front-end's", path);
    if (r < 0)
        return fail(why, r, "The device at %s does not answer: %s", path, strerror(-r));
    *answer = json_tokener_parse(text);
    free(text);
    if (*answer == NULL || !json_object_is_type(*answer, json_type_object)) {
        json_object_put(*answer);
        return fail(why, -EBADMSG, "What answers at %s is no device of hostblob", path);
    }
    return 0;
}

int ask_report(const char *path, struct json_object **report, char why[static ASK_WHY])
{
    return ask_report_within(path, SECONDS, report, why);
}

int ask_report_within(const char *path, unsigned seconds, struct json_object **report,
                      char why[static ASK_WHY])
{
    return converse(path, "report", -1, seconds, report, why);
}

int ask_command(const char *path, const char *line, int fd, char **text, char why[static ASK_WHY])
{
    return ask_long_command(path, line, fd, SECONDS, text, why);
}

int ask_long_command(const char *path, const char *line, int fd, unsigned seconds, char **text,
                     char why[static ASK_WHY])
{
    struct json_object *answer = NULL, *ok = NULL;
    int r = 0;

    if (strlen(line) > 500)
        return fail(why, -EMSGSIZE, "That is too long for a command");
    /* A report is no answer: it came too late for that, too. */
    for (unsigned i = 0; i < TRIES && ok == NULL; i++) {
        json_object_put(answer);
        r = converse(path, line, fd, seconds, &answer, why);
        if (r < 0)
            return r;
        json_object_object_get_ex(answer, "ok", &ok);
    }
    if (ok == NULL)
        r = fail(why, -EPROTO, "The device at %s knows no commands: it is of an older version",
                 path);
    else if (!json_object_get_boolean(ok))
        r = fail(why, -EREMOTEIO, "The device says: %s", json_path_text(answer, "/error"));
    else if ((*text = strdup(json_path_text(answer, "/text"))) == NULL)
        r = fail(why, -ENOMEM, "There is no memory");
    json_object_put(answer);
    return r;
}
