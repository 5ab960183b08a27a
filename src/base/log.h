/* SPDX-License-Identifier: MIT */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Lines to standard error: "program[role]: sentence". Under systemd (JOURNAL_STREAM is set) each
 * line begins with its <N> priority instead of a time. Every function keeps errno as it was.
 */
enum log_level {
    LOG_LEVEL_ERROR,   /* something asked for did not happen */
    LOG_LEVEL_WARNING, /* it happened in another way, or a stranger misbehaves */
    LOG_LEVEL_INFO,    /* what was chosen, who came and went */
    LOG_LEVEL_DEBUG,   /* every message */
};

/* Says who speaks. Both strings are borrowed for ever; 'role' may be NULL. */
void log_init(const char *program, const char *role, enum log_level level);
/* The level set by log_init or log_set_level; lines above it are not formatted. */
enum log_level log_level(void);
void log_set_level(enum log_level level);
/* "error", "warning", ... */
const char *log_level_name(enum log_level level);
/* Reads "error", "warning", "info" or "debug". Returns 0, or -EINVAL. */
int log_level_parse(const char *text, enum log_level *level);

void log_write(enum log_level level, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#define log_error(...) log_write(LOG_LEVEL_ERROR, __FILE__, __LINE__, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __FILE__, __LINE__, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __FILE__, __LINE__, __VA_ARGS__)
#define log_debug(...)                                                                             \
    do {                                                                                           \
        if (log_level() >= LOG_LEVEL_DEBUG)                                                        \
            log_write(LOG_LEVEL_DEBUG, __FILE__, __LINE__, __VA_ARGS__);                           \
    } while (0)

/* A place in the code that a stranger can make speak: at most LOG_LIMIT_BURST lines in
 * LOG_LIMIT_SECONDS, then one line that says how many were left out. */
#define LOG_LIMIT_BURST 10u
#define LOG_LIMIT_SECONDS 10u

struct log_limit {
    uint64_t window_start; /* seconds of CLOCK_MONOTONIC */
    unsigned lines;
    unsigned left_out;
};

/* Whether the caller may speak now; counts what it may not say. */
bool log_limit_allows(struct log_limit *limit);

/* For whatever a guest or a front-end did wrong. */
#define log_stranger(...)                                                                          \
    do {                                                                                           \
        static struct log_limit log_limit_here;                                                    \
        if (log_limit_allows(&log_limit_here))                                                     \
            log_write(LOG_LEVEL_WARNING, __FILE__, __LINE__, __VA_ARGS__);                         \
    } while (0)

#endif
