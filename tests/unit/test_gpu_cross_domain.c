/* SPDX-License-Identifier: MIT */
#include "gpu_test.h"

#include "cross_domain_guest.h"

#include "gpu/renderer_cross_domain.h"
#include "gpu/resource.h"

#define PAGE 4096u
#define CTX 1u
#define RING 100u
#define AT (RING_DRIVER_GPA + (24u << 20)) /* beyond what the driver's heap reaches here */

static struct cross_domain_image_requirements *answer_of(struct gpu_fixture *f)
{
    return ring_driver_at(&f->driver, AT);
}

static uint32_t make_ring(struct gpu_fixture *f)
{
    const struct virtio_gpu_mem_entry page = {htole64(AT), htole32(PAGE), 0};

    return cross_guest_blob(f, CTX, RING, PAGE, &page, 1);
}

static uint32_t destroy(struct gpu_fixture *f, uint32_t ctx)
{
    struct virtio_gpu_ctrl_hdr request = gpu_header(VIRTIO_GPU_CMD_CTX_DESTROY, ctx);

    return GPU_DO(f, request);
}

/* What a user does first, and a ring full of old bytes. */
static void open_domain(struct gpu_fixture *f, uint32_t ctx)
{
    assert_int_equal(gpu_context(f, ctx, CROSS_DOMAIN_CAPSET), NODATA);
    if (ctx == CTX)
        assert_int_equal(make_ring(f), NODATA);
    assert_int_equal(gpu_attach(f, ctx, RING), NODATA);
    assert_int_equal(cross_init(f, ctx, RING), NODATA);
    memset(answer_of(f), 0xee, PAGE);
}

static uint32_t query(struct gpu_fixture *f, uint32_t ctx, uint32_t width, uint32_t height,
                      uint32_t fourcc, uint32_t flags)
{
    struct cross_domain_get_image_requirements request = cross_query(width, height, fourcc, flags);

    return cross_submit_bytes(f, ctx, &request, sizeof(request));
}

static uint32_t create(struct gpu_fixture *f, uint32_t ctx, uint32_t id, uint64_t blob_id,
                       uint64_t size)
{
    struct virtio_gpu_resource_create_blob request = gpu_blob(ctx, id, size);

    request.blob_id = htole64(blob_id);
    request.blob_flags = htole32(3); /* mappable and shareable, as minigbm has it */
    return GPU_DO(f, request);
}

static void the_capset_says_the_truth(void **state)
{
    struct gpu_fixture *f = *state;
    struct virtio_gpu_get_capset_info about = {gpu_header(VIRTIO_GPU_CMD_GET_CAPSET_INFO, 0), 1, 0};
    struct virtio_gpu_get_capset get = {gpu_header(VIRTIO_GPU_CMD_GET_CAPSET, 0),
                                        CROSS_DOMAIN_CAPSET, 0};
    struct virtio_gpu_resp_capset_info info;
    struct cross_domain_capset capset;

    assert_int_equal(GPU_DO(f, about), VIRTIO_GPU_RESP_OK_CAPSET_INFO);
    memcpy(&info, f->answer, sizeof(info));
    assert_int_equal(info.capset_id, CROSS_DOMAIN_CAPSET);
    assert_int_equal(info.capset_max_size, 16);
    assert_int_equal(GPU_DO(f, get), VIRTIO_GPU_RESP_OK_CAPSET);
    assert_int_equal(f->written, 24 + 16);
    memcpy(&capset, f->answer + 24, sizeof(capset));
    assert_int_equal(capset.version, 1);
    assert_int_equal(capset.supported_channels, 0);
    assert_int_equal(capset.supports_dmabuf, 0); /* memfds */
    assert_int_equal(capset.supports_external_gpu_memory, 0);
    get.capset_version = 1;
    assert_int_equal(GPU_DO(f, get), BAD_PARAMETER);
}

