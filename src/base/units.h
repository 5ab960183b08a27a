/* SPDX-License-Identifier: MIT */
#ifndef BASE_UNITS_H
#define BASE_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads a decimal number from 'least' to 'most': digits, and nothing else. False: it is no such
 * thing, and *number is as it was. */
bool units_parse_number(const char *text, unsigned least, unsigned most, unsigned *number);
/* Reads a size such as "4096", "64K", "256M", "4G" or "256MiB" (powers of 1024). Returns 0; -EINVAL
 * when it is no such thing; -ERANGE when it does not fit 64 bits. */
int units_parse_size(const char *text, uint64_t *bytes);
/* Writes "256M", "64K" or "1234" to 'text'. */
void units_format_size(uint64_t bytes, char text[static 24]);
/* The host's page size in bytes. */
uint64_t units_page_size(void);
/* 'value' rounded up to a multiple of 'align' (a power of two). Returns false if it does not fit 64
 * bits. */
bool units_round_up(uint64_t value, uint64_t align, uint64_t *rounded);
/* Nanoseconds of CLOCK_MONOTONIC. */
uint64_t units_now_ns(void);
/* The same as of the kernel's last tick, some milliseconds ago: what nobody waits for costs less.
 */
uint64_t units_tick_ns(void);

#endif
