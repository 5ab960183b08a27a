/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_SETTINGS_H
#define DAEMON_SETTINGS_H

#include <stdbool.h>

#include "daemon/options.h"
#include "journal/journal.h"

#define SETTINGS_TEXT 400u /* bytes of a sentence */

/* What a person may change at a device that runs: the command 'set KEY=VALUE'. The journal keeps
 * it for the workers to come, and for the program after an upgrade. */

/* Whether a person's command is that one. */
bool settings_is(const char *line);
/* Enters it into 'settings'. 0, or -EINVAL with a sentence that says what would be right. */
int settings_take(struct journal_settings *settings, const struct options_program *program,
                  const char *line, char why[static SETTINGS_TEXT]);
/* What of them is this process's own, the log's level, is so from now on. */
void settings_apply(const struct journal_settings *settings);

#endif