/* The image's bytes are the guest's and the host's. */
static void an_image_is_made_as_it_was_told(void **state)
{
    struct gpu_fixture *f = *state;
    struct gpu *gpu = (struct gpu *)(void *)f->device;
    const struct cross_domain_image_requirements *answer = answer_of(f);
    uint64_t size = 2560 * 480;
    struct buffer *buffer;

    open_domain(f, CTX);
    assert_int_equal(query(f, CTX, 640, 480, FOURCC_XRGB8888, 0x11), NODATA);
    assert_int_equal(answer->strides[0], 2560);
    for (unsigned i = 1; i < 4; i++)
        assert_true(answer->strides[i] == 0 && answer->offsets[i] == 0);
    assert_int_equal(answer->offsets[0], 0);
    assert_int_equal(answer->modifier, 0);
    assert_int_equal(answer->size, size);
    assert_true(answer->blob_id != 0);
    assert_int_equal(answer->map_info, VIRTIO_GPU_MAP_CACHE_CACHED);
    assert_int_equal(answer->memory_idx, -1);
    assert_int_equal(answer->physical_device_idx, -1);
    assert_int_equal(((const uint8_t *)answer)[64], 0xee); /* and not a byte more */
    /* minigbm makes any number of buffers with one answer. */
    for (uint32_t id = 1; id <= 3; id++) {
        assert_int_equal(create(f, CTX, id, answer->blob_id, size), NODATA);
        assert_int_equal(gpu_attach(f, CTX, id), NODATA);
        assert_int_equal(gpu_map(f, id, id * (2 << 20)), MAP_INFO);
        buffer = resource_find(gpu, id)->buffer;
        assert_int_equal(buffer->size, size);
        assert_int_equal(((uint8_t *)buffer_data(buffer))[size - 1], 0);
        memset(buffer_data(buffer), (int)id, size);
    }
    assert_int_equal(((uint8_t *)buffer_data(resource_find(gpu, 1)->buffer))[0], 1);
    assert_int_equal(quota_used(gpu_quota(gpu, GPU_QUOTA_MEMORY)), 3 * size);
    /* The images outlive the context that made them. */
    assert_int_equal(destroy(f, CTX), NODATA);
    for (uint32_t id = 1; id <= 3; id++)
        assert_int_equal(gpu_unref(f, id), NODATA);
    assert_int_equal(quota_used(gpu_quota(gpu, GPU_QUOTA_MEMORY)), 0);
}

static void every_format_has_its_layout(void **state)
{
    static const struct {
        uint32_t fourcc;
        uint32_t strides[3], offsets[3];
        uint64_t size;
    } table[] = {
        {FOURCC_R8, {256}, {0}, 32768},
        {FOURCC_RGB565, {512}, {0}, 65536},
        {FOURCC_BGR888, {768}, {0}, 98304},
        {FOURCC_XRGB8888, {1024}, {0}, 131072},
        {FOURCC_ARGB8888, {1024}, {0}, 131072},
        {FOURCC_XBGR8888, {1024}, {0}, 131072},
        {FOURCC_ABGR8888, {1024}, {0}, 131072},
        {FOURCC_XRGB2101010, {1024}, {0}, 131072},
        {FOURCC_ABGR2101010, {1024}, {0}, 131072},
        {FOURCC_ABGR16161616F, {2048}, {0}, 262144},
        {FOURCC_NV12, {256, 256}, {0, 32768}, 49152},
        {FOURCC_P010, {512, 512}, {0, 65536}, 98304},
        {FOURCC_YVU420, {256, 256, 256}, {0, 32768, 49152}, 65536},
    };
    struct gpu_fixture *f = *state;
    const struct cross_domain_image_requirements *answer = answer_of(f);

    open_domain(f, CTX);
    for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        assert_int_equal(query(f, CTX, 250, 128, table[i].fourcc, 0), NODATA);
        for (unsigned p = 0; p < 3; p++) {
            assert_int_equal(answer->strides[p], table[i].strides[p]);
            assert_int_equal(answer->offsets[p], table[i].offsets[p]);
        }
        assert_int_equal(answer->size, table[i].size);
        assert_int_equal(answer->blob_id, i + 1);
        assert_int_equal(create(f, CTX, i + 1, i + 1, table[i].size), NODATA);
    }
}

