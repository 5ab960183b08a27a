/* SPDX-License-Identifier: MIT */
#include "gpu_test.h"

#include "gpu/command.h"

#define PAGE 4096u

static struct virtio_gpu_ctrl_hdr fenced(uint32_t type, uint64_t fence)
{
    struct virtio_gpu_ctrl_hdr header = gpu_header(type, 5);

    header.flags = VIRTIO_GPU_FLAG_FENCE | VIRTIO_GPU_FLAG_INFO_RING_IDX;
    header.fence_id = fence;
    header.ring_idx = 63;
    return header;
}

static void assert_fence(struct gpu_fixture *f, uint64_t fence)
{
    struct virtio_gpu_ctrl_hdr answer;

    memcpy(&answer, f->answer, sizeof(answer));
    assert_int_equal(answer.flags, VIRTIO_GPU_FLAG_FENCE | VIRTIO_GPU_FLAG_INFO_RING_IDX);
    assert_true(answer.fence_id == fence);
    assert_int_equal(answer.ctx_id, 5);
    assert_int_equal(answer.ring_idx, 63);
    assert_int_equal(answer.padding[0] | answer.padding[1] | answer.padding[2], 0);
}

static void fences_come_back_on_every_path(void **state)
{
    struct gpu_fixture *f = *state;
    struct virtio_gpu_ctrl_hdr request = fenced(VIRTIO_GPU_CMD_GET_DISPLAY_INFO, 1ull << 40);
    struct virtio_gpu_resource_map_blob map = gpu_map_request(7, 0);

    assert_int_equal(GPU_DO(f, request), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
    assert_fence(f, 1ull << 40);
    request = fenced(0x4242, 2); /* unknown */
    assert_int_equal(GPU_DO(f, request), UNSPEC);
    assert_fence(f, 2);
    request = fenced(VIRTIO_GPU_CMD_RESOURCE_UNREF, 3); /* too short */
    assert_int_equal(GPU_DO(f, request), BAD_PARAMETER);
    assert_fence(f, 3);
    gpu_context(f, 5, 0);
    gpu_create_blob(f, 5, 7, PAGE);
    map.hdr = fenced(VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB, 4); /* answered later */
    assert_int_equal(GPU_DO(f, map), MAP_INFO);
    assert_fence(f, 4);
    request = fenced(VIRTIO_GPU_CMD_GET_DISPLAY_INFO, 5);
    request.flags = 0; /* without the flag nothing is echoed */
    assert_int_equal(GPU_DO(f, request), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
    assert_int_equal(f->answer[4] | f->answer[8] | f->answer[16] | f->answer[20], 0);
    request = fenced(VIRTIO_GPU_CMD_GET_DISPLAY_INFO, 6);
    request.ring_idx = 64;
    assert_int_equal(GPU_DO(f, request), BAD_PARAMETER);
}

static void every_command_of_the_table_has_one_size(void **state)
{
    struct gpu_fixture *f = *state;
    uint8_t bytes[512];

    for (uint32_t type = 0x100; type < 0x302; type++) {
        const struct command *command = command_find(type);
        struct virtio_gpu_ctrl_hdr header = gpu_header(type, 1);
        unsigned queue;

        if (command == NULL)
            continue;
        queue = command->queue;
        f->device->impl->set_features(f->device, UINT64_MAX);
        memset(bytes, 0, sizeof(bytes));
        memcpy(bytes, &header, sizeof(header));
        if (command->size > sizeof(header)) {
            gpu_send(f, queue, bytes, command->size - 1, 2048);
            assert_int_equal(gpu_take(f, queue), BAD_PARAMETER);
        }
        if (!command->tail) {
            gpu_send(f, queue, bytes, command->size + 1, 2048);
            assert_int_equal(gpu_take(f, queue), BAD_PARAMETER);
        }
        if (command->features != 0) {
            f->device->impl->set_features(f->device, 0);
            gpu_send(f, queue, bytes, command->size, 2048);
            assert_int_equal(gpu_take(f, queue), UNSPEC);
        }
    }
}

static void what_is_not_offered_is_refused(void **state)
{
    struct gpu_fixture *f = *state;
    const uint32_t types[] = {
        VIRTIO_GPU_CMD_RESOURCE_CREATE_3D,
    };
    uint8_t bytes[512];

    for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        struct virtio_gpu_ctrl_hdr header = gpu_header(types[i], 1);

        memset(bytes, 1, sizeof(bytes));
        memcpy(bytes, &header, sizeof(header));
        assert_int_equal(gpu_do(f, bytes, command_find(types[i])->size), UNSPEC);
        assert_int_equal(f->written, 24);
    }
    assert_int_equal(f->stats.commands, sizeof(types) / sizeof(types[0]));
    assert_int_equal(f->stats.command_errors, f->stats.commands);
}

static void the_cursor_queue_is_answered(void **state)
{
    struct gpu_fixture *f = *state;
    struct virtio_gpu_update_cursor cursor = {.hdr = gpu_header(VIRTIO_GPU_CMD_MOVE_CURSOR, 0)};
    struct virtio_gpu_ctrl_hdr info = gpu_header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO, 0);

    gpu_send(f, 1, &cursor, sizeof(cursor), 24);
    assert_int_equal(gpu_take(f, 1), NODATA);
    gpu_send(f, 1, &cursor, sizeof(cursor), 0); /* as Linux sends it */
    gpu_take(f, 1);
    assert_int_equal(f->written, 0);
    gpu_send(f, 1, &info, sizeof(info), 2048);
    assert_int_equal(gpu_take(f, 1), UNSPEC);
    assert_int_equal(f->calls[1], 3);
    assert_int_equal(f->calls[0], 0);
}

