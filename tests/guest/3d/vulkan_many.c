/* SPDX-License-Identifier: MIT */
/* Many allocations, mapped, written at once, read back later and freed, some of them live at a
 * time.
 *
 *     vulkan_many COUNT LIVE [BYTES]
 */
#include <stdio.h>
#include <stdlib.h>

#include "tick.h"
#include "vk.h"

#define MOST_LIVE 4000

struct tally {
    unsigned long lost;
    uint64_t map_ms, longest_ms;
};

static uint32_t word_of(unsigned long number)
{
    return (uint32_t)number * 2654435761u + 1;
}

/* The first thing that the guest does with a mapping is to write: decision 3's barrier is for that.
 */
static VkResult take(struct vk *vk, struct vk_buffer *buffer, unsigned long number,
                     VkDeviceSize bytes, struct tally *tally)
{
    uint64_t begun = tick_now(), took;
    VkResult result = vk_buffer_init(vk, buffer, bytes);
    uint32_t *words = buffer->map;

    if (result)
        return result;
    words[0] = word_of(number);
    words[bytes / 4 - 1] = word_of(number);
    took = tick_now() - begun;
    tally->map_ms += took;
    if (took > tally->longest_ms)
        tally->longest_ms = took;
    return VK_SUCCESS;
}

static void give_back(struct vk *vk, struct vk_buffer *buffer, unsigned long number,
                      struct tally *tally)
{
    const uint32_t *words = buffer->map;

    if (!words)
        return;
    tally->lost += words[0] != word_of(number);
    tally->lost += words[buffer->size / 4 - 1] != word_of(number);
    vk_buffer_finish(vk, buffer);
}

static int many(struct vk *vk, unsigned long count, unsigned long live, VkDeviceSize bytes)
{
    static struct vk_buffer buffers[MOST_LIVE];
    struct tally tally = {0};
    unsigned long done = 0;

    for (unsigned long i = 0; i < count; i++) {
        struct vk_buffer *buffer = &buffers[i % live];

        give_back(vk, buffer, i - live, &tally);
        if (take(vk, buffer, i, bytes, &tally))
            break;
        done++;
        if (done % 100 == 0) {
            printf("@@ progress=%lu of=%lu\n", done, count);
            fflush(stdout);
        }
    }
    for (unsigned long i = done < live ? 0 : done - live; i < done; i++)
        give_back(vk, &buffers[i % live], i, &tally);
    printf("@@ allocations=%lu lost=%lu map_ms_mean=%.2f map_ms_longest=%ju\n", done, tally.lost,
           done ? (double)tally.map_ms / (double)done : 0, (uintmax_t)tally.longest_ms);
    return done == count && tally.lost == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    unsigned long count = argc > 2 ? strtoul(argv[1], NULL, 10) : 0;
    unsigned long live = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
    unsigned long bytes = argc > 3 ? strtoul(argv[3], NULL, 10) : 65536;
    struct vk vk;
    int status = 1;

    if (count < 1 || live < 1 || live > MOST_LIVE || bytes < 4) {
        fprintf(stderr, "usage: vulkan_many COUNT LIVE [BYTES]\n");
        return 2;
    }
    if (!vk_init(&vk))
        status = many(&vk, count, live, bytes);
    vk_finish(&vk);
    return status;
}