static void the_same_question_has_the_same_answer(void **state)
{
    struct gpu_fixture *f = *state;
    const struct cross_domain_image_requirements *answer = answer_of(f);
    uint32_t first;

    open_domain(f, CTX);
    query(f, CTX, 64, 64, FOURCC_R8, 0);
    first = answer->blob_id;
    query(f, CTX, 64, 65, FOURCC_R8, 0);
    assert_int_not_equal(answer->blob_id, first);
    query(f, CTX, 64, 64, FOURCC_R8, 1); /* for scanout */
    assert_int_not_equal(answer->blob_id, first);
    query(f, CTX, 64, 64, FOURCC_R8, 0x10); /* linear, which it is anyway */
    assert_int_equal(answer->blob_id, first);
}

static void every_version_of_init_is_taken(void **state)
{
    static const uint16_t sizes[] = {CROSS_DOMAIN_INIT_FIRST, CROSS_DOMAIN_INIT_SECOND,
                                     CROSS_DOMAIN_INIT_THIRD};
    struct gpu_fixture *f = *state;
    assert_int_equal(gpu_context(f, CTX, CROSS_DOMAIN_CAPSET), NODATA);
    assert_int_equal(make_ring(f), NODATA);
    gpu_attach(f, CTX, RING);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(cross_init_sized(f, CTX, RING, 0, sizes[i]), NODATA);
        assert_int_equal(query(f, CTX, 8, 8, FOURCC_R8, 0), NODATA);
        assert_int_equal(cross_init_sized(f, CTX, RING, CROSS_DOMAIN_CHANNEL_WAYLAND, sizes[i]),
                         UNSPEC);
    }
    for (uint16_t size = 8; size <= 64; size = (uint16_t)(size + 4))
        if (size != 16 && size != 20 && size != 36)
            assert_int_equal(cross_init_sized(f, CTX, RING, 0, size), BAD_PARAMETER);
}

static void a_query_ring_is_pages_of_the_guest(void **state)
{
    struct gpu_fixture *f = *state;
    assert_int_equal(gpu_context(f, CTX, CROSS_DOMAIN_CAPSET), NODATA);
    assert_int_equal(query(f, CTX, 8, 8, FOURCC_R8, 0), BAD_PARAMETER); /* before INIT */
    assert_int_equal(cross_init(f, CTX, 0), BAD_PARAMETER);
    assert_int_equal(cross_init(f, CTX, RING), BAD_PARAMETER); /* there is none */
    assert_int_equal(make_ring(f), NODATA);
    assert_int_equal(cross_init(f, CTX, RING), BAD_PARAMETER); /* not attached */
    gpu_attach(f, CTX, RING);
    assert_int_equal(cross_init(f, CTX, RING), NODATA);
    assert_int_equal(query(f, CTX, 8, 8, FOURCC_R8, 0), NODATA);
    /* Its pages may go. */
    assert_int_equal(gpu_do_about(f, VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING, 0, RING), NODATA);
    memset(answer_of(f), 0xee, PAGE);
    assert_int_equal(query(f, CTX, 8, 8, FOURCC_R8, 0), BAD_PARAMETER);
    assert_int_equal(cross_init(f, CTX, RING), BAD_PARAMETER);
    assert_int_equal(answer_of(f)->blob_id, 0xeeeeeeee);
    gpu_unref(f, RING);
    assert_int_equal(query(f, CTX, 8, 8, FOURCC_R8, 0), BAD_PARAMETER);
    /* Memory of the host is none: the guest could not tell who wrote what. */
    assert_int_equal(gpu_context(f, 2, MEMORY_STREAM_CAPSET), NODATA);
    assert_int_equal(gpu_create_blob(f, 2, RING, PAGE), NODATA);
    gpu_attach(f, CTX, RING);
    assert_int_equal(cross_init(f, CTX, RING), BAD_PARAMETER);
}

