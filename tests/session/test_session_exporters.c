/* SPDX-License-Identifier: MIT */
/*
 * Buffers and images of every kind of memory, given to a guest and taken back. Which kinds there
 * are depends on the machine's kernel: HOSTBLOB_EXPORTERS names those that must work here, and the
 * others are left out.
 */
#include "gpu_story.h"

#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

#include <linux/magic.h>

#include "base/fourcc.h"
#include "buffer/surface.h"
#include "protocol/cross_domain.h"
#include "tests/frontend/gpu_guest_3d.h"

#define CROSS_DOMAIN_CAPSET 5u
#define DOMAIN 2u /* the context that asks for images; context 1 is the memory renderer's */
#define RING 500u

static const struct story_cast arena = {STORY_GPU, HABIT_QEMU, "--mapping=arena"};
static const struct story_cast memfd = {STORY_GPU, HABIT_QEMU, "--exporter=memfd"};
static const struct story_cast udmabuf = {STORY_GPU, HABIT_QEMU, "--exporter=udmabuf"};
static const struct story_cast dma_heap = {STORY_GPU, HABIT_QEMU, "--exporter=dma_heap"};
static const struct story_cast gbm = {STORY_GPU, HABIT_QEMU, "--exporter=gbm"};
static const struct story_cast chosen = {STORY_GPU, HABIT_QEMU, "--mapping=single"};

/* "arena", "udmabuf" and so on; "single" is the choice by trying. */
static const char *kind_of(const struct story_cast *cast)
{
    return strchr(cast->mapping, '=') + 1;
}

/* Whether what is mapped in the guest at 'offset' is a dmabuf. */
static bool is_dmabuf(struct story *s, uint64_t offset)
{
    struct statfs fs;

    for (struct guest_window_mapping *m = s->frontend.window.mappings; m != NULL; m = m->next)
        if (offset >= m->shm_offset && offset - m->shm_offset < m->size) {
            assert_int_equal(fstatfs(m->fd, &fs), 0);
            return fs.f_type == DMA_BUF_MAGIC;
        }
    fail_msg("nothing is mapped at %llu", (unsigned long long)offset);
    return false;
}

/* Bytes are dmabufs of the kinds that say so; of the choice by trying where that was the outcome.
 */
static bool bytes_are_dmabufs(struct story *s)
{
    if (strcmp(kind_of(&s->cast), "single") == 0)
        return !daemon_process_logged(&s->daemon, "Buffers are memfd buffers");
    return strcmp(kind_of(&s->cast), "arena") != 0 && strcmp(kind_of(&s->cast), "memfd") != 0;
}

static bool images_are_dmabufs(struct story *s)
{
    return bytes_are_dmabufs(s) || daemon_process_logged(&s->daemon, "Images are GBM's");
}

/* Written by the guest and read by the host, written by the host and read by the guest. */
static void carry(struct story *s, uint32_t id, uint64_t offset, uint64_t size)
{
    assert_int_equal(gpu_guest_attach(&s->frontend, 1, id), OK);
    assert_int_equal(gpu_guest_map(&s->frontend, id, offset), MAPPED);
    gpu_story_verify_up(s, id, offset, size, 7 * id);
    gpu_story_verify_down(s, id, offset, size, 11 * id);
}

static void take_back(struct story *s, uint32_t id, uint64_t offset)
{
    assert_int_equal(gpu_guest_unmap(&s->frontend, id), OK);
    if (strcmp(kind_of(&s->cast), "arena") != 0)
        assert_null(guest_window_at(&s->frontend.window, offset, 8));
    assert_int_equal(gpu_guest_unref(&s->frontend, id), OK);
}

