/* SPDX-License-Identifier: MIT */
#include "base/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/units.h"

#define ROOM (64u * 1024u)
#define LINE_MAX_BYTES 768u /* of one event */
#define NAME_MAX_BYTES 160u /* of a string, with what is escaped */

/* How each trace of ours begins. */
static const char mark[] = "[{\"ph\":\"M\",\"name\":\"hostblob_trace\"";

bool trace_on;

static struct {
    int fd; /* owned; -1: none */
    uint64_t limit;
    int pid, device; /* the starter, who is the same over deaths and upgrades */
    size_t used;
    char bytes[ROOM];
} trace = {.fd = -1};

/* ---- the file ---- */

/* Only a plain file: no writer waits for a reader. */
static int open_file(const char *path, int more, struct stat *st)
{
    int fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | more, 0600);

    if (fd < 0 || fstat(fd, st) < 0)
        return -errno;
    if (S_ISREG(st->st_mode))
        return fd;
    close(fd);
    return -EINVAL;
}

static bool is_ours(int fd)
{
    char begin[sizeof(mark)] = "";

    return pread(fd, begin, sizeof(mark) - 1, 0) == sizeof(mark) - 1 && strcmp(begin, mark) == 0;
}

/* Under a lock: another device may begin the same file just now. */
static int begin_file(int fd)
{
    char line[128];
    struct stat st;
    int n = snprintf(line, sizeof(line), "%s,\"pid\":%d,\"args\":{\"version\":\"%s\"}},\n", mark,
                     (int)getpid(), HOSTBLOB_VERSION);

    if (flock(fd, LOCK_EX) < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (st.st_size == 0 && write(fd, line, (size_t)n) != n)
        return errno != 0 ? -errno : -EIO;
    return is_ours(fd) ? 0 : -EEXIST;
}

int trace_make(const char *path)
{
    struct stat st;
    int fd = open_file(path, O_CREAT, &st), r = fd;

    if (fd >= 0) {
        errno = 0;
        r = begin_file(fd);
        close(fd);
    }
    if (r == -EEXIST)
        log_error("--trace=%s: that file is there, and is no trace of hostblob's: it is left as it "
                  "is. Name another, or remove it.",
                  path);
    else if (r == -EINVAL)
        log_error("--trace=%s: that is no plain file.", path);
    else if (r < 0)
        log_error("--trace=%s: the file cannot be written: %s.", path, strerror(-r));
    return r;
}

/* ---- lines ---- */

static void __attribute__((format(printf, 3, 4)))
add(char line[static LINE_MAX_BYTES], size_t *used, const char *format, ...)
{
    size_t room = LINE_MAX_BYTES - *used;
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(line + *used, room, format, args);
    va_end(args);
    if (n > 0)
        *used += (size_t)n < room ? (size_t)n : room - 1;
}

/* A string as JSON has it, cut where it is long. */
static const char *escape(const char *text, char to[static NAME_MAX_BYTES])
{
    size_t n = 0;

    for (; *text != '\0' && n < NAME_MAX_BYTES - 7; text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '"' || c == '\\')
            to[n++] = '\\';
        if (c < 0x20 || c == 0x7f)
            n += (size_t)snprintf(to + n, 7, "\\u%04x", c);
        else
            to[n++] = *text;
    }
    to[n] = '\0';
    return to;
}

static void keep(const char *line, size_t size)
{
    if (size > ROOM - trace.used)
        trace_flush();
    if (!trace_on)
        return;
    memcpy(trace.bytes + trace.used, line, size);
    trace.used += size;
}

static void put_name(const char *name)
{
    char line[LINE_MAX_BYTES], escaped[NAME_MAX_BYTES];
    size_t used = 0;

    add(line, &used,
        "{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":%d,\"tid\":%d,\"args\":{\"name\":\"%s\"}},"
        "\n",
        trace.pid, trace.pid, escape(name, escaped));
    keep(line, used);
}

static void add_time(char line[static LINE_MAX_BYTES], size_t *used, const char *key, uint64_t ns)
{
    add(line, used, ",\"%s\":%" PRIu64 ".%03u", key, ns / 1000, (unsigned)(ns % 1000));
}

static void add_id(char line[static LINE_MAX_BYTES], size_t *used, const struct trace_event *event)
{
    if (event->phase != TRACE_BEGIN && event->phase != TRACE_STEP && event->phase != TRACE_END)
        return;
    if (event->lasting)
        add(line, used, ",\"id\":\"%d.%" PRIx64 "\"", trace.device, event->id);
    else
        add(line, used, ",\"id2\":{\"local\":\"%" PRIx64 "\"}", event->id);
}

void trace_put(const struct trace_event *event)
{
    char line[LINE_MAX_BYTES], escaped[NAME_MAX_BYTES];
    uint64_t now = units_now_ns();
    size_t used = 0;

    add(line, &used, "{\"ph\":\"%c\",\"pid\":%d,\"tid\":%d,\"cat\":\"%s\"", (char)event->phase,
        trace.pid, trace.pid, event->category);
    add(line, &used, ",\"name\":\"%s\"", escape(event->name, escaped));
    add_id(line, &used, event);
    add_time(line, &used, "ts", event->phase == TRACE_WHOLE ? event->start : now);
    if (event->phase == TRACE_WHOLE)
        add_time(line, &used, "dur", now - event->start);
    else if (event->phase == TRACE_INSTANT)
        add(line, &used, ",\"s\":\"t\"");
    add(line, &used, ",\"args\":{");
    for (unsigned i = 0; i < TRACE_ARGS && event->args[i].key != NULL; i++)
        add(line, &used, "%s\"%s\":%" PRIu64, i > 0 ? "," : "", event->args[i].key,
            event->args[i].value);
    add(line, &used, "}},\n");
    keep(line, used);
}

/* ---- writing ---- */

static void stop(void)
{
    trace_on = false;
    trace.used = 0;
    fd_close(&trace.fd);
}

static bool has_room(void)
{
    struct stat st;

    if (fstat(trace.fd, &st) == 0 && (uint64_t)st.st_size + trace.used > trace.limit) {
        char size[24];

        units_format_size(trace.limit, size);
        log_warning("The trace is as large as it may be, %s: no more is written to it. "
                    "--trace-limit=SIZE allows more.",
                    size);
        return false;
    }
    return true;
}

void trace_flush(void)
{
    ssize_t n;

    if (trace.used == 0)
        return;
    if (!has_room()) {
        stop();
        return;
    }
    do
        n = write(trace.fd, trace.bytes, trace.used);
    while (n < 0 && errno == EINTR);
    if (n != (ssize_t)trace.used) {
        log_warning("The trace cannot be written any more: %s.",
                    n < 0 ? strerror(errno) : "there is no room for it");
        stop();
    }
    trace.used = 0;
}

void trace_begin(const char *path, uint64_t limit, const char *name)
{
    struct stat st;
    int fd = open_file(path, 0, &st);

    if (fd >= 0 && !is_ours(fd)) {
        close(fd);
        fd = -EEXIST;
    }
    if (fd < 0) {
        log_warning("Nothing of this process is traced: %s: %s.", path,
                    fd == -EEXIST ? "it is no trace of hostblob's any more" : strerror(-fd));
        return;
    }
    trace.fd = fd;
    trace.limit = limit;
    trace.pid = (int)getpid();
    trace.device = (int)getppid();
    trace.used = 0;
    trace_on = true;
    put_name(name);
    trace_flush();
}

void trace_end(void)
{
    trace_flush();
    stop();
}
