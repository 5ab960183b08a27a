/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
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

struct picture {
    uint8_t *to;
    const uint8_t *from;
    size_t size;
    const uint32_t *pages; /* NULL: from one piece */
};

static int copy(void *data)
{
    const struct picture *picture = data;
    size_t size = picture->size;

    if (picture->pages == NULL)
        memcpy(picture->to, picture->from, size);
    for (size_t at = 0; picture->pages != NULL && at < size; at += PAGE)
        memcpy(picture->to + at, picture->from + (size_t)picture->pages[at / PAGE] * PAGE,
               size - at < PAGE ? size - at : PAGE);
    return 0;
}

double floor_copy(const struct options *options, uint32_t width, uint32_t height, bool scattered,
                  double seconds)
{
    size_t size = (size_t)width * height * 4, whole = (size + PAGE - 1) / PAGE * PAGE;
    int fd = fd_memfd("floor", whole);
    uint8_t *from =
        fd < 0 ? MAP_FAILED : mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    uint8_t *to = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint32_t *pages = calloc(whole / PAGE, sizeof(*pages));
    struct picture picture = {to, from, size, scattered ? pages : NULL};
    double r = -ENOMEM;
    cpu_set_t before;

    sched_getaffinity(0, sizeof(before), &before);
    if (from != MAP_FAILED && to != MAP_FAILED && pages != NULL) {
        floor_shuffle(pages, (uint32_t)(whole / PAGE));
        memset(from, 0x5a, whole);
        floor_pin(options->back_end_cpu);
        copy(&picture); /* what is touched the first time costs more */
        r = floor_time(copy, &picture, seconds);
        sched_setaffinity(0, sizeof(before), &before);
    }
    if (from != MAP_FAILED)
        munmap(from, whole);
    if (to != MAP_FAILED)
        munmap(to, whole);
    free(pages);
    fd_close(&fd);
    return r;
}