static void bytes_go_both_ways(void **state)
{
    static const uint64_t sizes[] = {4096, 3 * 4096, MIB, 16 * MIB};
    struct story *s = story(state);
    uint64_t offset = 0;

    gpu_story_open(s, NULL);
    for (uint32_t i = 0; i < 4; i++, offset += 16 * MIB / 2) {
        assert_int_equal(gpu_guest_create(&s->frontend, 1, i + 1, sizes[i]), OK);
        carry(s, i + 1, offset, sizes[i]);
        assert_int_equal(is_dmabuf(s, offset), bytes_are_dmabufs(s));
    }
    story_await(s, "/device/mapped", 5); /* and the one for sums */
    for (uint32_t i = 0; i < 4; i++)
        take_back(s, i + 1, i * 16 * MIB / 2);
    story_end(s);
}

/* A new one at the place of the last one, of its size, must not show what that one held. */
static void no_byte_stays_behind(void **state)
{
    struct story *s = story(state);

    gpu_story_open(s, NULL);
    for (uint32_t id = 1; id <= 6; id++) {
        volatile uint64_t *words;
        uint64_t wrong = 0;

        gpu_story_create_mapped(s, id, MIB, MIB);
        words = gpu_story_seen(s, MIB, MIB);
        for (uint64_t i = 0; i < MIB / 8; i++)
            wrong += words[i] != 0;
        assert_int_equal(wrong, 0);
        memset((void *)(uintptr_t)words, 0x5a, MIB);
        assert_int_equal(gpu_guest_unref(&s->frontend, id), OK);
    }
    story_end(s);
}

/* The image is asked for as minigbm does it. */
static struct cross_domain_image_requirements ask(struct story *s, uint64_t ring,
                                                  const struct surface *surface)
{
    const uint32_t query[] = {CROSS_DOMAIN_GET_IMAGE_REQUIREMENTS | 24u << 16,
                              0,
                              surface->width,
                              surface->height,
                              surface->fourcc,
                              surface->use};
    struct cross_domain_image_requirements answer;
    struct surface_layout layout = {.planes = surface_planes(surface->fourcc)};

    assert_int_equal(gpu_guest_stream(&s->frontend, DOMAIN, query, 6), OK);
    memcpy(&answer, guest_ram_at(&s->frontend.ram, ring), sizeof(answer));
    memcpy(layout.strides, answer.strides, sizeof(layout.strides));
    memcpy(layout.offsets, answer.offsets, sizeof(layout.offsets));
    layout.size = answer.size;
    assert_true(surface_layout_holds(surface, &layout));
    assert_int_equal(answer.size % 4096, 0);
    assert_int_equal(answer.modifier, 0);
    return answer;
}

static uint64_t open_domain(struct story *s)
{
    const uint32_t init[] = {CROSS_DOMAIN_INIT | 20u << 16, 0, RING, 0, 0};
    uint64_t ring = guest_ram_take(&s->frontend.ram, GUEST_RAM_UPPER, 4096, 4096);

    assert_true(ring != UINT64_MAX);
    assert_int_equal(gpu_guest_context_of(&s->frontend, DOMAIN, CROSS_DOMAIN_CAPSET), OK);
    assert_int_equal(gpu_guest_guest_blob(&s->frontend, RING, ring, 4096), OK);
    assert_int_equal(gpu_guest_attach(&s->frontend, DOMAIN, RING), OK);
    assert_int_equal(gpu_guest_stream(&s->frontend, DOMAIN, init, 5), OK);
    return ring;
}

static int create_image(struct story *s, uint32_t id, uint64_t blob_id, uint64_t size)
{
    struct virtio_gpu_resource_create_blob command = {
        .hdr = {.type = VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB, .ctx_id = DOMAIN},
        .resource_id = id,
        .blob_mem = VIRTIO_GPU_BLOB_MEM_HOST3D,
        .blob_flags = VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE | VIRTIO_GPU_BLOB_FLAG_USE_SHAREABLE,
        .blob_id = blob_id,
        .size = size,
    };
    struct virtio_gpu_ctrl_hdr answer;

    return gpu_guest_command(&s->frontend, &command, sizeof(command), &answer, sizeof(answer));
}

