/* SPDX-License-Identifier: MIT */
#include "gpu_story.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/virgl_stream.h"
#include "protocol/virtio_gpu.h"
#include "tests/frontend/gpu_guest_3d.h"
#include "upgrade_story.h"

#define SKIPPED 77
#define SIDE 64u
#define BYTES (SIDE * SIDE * 4)
#define GL 5u /* the context */
#define TEXTURE 6u
#define FORMAT VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM
#define RED 0xffff0000u

static const char *const arguments[] = {"--renderer=virgl", NULL};

static const float red[4] = {1.0f, 0.0f, 0.0f, 1.0f};
static const float green[4] = {0.0f, 1.0f, 0.0f, 1.0f};

/* The texture's pages: half of them in each half of the guest's memory. */
struct pages {
    uint32_t *half[2];
    uint64_t gpa[2];
};

static struct pages take_pages(struct story *s)
{
    struct pages pages;

    for (unsigned i = 0; i < 2; i++) {
        pages.gpa[i] = guest_ram_take(&s->frontend.ram, (enum guest_ram_half)i, BYTES / 2, 4096);
        assert_true(pages.gpa[i] != UINT64_MAX);
        pages.half[i] = guest_ram_at(&s->frontend.ram, pages.gpa[i]);
    }
    return pages;
}

static uint32_t *pixel(struct pages *pages, unsigned i)
{
    return &pages->half[i / (SIDE * SIDE / 2)][i % (SIDE * SIDE / 2)];
}

static void fill(struct pages *pages, uint32_t factor)
{
    for (unsigned i = 0; i < SIDE * SIDE; i++)
        *pixel(pages, i) = i * factor;
}

static unsigned differ(struct pages *pages, uint32_t factor)
{
    unsigned count = 0;

    for (unsigned i = 0; i < SIDE * SIDE; i++)
        count += *pixel(pages, i) != i * factor;
    return count;
}

static unsigned not_colour(struct pages *pages, uint32_t colour)
{
    unsigned count = 0;

    for (unsigned i = 0; i < SIDE * SIDE; i++)
        count += *pixel(pages, i) != colour;
    return count;
}

/* A driver binds: a GL context, with a texture that has pages. */
static struct pages bind(struct story *s)
{
    struct pages pages = take_pages(s);

    assert_int_equal(gpu_guest_context_of(&s->frontend, GL, VIRTIO_GPU_CAPSET_VIRGL2), OK);
    assert_int_equal(gpu_guest_texture(&s->frontend, TEXTURE, SIDE, SIDE), OK);
    assert_int_equal(
        gpu_guest_attach_pages(&s->frontend, TEXTURE, pages.gpa[0], pages.gpa[1], BYTES), OK);
    assert_int_equal(gpu_guest_attach(&s->frontend, GL, TEXTURE), OK);
    return pages;
}

static struct pages open_gl(struct story *s)
{
    story_start(s, arguments);
    story_join(s);
    return bind(s);
}

/* Draws; every surface needs a new name. */
static int draw(struct story *s, uint32_t surface, const float colour[4])
{
    uint32_t words[VIRGL_STREAM_CLEAR_WORDS];

    virgl_stream_clear(words, surface, TEXTURE, FORMAT, colour);
    return gpu_guest_stream(&s->frontend, GL, words, VIRGL_STREAM_CLEAR_WORDS);
}

static int copy(struct story *s, bool from_host)
{
    return gpu_guest_transfer(&s->frontend, GL, TEXTURE, from_host, SIDE, SIDE);
}

/* The answer to a request that was begun. */
static int end(struct story *s, int slot)
{
    struct virtio_gpu_ctrl_hdr answer;

    return gpu_guest_end(&s->frontend, slot, &answer, sizeof(answer), FRONTEND_PATIENCE);
}

