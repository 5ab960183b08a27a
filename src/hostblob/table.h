/* SPDX-License-Identifier: MIT */
#ifndef HOSTBLOB_TABLE_H
#define HOSTBLOB_TABLE_H

#define TABLE_COLUMNS 10u
#define TABLE_CELL 96u /* bytes; what is longer is cut */

/* Rows of words for a person, printed with each column as wide as its widest cell. */
struct table {
    unsigned columns;
    unsigned rows, room;
    char (*cells)[TABLE_COLUMNS][TABLE_CELL]; /* owned */
};

/* Empty, and with no memory yet. */
void table_init(struct table *table, unsigned columns);
/* Begins a row, and writes its first cells: as many as 'columns' strings. */
void table_add(struct table *table, const char *const *cells);
/* Prints it, each line behind 'indent' spaces. */
void table_print(const struct table *table, unsigned indent);
void table_finish(struct table *table);

#endif
