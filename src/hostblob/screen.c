/* SPDX-License-Identifier: MIT */
#include "hostblob/screen.h"

#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/units.h"

#define COLUMNS 80u
#define LEAST_COLUMNS 20u
#define MOST_COLUMNS 1000u

void screen_init(struct screen *screen)
{
    const char *columns = getenv("COLUMNS");
    struct winsize size;

    *screen = (struct screen){.terminal = isatty(STDOUT_FILENO), .columns = COLUMNS};
    setlocale(LC_CTYPE, "");
    screen->utf8 = screen->terminal && strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    setlocale(LC_CTYPE, "C");
    if (screen->terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        screen->columns = size.ws_col;
        screen->rows = size.ws_row;
    } else if (columns != NULL) {
        units_parse_number(columns, LEAST_COLUMNS, MOST_COLUMNS, &screen->columns);
    }
    if (screen->columns < LEAST_COLUMNS)
        screen->columns = LEAST_COLUMNS;
}
