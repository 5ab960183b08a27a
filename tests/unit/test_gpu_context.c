/* SPDX-License-Identifier: MIT */
#include "gpu_test.h"

#include "gpu/context.h"
#include "gpu/resource.h"

#define PAGE 4096u

static struct gpu *gpu_of(struct gpu_fixture *f)
{
    return (struct gpu *)(void *)f->device;
}

static uint32_t destroy(struct gpu_fixture *f, uint32_t ctx)
{
    struct virtio_gpu_ctrl_hdr request = gpu_header(VIRTIO_GPU_CMD_CTX_DESTROY, ctx);

    return GPU_DO(f, request);
}

static void contexts_come_and_go(void **state)
{
    struct gpu_fixture *f = *state;

    assert_int_equal(gpu_context(f, 0, 0), BAD_CONTEXT);
    assert_int_equal(gpu_context(f, 1, 0), NODATA);
    assert_int_equal(gpu_context(f, 1, 0), BAD_CONTEXT);
    assert_int_equal(gpu_context(f, UINT32_MAX, MEMORY_STREAM_CAPSET), NODATA);
    assert_int_equal(f->census.contexts, 2);
    assert_int_equal(destroy(f, 2), BAD_CONTEXT);
    assert_int_equal(destroy(f, 1), NODATA);
    assert_int_equal(destroy(f, 1), BAD_CONTEXT);
    assert_int_equal(destroy(f, UINT32_MAX), NODATA);
    assert_int_equal(f->census.contexts, 0);
}

static void only_offered_capsets_make_a_context(void **state)
{
    struct gpu_fixture *f = *state;

    assert_int_equal(gpu_context(f, 1, 1), BAD_PARAMETER);
    assert_int_equal(gpu_context(f, 1, 0x100), BAD_PARAMETER);
    assert_int_equal(gpu_context(f, 1, 0x100 | MEMORY_STREAM_CAPSET), BAD_PARAMETER);
    assert_int_equal(f->census.contexts, 0);
    assert_int_equal(gpu_context(f, 1, MEMORY_STREAM_CAPSET), NODATA);
    assert_int_equal(context_find(gpu_of(f), 1)->capset, MEMORY_STREAM_CAPSET);
    /* Without the feature the field is padding. */
    f->device->impl->set_features(f->device, 1ull << VIRTIO_GPU_F_VIRGL);
    assert_int_equal(gpu_context(f, 2, 0xdead), NODATA);
    assert_int_equal(context_find(gpu_of(f), 2)->capset, 0);
}

static void names_are_bounded_and_printable(void **state)
{
    struct gpu_fixture *f = *state;
    struct virtio_gpu_ctx_create request = {
        .hdr = gpu_header(VIRTIO_GPU_CMD_CTX_CREATE, 1),
        .nlen = 65,
    };

    memset(request.debug_name, 'x', sizeof(request.debug_name));
    assert_int_equal(GPU_DO(f, request), BAD_PARAMETER);
    request.nlen = UINT32_MAX;
    assert_int_equal(GPU_DO(f, request), BAD_PARAMETER);
    request.nlen = 64;
    memcpy(request.debug_name, "a\033[2Jb\xff", 7);
    assert_int_equal(GPU_DO(f, request), NODATA);
    assert_int_equal(strlen(context_find(gpu_of(f), 1)->name), 64);
    assert_memory_equal(context_find(gpu_of(f), 1)->name, "a?[2Jb?x", 8);
    request.hdr.ctx_id = 2;
    request.nlen = 3;
    assert_int_equal(GPU_DO(f, request), NODATA);
    assert_string_equal(context_find(gpu_of(f), 2)->name, "a?[");
}

static void resources_are_attached_and_detached(void **state)
{
    struct gpu_fixture *f = *state;
    struct context *context;

    gpu_context(f, 1, 0);
    gpu_context(f, 2, 0);
    gpu_create_blob(f, 1, 7, PAGE);
    assert_int_equal(gpu_attach(f, 3, 7), BAD_CONTEXT);
    assert_int_equal(gpu_attach(f, 1, 8), BAD_RESOURCE);
    assert_int_equal(gpu_detach(f, 1, 7), BAD_RESOURCE);
    assert_int_equal(gpu_detach(f, 3, 7), BAD_CONTEXT);
    assert_int_equal(gpu_attach(f, 1, 7), NODATA);
    assert_int_equal(gpu_attach(f, 1, 7), NODATA);
    context = context_find(gpu_of(f), 1);
    assert_ptr_equal(context_resource(context, 7), resource_find(gpu_of(f), 7));
    assert_null(context_resource(context_find(gpu_of(f), 2), 7));
    assert_int_equal(gpu_detach(f, 2, 7), BAD_RESOURCE);
    assert_int_equal(gpu_detach(f, 1, 7), NODATA);
    assert_non_null(context_resource(context, 7)); /* attached twice */
    assert_int_equal(gpu_detach(f, 1, 7), NODATA);
    assert_null(context_resource(context, 7));
    assert_int_equal(gpu_detach(f, 1, 7), BAD_RESOURCE);
    assert_int_equal(gpu_used(f, GPU_QUOTA_ATTACHMENTS), 0);
}

static void attachments_end_with_either_side(void **state)
{
    struct gpu_fixture *f = *state;

    for (uint32_t ctx = 1; ctx <= 3; ctx++)
        gpu_context(f, ctx, 0);
    for (uint32_t id = 1; id <= 3; id++) {
        gpu_create_blob(f, 1, id, PAGE);
        for (uint32_t ctx = 1; ctx <= 3; ctx++)
            assert_int_equal(gpu_attach(f, ctx, id), NODATA);
    }
    assert_int_equal(gpu_used(f, GPU_QUOTA_ATTACHMENTS), 9);
    assert_int_equal(gpu_unref(f, 2), NODATA);
    assert_int_equal(gpu_used(f, GPU_QUOTA_ATTACHMENTS), 6);
    assert_int_equal(gpu_detach(f, 1, 2), BAD_RESOURCE);
    assert_int_equal(destroy(f, 1), NODATA);
    assert_int_equal(gpu_used(f, GPU_QUOTA_ATTACHMENTS), 4);
    assert_int_equal(gpu_unref(f, 1), NODATA);
    assert_int_equal(gpu_unref(f, 3), NODATA);
    assert_int_equal(gpu_used(f, GPU_QUOTA_ATTACHMENTS), 0);
}

static void attachments_are_limited(void **state)
{
    struct gpu_fixture *f = *state;
    uint32_t type = NODATA;
    uint32_t ctx = 0;

    gpu_limit(f, GPU_QUOTA_ATTACHMENTS, 4);
    gpu_context(f, 1, 0);
    gpu_create_blob(f, 1, 7, PAGE);
    while (type == NODATA && ctx < 100) {
        gpu_context(f, ++ctx, 0);
        type = gpu_attach(f, ctx, 7);
    }
    assert_int_equal(type, NO_MEMORY);
    assert_int_equal(ctx, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GPU_TEST(contexts_come_and_go),
        GPU_TEST(only_offered_capsets_make_a_context),
        GPU_TEST(names_are_bounded_and_printable),
        GPU_TEST(resources_are_attached_and_detached),
        GPU_TEST(attachments_end_with_either_side),
        GPU_TEST(attachments_are_limited),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