static void without_room_for_the_answer_nothing_happens(void **state)
{
    struct gpu_fixture *f = *state;
    struct virtio_gpu_resource_create_blob blob = gpu_blob(1, 7, PAGE);
    struct virtio_gpu_resource_map_blob map = gpu_map_request(8, 0);
    const uint8_t *after;

    gpu_context(f, 1, 0);
    gpu_create_blob(f, 1, 8, PAGE);
    for (uint32_t room = 0; room < 24; room += 23) {
        gpu_send(f, 0, &blob, sizeof(blob), room);
        gpu_take(f, 0);
        assert_int_equal(f->written, 0);
    }
    assert_int_equal(f->census.resources, 1);
    gpu_send(f, 0, &map, sizeof(map), 31);
    assert_int_equal(gpu_take(f, 0), BAD_PARAMETER);
    assert_int_equal(f->port.maps, 0);
    after = ring_driver_at(&f->driver, f->answer_at[0][f->head] + 24);
    assert_int_equal(after[0], 0xee);
}

static void half_a_header_is_answered(void **state)
{
    struct gpu_fixture *f = *state;
    struct virtio_gpu_ctrl_hdr header = fenced(VIRTIO_GPU_CMD_GET_DISPLAY_INFO, 9);
    struct ring_driver_piece answer = {.gpa = RING_DRIVER_HEAP, .size = 24, .writable = true};

    assert_int_equal(gpu_do(f, &header, 23), BAD_PARAMETER);
    assert_int_equal(f->answer[4], 0);
    /* Nothing to read at all. */
    ring_driver_send(&f->driver, 0, &answer, 1);
    f->device->impl->queue_ready(f->device, 0);
    gpu_take(f, 0);
    assert_int_equal(f->written, 24);
}