static void check_gl(struct story *s, struct pages *pages)
{
    fill(pages, 0x01020305);
    assert_int_equal(copy(s, false), OK);
    fill(pages, 0);
    assert_int_equal(copy(s, true), OK);
    assert_int_equal(differ(pages, 0x01020305), 0);
    assert_int_equal(draw(s, 1, red), OK);
    assert_int_equal(copy(s, true), OK);
    assert_int_equal(not_colour(pages, RED), 0);
}

static void pixels_come_back(void **state)
{
    struct story *s = story(state);
    struct pages pages = open_gl(s);

    check_gl(s, &pages);
    assert_int_equal(gpu_guest_detach(&s->frontend, GL, TEXTURE), OK);
    assert_int_equal(gpu_guest_detach_pages(&s->frontend, TEXTURE), OK);
    assert_int_equal(gpu_guest_unref(&s->frontend, TEXTURE), OK);
    assert_int_equal(gpu_guest_context_destroy(&s->frontend, GL), OK);
    story_end(s);
}

/* The capsets of OpenGL, whole. */
static void capsets_are_described(void **state)
{
    struct story *s = story(state);
    unsigned found = 0;

    open_gl(s);
    for (uint32_t index = 0; index < 3; index++) {
        struct virtio_gpu_get_capset_info ask = {.hdr = {.type = VIRTIO_GPU_CMD_GET_CAPSET_INFO},
                                                 .capset_index = index};
        struct virtio_gpu_resp_capset_info info;
        struct virtio_gpu_get_capset get = {.hdr = {.type = VIRTIO_GPU_CMD_GET_CAPSET}};
        struct {
            struct virtio_gpu_ctrl_hdr hdr;
            uint32_t words[512];
        } capset;
        uint32_t bits = 0;

        assert_int_equal(gpu_guest_command(&s->frontend, &ask, sizeof(ask), &info, sizeof(info)),
                         VIRTIO_GPU_RESP_OK_CAPSET_INFO);
        get.capset_id = info.capset_id;
        get.capset_version = info.capset_max_version;
        assert_in_range(info.capset_max_size, 4, sizeof(capset.words));
        assert_int_equal(gpu_guest_command(&s->frontend, &get, sizeof(get), &capset,
                                           sizeof(capset.hdr) + info.capset_max_size),
                         VIRTIO_GPU_RESP_OK_CAPSET);
        for (unsigned i = 0; i < info.capset_max_size / 4; i++)
            bits |= capset.words[i];
        if (info.capset_id == VIRTIO_GPU_CAPSET_VIRGL ||
            info.capset_id == VIRTIO_GPU_CAPSET_VIRGL2) {
            found++;
            assert_int_equal(capset.words[0], info.capset_max_version);
            assert_int_not_equal(bits, 0);
        }
    }
    assert_int_equal(found, 2);
    story_end(s);
}

/* What is wrong is refused, and does no harm to what comes next. */
static void nonsense_is_refused(void **state)
{
    struct story *s = story(state);
    struct pages pages = open_gl(s);
    uint32_t words[VIRGL_STREAM_CLEAR_WORDS];

    assert_true(gpu_guest_texture(&s->frontend, TEXTURE, SIDE, SIDE) >= REFUSED);
    assert_true(gpu_guest_texture(&s->frontend, 7, 1u << 20, 1u << 20) >= REFUSED);
    assert_int_equal(gpu_guest_texture(&s->frontend, 7, SIDE, SIDE), OK);
    /* No pages; then too large a box; then a context that has no such resource. */
    assert_true(gpu_guest_transfer(&s->frontend, 0, 7, true, SIDE, SIDE) >= REFUSED);
    assert_true(gpu_guest_transfer(&s->frontend, 0, TEXTURE, true, SIDE, SIDE + 1) >= REFUSED);
    assert_int_equal(gpu_guest_context_of(&s->frontend, GL + 1, VIRTIO_GPU_CAPSET_VIRGL2), OK);
    assert_true(gpu_guest_transfer(&s->frontend, GL + 1, TEXTURE, true, SIDE, SIDE) >= REFUSED);
    /* Streams: no command of that number, a resource that does not exist. */
    memset(words, 0xff, sizeof(words));
    assert_true(gpu_guest_stream(&s->frontend, GL + 1, words, VIRGL_STREAM_CLEAR_WORDS) >= REFUSED);
    virgl_stream_clear(words, 1, 99, FORMAT, red);
    assert_true(gpu_guest_stream(&s->frontend, GL + 1, words, VIRGL_STREAM_CLEAR_WORDS) >= REFUSED);
    assert_int_equal(gpu_guest_context_destroy(&s->frontend, GL + 1), OK);
    check_gl(s, &pages);
    story_end(s);
}