static void images_go_both_ways(void **state)
{
    static const struct surface surfaces[] = {
        {640, 480, FOURCC_XRGB8888, SURFACE_USE_RENDERING | SURFACE_USE_SCANOUT},
        {333, 77, FOURCC_ABGR8888, SURFACE_USE_RENDERING},
        {100, 100, FOURCC_RGB565},
        {320, 240, FOURCC_NV12},
        {322, 242, FOURCC_YVU420},
        {65536 / 2, 1, FOURCC_R8},
    };
    struct story *s = story(state);
    uint64_t ring;

    gpu_story_open(s, NULL);
    ring = open_domain(s);
    for (uint32_t i = 0; i < sizeof(surfaces) / sizeof(surfaces[0]); i++) {
        struct cross_domain_image_requirements told = ask(s, ring, &surfaces[i]);
        uint64_t offset = i * 4 * MIB;

        assert_int_equal(create_image(s, i + 1, told.blob_id, told.size - 4096), 0x1205);
        /* Two of the same, as a user has them who shows one and draws the other. */
        assert_int_equal(create_image(s, i + 1, told.blob_id, told.size), OK);
        assert_int_equal(create_image(s, 100 + i, told.blob_id, told.size), OK);
        carry(s, i + 1, offset, told.size);
        carry(s, 100 + i, offset + 2 * MIB, told.size);
        assert_true(gpu_story_sees(s, offset, told.size, 11 * (i + 1)));
        assert_int_equal(is_dmabuf(s, offset), images_are_dmabufs(s));
    }
    for (uint32_t i = 0; i < sizeof(surfaces) / sizeof(surfaces[0]); i++) {
        take_back(s, i + 1, i * 4 * MIB);
        take_back(s, 100 + i, i * 4 * MIB + 2 * MIB);
    }
    assert_int_equal(gpu_guest_unref(&s->frontend, RING), OK);
    story_end(s);
}

/* The front-end goes with buffers of all sorts in its hands. */
static void nothing_is_left_when_the_guest_goes(void **state)
{
    struct cross_domain_image_requirements told;
    const struct surface surface = {256, 256, FOURCC_XRGB8888};
    struct story *s = story(state);
    uint64_t ring;

    gpu_story_open(s, NULL);
    ring = open_domain(s);
    told = ask(s, ring, &surface);
    for (uint32_t id = 1; id <= 5; id++) {
        gpu_story_create_mapped(s, id, MIB, id * 2 * MIB);
        assert_int_equal(create_image(s, 100 + id, told.blob_id, told.size), OK);
        assert_int_equal(gpu_guest_map(&s->frontend, 100 + id, (id * 2 + 1) * MIB), MAPPED);
    }
    story_leave(s);
    story_join(s);
    gpu_story_bind(s);
    gpu_story_create_mapped(s, 1, MIB, MIB);
    story_end(s);
}

#define EVERY(cast)                                                                                \
    STORY(bytes_go_both_ways, cast), STORY(no_byte_stays_behind, cast),                            \
        STORY(images_go_both_ways, cast), STORY(nothing_is_left_when_the_guest_goes, cast)

int main(void)
{
    static const struct CMUnitTest every[] = {EVERY(arena),    EVERY(memfd), EVERY(udmabuf),
                                              EVERY(dma_heap), EVERY(gbm),   EVERY(chosen)};
    const char *promised = getenv("HOSTBLOB_EXPORTERS");
    struct CMUnitTest tests[sizeof(every) / sizeof(every[0])];
    size_t count = 0;

    for (size_t i = 0; i < sizeof(every) / sizeof(every[0]); i++) {
        const struct story_cast *cast = every[i].initial_state;

        if (strstr(promised != NULL ? promised : "arena memfd single", kind_of(cast)) != NULL)
            tests[count++] = every[i];
    }
    return _cmocka_run_group_tests("exporters", tests, count, NULL, NULL);
}
