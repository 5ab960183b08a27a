/* SPDX-License-Identifier: MIT */
#include "gpu_test.h"

#include "fake_renderer.h"

/* What the device does around a renderer that takes its time: order, fences, failures. */
#define PAGE 4096u
#define CTX 5u

static struct fake_renderer *begin(struct gpu_fixture *f)
{
    struct fake_renderer *fake = fake_renderer_add(f);

    fake->at_once = true;
    assert_int_equal(gpu_context(f, CTX, 1), NODATA);
    fake->at_once = false;
    return fake;
}

static struct virtio_gpu_ctrl_hdr fenced(uint32_t type, uint64_t id, int ring)
{
    struct virtio_gpu_ctrl_hdr header = gpu_header(type, CTX);

    header.flags = VIRTIO_GPU_FLAG_FENCE | (ring >= 0 ? VIRTIO_GPU_FLAG_INFO_RING_IDX : 0);
    header.fence_id = id;
    header.ring_idx = ring >= 0 ? (uint8_t)ring : 0;
    return header;
}

/* An empty stream that carries a fence. */
static void send_fence(struct gpu_fixture *f, uint64_t id, int ring)
{
    struct virtio_gpu_cmd_submit request = {.hdr = fenced(VIRTIO_GPU_CMD_SUBMIT_3D, id, ring)};

    gpu_send(f, 0, &request, sizeof(request), 24);
}

static uint64_t take_fence(struct gpu_fixture *f)
{
    struct virtio_gpu_ctrl_hdr answer;

    gpu_take(f, 0);
    memcpy(&answer, f->answer, sizeof(answer));
    assert_int_equal(answer.flags & VIRTIO_GPU_FLAG_FENCE, VIRTIO_GPU_FLAG_FENCE);
    return answer.fence_id;
}

static void send_submit(struct gpu_fixture *f)
{
    struct {
        struct virtio_gpu_cmd_submit submit;
        uint8_t bytes[16];
    } request = {.submit = {.hdr = gpu_header(VIRTIO_GPU_CMD_SUBMIT_3D, CTX), .size = 16}};

    gpu_send(f, 0, &request, sizeof(request), 24);
}

static void send_create_3d(struct gpu_fixture *f, uint32_t id)
{
    struct virtio_gpu_resource_create_3d request = {
        .hdr = gpu_header(VIRTIO_GPU_CMD_RESOURCE_CREATE_3D, CTX),
        .resource_id = id,
        .target = 2,
        .format = 1,
        .width = 64,
        .height = 64,
        .depth = 1,
        .array_size = 1,
    };

    gpu_send(f, 0, &request, sizeof(request), 24);
}

static void others_pass_by_what_is_slow(void **state)
{
    struct gpu_fixture *f = *state;
    struct fake_renderer *fake = begin(f);
    struct virtio_gpu_ctrl_hdr info = gpu_header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO, 0);
    uint16_t slow;

    send_submit(f);
    slow = f->head;
    assert_int_equal(GPU_DO(f, info), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
    assert_int_equal(fake_pending(fake, "submit"), 1);
    fake_end(fake, "submit", 0);
    gpu_loop(f);
    assert_int_equal(gpu_take(f, 0), NODATA);
    assert_int_equal(f->head, slow);
    assert_int_equal(f->driver.queues[0].in_flight, 0);
}

static void a_fence_waits_for_the_renderer(void **state)
{
    struct gpu_fixture *f = *state;
    struct fake_renderer *fake = begin(f);

    send_fence(f, 1, -1);
    gpu_loop(f);
    assert_false(gpu_answered(f, 0));
    fake_end(fake, "fence", 0);
    gpu_loop(f);
    assert_int_equal(take_fence(f), 1);
}