/* Many requests at a time; the answers of a timeline come in order. */
static void fences_come_in_order(void **state)
{
    struct story *s = story(state);
    struct pages pages = open_gl(s);
    int slots[60];
    uint16_t last = 0;

    for (unsigned i = 0; i < 60; i++) {
        uint32_t words[VIRGL_STREAM_CLEAR_WORDS];

        virgl_stream_clear(words, i + 1, TEXTURE, FORMAT, i % 2 == 0 ? red : green);
        slots[i] = i % 3 == 2
                       ? gpu_guest_transfer_begin(&s->frontend, GL, TEXTURE, true, SIDE, SIDE)
                       : gpu_guest_stream_begin(&s->frontend, GL, words, VIRGL_STREAM_CLEAR_WORDS);
        assert_true(slots[i] >= 0);
    }
    /* With the last one, all are answered, each behind the one before. */
    assert_int_equal(end(s, slots[59]), OK);
    for (unsigned i = 0; i < 59; i++) {
        const struct driver_slot *slot = &s->frontend.queues[GPU_GUEST_CONTROLQ].slot[slots[i]];

        assert_true(slot->answered);
        assert_true(i == 0 || (uint16_t)(slot->order - last) == 1);
        last = slot->order;
    }
    for (unsigned i = 0; i < 59; i++)
        assert_int_equal(end(s, slots[i]), OK);
    assert_int_equal(not_colour(&pages, RED), 0); /* as number 58 drew, before 59 copied */
    story_end(s);
}

/* A context goes while its work, and another's, is in hand: every request is answered. */
static void a_context_goes_amid_its_work(void **state)
{
    struct story *s = story(state);
    struct virtio_gpu_ctx_destroy destroy = {
        .hdr = {.type = VIRTIO_GPU_CMD_CTX_DESTROY, .ctx_id = GL + 1}};
    uint32_t words[VIRGL_STREAM_CLEAR_WORDS];

    open_gl(s);
    for (unsigned round = 0; round < 20; round++) {
        int slots[8];

        assert_int_equal(gpu_guest_context_of(&s->frontend, GL + 1, VIRTIO_GPU_CAPSET_VIRGL2), OK);
        assert_int_equal(gpu_guest_attach(&s->frontend, GL + 1, TEXTURE), OK);
        for (unsigned i = 0; i < 6; i++) {
            virgl_stream_clear(words, 8 * round + i + 1, TEXTURE, FORMAT, red);
            slots[i] =
                gpu_guest_stream_begin(&s->frontend, GL + i % 2, words, VIRGL_STREAM_CLEAR_WORDS);
        }
        slots[6] = gpu_guest_begin(&s->frontend, &destroy, sizeof(destroy),
                                   sizeof(struct virtio_gpu_ctrl_hdr));
        virgl_stream_clear(words, 8 * round + 7, TEXTURE, FORMAT, red);
        slots[7] = gpu_guest_stream_begin(&s->frontend, GL, words, VIRGL_STREAM_CLEAR_WORDS);
        for (unsigned i = 0; i < 8; i++)
            assert_int_equal(end(s, slots[i]), OK);
    }
    story_end(s);
}