static void a_request_too_long_keeps_its_fence(void **state)
{
    struct gpu_fixture *f = *state;
    size_t size = REQUEST_MAX_SIZE + 1;
    uint8_t *bytes = calloc(1, size);
    struct virtio_gpu_ctrl_hdr header = fenced(VIRTIO_GPU_CMD_SUBMIT_3D, 11);

    assert_non_null(bytes);
    memcpy(bytes, &header, sizeof(header));
    assert_int_equal(gpu_do(f, bytes, size), BAD_PARAMETER);
    assert_fence(f, 11);
    /* One byte less is read whole; there is no context 5. */
    assert_int_equal(gpu_do(f, bytes, size - 1), BAD_CONTEXT);
    free(bytes);
}

static void requests_and_answers_may_lie_anywhere(void **state)
{
    struct gpu_fixture *f = *state;
    struct virtio_gpu_ctx_create request = {.hdr = gpu_header(VIRTIO_GPU_CMD_CTX_CREATE, 1)};
    struct ring_driver_piece pieces[sizeof(request) + 24];
    uint64_t from = RING_DRIVER_SEAM - 40; /* over the seam of two regions */
    uint64_t to = RING_DRIVER_SEAM + PAGE;
    uint32_t type;

    memcpy(ring_driver_at(&f->driver, from), &request, sizeof(request));
    for (unsigned i = 0; i < sizeof(request); i++)
        pieces[i] = (struct ring_driver_piece){.gpa = from + i, .size = 1};
    for (unsigned i = 0; i < 24; i++)
        pieces[sizeof(request) + i] =
            (struct ring_driver_piece){.gpa = to + i, .size = 1, .writable = true};
    ring_driver_send(&f->driver, 0, pieces, sizeof(request) + 24);
    f->device->impl->queue_ready(f->device, 0);
    gpu_take(f, 0);
    assert_int_equal(f->written, 24);
    memcpy(&type, ring_driver_at(&f->driver, to), sizeof(type));
    assert_int_equal(type, NODATA);
    assert_int_equal(f->census.contexts, 1);
}

static void a_request_outside_the_memory_is_answered(void **state)
{
    struct gpu_fixture *f = *state;
    struct ring_driver_piece pieces[] = {
        {.gpa = 0x1000, .size = 24},
        {.gpa = RING_DRIVER_HEAP, .size = 24, .writable = true},
    };
    struct virtio_gpu_ctrl_hdr header = gpu_header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO, 0);

    ring_driver_send(&f->driver, 0, pieces, 2);
    f->device->impl->queue_ready(f->device, 0);
    gpu_take(f, 0);
    assert_int_equal(f->written, 24);
    /* And an answer that goes nowhere. */
    pieces[0].gpa = RING_DRIVER_HEAP;
    pieces[1].gpa = 0x1000;
    pieces[1].size = 2048;
    memcpy(ring_driver_at(&f->driver, RING_DRIVER_HEAP), &header, sizeof(header));
    ring_driver_send(&f->driver, 0, pieces, 2);
    f->device->impl->queue_ready(f->device, 0);
    gpu_take(f, 0);
    assert_int_equal(f->written, 0);
    assert_int_equal(GPU_DO(f, header), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
}

static void a_request_that_ends_outside_the_memory_keeps_its_fence(void **state)
{
    struct gpu_fixture *f = *state;
    struct virtio_gpu_ctrl_hdr header = fenced(VIRTIO_GPU_CMD_RESOURCE_UNREF, 12);
    struct ring_driver_piece pieces[] = {
        {.gpa = RING_DRIVER_HEAP, .size = 24},
        {.gpa = 0x1000, .size = 8},
        {.gpa = RING_DRIVER_HEAP + PAGE, .size = 24, .writable = true},
    };

    memcpy(ring_driver_at(&f->driver, RING_DRIVER_HEAP), &header, sizeof(header));
    f->head = ring_driver_send(&f->driver, 0, pieces, 3);
    f->answer_at[0][f->head] = RING_DRIVER_HEAP + PAGE;
    f->device->impl->queue_ready(f->device, 0);
    assert_int_equal(gpu_take(f, 0), BAD_PARAMETER);
    assert_fence(f, 12);
}