static void fences_of_a_timeline_keep_their_order(void **state)
{
    struct gpu_fixture *f = *state;
    struct fake_renderer *fake = begin(f);
    struct virtio_gpu_ctrl_hdr info = fenced(VIRTIO_GPU_CMD_GET_DISPLAY_INFO, 2, -1);

    send_fence(f, 1, -1);
    gpu_send(f, 0, &info, sizeof(info), 2048); /* done at once, but behind the first */
    send_fence(f, 3, 0);                       /* another timeline */
    send_fence(f, 4, 0);
    gpu_loop(f);
    assert_false(gpu_answered(f, 0));
    fake_end(fake, "ring fence", 0);
    gpu_loop(f);
    assert_int_equal(take_fence(f), 3);
    assert_false(gpu_answered(f, 0));
    fake_end(fake, "fence", 0);
    gpu_loop(f);
    assert_int_equal(take_fence(f), 1);
    assert_int_equal(take_fence(f), 2);
    fake_end(fake, "ring fence", 0);
    gpu_loop(f);
    assert_int_equal(take_fence(f), 4);
}

static void a_context_that_ends_frees_its_fences(void **state)
{
    struct gpu_fixture *f = *state;
    struct fake_renderer *fake = begin(f);

    struct virtio_gpu_ctrl_hdr end = gpu_header(VIRTIO_GPU_CMD_CTX_DESTROY, CTX);
    struct fake_work second;

    send_fence(f, 1, 7);
    send_fence(f, 2, 7);
    second = fake->work[1];
    fake->work[1] = fake->work[0];
    fake->work[0] = second;
    fake_end(fake, "ring fence", 0); /* the second one's */
    gpu_loop(f);
    assert_false(gpu_answered(f, 0));
    gpu_send(f, 0, &end, sizeof(end), 24);
    gpu_loop(f);
    assert_int_equal(take_fence(f), 2);
    assert_int_equal(gpu_take(f, 0), NODATA);
    fake_end(fake, "ring fence", 0); /* the renderer retires what its context left */
    gpu_loop(f);
    assert_int_equal(take_fence(f), 1);
}

static void a_refused_command_is_fenced_in_order_too(void **state)
{
    struct gpu_fixture *f = *state;
    struct fake_renderer *fake = begin(f);
    struct virtio_gpu_ctx_resource unref = {.hdr = fenced(VIRTIO_GPU_CMD_RESOURCE_UNREF, 2, -1),
                                            .resource_id = 99};

    send_fence(f, 1, -1);
    gpu_send(f, 0, &unref, sizeof(unref), 24);
    gpu_loop(f);
    assert_false(gpu_answered(f, 0));
    fake_end(fake, "fence", 0);
    gpu_loop(f);
    assert_int_equal(take_fence(f), 1);
    assert_int_equal(take_fence(f), 2);
}

static void a_map_waits_until_its_blob_is_made(void **state)
{
    struct gpu_fixture *f = *state;
    struct fake_renderer *fake = begin(f);
    struct virtio_gpu_resource_create_blob blob = gpu_blob(CTX, 7, PAGE);
    struct virtio_gpu_resource_map_blob map = gpu_map_request(7, PAGE);
    uint32_t info;

    gpu_send(f, 0, &blob, sizeof(blob), 24);
    gpu_send(f, 0, &map, sizeof(map), 32);
    gpu_loop(f);
    assert_int_equal(f->port.maps, 0);
    assert_false(gpu_answered(f, 0));
    fake_end(fake, "create_blob", 0);
    gpu_loop(f);
    assert_int_equal(gpu_take(f, 0), NODATA);
    assert_int_equal(gpu_take(f, 0), MAP_INFO);
    memcpy(&info, f->answer + 24, sizeof(info));
    assert_int_equal(info, VIRTIO_GPU_MAP_CACHE_WC); /* as the renderer said */
    fake->at_once = true;
    assert_int_equal(gpu_unref(f, 7), NODATA);
    assert_int_equal(f->port.count, 0);
}