/* A blob of the guest's pages is made known to OpenGL, and let go of. */
static void guest_pages_are_attached(void **state)
{
    struct story *s = story(state);
    uint64_t gpa;

    open_gl(s);
    gpa = guest_ram_take(&s->frontend.ram, GUEST_RAM_UPPER, 8192, 4096);
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(gpu_guest_guest_blob(&s->frontend, 20 + i, gpa, 8192), OK);
        assert_int_equal(gpu_guest_attach(&s->frontend, GL, 20 + i), OK);
        assert_int_equal(gpu_guest_attach(&s->frontend, GL, 20 + i), OK);
        if (i % 2 == 0)
            assert_int_equal(gpu_guest_detach(&s->frontend, GL, 20 + i), OK);
        assert_int_equal(gpu_guest_unref(&s->frontend, 20 + i), OK);
    }
    story_end(s);
}

#define PICTURE 8u

/* What 2D commands drew, before and after, is what OpenGL finds; the pages are the guest's again as
 * soon as it was told so. */
static void pictures_are_textures_too(void **state)
{
    struct story *s = story(state);
    struct pages pages;

    open_gl(s);
    pages = take_pages(s);
    assert_int_equal(gpu_guest_picture(&s->frontend, PICTURE, SIDE, SIDE), OK);
    assert_int_equal(
        gpu_guest_attach_pages(&s->frontend, PICTURE, pages.gpa[0], pages.gpa[1], BYTES), OK);
    for (uint32_t factor = 3; factor < 6; factor++) {
        fill(&pages, factor);
        assert_int_equal(gpu_guest_transfer_2d(&s->frontend, PICTURE, SIDE, SIDE), OK);
        if (factor == 3) {
            assert_true(gpu_guest_transfer(&s->frontend, GL, PICTURE, true, SIDE, SIDE) >= REFUSED);
            assert_int_equal(gpu_guest_attach(&s->frontend, GL, PICTURE), OK);
        }
        fill(&pages, 0);
        assert_int_equal(gpu_guest_transfer(&s->frontend, GL, PICTURE, true, SIDE, SIDE), OK);
        assert_int_equal(differ(&pages, factor), 0);
    }
    assert_int_equal(gpu_guest_unref(&s->frontend, PICTURE), OK);
    story_end(s);
}

/* Blobs of host memory do not care for OpenGL, and the other way round. */
static void memory_goes_on_beside(void **state)
{
    struct story *s = story(state);
    struct pages pages = open_gl(s);

    gpu_story_bind(s);
    gpu_story_create_mapped(s, 1, 65536, 0);
    gpu_story_verify_up(s, 1, 0, 65536, 5);
    check_gl(s, &pages);
    gpu_story_verify_down(s, 1, 0, 65536, 6);
    assert_int_equal(gpu_guest_unref(&s->frontend, 1), OK);
    story_end(s);
}

/* The driver starts anew amid its work, and finds nothing of before. */
static void a_reset_amid_work(void **state)
{
    struct story *s = story(state);
    struct pages pages = open_gl(s);

    for (unsigned round = 0; round < 10; round++) {
        for (unsigned i = 0; i < 3 * round; i++) {
            uint32_t words[VIRGL_STREAM_CLEAR_WORDS];

            virgl_stream_clear(words, i + 1, TEXTURE, FORMAT, red);
            assert_true(gpu_guest_stream_begin(&s->frontend, GL, words, VIRGL_STREAM_CLEAR_WORDS) >=
                        0);
        }
        assert_int_equal(frontend_reset(&s->frontend), 0);
        assert_int_equal(frontend_start(&s->frontend), 0);
        assert_true(draw(s, 1, red) >= REFUSED);
        pages = bind(s);
        check_gl(s, &pages);
    }
    story_end(s);
}