static void the_queue_waits_for_the_window(void **state)
{
    struct gpu_fixture *f = *state;
    struct virtio_gpu_resource_create_blob blob = gpu_blob(1, 7, PAGE);
    struct virtio_gpu_resource_map_blob map = gpu_map_request(7, 0);
    struct virtio_gpu_ctx_resource unmap = gpu_about(VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB, 0, 7);
    struct virtio_gpu_ctx_resource unref = gpu_about(VIRTIO_GPU_CMD_RESOURCE_UNREF, 0, 7);
    uint16_t heads[4];

    gpu_context(f, 1, 0);
    f->port.hold = true;
    f->calls[0] = 0;
    gpu_send(f, 0, &blob, sizeof(blob), 24);
    heads[0] = f->head;
    gpu_send(f, 0, &map, sizeof(map), 32);
    heads[1] = f->head;
    gpu_send(f, 0, &unmap, sizeof(unmap), 24);
    heads[2] = f->head;
    gpu_send(f, 0, &unref, sizeof(unref), 24);
    heads[3] = f->head;
    gpu_loop(f);
    assert_int_equal(gpu_take(f, 0), NODATA);
    assert_int_equal(f->head, heads[0]);
    assert_false(gpu_answered(f, 0));
    assert_int_equal(f->calls[0], 1);
    fake_port_answer(&f->port, 0);
    gpu_loop(f);
    assert_int_equal(gpu_take(f, 0), MAP_INFO);
    assert_int_equal(f->head, heads[1]);
    assert_false(gpu_answered(f, 0));
    fake_port_answer(&f->port, 0);
    gpu_loop(f);
    assert_int_equal(gpu_take(f, 0), NODATA);
    assert_int_equal(gpu_take(f, 0), NODATA);
    assert_int_equal(f->head, heads[3]);
    assert_int_equal(f->port.maps, 1);
    assert_int_equal(f->port.unmaps, 1);
    assert_int_equal(f->census.resources, 0);
    assert_int_equal(f->calls[0], 3);
}

/* What has nothing to do with a mapping that is awaited is answered before it. */
static void others_go_past_the_window(void **state)
{
    struct gpu_fixture *f = *state;
    struct virtio_gpu_resource_map_blob map = gpu_map_request(7, 0);
    uint16_t waits;

    gpu_context(f, 1, 0);
    gpu_create_blob(f, 1, 7, PAGE);
    f->port.hold = true;
    gpu_send(f, 0, &map, sizeof(map), 32);
    waits = f->head;
    assert_int_equal(gpu_create_blob(f, 1, 8, PAGE), NODATA);
    assert_int_equal(gpu_do_about(f, VIRTIO_GPU_CMD_RESOURCE_UNREF, 0, 8), NODATA);
    assert_int_equal(gpu_context(f, 2, 0), NODATA);
    assert_false(gpu_answered(f, 0));
    fake_port_answer(&f->port, 0);
    gpu_loop(f);
    assert_int_equal(gpu_take(f, 0), MAP_INFO);
    assert_int_equal(f->head, waits);
}

/* The worker runs the queues when it has told of an answer: the loop has no turn to take. */
static void the_window_s_answer_needs_no_turn(void **state)
{
    struct gpu_fixture *f = *state;
    struct virtio_gpu_resource_map_blob map = gpu_map_request(7, 0);
    struct virtio_gpu_ctx_resource unmap = gpu_about(VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB, 0, 7);

    gpu_context(f, 1, 0);
    gpu_create_blob(f, 1, 7, PAGE);
    f->port.hold = true;
    gpu_send(f, 0, &map, sizeof(map), 32);
    gpu_send(f, 0, &unmap, sizeof(unmap), 24); /* waits for the other one */
    gpu_loop(f);
    f->host.soon = true;
    fake_port_answer(&f->port, 0);
    f->host.soon = false;
    assert_int_equal(gpu_loop(f), 0);
    assert_false(gpu_answered(f, 0));
    f->device->impl->queue_ready(f->device, 0);
    assert_int_equal(gpu_take(f, 0), MAP_INFO);
    assert_int_equal(f->port.unmaps, 1);
    fake_port_answer(&f->port, 0);
    gpu_loop(f);
    assert_int_equal(gpu_take(f, 0), NODATA);
}