static void an_answer_may_lie_in_pieces(void **state)
{
    struct gpu_fixture *f = *state;
    const struct virtio_gpu_mem_entry pieces[] = {
        {htole64(AT + PAGE), htole32(3), 0},
        {htole64(AT + 2 * PAGE), htole32(30), 0},
        {htole64(AT), htole32(10), 0},
        {htole64(AT + 3 * PAGE), htole32(PAGE - 43), 0},
    };
    struct cross_domain_image_requirements answer;
    uint8_t *bytes = (uint8_t *)&answer;

    assert_int_equal(gpu_context(f, CTX, CROSS_DOMAIN_CAPSET), NODATA);
    assert_int_equal(cross_guest_blob(f, CTX, RING, PAGE, pieces, 4), NODATA);
    gpu_attach(f, CTX, RING);
    assert_int_equal(cross_init(f, CTX, RING), NODATA);
    memset(ring_driver_at(&f->driver, AT), 0xee, 4 * PAGE);
    assert_int_equal(query(f, CTX, 64, 64, FOURCC_NV12, 0), NODATA);
    for (unsigned i = 0; i < 4; i++) {
        uint32_t size = i < 3 ? le32toh(pieces[i].length) : 64 - 43;
        const uint8_t *piece = ring_driver_at(&f->driver, le64toh(pieces[i].addr));

        memcpy(bytes, piece, size);
        assert_int_equal(piece[size], 0xee);
        bytes += size;
    }
    assert_int_equal(answer.strides[1], 256);
    assert_int_equal(answer.offsets[1], 256 * 64);
    assert_int_equal(answer.size, 256 * 96);
    assert_int_equal(answer.blob_id, 1);
    assert_int_equal(answer.physical_device_idx, -1);
}

/* One row each: the bytes of a stream, and its answer. */
static void nonsense_is_refused(void **state)
{
    static const struct {
        uint8_t bytes[32];
        uint32_t size;
        uint32_t answer;
    } table[] = {
        {{2}, 1, BAD_PARAMETER},                 /* no header */
        {{2, 0, 24}, 7, BAD_PARAMETER},          /* not a whole one */
        {{2, 0, 0}, 8, BAD_PARAMETER},           /* a command of no bytes */
        {{2, 0, 7}, 8, BAD_PARAMETER},           /* less than a header */
        {{2, 0, 24}, 16, BAD_PARAMETER},         /* longer than the stream */
        {{2, 0, 0xff, 0xff}, 32, BAD_PARAMETER}, /* much longer */
        {{2, 0, 8}, 8, BAD_PARAMETER},           /* without its fields */
        {{2, 0, 23}, 23, BAD_PARAMETER},         /* a byte short */
        {{2, 0, 24}, 24, BAD_PARAMETER},         /* an image of no pixels */
        {{1, 0, 8}, 8, BAD_PARAMETER},           /* INIT without fields */
        {{0, 0, 8}, 8, UNSPEC},                  /* no command at all */
        {{3, 0, 8}, 8, UNSPEC},                  /* POLL */
        {{4, 0, 16}, 16, UNSPEC},                /* SEND */
        {{5, 0, 16}, 16, UNSPEC},                /* RECEIVE */
        {{6, 0, 24}, 24, UNSPEC},                /* READ */
        {{7, 0, 24}, 24, UNSPEC},                /* WRITE */
        {{255, 0, 8}, 8, UNSPEC},                /* from the future */
        {{2, 0, 24, 0, 0, 0, 0, 0, 8, 0, 0, 0, 8, 0, 0, 0, 'R', '8', ' ', ' '}, 25, BAD_PARAMETER},
    };
    struct gpu_fixture *f = *state;

    open_domain(f, CTX);
    for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        uint32_t answer = cross_submit_bytes(f, CTX, table[i].bytes, table[i].size);

        if (answer != table[i].answer)
            fail_msg("row %u is answered 0x%x", i, answer);
    }
    assert_int_equal(query(f, CTX, 8, 8, FOURCC_R8, 0), NODATA); /* and it goes on */
}

/* A guest whose command was refused does not learn of it: it reads the ring, and must find nothing
 * there that it could take for an answer. */
