/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "protocol/memory_stream.h"
#include "tests/bench/floor.h"

/*
 * The floor of a transfer: memcpy of a picture of 4 bytes a pixel from memory that is shared, as
 * guest memory is, in one piece or from pages in a random order. On the back-end's processor.
 */
#define PAGE 4096u

void floor_shuffle(uint32_t *pages, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        pages[i] = i;
    for (uint32_t i = count; i > 1; i--) {
        uint32_t other = (uint32_t)(memory_stream_word(7, i) % i), kept = pages[i - 1];

        pages[i - 1] = pages[other];
        pages[other] = kept;
    }
}

struct floor_copy {
    uint8_t *to, *from;
    size_t size, whole; /* bytes; the same in whole pages */
    bool scattered;
    uint32_t pages[];
};

static int copy(void *data)
{
    const struct floor_copy *picture = data;
    size_t size = picture->size;

    if (!picture->scattered)
        memcpy(picture->to, picture->from, size);
    for (size_t at = 0; picture->scattered && at < size; at += PAGE)
        memcpy(picture->to + at, picture->from + (size_t)picture->pages[at / PAGE] * PAGE,
               size - at < PAGE ? size - at : PAGE);
    return 0;
}

static void destroy(void *data)
{
    struct floor_copy *picture = data;

    if (picture->from != MAP_FAILED)
        munmap(picture->from, picture->whole);
    if (picture->to != MAP_FAILED)
        munmap(picture->to, picture->whole);
    free(picture);
}

int floor_copy(struct floor *floor, const struct options *options, uint32_t width, uint32_t height,
               bool scattered)
{
    size_t size = (size_t)width * height * 4, pages = (size + PAGE - 1) / PAGE;
    struct floor_copy *picture = calloc(1, sizeof(*picture) + pages * sizeof(picture->pages[0]));

    *floor = (struct floor){copy, destroy, picture, 1, options->back_end_cpu, false};
    if (picture == NULL)
        return -ENOMEM;
    picture->size = size;
    picture->whole = pages * PAGE;
    picture->scattered = scattered;
    picture->from = floor_shared(picture->whole);
    picture->to =
        mmap(NULL, picture->whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (picture->from == MAP_FAILED || picture->to == MAP_FAILED) {
        floor_finish(floor);
        return -ENOMEM;
    }
    floor_shuffle(picture->pages, (uint32_t)pages);
    copy(picture); /* what is touched the first time costs more */
    return 0;
}
