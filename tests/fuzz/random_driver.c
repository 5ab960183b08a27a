/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fuzz.h"

/*
 * Stands in for libFuzzer where it is missing, and runs with the other tests. The sequence is
 * always the same, so that a failure comes again: 'fuzz_x SECONDS' runs for a time, 'fuzz_x FILE'
 * runs one input again.
 */
#define LARGEST 65536u
#define SMALLEST 16u

static uint64_t random_state = UINT64_C(0x9e3779b97f4a7c15);

/* xorshift64* */
static uint64_t random_next(void)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * UINT64_C(0x2545f4914f6cdd1d);
}

static void random_fill(uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)(random_next() >> 56);
}

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int run_file(const char *path)
{
    uint8_t *data = malloc(LARGEST);
    FILE *file = fopen(path, "rb");
    size_t size;

    if (file == NULL || data == NULL) {
        perror(path);
        return 1;
    }
    size = fread(data, 1, LARGEST, file);
    fclose(file);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    return 0;
}

static int run_random(uint64_t milliseconds)
{
    uint64_t end = now_ms() + milliseconds;
    uint8_t *block = malloc(LARGEST);
    uint64_t inputs = 0;

    if (block == NULL)
        return 1;
    random_fill(block, LARGEST);
    while (now_ms() < end) {
        size_t size = SMALLEST + (size_t)(random_next() % (LARGEST - SMALLEST));
        /* A copy of just this size, so that a sanitizer sees a read past its end. */
        uint8_t *data = malloc(size);

        if (data == NULL)
            break;
        memcpy(data, block, size);
        random_fill(data, size < 256 ? size : 256);
        if (random_next() % 4 != 0)
            fuzz_shape(data, size, random_next);
        LLVMFuzzerTestOneInput(data, size);
        free(data);
        inputs++;
    }
    free(block);
    printf("%" PRIu64 " inputs\n", inputs);
    return inputs > 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    char *end;
    unsigned long seconds;

    if (argc != 2) {
        fprintf(stderr, "usage: %s SECONDS|FILE\n", argv[0]);
        return 2;
    }
    seconds = strtoul(argv[1], &end, 10);
    if (*end != '\0')
        return run_file(argv[1]);
    return run_random((uint64_t)seconds * 1000);
}