static void a_refusal_is_read_in_the_ring(void **state)
{
    static const struct {
        uint32_t width, height, fourcc, answer;
    } table[] = {
        {0, 8, FOURCC_R8, BAD_PARAMETER},
        {8, 0, FOURCC_R8, BAD_PARAMETER},
        {8, 8, 0, BAD_PARAMETER},
        {8, 8, FOURCC('N', 'O', 'N', 'E'), BAD_PARAMETER},
        {32769, 8, FOURCC_R8, UNSPEC},
        {UINT32_MAX, UINT32_MAX, FOURCC_NV12, UNSPEC},
        {32768, 32768, FOURCC_XRGB8888, NO_MEMORY}, /* more than the guest may have */
    };
    static const uint8_t zeros[64];
    struct gpu_fixture *f = *state;

    open_domain(f, CTX);
    for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        assert_int_equal(query(f, CTX, 8, 8, FOURCC_R8, 0), NODATA);
        assert_memory_not_equal(answer_of(f), zeros, 64);
        assert_int_equal(query(f, CTX, table[i].width, table[i].height, table[i].fourcc, 0),
                         table[i].answer);
        assert_memory_equal(answer_of(f), zeros, 64);
    }
}

static void blobs_are_made_of_offers_only(void **state)
{
    struct gpu_fixture *f = *state;
    struct virtio_gpu_resource_create_blob request;
    uint32_t id;

    open_domain(f, CTX);
    open_domain(f, 2);
    query(f, CTX, 64, 64, FOURCC_XRGB8888, 0);
    id = answer_of(f)->blob_id;
    assert_int_equal(create(f, CTX, 7, 0, 16384), BAD_PARAMETER);
    assert_int_equal(create(f, CTX, 7, id + 1, 16384), BAD_PARAMETER);
    assert_int_equal(create(f, CTX, 7, id + (UINT64_C(1) << 32), 16384), BAD_PARAMETER);
    assert_int_equal(create(f, CTX, 7, UINT64_MAX, 16384), BAD_PARAMETER);
    assert_int_equal(create(f, CTX, 7, id, 16384 + PAGE), BAD_PARAMETER);
    assert_int_equal(create(f, CTX, 7, id, 16384 - PAGE), BAD_PARAMETER);
    assert_int_equal(create(f, 2, 7, id, 16384), BAD_PARAMETER); /* another context's */
    request = gpu_blob(CTX, 7, 16384);
    request.blob_mem = htole32(VIRTIO_GPU_BLOB_MEM_HOST3D_GUEST);
    request.blob_id = htole64(id);
    assert_int_equal(GPU_DO(f, request), BAD_PARAMETER);
    assert_int_equal(create(f, CTX, 7, id, 16384), NODATA);
    assert_int_equal(create(f, CTX, 7, id, 16384), BAD_RESOURCE); /* it is taken */
}

static void one_stream_has_only_so_many_commands(void **state)
{
    struct cross_domain_get_image_requirements many[CROSS_DOMAIN_COMMANDS + 1];
    struct gpu_fixture *f = *state;

    open_domain(f, CTX);
    for (unsigned i = 0; i <= CROSS_DOMAIN_COMMANDS; i++)
        many[i] = cross_query(i + 1, 1, FOURCC_R8, 0);
    assert_int_equal(cross_submit_bytes(f, CTX, many, CROSS_DOMAIN_COMMANDS * sizeof(many[0])),
                     NODATA);
    assert_int_equal(answer_of(f)->blob_id, CROSS_DOMAIN_COMMANDS);
    assert_int_equal(cross_submit_bytes(f, CTX, many, sizeof(many)), NO_MEMORY);
}

static unsigned ask_for_many(struct gpu_fixture *f, uint32_t ctx, unsigned count)
{
    struct cross_domain_get_image_requirements many[CROSS_DOMAIN_COMMANDS];
    unsigned good = 0;

    for (unsigned i = 0; i < count; i += CROSS_DOMAIN_COMMANDS) {
        for (unsigned k = 0; k < CROSS_DOMAIN_COMMANDS; k++)
            many[k] = cross_query(1 + (i + k) % 4096, 1 + (i + k) / 4096, FOURCC_R8, 0);
        if (cross_submit_bytes(f, ctx, many, sizeof(many)) != NODATA)
            break;
        good += CROSS_DOMAIN_COMMANDS;
    }
    return good;
}

