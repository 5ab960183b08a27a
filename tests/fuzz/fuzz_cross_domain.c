/* SPDX-License-Identifier: MIT */
/*
 * A user of the cross-domain capset that sends what the input says: images that make sense and
 * such that do not, streams of noise, blobs of what it was told and of what it was not, while its
 * query ring and its context come and go. Besides the sanitizers, an oracle watches: what is
 * answered lies in the ring and can be true, what is refused leaves nothing there, a blob is as
 * large as was said, and nothing is left after a reset.
 */
#include "fuzz.h"

#include "../unit/cross_domain_guest.h"

#include "buffer/surface.h"
#include "gpu/resource.h"

#define LONGEST_INPUT 4096u
#define PAGE 4096u
#define CTX 1u
#define RING 50u
#define IDS 6u
#define AT (RING_DRIVER_GPA + (24u << 20))
#define MUST RING_DRIVER_MUST

struct player {
    struct gpu_fixture *f;
    struct reader input;
    struct cross_domain_image_requirements told; /* the last answer */
};

static uint32_t below(struct player *p, uint32_t limit)
{
    return reader_u8(&p->input) % limit;
}

static struct cross_domain_image_requirements *ring_of(struct player *p)
{
    return ring_driver_at(&p->f->driver, AT);
}

static void make_ring(struct player *p)
{
    const struct virtio_gpu_mem_entry pieces[] = {{htole64(AT), htole32(64), 0},
                                                  {htole64(AT + 64), htole32(PAGE - 64), 0}};

    if (cross_guest_blob(p->f, CTX, RING, PAGE, pieces, 2) == NODATA && below(p, 8))
        gpu_attach(p->f, CTX, RING);
}

static struct cross_domain_get_image_requirements pick_query(struct player *p)
{
    static const uint32_t formats[] = {FOURCC_R8,   FOURCC_XRGB8888, FOURCC_RGB565,
                                       FOURCC_NV12, FOURCC_YVU420,   FOURCC_ABGR16161616F};
    struct cross_domain_get_image_requirements query =
        cross_query(below(p, 100), below(p, 100), formats[below(p, 6)], below(p, 8));

    switch (below(p, 16)) {
    case 0:
        query.width = reader_u32(&p->input);
        break;
    case 1:
        query.height = reader_u32(&p->input);
        break;
    case 2:
        query.drm_format = reader_u32(&p->input);
        break;
    case 3:
        query.header.size = htole16((uint16_t)below(p, 48));
        break;
    case 4:
        query.header.command = reader_u8(&p->input);
        break;
    default:
        break;
    }
    return query;
}

/* An answer that can be true: every plane lies in the buffer. */
static void check_told(const struct cross_domain_get_image_requirements *query,
                       const struct cross_domain_image_requirements *told)
{
    struct surface surface = {le32toh(query->width), le32toh(query->height),
                              le32toh(query->drm_format)};
    struct surface_layout layout = {.planes = surface_planes(surface.fourcc), .size = told->size};

    memcpy(layout.strides, told->strides, sizeof(layout.strides));
    memcpy(layout.offsets, told->offsets, sizeof(layout.offsets));
    MUST(surface_layout_holds(&surface, &layout));
    MUST(told->size % PAGE == 0 && told->blob_id != 0 && told->modifier == 0);
}

static void ask(struct player *p)
{
    static const uint8_t zeros[sizeof(p->told)];
    struct cross_domain_get_image_requirements query = pick_query(p);
    uint32_t answer;

    memset(ring_of(p), 0xee, 2 * sizeof(p->told));
    answer = cross_submit_bytes(p->f, CTX, &query, sizeof(query));
    memcpy(&p->told, ring_of(p), sizeof(p->told));
    MUST(((uint8_t *)ring_of(p))[sizeof(p->told)] == 0xee);
    if (answer == NODATA)
        check_told(&query, &p->told);
    else /* untouched, where there is no ring, or empty */
        MUST(p->told.blob_id == 0xeeeeeeee || memcmp(&p->told, zeros, sizeof(zeros)) == 0);
}

