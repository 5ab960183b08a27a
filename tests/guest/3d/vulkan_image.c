/* SPDX-License-Identifier: MIT */
/* Memory that host and device share, in sizes from 100 bytes to 64 MiB, verified word by word, and
 * a picture rendered off-screen, whose bytes go to a file.
 *
 *     vulkan_image FILE
 */
#include <stdio.h>
#include <string.h>

#include "tick.h"
#include "vk.h"
#include "vk_draw.h"
#include "vk_verify.h"

/* Most are no page multiple, some no multiple of 64. */
static const VkDeviceSize sizes[] = {100,    4096,    4100,     20000,   65536,
                                     100004, 1 << 20, 16 << 20, 64 << 20};

static VkResult one_size(struct vk *vk, struct vk_verify *verify, VkDeviceSize size)
{
    struct vk_buffer from = {0}, to = {0};
    unsigned long bad = 0;
    uint64_t begun = tick_now();
    VkResult result = vk_buffer_init(vk, &from, size);

    if (!result)
        result = vk_buffer_init(vk, &to, size);
    if (!result)
        result = vk_verify_run(vk, verify, &from, &to, (uint32_t)size, &bad);
    printf("@@ size=%ju allocated=%ju result=%d bad=%lu ms=%ju\n", (uintmax_t)size,
           (uintmax_t)from.allocated, (int)result, bad, (uintmax_t)(tick_now() - begun));
    vk_buffer_finish(vk, &from);
    vk_buffer_finish(vk, &to);
    if (!result && bad)
        return VK_ERROR_UNKNOWN;
    return result;
}

static VkResult memory(struct vk *vk)
{
    struct vk_verify verify;
    VkResult result = vk_verify_init(vk, &verify), worst = result;

    for (unsigned i = 0; !result && i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        VkResult one = one_size(vk, &verify, sizes[i]);

        worst = one ? one : worst;
    }
    vk_verify_finish(vk, &verify);
    return worst;
}

static int save(const char *path, const struct vk_buffer *pixels)
{
    static unsigned char copy[VK_DRAW_WIDTH * VK_DRAW_HEIGHT * 4];
    FILE *file = fopen(path, "wb");
    size_t done;

    if (!file) {
        perror(path);
        return -1;
    }
    /* 9p writes without a copy of its own, and cannot do so from a device's memory. */
    memcpy(copy, pixels->map, sizeof(copy));
    done = fwrite(copy, 1, sizeof(copy), file);
    if (fclose(file) || done != sizeof(copy)) {
        perror(path);
        return -1;
    }
    printf("@@ picture=%s width=%d height=%d\n", path, VK_DRAW_WIDTH, VK_DRAW_HEIGHT);
    return 0;
}

static int picture(struct vk *vk, const char *path)
{
    struct vk_buffer pixels = {0};
    int status = -1;

    if (!vk_buffer_init(vk, &pixels, VK_DRAW_WIDTH * VK_DRAW_HEIGHT * 4) && !vk_draw(vk, &pixels))
        status = save(path, &pixels);
    vk_buffer_finish(vk, &pixels);
    return status;
}

int main(int argc, char **argv)
{
    struct vk vk;
    int status = 1;

    if (argc != 2) {
        fprintf(stderr, "usage: vulkan_image FILE\n");
        return 2;
    }
    if (!vk_init(&vk)) {
        status = memory(&vk) ? 1 : 0;
        if (picture(&vk, argv[1]))
            status = 1;
    }
    vk_finish(&vk);
    return status;
}
