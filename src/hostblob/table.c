/* SPDX-License-Identifier: MIT */
#include "hostblob/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hostblob/json_path.h"

void table_init(struct table *t, unsigned columns)
{
    *t = (struct table){.columns = columns};
}

void table_finish(struct table *t)
{
    free(t->cells);
    *t = (struct table){0};
}

void table_add(struct table *t, const char *const *cells)
{
    if (t->rows == t->room) {
        unsigned room = t->room == 0 ? 16 : 2 * t->room;
        void *more = reallocarray(t->cells, room, sizeof(t->cells[0]));

        if (more == NULL)
            return;
        t->cells = more;
        t->room = room;
    }
    for (unsigned c = 0; c < t->columns; c++) {
        snprintf(t->cells[t->rows][c], TABLE_CELL, "%s", cells[c]);
        json_path_clean(t->cells[t->rows][c]);
    }
    t->rows++;
}

static int width_of(const struct table *t, unsigned column)
{
    size_t width = 0;

    for (unsigned r = 0; r < t->rows; r++)
        if (strlen(t->cells[r][column]) > width)
            width = strlen(t->cells[r][column]);
    return (int)width;
}

void table_print(const struct table *t, unsigned indent)
{
    int widths[TABLE_COLUMNS];

    for (unsigned c = 0; c < t->columns; c++)
        widths[c] = c + 1 < t->columns ? width_of(t, c) : 0;
    for (unsigned r = 0; r < t->rows; r++) {
        printf("%*s", (int)indent, "");
        for (unsigned c = 0; c < t->columns; c++)
            printf("%s%-*s", c > 0 ? "  " : "", widths[c], t->cells[r][c]);
        putchar('\n');
    }
}