static void offers_are_bounded(void **state)
{
    struct gpu_fixture *f = *state;
    unsigned all = 0;

    open_domain(f, CTX);
    assert_int_equal(ask_for_many(f, CTX, 2 * CROSS_DOMAIN_CONTEXT_OFFERS),
                     CROSS_DOMAIN_CONTEXT_OFFERS);
    assert_int_equal(query(f, CTX, 1, 1, FOURCC_R8, 0), NODATA); /* what it knows it knows */
    all = CROSS_DOMAIN_CONTEXT_OFFERS;
    for (uint32_t ctx = 2; all < CROSS_DOMAIN_OFFERS; ctx++) {
        open_domain(f, ctx);
        all += ask_for_many(f, ctx, CROSS_DOMAIN_CONTEXT_OFFERS);
    }
    open_domain(f, 99);
    assert_int_equal(query(f, 99, 1, 1, FOURCC_R8, 0), NO_MEMORY);
    assert_int_equal(destroy(f, CTX), NODATA);
    assert_int_equal(ask_for_many(f, 99, CROSS_DOMAIN_CONTEXT_OFFERS), CROSS_DOMAIN_CONTEXT_OFFERS);
}

static void a_reset_forgets_every_offer(void **state)
{
    struct gpu_fixture *f = *state;

    open_domain(f, CTX);
    query(f, CTX, 64, 64, FOURCC_XRGB8888, 0);
    f->device->impl->reset(f->device);
    assert_int_equal(gpu_context(f, CTX, CROSS_DOMAIN_CAPSET), NODATA);
    assert_int_equal(create(f, CTX, 7, 1, 16384), BAD_PARAMETER);
    assert_int_equal(query(f, CTX, 64, 64, FOURCC_XRGB8888, 0), BAD_PARAMETER);
}

/* The users wait for ring 0 of their context. */
static void a_fence_comes_back(void **state)
{
    struct gpu_fixture *f = *state;
    struct {
        struct virtio_gpu_cmd_submit submit;
        struct cross_domain_get_image_requirements query;
    } request = {.submit = {.hdr = gpu_header(VIRTIO_GPU_CMD_SUBMIT_3D, CTX), .size = 24},
                 .query = cross_query(8, 8, FOURCC_R8, 0)};
    struct virtio_gpu_ctrl_hdr answer;

    open_domain(f, CTX);
    for (uint8_t ring = 0; ring < 2; ring++) {
        request.submit.hdr.flags = htole32(VIRTIO_GPU_FLAG_FENCE | VIRTIO_GPU_FLAG_INFO_RING_IDX);
        request.submit.hdr.fence_id = htole64(77 + ring);
        request.submit.hdr.ring_idx = ring;
        assert_int_equal(GPU_DO(f, request), NODATA);
        memcpy(&answer, f->answer, sizeof(answer));
        assert_int_equal(le64toh(answer.fence_id), 77 + ring);
        assert_int_equal(answer.ring_idx, ring);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GPU_TEST(the_capset_says_the_truth),
        GPU_TEST(an_image_is_made_as_it_was_told),
        GPU_ARENA_TEST(an_image_is_made_as_it_was_told),
        GPU_TEST(every_format_has_its_layout),
        GPU_TEST(the_same_question_has_the_same_answer),
        GPU_TEST(every_version_of_init_is_taken),
        GPU_TEST(a_query_ring_is_pages_of_the_guest),
        GPU_TEST(an_answer_may_lie_in_pieces),
        GPU_TEST(nonsense_is_refused),
        GPU_TEST(a_refusal_is_read_in_the_ring),
        GPU_TEST(blobs_are_made_of_offers_only),
        GPU_TEST(one_stream_has_only_so_many_commands),
        GPU_TEST(offers_are_bounded),
        GPU_TEST(a_reset_forgets_every_offer),
        GPU_TEST(a_fence_comes_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
