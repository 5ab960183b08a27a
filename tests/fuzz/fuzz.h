/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/*
 * What each fuzz target defines. With libFuzzer (-Dfuzz=true, clang) the library's main calls the
 * first; else random_driver.c feeds it a fixed sequence of random bytes for a while, as a normal
 * test.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Microseconds until what has to happen by itself counts as never happening: many, for fuzzers
 * stand behind whatever else the machine does. */
#define FUZZ_PATIENCE_US UINT64_C(900000000)

/* Makes 'size' random bytes look a little like what the target expects. Only random_driver.c calls
 * it; 'next' gives more random numbers. */
void fuzz_shape(uint8_t *data, size_t size, uint64_t (*next)(void));

#endif