static void what_waits_for_a_blob_that_fails_is_refused(void **state)
{
    struct gpu_fixture *f = *state;
    struct fake_renderer *fake = begin(f);
    struct virtio_gpu_resource_create_blob blob = gpu_blob(CTX, 7, PAGE);
    struct virtio_gpu_resource_map_blob map = gpu_map_request(7, PAGE);
    struct virtio_gpu_ctx_resource unref = gpu_about(VIRTIO_GPU_CMD_RESOURCE_UNREF, 0, 7);

    gpu_send(f, 0, &blob, sizeof(blob), 24);
    gpu_send(f, 0, &map, sizeof(map), 32);
    gpu_send(f, 0, &unref, sizeof(unref), 24);
    fake_end(fake, "create_blob", -ENOMEM);
    gpu_loop(f);
    assert_int_equal(gpu_take(f, 0), NO_MEMORY);
    assert_int_equal(gpu_take(f, 0), BAD_RESOURCE);
    assert_int_equal(gpu_take(f, 0), BAD_RESOURCE);
    assert_int_equal(f->census.resources, 0);
}

static void unref_is_answered_when_the_renderer_let_go(void **state)
{
    struct gpu_fixture *f = *state;
    struct fake_renderer *fake = begin(f);
    struct virtio_gpu_ctx_resource unref = gpu_about(VIRTIO_GPU_CMD_RESOURCE_UNREF, 0, 7);

    send_create_3d(f, 7);
    fake_end(fake, "create_3d", 0);
    gpu_loop(f);
    assert_int_equal(gpu_take(f, 0), NODATA);
    gpu_send(f, 0, &unref, sizeof(unref), 24);
    gpu_send(f, 0, &unref, sizeof(unref), 24); /* once more: parked, then refused */
    gpu_loop(f);
    assert_false(gpu_answered(f, 0));
    fake_end(fake, "destroy", 0);
    gpu_loop(f);
    assert_int_equal(gpu_take(f, 0), NODATA);
    assert_int_equal(gpu_take(f, 0), BAD_RESOURCE);
    assert_int_equal(f->census.resources, 0);
}

static void a_resource_that_fails_while_it_leaves_ends_once(void **state)
{
    struct gpu_fixture *f = *state;
    struct fake_renderer *fake = begin(f);
    struct virtio_gpu_ctx_resource unref = gpu_about(VIRTIO_GPU_CMD_RESOURCE_UNREF, 0, 7);

    send_create_3d(f, 7);
    gpu_send(f, 0, &unref, sizeof(unref), 24);
    fake_end(fake, "create_3d", -EINVAL);
    fake_end(fake, "destroy", -EINVAL);
    gpu_loop(f);
    assert_int_equal(gpu_take(f, 0), BAD_PARAMETER);
    assert_int_equal(gpu_take(f, 0), BAD_PARAMETER);
    assert_int_equal(f->census.resources, 0);
}

static void a_context_that_fails_leaves_nothing(void **state)
{
    struct gpu_fixture *f = *state;
    struct fake_renderer *fake = begin(f);
    struct virtio_gpu_ctx_create request = {.hdr = gpu_header(VIRTIO_GPU_CMD_CTX_CREATE, 6),
                                            .context_init = 1};
    struct virtio_gpu_ctrl_hdr end = gpu_header(VIRTIO_GPU_CMD_CTX_DESTROY, 6);

    gpu_send(f, 0, &request, sizeof(request), 24);
    fake_end(fake, "context", -ENODEV);
    gpu_loop(f);
    assert_int_equal(gpu_take(f, 0), UNSPEC);
    assert_int_equal(GPU_DO(f, end), BAD_CONTEXT);
    /* Destroyed while it is made, and its id used again: the failure is not the new one's. */
    gpu_send(f, 0, &request, sizeof(request), 24);
    gpu_send(f, 0, &end, sizeof(end), 24);
    gpu_send(f, 0, &request, sizeof(request), 24);
    fake_end(fake, "context", -ENODEV);
    fake_end(fake, "context", 0);
    gpu_loop(f);
    assert_int_equal(gpu_take(f, 0), NODATA);
    assert_int_equal(gpu_take(f, 0), NODATA);
    assert_int_equal(gpu_take(f, 0), NODATA);
    assert_int_equal(GPU_DO(f, end), NODATA);
}