static void send_noise(struct player *p)
{
    uint8_t bytes[160];
    uint32_t size = below(p, sizeof(bytes));

    if (!reader_get(&p->input, bytes, size))
        return;
    if (size >= 8 && below(p, 2)) {
        bytes[0] = (uint8_t)(1 + below(p, 2));
        bytes[2] = (uint8_t)(16 + 4 * below(p, 6));
        bytes[3] = 0;
    }
    cross_submit_bytes(p->f, CTX, bytes, size);
}

static void make_blob(struct player *p)
{
    struct gpu *gpu = (struct gpu *)(void *)p->f->device;
    struct virtio_gpu_resource_create_blob request = gpu_blob(CTX, 1 + below(p, IDS), p->told.size);
    uint64_t before = quota_used(gpu_quota(gpu, GPU_QUOTA_MEMORY));

    request.blob_id = htole64(p->told.blob_id);
    if (below(p, 8) == 0)
        request.blob_id = htole64(below(p, 5) - 1u);
    if (below(p, 8) == 0)
        request.size = htole64(PAGE * below(p, 5));
    if (below(p, 8) == 0)
        request.blob_mem = htole32(below(p, 5));
    if (GPU_DO(p->f, request) == NODATA && le32toh(request.blob_mem) == 2) {
        struct resource *made = resource_find(gpu, le32toh(request.resource_id));

        MUST(made->buffer->size == le64toh(request.size));
        MUST(quota_used(gpu_quota(gpu, GPU_QUOTA_MEMORY)) == before + made->buffer->size);
    } else {
        MUST(quota_used(gpu_quota(gpu, GPU_QUOTA_MEMORY)) == before);
    }
}

static void play(struct player *p)
{
    struct virtio_gpu_ctrl_hdr end = gpu_header(VIRTIO_GPU_CMD_CTX_DESTROY, CTX);

    switch (below(p, 20)) {
    case 0:
        GPU_DO(p->f, end);
        break;
    case 1:
        gpu_context(p->f, CTX, CROSS_DOMAIN_CAPSET);
        break;
    case 2:
        gpu_unref(p->f, RING);
        break;
    case 3:
        make_ring(p);
        break;
    case 4:
        gpu_do_about(p->f, VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING, 0, RING);
        break;
    case 5:
        cross_init_sized(p->f, CTX, below(p, 4) ? RING : below(p, IDS), below(p, 8) == 0,
                         below(p, 8) ? 20 : (uint16_t)(8 + 4 * below(p, 14)));
        break;
    case 6:
        gpu_unref(p->f, 1 + below(p, IDS));
        break;
    case 7:
        gpu_map(p->f, 1 + below(p, IDS), PAGE * 64 * below(p, 8));
        break;
    case 8:
    case 9:
        send_noise(p);
        break;
    case 10:
    case 11:
    case 12:
    case 13:
        make_blob(p);
        break;
    default:
        ask(p);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct gpu_options options = {0};
    struct player p = {0};

    log_init("fuzz_cross_domain", NULL, LOG_LEVEL_ERROR);
    reader_init(&p.input, data, size < LONGEST_INPUT ? size : LONGEST_INPUT);
    p.f = gpu_fixture_create(&options, below(&p, 2) ? EXPORTER_ARENA : EXPORTER_MEMFD);
    gpu_limit(p.f, GPU_QUOTA_MEMORY, 256 * PAGE);
    gpu_context(p.f, CTX, CROSS_DOMAIN_CAPSET);
    make_ring(&p);
    cross_init(p.f, CTX, RING);
    while (p.input.left > 0 && !p.input.bad)
        play(&p);
    fake_port_reset(&p.f->port);
    p.f->device->impl->reset(p.f->device);
    MUST(gpu_used(p.f, GPU_QUOTA_MEMORY) == 0);
    gpu_fixture_destroy(p.f);
    return 0;
}

void fuzz_shape(uint8_t *data, size_t size, uint64_t (*next)(void))
{
    for (size_t i = 0; i < size && i < LONGEST_INPUT; i++)
        data[i] = (uint8_t)(next() >> 56);
}