static void the_cursor_does_not_wait_for_the_window(void **state)
{
    struct gpu_fixture *f = *state;
    struct virtio_gpu_resource_map_blob map = gpu_map_request(7, 0);
    struct virtio_gpu_update_cursor cursor = {.hdr = gpu_header(VIRTIO_GPU_CMD_MOVE_CURSOR, 0)};

    gpu_context(f, 1, 0);
    gpu_create_blob(f, 1, 7, PAGE);
    f->port.hold = true;
    gpu_send(f, 0, &map, sizeof(map), 32);
    gpu_send(f, 1, &cursor, sizeof(cursor), 24);
    assert_int_equal(gpu_take(f, 1), NODATA);
    fake_port_answer(&f->port, 0);
    gpu_loop(f);
    assert_int_equal(gpu_take(f, 0), MAP_INFO);
}

static void a_reset_drops_the_command_in_hand(void **state)
{
    struct gpu_fixture *f = *state;
    struct virtio_gpu_resource_map_blob map = gpu_map_request(7, 0);

    gpu_context(f, 1, 0);
    gpu_create_blob(f, 1, 7, PAGE);
    f->port.hold = true;
    gpu_send(f, 0, &map, sizeof(map), 32);
    /* As the worker does it: the ring stops, what is outstanding is cancelled, then the reset. */
    virtqueue_stop(&f->driver.queues[0]);
    fake_port_reset(&f->port);
    f->device->impl->reset(f->device);
    f->port.hold = false;
    ring_driver_start(&f->driver, 0, 256);
    gpu_loop(f);
    assert_false(gpu_answered(f, 0));
    assert_int_equal(gpu_context(f, 1, 0), NODATA);
    assert_int_equal(gpu_create_blob(f, 1, 7, PAGE), NODATA);
    assert_int_equal(gpu_map(f, 7, 0), MAP_INFO);
}

enum answer_time { BEFORE_THE_STOP, WHILE_STOPPED, AFTER_THE_START };

/* A command was taken, then the VM is paused: it is answered once and well when the rings run
 * again. The window cancels before they stop, or answers later. */
static void pause_while_it_waits(struct gpu_fixture *f, enum answer_time when)
{
    struct virtqueue *queue = &f->driver.queues[0];
    struct virtqueue_setup setup = {
        .size = queue->size, .desc = queue->desc, .avail = queue->avail, .used = queue->used};
    bool fresh;

    assert_true(f->port.asked);
    if (when == BEFORE_THE_STOP)
        fake_port_answer(&f->port, -ECANCELED);
    gpu_loop(f);
    assert_false(gpu_answered(f, 0));
    setup.base = virtqueue_stop(queue);
    if (when == WHILE_STOPPED)
        fake_port_answer(&f->port, 0);
    gpu_loop(f);
    assert_false(gpu_answered(f, 0));
    assert_int_equal(virtqueue_start(queue, &setup, &fresh), 0);
    assert_false(fresh);
    f->port.hold = false;
    f->device->impl->queue_ready(f->device, 0);
    if (when == AFTER_THE_START)
        fake_port_answer(&f->port, 0);
    gpu_loop(f);
}

static void pause_in_the_middle(struct gpu_fixture *f, const void *bytes, uint32_t size,
                                uint32_t type, enum answer_time when)
{
    f->port.hold = true;
    gpu_send(f, 0, bytes, size, 32);
    pause_while_it_waits(f, when);
    assert_int_equal(gpu_take(f, 0), type);
    assert_false(gpu_answered(f, 0));
    assert_int_equal(f->driver.queues[0].in_flight, 0);
}

