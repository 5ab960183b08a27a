/* SPDX-License-Identifier: MIT */
/* Uses the device without a pause and tells when it stalls or is lost.
 *
 *     vulkan_loop SECONDS [NAME]
 *
 * Each step allocates and maps memory, has the device change it, verifies and frees it. Ends with 0
 * after SECONDS, with 3 when the device is lost, with 1 when a word is wrong.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tick.h"
#include "vk.h"
#include "vk_verify.h"

#define BYTES 65536
/* Some of these run side by side, and a stall has to be the host's fault. */
#define REST_US 10000

static int step(struct vk *vk, struct vk_verify *verify, struct vk_buffer *kept, unsigned number)
{
    struct vk_buffer fresh = {0};
    unsigned long bad = 0;
    int status = 0;

    if (vk_buffer_init(vk, &fresh, BYTES) || vk_verify_run(vk, verify, kept, &fresh, number, &bad))
        status = 3;
    if (bad) {
        printf("@@ bad=%lu step=%u\n", bad, number);
        status = 1;
    }
    vk_buffer_finish(vk, &fresh);
    return status;
}

static int loop(struct vk *vk, uint64_t ms)
{
    struct vk_verify verify;
    struct vk_buffer kept = {0};
    struct tick tick;
    int status = 3;

    if (!vk_verify_init(vk, &verify) && !vk_buffer_init(vk, &kept, BYTES))
        status = 0;
    printf("@@ looping=%d\n", status);
    fflush(stdout);
    tick_init(&tick);
    while (!status && !tick_over(&tick, ms)) {
        status = step(vk, &verify, &kept, tick.steps);
        tick_step(&tick);
        usleep(REST_US);
    }
    tick_end(&tick);
    vk_buffer_finish(vk, &kept);
    vk_verify_finish(vk, &verify);
    return status;
}

int main(int argc, char **argv)
{
    struct vk vk;
    int status = 3;

    if (argc < 2) {
        fprintf(stderr, "usage: vulkan_loop SECONDS [NAME]\n");
        return 2;
    }
    if (!vk_init(&vk))
        status = loop(&vk, strtoull(argv[1], NULL, 10) * 1000);
    vk_finish(&vk);
    printf("@@ ended=%d\n", status);
    return status;
}