static void what_another_made_is_adopted_once(void **state)
{
    struct gpu_fixture *f = *state;
    struct fake_renderer *fake = begin(f);

    fake->at_once = true;
    assert_int_equal(gpu_context(f, 6, 1), NODATA);
    gpu_context(f, 1, MEMORY_STREAM_CAPSET);
    assert_int_equal(gpu_create_blob(f, 1, 7, PAGE), NODATA);
    assert_int_equal(gpu_attach(f, CTX, 7), NODATA);
    assert_int_equal(gpu_attach(f, 6, 7), NODATA);
    assert_int_equal(fake->adopts, 1);
    assert_int_equal(fake->attaches, 2);
    assert_int_equal(gpu_detach(f, 6, 7), NODATA);
    assert_int_equal(fake->detaches, 1);
    fake->at_once = false;
    gpu_send(f, 0, &(struct virtio_gpu_ctx_resource){.hdr = gpu_header(0x102, 0), .resource_id = 7},
             32, 24);
    gpu_loop(f);
    assert_false(gpu_answered(f, 0)); /* the adopter has to let go as well */
    fake_end(fake, "destroy", 0);
    gpu_loop(f);
    assert_int_equal(gpu_take(f, 0), NODATA);
}

static void a_reset_forgets_what_is_under_way(void **state)
{
    struct gpu_fixture *f = *state;
    struct fake_renderer *fake = begin(f);
    struct virtio_gpu_resource_create_blob blob = gpu_blob(CTX, 7, PAGE);

    send_submit(f);
    send_fence(f, 1, -1);
    send_fence(f, 2, 3);
    gpu_send(f, 0, &blob, sizeof(blob), 24);
    gpu_send(f, 0, &(struct virtio_gpu_ctx_resource){.hdr = gpu_header(0x102, 0), .resource_id = 7},
             32, 24);
    fake_port_reset(&f->port);
    f->device->impl->reset(f->device);
    assert_int_equal(fake->resets, 1);
    gpu_loop(f);
    assert_false(gpu_answered(f, 0));
    assert_int_equal(f->driver.queues[0].in_flight, 0);
    assert_int_equal(f->census.resources + f->census.contexts, 0);
}

static void more_than_enough_stays_in_the_ring(void **state)
{
    struct gpu_fixture *f = *state;
    struct fake_renderer *fake = begin(f);
    struct gpu *gpu = (struct gpu *)(void *)f->device;

    for (unsigned i = 0; i < 40; i++)
        send_submit(f);
    assert_int_equal(gpu->control.hand.count, 40);
    assert_int_equal(fake_pending(fake, "submit"), 40);
    while (fake->count > 0)
        fake_end(fake, "submit", fake->count % 2 == 0 ? 0 : -EINVAL);
    gpu_loop(f);
    for (unsigned i = 0; i < 40; i++)
        gpu_take(f, 0);
    assert_int_equal(gpu->control.hand.count, 0);
    assert_int_equal(gpu_used(f, GPU_QUOTA_COMMAND_BYTES), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GPU_TEST(others_pass_by_what_is_slow),
        GPU_TEST(a_fence_waits_for_the_renderer),
        GPU_TEST(fences_of_a_timeline_keep_their_order),
        GPU_TEST(a_context_that_ends_frees_its_fences),
        GPU_TEST(a_refused_command_is_fenced_in_order_too),
        GPU_TEST(a_map_waits_until_its_blob_is_made),
        GPU_TEST(what_waits_for_a_blob_that_fails_is_refused),
        GPU_TEST(unref_is_answered_when_the_renderer_let_go),
        GPU_TEST(a_resource_that_fails_while_it_leaves_ends_once),
        GPU_TEST(a_context_that_fails_leaves_nothing),
        GPU_TEST(what_another_made_is_adopted_once),
        GPU_TEST(a_reset_forgets_what_is_under_way),
        GPU_TEST(more_than_enough_stays_in_the_ring),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