static void a_pause_in_the_middle_of_a_command(void **state)
{
    struct gpu_fixture *f = *state;
    struct virtio_gpu_resource_map_blob map = gpu_map_request(7, 0);
    struct virtio_gpu_ctx_resource unmap = gpu_about(VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB, 0, 7);
    struct virtio_gpu_ctx_resource unref = gpu_about(VIRTIO_GPU_CMD_RESOURCE_UNREF, 0, 7);

    gpu_context(f, 1, 0);
    for (enum answer_time when = BEFORE_THE_STOP; when <= AFTER_THE_START; when++) {
        assert_int_equal(gpu_create_blob(f, 1, 7, PAGE), NODATA);
        pause_in_the_middle(f, &map, sizeof(map), MAP_INFO, when);
        assert_int_equal(f->census.mapped, 1);
        assert_int_equal(f->port.count, 1);
        pause_in_the_middle(f, &unmap, sizeof(unmap), NODATA, when);
        assert_int_equal(f->census.mapped, 0);
        assert_int_equal(gpu_map(f, 7, 0), MAP_INFO);
        pause_in_the_middle(f, &unref, sizeof(unref), NODATA, when);
        assert_int_equal(f->census.resources, 0);
        assert_int_equal(f->port.count, 0);
    }
}

/* Linux sends both without waiting between: the second must not overtake the first when that is
 * done again. */
static void a_pause_keeps_the_order_of_a_resource(void **state)
{
    struct gpu_fixture *f = *state;
    struct virtio_gpu_ctx_resource unmap = gpu_about(VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB, 0, 7);
    struct virtio_gpu_ctx_resource unref = gpu_about(VIRTIO_GPU_CMD_RESOURCE_UNREF, 0, 7);

    gpu_context(f, 1, 0);
    for (enum answer_time when = BEFORE_THE_STOP; when <= AFTER_THE_START; when++) {
        assert_int_equal(gpu_create_blob(f, 1, 7, PAGE), NODATA);
        assert_int_equal(gpu_map(f, 7, 0), MAP_INFO);
        f->port.hold = true;
        gpu_send(f, 0, &unmap, sizeof(unmap), 32);
        gpu_send(f, 0, &unref, sizeof(unref), 32);
        pause_while_it_waits(f, when);
        assert_int_equal(gpu_take(f, 0), NODATA);
        assert_int_equal(gpu_take(f, 0), NODATA);
        assert_int_equal(f->census.resources, 0);
        assert_int_equal(f->driver.queues[0].in_flight, 0);
    }
}

static void many_commands_leave_others_a_turn(void **state)
{
    struct gpu_fixture *f = *state;
    struct virtio_gpu_ctrl_hdr request = gpu_header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO, 0);
    unsigned sent = CONTROL_BATCH + 10;
    struct ring_driver_piece pieces[2] = {
        {.gpa = ring_driver_alloc(&f->driver, 24), .size = 24},
        {.gpa = ring_driver_alloc(&f->driver, 2048), .size = 2048, .writable = true},
    };
    unsigned taken = 0;

    memcpy(ring_driver_at(&f->driver, pieces[0].gpa), &request, sizeof(request));
    for (unsigned i = 0; i < sent; i++)
        ring_driver_send(&f->driver, 0, pieces, 2);
    f->device->impl->queue_ready(f->device, 0);
    assert_int_equal(f->calls[0], 1);
    while (gpu_answered(f, 0)) {
        gpu_take(f, 0);
        taken++;
    }
    assert_int_equal(taken, CONTROL_BATCH);
    gpu_loop(f);
    while (gpu_answered(f, 0)) {
        gpu_take(f, 0);
        taken++;
    }
    assert_int_equal(taken, sent);
    assert_int_equal(f->calls[0], 2);
    assert_int_equal(f->stats.commands, sent);
    assert_int_equal(f->stats.command_errors, 0);
}

