/* SPDX-License-Identifier: MIT */
#include "gpu_rows.h"

#include <stdio.h>
#include <string.h>

#include "protocol/virtio_gpu.h"

#define MOST GPU_ROWS_MOST
#define PAGES 8u /* that memory entries name */

static unsigned ring_of(const void *command)
{
    return ((const struct virtio_gpu_ctrl_hdr *)command)->type >> 8 == 3 ? GPU_GUEST_CURSORQ
                                                                         : GPU_GUEST_CONTROLQ;
}

uint32_t gpu_rows_ask(struct story *s, const void *bytes, uint32_t size)
{
    uint8_t answer[2048] = {0};
    struct virtio_gpu_ctrl_hdr header;
    unsigned ring = ring_of(bytes);
    int slot = frontend_submit(&s->frontend, ring, bytes, size, sizeof(answer));
    int r;

    assert_true(slot >= 0);
    r = frontend_await(&s->frontend, ring, (unsigned)slot, answer, sizeof(answer),
                       FRONTEND_PATIENCE);
    assert_true(r >= (int)sizeof(header));
    memcpy(&header, answer, sizeof(header));
    assert_int_equal(header.flags, VIRTIO_GPU_FLAG_FENCE);
    assert_int_equal(header.fence_id, 77);
    return header.type;
}

uint32_t gpu_rows_compose(const struct row *row, uint64_t pages, uint8_t *bytes)
{
    struct virtio_gpu_ctrl_hdr header;
    uint32_t size = row->size;

    memset(bytes, 0, MOST);
    memcpy(bytes, row->command, row->size);
    memcpy(&header, bytes, sizeof(header));
    header.flags = VIRTIO_GPU_FLAG_FENCE;
    header.fence_id = 77;
    memcpy(bytes, &header, sizeof(header));
    for (uint32_t i = 0; i < row->entries; i++) {
        struct virtio_gpu_mem_entry entry = {.addr = pages + i * PAGE,
                                             .length = row->entry_size ? row->entry_size : PAGE};

        memcpy(bytes + size, &entry, sizeof(entry));
        size += sizeof(entry);
    }
    return size + row->tail;
}

void gpu_rows_play(struct story *s, const struct row *table, unsigned count)
{
    uint64_t pages = guest_ram_take(&s->frontend.ram, GUEST_RAM_LOW, PAGES * PAGE, PAGE);
    uint8_t bytes[MOST];
    unsigned wrong = 0;

    for (unsigned i = 0; i < count; i++) {
        uint32_t size = gpu_rows_compose(&table[i], pages, bytes);
        uint32_t answer = gpu_rows_ask(s, bytes, size);

        if (answer == table[i].answer)
            continue;
        fprintf(stderr, "%s: %s, and not %s\n", table[i].what, virtio_gpu_answer_name(answer),
                virtio_gpu_answer_name(table[i].answer));
        wrong++;
    }
    assert_int_equal(wrong, 0);
}
