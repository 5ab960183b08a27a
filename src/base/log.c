/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/units.h"

#define LINE_MAX_BYTES 1024u

struct level_row {
    const char *name;
    int priority; /* of syslog */
};

static const struct level_row levels[] = {
    [LOG_LEVEL_ERROR] = {"error", 3},
    [LOG_LEVEL_WARNING] = {"warning", 4},
    [LOG_LEVEL_INFO] = {"info", 6},
    [LOG_LEVEL_DEBUG] = {"debug", 7},
};
#define LEVELS (sizeof(levels) / sizeof(levels[0]))

static const char *log_program = "hostblob";
static const char *log_role;
static enum log_level log_max = LOG_LEVEL_INFO;
static bool log_to_journal;

void log_init(const char *program, const char *role, enum log_level level)
{
    log_program = program;
    log_role = role;
    log_max = level;
    log_to_journal = getenv("JOURNAL_STREAM") != NULL;
    tzset(); /* reads its file now: later a sandbox may be in the way */
}

enum log_level log_level(void)
{
    return __atomic_load_n(&log_max, __ATOMIC_RELAXED);
}

void log_set_level(enum log_level level)
{
    __atomic_store_n(&log_max, level, __ATOMIC_RELAXED);
}

const char *log_level_name(enum log_level level)
{
    return levels[level].name;
}

int log_level_parse(const char *text, enum log_level *level)
{
    for (unsigned i = 0; i < LEVELS; i++) {
        if (strcmp(text, levels[i].name) == 0) {
            *level = (enum log_level)i;
            return 0;
        }
    }
    return -EINVAL;
}

/* A line being put together. What does not fit is cut off. */
struct line {
    char text[LINE_MAX_BYTES];
    size_t used;
};

/* Accounts for what snprintf says that it wrote, or would have. */
static void line_grow(struct line *line, int wrote)
{
    size_t room = sizeof(line->text) - 1 - line->used;

    if (wrote > 0)
        line->used += (size_t)wrote < room ? (size_t)wrote : room;
}

static void __attribute__((format(printf, 2, 3)))
line_add(struct line *line, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    line_grow(line,
              vsnprintf(line->text + line->used, sizeof(line->text) - line->used, format, args));
    va_end(args);
}

static void line_add_time(struct line *line)
{
    struct timespec now;
    struct tm tm;

    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &tm);
    line_add(line, "%02d:%02d:%02d.%03ld ", tm.tm_hour, tm.tm_min, tm.tm_sec,
             now.tv_nsec / 1000000);
}

/* The room and the file; what stands before them depends on where it was built. */
static const char *short_name(const char *file)
{
    const char *name = file;

    for (const char *at = file, *slash; (slash = strchr(at, '/')) != NULL; at = slash + 1) {
        if (strchr(slash + 1, '/') != NULL)
            name = slash + 1;
    }
    return name;
}

static void line_begin(struct line *line, enum log_level level, const char *file, int at)
{
    line->used = 0;
    if (log_to_journal)
        line_add(line, "<%d>", levels[level].priority);
    else
        line_add_time(line);
    if (log_role != NULL)
        line_add(line, "%s[%s]: ", log_program, log_role);
    else
        line_add(line, "%s: ", log_program);
    if (level <= LOG_LEVEL_WARNING)
        line_add(line, "%s: ", levels[level].name);
    if (log_level() >= LOG_LEVEL_DEBUG)
        line_add(line, "%s:%d: ", short_name(file), at);
}

/* One write for the line, so that lines of several processes do not mix. A stranger's text in it
 * must neither begin a line of its own nor speak to the terminal. */
static void line_end(struct line *line)
{
    size_t sent = 0;

    for (size_t i = 0; i < line->used; i++) {
        if ((unsigned char)line->text[i] < 0x20 || line->text[i] == 0x7f)
            line->text[i] = '?';
    }
    line->text[line->used++] = '\n';
    while (sent < line->used) {
        ssize_t n = write(STDERR_FILENO, line->text + sent, line->used - sent);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        sent += (size_t)n;
    }
}

void log_write(enum log_level level, const char *file, int line, const char *format, ...)
{
    int saved_errno = errno;
    struct line out;
    va_list args;

    if (level > log_level())
        return;
    line_begin(&out, level, file, line);
    errno = saved_errno; /* for %m */
    va_start(args, format);
    line_grow(&out, vsnprintf(out.text + out.used, sizeof(out.text) - out.used, format, args));
    va_end(args);
    line_end(&out);
    errno = saved_errno;
}

bool log_limit_allows(struct log_limit *limit)
{
    uint64_t now = units_now_ns() / 1000000000u;

    if (limit->lines == 0 || now - limit->window_start >= LOG_LIMIT_SECONDS) {
        unsigned left_out = limit->left_out;

        *limit = (struct log_limit){.window_start = now};
        if (left_out > 0)
            log_warning("%u lines such as the next one were left out", left_out);
    }
    if (limit->lines >= LOG_LIMIT_BURST) {
        limit->left_out++;
        return false;
    }
    limit->lines++;
    return true;
}