/* What is answered at once needs no other turn of the loop, and no place among those that wait. */
static void a_full_batch_and_no_more_is_one_turn(void **state)
{
    struct gpu_fixture *f = *state;
    struct virtio_gpu_ctrl_hdr request = gpu_header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO, 0);
    struct ring_driver_piece pieces[2] = {
        {.gpa = ring_driver_alloc(&f->driver, 24), .size = 24},
        {.gpa = ring_driver_alloc(&f->driver, 2048), .size = 2048, .writable = true},
    };

    gpu_limit(f, GPU_QUOTA_COMMANDS, 1);
    memcpy(ring_driver_at(&f->driver, pieces[0].gpa), &request, sizeof(request));
    for (unsigned i = 0; i < CONTROL_BATCH; i++)
        ring_driver_send(&f->driver, 0, pieces, 2);
    f->device->impl->queue_ready(f->device, 0);
    assert_int_equal(gpu_loop(f), 0);
    for (unsigned i = 0; i < CONTROL_BATCH; i++)
        gpu_take(f, 0);
    assert_int_equal(f->calls[0], 1);
    assert_int_equal(f->numbers[GPU_QUOTA_COMMANDS].peak, 0);
    assert_int_equal(f->numbers[GPU_QUOTA_COMMANDS].refused, 0);
}

static void a_kick_without_a_request_does_nothing(void **state)
{
    struct gpu_fixture *f = *state;

    for (unsigned queue = 0; queue < 8; queue++)
        f->device->impl->queue_ready(f->device, queue);
    assert_int_equal(gpu_loop(f), 0);
    assert_int_equal(f->calls[0] + f->calls[1], 0);
}

static void blob_alignment_is_offered_where_it_is_needed(void **state)
{
    struct gpu_fixture *f = *state;
    struct gpu *gpu = (struct gpu *)(void *)f->device;
    struct device_facts facts;

    f->device->impl->facts(f->device, &facts);
    if (sysconf(_SC_PAGESIZE) == PAGE)
        assert_int_equal(facts.features & 1ull << VIRTIO_GPU_F_BLOB_ALIGNMENT, 0);
    gpu->config.blob_alignment = 65536;
    f->device->impl->facts(f->device, &facts);
    assert_int_not_equal(facts.features & 1ull << VIRTIO_GPU_F_BLOB_ALIGNMENT, 0);
    assert_int_equal(facts.config[16] | facts.config[17] << 8 | facts.config[18] << 16, 65536);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GPU_TEST(fences_come_back_on_every_path),
        GPU_TEST(every_command_of_the_table_has_one_size),
        GPU_TEST(what_is_not_offered_is_refused),
        GPU_TEST(the_cursor_queue_is_answered),
        GPU_TEST(without_room_for_the_answer_nothing_happens),
        GPU_TEST(half_a_header_is_answered),
        GPU_TEST(a_request_too_long_keeps_its_fence),
        GPU_TEST(requests_and_answers_may_lie_anywhere),
        GPU_TEST(a_request_outside_the_memory_is_answered),
        GPU_TEST(a_request_that_ends_outside_the_memory_keeps_its_fence),
        GPU_TEST(the_queue_waits_for_the_window),
        GPU_TEST(the_cursor_does_not_wait_for_the_window),
        GPU_TEST(others_go_past_the_window),
        GPU_TEST(the_window_s_answer_needs_no_turn),
        GPU_TEST(a_reset_drops_the_command_in_hand),
        GPU_TEST(a_pause_in_the_middle_of_a_command),
        GPU_TEST(a_pause_keeps_the_order_of_a_resource),
        GPU_TEST(blob_alignment_is_offered_where_it_is_needed),
        GPU_TEST(many_commands_leave_others_a_turn),
        GPU_TEST(a_full_batch_and_no_more_is_one_turn),
        GPU_TEST(a_kick_without_a_request_does_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
