/* SPDX-License-Identifier: MIT */
#include "daemon/settings.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/units.h"

#define WORD "set "
#define MOST_POLL_US 1000u

/* NULL, or what would be right. */
typedef const char *take_fn(struct journal_settings *settings,
                            const struct options_program *program, const char *value);

static const char *take_log_level(struct journal_settings *settings,
                                  const struct options_program *program, const char *value)
{
    enum log_level level;

    if (log_level_parse(value, &level) < 0)
        return "it must be 'error', 'warning', 'info' or 'debug'";
    settings->log_level = 1 + level;
    return NULL;
}

static const char *take_poll(struct journal_settings *settings,
                             const struct options_program *program, const char *value)
{
    unsigned us;

    if (!units_parse_number(value, 0, MOST_POLL_US, &us))
        return "it must be a number of microseconds, 0 (off) to 1000";
    settings->poll = 1 + us;
    return NULL;
}

static const char *take_limit(struct journal_settings *settings,
                              const struct options_program *program, const char *value)
{
    return quotas_parse(program->quotas, value, settings->limits);
}

static const struct {
    const char *key;
    take_fn *take;
} rows[] = {
    {"log-level", take_log_level},
    {"poll", take_poll},
    {"limit", take_limit},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* Options of the program that somebody may well want to change, and why that is not to be. */
static const struct {
    const char *key, *why;
} fixed[] = {
    {"window", "the guest has found a memory region of that size, and cannot be told of another"},
    {"mapping", "the guest's buffers lie as they were mapped"},
    {"exporter", "the guest's buffers are of that kind already"},
    {"output", "'hostblob output' plugs in another monitor, or pulls one out"},
    {"renderer", "the guest has been told what it can draw with"},
    {"render-node", "the renderer has opened it"},
    {"mem-slots", "the front-end was offered it, or not, when it came"},
    {"kind", "the guest has found that kind of video node"},
    {"sandbox", "what a process has given up it cannot get back"},
    {"trace", "its processes have opened the file before they were shut in"},
    {"socket-path", "the front-end is connected to it"},
    {"control-path", "you have just asked there"},
};

bool settings_is(const char *line)
{
    return strncmp(line, WORD, strlen(WORD)) == 0;
}

static int refuse_key(const struct options_program *program, const char *key,
                      char why[static SETTINGS_TEXT])
{
    const char *reason = NULL;

    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
        if (strcmp(fixed[i].key, key) == 0)
            reason = fixed[i].why;
    if (!options_has(program, key))
        snprintf(why, SETTINGS_TEXT,
                 "there is no setting '%.40s': it is log-level=LEVEL, poll=MICROSECONDS or "
                 "limit=NAME=NUMBER",
                 key);
    else
        snprintf(why, SETTINGS_TEXT,
                 "'%s' is fixed when the device starts%s%s. Give --%s=... then, or change it in "
                 "the configuration, and start the device anew",
                 key, reason != NULL ? ": " : "", reason != NULL ? reason : "", key);
    return -EINVAL;
}

int settings_take(struct journal_settings *settings, const struct options_program *program,
                  const char *line, char why[static SETTINGS_TEXT])
{
    const char *word = line + strlen(WORD), *value = strchr(word, '=');
    char key[64];

    if (value == NULL) {
        snprintf(why, SETTINGS_TEXT, "it is 'set KEY=VALUE', such as log-level=debug");
        return -EINVAL;
    }
    snprintf(key, sizeof(key), "%.*s", (int)(value - word), word);
    for (size_t i = 0; i < ROWS; i++) {
        const char *reason;

        if (strcmp(rows[i].key, key) != 0)
            continue;
        reason = rows[i].take(settings, program, value + 1);
        if (reason != NULL)
            snprintf(why, SETTINGS_TEXT, "%s=%.60s cannot be: %s", key, value + 1, reason);
        return reason == NULL ? 0 : -EINVAL;
    }
    return refuse_key(program, key, why);
}

void settings_apply(const struct journal_settings *settings)
{
    uint32_t level = settings->log_level;

    if (level > 0 && level <= LOG_LEVEL_DEBUG + 1u)
        log_set_level((enum log_level)(level - 1));
}
