/* SPDX-License-Identifier: MIT */
#include "tests/bench/picture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/memory_stream.h"
#include "tests/bench/clock.h"

#define PATIENCE_MS 20000 /* 4K as pixels takes a busy emulated processor seconds */
#define QUICK_PATIENCE_MS 1000
#define VISIBLE 0xffffffu /* of a pixel: the fourth byte is nothing */

static int write_entries(struct picture *picture)
{
    struct guest_ram *ram = &picture->work->rig.frontend.ram;
    uint64_t size = (uint64_t)picture->width * picture->height * 4;
    uint32_t count = picture->order != NULL ? picture->pages : 1;
    struct virtio_gpu_mem_entry *entries;

    picture->entry_count = count;
    picture->entries = guest_ram_take(ram, GUEST_RAM_LOW, count * sizeof(*entries), 16);
    entries = guest_ram_at(ram, picture->entries);
    if (entries == NULL)
        return -ENOMEM;
    if (picture->order == NULL)
        entries[0] = (struct virtio_gpu_mem_entry){picture->work->gpa, (uint32_t)size, 0};
    for (uint32_t i = 0; picture->order != NULL && i < count; i++)
        entries[i] = (struct virtio_gpu_mem_entry){
            picture->work->gpa + (uint64_t)picture->order[i] * PICTURE_PAGE, PICTURE_PAGE, 0};
    return 0;
}

int picture_init(struct picture *picture, struct work *work, uint32_t width, uint32_t height,
                 bool scattered)
{
    uint64_t size = (uint64_t)width * height * 4;
    int r;

    *picture = (struct picture){.work = work, .width = width, .height = height};
    picture->pages = (uint32_t)((size + PICTURE_PAGE - 1) / PICTURE_PAGE);
    r = item_take_memory(work, (uint64_t)picture->pages * PICTURE_PAGE);
    if (r == 0 && scattered) {
        picture->order = calloc(picture->pages, sizeof(*picture->order));
        if (picture->order == NULL)
            return -ENOMEM;
        floor_shuffle(picture->order, picture->pages);
    }
    for (uint64_t i = 0; r == 0 && i < size / 4; i++)
        *picture_pixel(picture, (uint32_t)(i % width), (uint32_t)(i / width)) =
            (uint32_t)memory_stream_word(width, i);
    return r == 0 ? write_entries(picture) : r;
}

void picture_finish(struct picture *picture)
{
    free(picture->order);
    picture->order = NULL;
}

uint32_t *picture_pixel(const struct picture *picture, uint32_t x, uint32_t y)
{
    uint64_t at = ((uint64_t)y * picture->width + x) * 4;

    if (picture->order != NULL)
        at = (uint64_t)picture->order[at / PICTURE_PAGE] * PICTURE_PAGE + at % PICTURE_PAGE;
    return (uint32_t *)(void *)(picture->work->memory + at);
}

int picture_place_attach(const struct picture *picture, unsigned slot)
{
    struct virtio_gpu_resource_attach_backing *attach =
        volley_place(&picture->work->rig.volley, slot, sizeof(*attach), picture->entries,
                     picture->entry_count * sizeof(struct virtio_gpu_mem_entry),
                     sizeof(struct virtio_gpu_ctrl_hdr), GPU_OK);

    if (attach == NULL)
        return -ENOSPC;
    *attach = (struct virtio_gpu_resource_attach_backing){
        .hdr.type = VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING,
        .resource_id = PICTURE_RESOURCE,
        .nr_entries = picture->entry_count,
    };
    return 0;
}

int picture_make(const struct picture *picture)
{
    struct work *work = picture->work;
    int r = gpu_create_2d(work, PICTURE_RESOURCE, picture->width, picture->height);

    if (r == 0)
        r = picture_place_attach(picture, 0);
    if (r == 0)
        r = volley_fire(&work->rig.volley, 0, 1);
    return r;
}

static bool shows(const struct picture *picture, uint32_t x, uint32_t y)
{
    const uint8_t *line =
        display_line(&picture->work->rig.display, picture->width, picture->height, y);

    return line != NULL &&
           ((((const uint32_t *)(const void *)line)[x] ^ *picture_pixel(picture, x, y)) &
            VISIBLE) == 0;
}

int picture_await(const struct picture *picture)
{
    struct rig *rig = &picture->work->rig;
    int milliseconds = picture->work->options->quick ? QUICK_PATIENCE_MS : PATIENCE_MS;
    int64_t end = clock_ns() + milliseconds * INT64_C(1000000);

    while (!shows(picture, 0, 0) || !shows(picture, picture->width - 1, picture->height - 1)) {
        int r = rig->display.fd >= 0 ? rig_attend(rig, rig->display.fd, 100) : -ECONNRESET;

        if (r < 0 && r != -ETIMEDOUT)
            return r;
        if (clock_ns() > end)
            return rig_trouble(rig, -ETIMEDOUT, "the output does not show the picture");
    }
    return 0;
}

int picture_compare(const struct picture *picture)
{
    for (uint32_t y = 0; y < picture->height; y++)
        for (uint32_t x = 0; x < picture->width; x++)
            if (!shows(picture, x, y))
                return rig_trouble(&picture->work->rig, -EPROTO,
                                   "the output shows a wrong pixel at %u, %u", x, y);
    return 0;
}

int picture_prove(const struct picture *picture)
{
    struct work *work = picture->work;
    struct virtio_gpu_transfer_to_host_2d transfer;
    struct virtio_gpu_resource_flush flush;
    int r;

    if (!work->rig.display.asked) {
        item_value(work, "proved", 0);
        return 0;
    }
    /* Others than were there while it was measured. */
    *picture_pixel(picture, 0, 0) ^= 0x123456;
    *picture_pixel(picture, picture->width - 1, picture->height - 1) ^= 0x123456;
    gpu_fill_transfer(&transfer, PICTURE_RESOURCE, picture->width, picture->height);
    gpu_fill_flush(&flush, PICTURE_RESOURCE, picture->width, picture->height);
    r = gpu_set_scanout(work, PICTURE_RESOURCE, picture->width, picture->height);
    if (r == 0)
        r = gpu_command(work, &transfer, sizeof(transfer), "TRANSFER_TO_HOST_2D");
    if (r == 0)
        r = gpu_command(work, &flush, sizeof(flush), "RESOURCE_FLUSH");
    if (r == 0)
        r = picture_await(picture);
    return r == 0 ? picture_compare(picture) : r;
}
