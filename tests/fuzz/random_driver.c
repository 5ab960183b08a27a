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
 * runs one input again, 'fuzz_x NAME.hex' each line of a corpus; several of these come one by one.
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

/* In a copy of just this size, so that a sanitizer sees a read past its end. */
static int run_input(const uint8_t *data, size_t size)
{
    uint8_t *exact = malloc(size > 0 ? size : 1);

    if (exact == NULL)
        return 1;
    if (size > 0)
        memcpy(exact, data, size);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    return 0;
}

/* Turns a line of hexadecimal digits into bytes, in its own place. Returns how many. */
static size_t from_hex(char *line)
{
    size_t size = 0;
    unsigned byte;

    while (sscanf(line + 2 * size, "%2x", &byte) == 1)
        ((uint8_t *)line)[size++] = (uint8_t)byte;
    return size;
}

static int run_lines(FILE *file, const char *path)
{
    char *line = NULL;
    size_t room = 0;
    unsigned count = 0;
    int failed = 0;

    while (getline(&line, &room, file) > 0) {
        failed |= run_input((uint8_t *)line, from_hex(line));
        count++;
    }
    free(line);
    printf("%s: %u inputs\n", path, count);
    return failed || count == 0;
}

static int run_file(const char *path)
{
    const char *end = strrchr(path, '.');
    uint8_t *data = malloc(LARGEST);
    FILE *file = fopen(path, "rb");
    int status = 1;

    if (file == NULL || data == NULL)
        perror(path);
    else if (end != NULL && strcmp(end, ".hex") == 0)
        status = run_lines(file, path);
    else
        status = run_input(data, fread(data, 1, LARGEST, file));
    if (file != NULL)
        fclose(file);
    free(data);
    return status;
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

/* What one argument asks for. */
static int run(const char *what)
{
    char *end;
    unsigned long seconds = strtoul(what, &end, 10);

    return *end == '\0' ? run_random((uint64_t)seconds * 1000) : run_file(what);
}

int main(int argc, char **argv)
{
    int status = 0;

    if (argc < 2) {
        fprintf(stderr, "usage: %s SECONDS|FILE|NAME.hex...\n", argv[0]);
        return 2;
    }
    for (int i = 1; i < argc; i++)
        status |= run(argv[i]);
    return status;
}
