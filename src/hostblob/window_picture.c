/* SPDX-License-Identifier: MIT */
#include "hostblob/window_picture.h"

#include <string.h>

#include "base/units.h"

#define ROWS 4u
#define LABEL 14u /* columns in front of a row, and behind it */
#define MOST_ACROSS 256u
#define LEAST_CELL 4096u

static const char marks[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
#define MARKS (sizeof(marks) - 1)

enum { CELL_FREE = -1, CELL_SHARED = -2 };

char window_picture_mark(size_t index)
{
    return marks[index % MARKS];
}

/* The end of a piece, inside of the window: what a device says is only what it says. */
static uint64_t end_of(uint64_t window, const struct window_piece *p)
{
    uint64_t start = p->offset < window ? p->offset : window;

    return p->size < window - start ? start + p->size : window;
}

static void add_free(struct window_room *room, uint64_t size)
{
    if (size == 0)
        return;
    room->free += size;
    room->free_ranges++;
    if (size > room->largest_free)
        room->largest_free = size;
}

struct window_room window_picture_room(uint64_t window, const struct window_piece *pieces,
                                       size_t count)
{
    struct window_room room = {0};
    uint64_t at = 0;

    for (size_t i = 0; i < count; i++) {
        uint64_t end = end_of(window, &pieces[i]);

        if (pieces[i].offset > at && at < window)
            add_free(&room, (pieces[i].offset < window ? pieces[i].offset : window) - at);
        if (end > at)
            at = end;
    }
    add_free(&room, window - at);
    room.used = window - room.free;
    if (room.free > 0)
        room.fragmentation =
            100 - (unsigned)((double)room.largest_free / (double)room.free * 100 + 0.5);
    return room;
}

/* Cells in a row: a power of two, so that each is of a round size. */
static unsigned across(unsigned columns)
{
    unsigned cells = 4;

    while (2 * cells + LABEL <= columns && cells < MOST_ACROSS)
        cells *= 2;
    return cells;
}

/* What is to be seen in each cell: the index of the one piece there, or one of the above. */
static void fill(int *cells, size_t cell_count, uint64_t cell, uint64_t window,
                 const struct window_piece *pieces, size_t count)
{
    for (size_t i = 0; i < cell_count; i++)
        cells[i] = CELL_FREE;
    for (size_t i = 0; i < count; i++) {
        uint64_t end = end_of(window, &pieces[i]);

        for (uint64_t c = pieces[i].offset / cell; c < cell_count && c * cell < end; c++)
            cells[c] = cells[c] == CELL_FREE ? (int)i : CELL_SHARED;
    }
}

static void draw_cell(FILE *to, int cell, bool utf8)
{
    if (cell == CELL_FREE)
        fputs(utf8 ? "\u00b7" : ".", to);
    else if (cell == CELL_SHARED)
        fputs(utf8 ? "\u2592" : "+", to);
    else
        putc(window_picture_mark((size_t)cell), to);
}

void window_picture_draw(FILE *to, uint64_t window, const struct window_piece *pieces, size_t count,
                         unsigned columns, bool utf8)
{
    int cells[ROWS * MOST_ACROSS];
    unsigned width = across(columns), rows = ROWS;
    bool shared = false;
    uint64_t cell;
    char size[24];

    while (rows > 1 && window / (rows * width) < LEAST_CELL)
        rows /= 2;
    while (width > 1 && window / (rows * width) < LEAST_CELL)
        width /= 2;
    cell = window / (rows * width);
    if (cell == 0)
        return;
    fill(cells, rows * width, cell, window, pieces, count);
    for (unsigned row = 0; row < rows; row++) {
        snprintf(size, sizeof(size), "0x%llx", (unsigned long long)(row * width * cell));
        fprintf(to, "%12s ", size);
        for (unsigned i = 0; i < width; i++) {
            shared = shared || cells[row * width + i] == CELL_SHARED;
            draw_cell(to, cells[row * width + i], utf8);
        }
        putc('\n', to);
    }
    units_format_size(cell, size);
    fprintf(to, "  A character is %s: the MARK of the buffer there; '%s' is free%s%s%s.\n", size,
            utf8 ? "\u00b7" : ".", shared ? ", '" : "", shared ? utf8 ? "\u2592" : "+" : "",
            shared ? "' has several" : "");
}