/* Another front-end, another driver. */
static void a_front_end_goes_and_another_comes(void **state)
{
    struct story *s = story(state);
    struct pages pages = open_gl(s);

    for (unsigned i = 0; i < 3; i++) {
        check_gl(s, &pages);
        story_leave(s);
        story_join(s);
        pages = bind(s);
    }
    story_end(s);
}

static int begin_drawing(struct story *s)
{
    uint32_t words[VIRGL_STREAM_CLEAR_WORDS];

    virgl_stream_clear(words, 50, TEXTURE, FORMAT, red);
    return gpu_guest_stream_begin(&s->frontend, GL, words, VIRGL_STREAM_CLEAR_WORDS);
}

/* What was drawn is lost: the guest hears it, lets go of it, and draws anew. What is not the
 * library's goes on. */
static void check_loss(struct story *s)
{
    struct pages pages;

    assert_true(draw(s, 2, red) >= REFUSED);
    assert_true(copy(s, true) >= REFUSED);
    assert_true(gpu_guest_context_of(&s->frontend, GL, VIRTIO_GPU_CAPSET_VIRGL2) >= REFUSED);
    assert_true(gpu_story_sees(s, 0, 65536, 6));
    gpu_story_verify_up(s, 1, 0, 65536, 5);
    gpu_story_verify_down(s, 1, 0, 65536, 6);
    assert_int_equal(gpu_guest_detach(&s->frontend, GL, TEXTURE), OK);
    assert_int_equal(gpu_guest_unref(&s->frontend, TEXTURE), OK);
    assert_int_equal(gpu_guest_context_destroy(&s->frontend, GL), OK);
    pages = bind(s);
    check_gl(s, &pages);
}

static void open_both(struct story *s)
{
    struct pages pages = open_gl(s);

    gpu_story_bind(s);
    gpu_story_create_mapped(s, 1, 65536, 0);
    gpu_story_verify_down(s, 1, 0, 65536, 6);
    check_gl(s, &pages);
}

static void a_worker_dies(void **state)
{
    struct story *s = story(state);

    open_both(s);
    for (unsigned turn = 1; turn <= 2; turn++) {
        int begun = begin_drawing(s);

        kill(story_worker(s), SIGKILL);
        end(s, begun); /* done or not: answered it is, fence and all */
        story_await(s, "/worker/starts", 1 + turn);
        check_loss(s);
    }
    story_end(s);
}

/* The same, but it is not done unasked. */
static void an_upgrade_loses_what_was_drawn(void **state)
{
    struct story *s = story(state);

    open_both(s);
    for (unsigned turn = 1; turn <= 2; turn++) {
        int begun = begin_drawing(s);

        assert_int_equal(upgrade(s, "--seconds=60"), 1);
        assert_non_null(strstr(upgrade_said, "1 of the guest's OpenGL and Vulkan contexts"));
        end(s, begun);
        begun = begin_drawing(s);
        assert_int_equal(upgrade(s, "--force"), 0);
        end(s, begun);
        check_loss(s);
    }
    story_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(pixels_come_back, gpu_qemu_arena),
        STORY(pixels_come_back, gpu_crosvm_single),
        STORY(capsets_are_described, gpu_qemu_arena),
        STORY(nonsense_is_refused, gpu_qemu_arena),
        STORY(fences_come_in_order, gpu_qemu_arena),
        STORY(a_context_goes_amid_its_work, gpu_qemu_arena),
        STORY(guest_pages_are_attached, gpu_qemu_arena),
        STORY(pictures_are_textures_too, gpu_qemu_arena),
        STORY(memory_goes_on_beside, gpu_qemu_single),
        STORY(a_reset_amid_work, gpu_qemu_arena),
        STORY(a_reset_amid_work, gpu_crosvm_arena),
        STORY(a_front_end_goes_and_another_comes, gpu_qemu_arena),
        STORY(a_worker_dies, gpu_qemu_arena),
        STORY(an_upgrade_loses_what_was_drawn, gpu_qemu_arena),
    };

    if (!gpu_story_can_draw())
        return SKIPPED;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
