/* SPDX-License-Identifier: MIT */
#include "gpu_story.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "journal/journal.h"
#include "tests/frontend/gpu_guest_3d.h"

/*
 * The worker is killed, and the guest does not notice: what its driver made is there, every byte of
 * it, and every command is answered once, as if nobody had died. What the display shows then is in
 * test_session_display.c.
 */
#define PAGE 4096u
#define SIDE 64u
#define PIXELS (SIDE * SIDE * 4u)

static void die(struct story *s)
{
    pid_t worker = story_worker(s);

    kill(worker, SIGKILL);
    story_await_another(s, worker);
    assert_int_equal(gpu_story_ping(s), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
}

static int send(struct story *s, void *command, size_t size)
{
    struct virtio_gpu_ctrl_hdr answer;

    return gpu_guest_command(&s->frontend, command, size, &answer, sizeof(answer));
}

/* ---- at rest ---- */

/* What the host reads of a blob is the pattern 'seed'. */
static void host_sees(struct story *s, uint32_t id, uint64_t size, uint64_t seed)
{
    volatile uint64_t *result = gpu_story_seen(s, GPU_STORY_RESULT_AT, 8);
    uint64_t *words = malloc(size);

    assert_non_null(words);
    for (uint64_t i = 0; i < size / 8; i++)
        words[i] = memory_stream_word(seed, i);
    *result = 0;
    assert_int_equal(gpu_guest_sum(&s->frontend, 1, id, 0, size, GPU_STORY_RESULT, 0), OK);
    assert_true(*result == memory_stream_sum(words, size / 8));
    free(words);
}

/* Blobs in the window, out of it, never in it, and driven out of their place by others. */
static void blobs_keep_their_bytes(void **state)
{
    struct story *s = story(state);

    gpu_story_open(s, NULL);
    gpu_story_create_mapped(s, 1, MIB, MIB);
    gpu_story_create_mapped(s, 2, MIB, 2 * MIB);
    gpu_story_create(s, 3, MIB);
    gpu_story_create_mapped(s, 4, MIB, 4 * MIB);
    gpu_story_create(s, 5, MIB);
    for (uint32_t id = 1; id <= 4; id++)
        assert_int_equal(gpu_guest_fill(&s->frontend, 1, id, 0, MIB, 100 + id), OK);
    assert_int_equal(gpu_guest_unmap(&s->frontend, 2), OK);
    assert_int_equal(gpu_guest_unmap(&s->frontend, 4), OK);
    assert_int_equal(gpu_guest_map(&s->frontend, 5, 4 * MIB), MAPPED); /* in the place of 4 */
    for (unsigned turn = 0; turn < 3; turn++) {
        die(s);
        assert_true(gpu_story_sees(s, MIB, MIB, 101));
        for (uint32_t id = 1; id <= 4; id++)
            host_sees(s, id, MIB, 100 + id);
    }
    assert_int_equal(gpu_guest_map(&s->frontend, 2, 8 * MIB), MAPPED);
    assert_int_equal(gpu_guest_map(&s->frontend, 3, 9 * MIB), MAPPED);
    assert_int_equal(gpu_guest_map(&s->frontend, 4, 10 * MIB), MAPPED);
    die(s);
    assert_true(gpu_story_sees(s, 8 * MIB, MIB, 102));
    assert_true(gpu_story_sees(s, 9 * MIB, MIB, 103));
    assert_true(gpu_story_sees(s, 10 * MIB, MIB, 104));
    gpu_story_verify_up(s, 1, MIB, MIB, 7); /* and they are the same bytes for both */
    gpu_story_verify_down(s, 4, 10 * MIB, MIB, 8);
    /* What is taken is taken, what is gone is gone. */
    assert_true(gpu_guest_create(&s->frontend, 1, 1, MIB) >= REFUSED);
    assert_true(gpu_guest_map(&s->frontend, 1, 20 * MIB) >= REFUSED);
    assert_int_equal(gpu_guest_unref(&s->frontend, 1), OK);
    die(s);
    assert_true(gpu_guest_unref(&s->frontend, 1) >= REFUSED);
    gpu_story_create_mapped(s, 1, MIB, MIB);
    assert_int_equal(*gpu_story_seen(s, MIB, 8), 0);
    for (uint32_t id = 1; id <= 5; id++)
        assert_int_equal(gpu_guest_unref(&s->frontend, id), OK);
    story_end(s);
}

/* A picture with pages in two pieces, and a blob of the guest's own pages. */
static void pictures_keep_their_pages(void **state)
{
    struct story *s = story(state);
    struct guest_ram *ram = &s->frontend.ram;
    struct virtio_gpu_set_scanout show = {
        .hdr = {.type = VIRTIO_GPU_CMD_SET_SCANOUT}, .r = {0, 0, SIDE, SIDE}, .resource_id = 1};
    struct virtio_gpu_resource_flush flush = {
        .hdr = {.type = VIRTIO_GPU_CMD_RESOURCE_FLUSH}, .r = {0, 0, SIDE, SIDE}, .resource_id = 1};
    uint64_t first, second, blob;

    gpu_story_open(s, NULL);
    first = guest_ram_take(ram, GUEST_RAM_UPPER, PIXELS / 2, PAGE);
    second = guest_ram_take(ram, GUEST_RAM_LOW, PIXELS / 2, PAGE);
    blob = guest_ram_take(ram, GUEST_RAM_LOW, PIXELS, PAGE);
    assert_int_equal(gpu_guest_picture(&s->frontend, 1, SIDE, SIDE), OK);
    assert_int_equal(gpu_guest_attach_pages(&s->frontend, 1, first, second, PIXELS), OK);
    assert_int_equal(gpu_guest_guest_blob(&s->frontend, 2, blob, PIXELS), OK);
    assert_int_equal(send(s, &show, sizeof(show)), OK);
    for (unsigned turn = 0; turn < 3; turn++) {
        die(s);
        assert_int_equal(gpu_guest_transfer_2d(&s->frontend, 1, SIDE, SIDE), OK);
        assert_int_equal(send(s, &flush, sizeof(flush)), OK);
    }
    assert_true(gpu_guest_attach_pages(&s->frontend, 1, first, second, PIXELS) >= REFUSED);
    assert_int_equal(gpu_guest_detach_pages(&s->frontend, 1), OK);
    die(s);
    assert_true(gpu_guest_detach_pages(&s->frontend, 1) >= REFUSED);
    assert_int_equal(gpu_guest_attach_pages(&s->frontend, 1, second, first, PIXELS), OK);
    die(s);
    assert_int_equal(gpu_guest_unref(&s->frontend, 1), OK);
    assert_int_equal(gpu_guest_unref(&s->frontend, 2), OK);
    story_end(s);
}

/* Contexts and what is attached to them, as often as it is. */
static void contexts_keep_what_is_attached(void **state)
{
    struct story *s = story(state);

    gpu_story_open(s, NULL);
    assert_int_equal(gpu_guest_context(&s->frontend, 2), OK);
    gpu_story_create(s, 1, MIB);
    gpu_story_create(s, 2, MIB);
    assert_int_equal(gpu_guest_attach(&s->frontend, 2, 1), OK);
    assert_int_equal(gpu_guest_attach(&s->frontend, 2, 1), OK);
    assert_int_equal(gpu_guest_detach(&s->frontend, 1, 2), OK);
    die(s);
    assert_true(gpu_guest_context(&s->frontend, 2) >= REFUSED);
    assert_int_equal(gpu_guest_fill(&s->frontend, 2, 1, 0, MIB, 5), OK);
    assert_true(gpu_guest_fill(&s->frontend, 1, 2, 0, MIB, 5) >= REFUSED);
    assert_int_equal(gpu_guest_detach(&s->frontend, 2, 1), OK);
    die(s);
    assert_int_equal(gpu_guest_detach(&s->frontend, 2, 1), OK);
    assert_true(gpu_guest_detach(&s->frontend, 2, 1) >= REFUSED);
    assert_int_equal(gpu_guest_context_destroy(&s->frontend, 2), OK);
    die(s);
    assert_true(gpu_guest_context_destroy(&s->frontend, 2) >= REFUSED);
    story_end(s);
}

static void a_uuid_stays(void **state)
{
    struct story *s = story(state);
    uint8_t before[16], after[16];

    gpu_story_open(s, NULL);
    gpu_story_create(s, 1, MIB);
    assert_int_equal(gpu_guest_assign_uuid(&s->frontend, 1, before),
                     VIRTIO_GPU_RESP_OK_RESOURCE_UUID);
    die(s);
    assert_int_equal(gpu_guest_assign_uuid(&s->frontend, 1, after),
                     VIRTIO_GPU_RESP_OK_RESOURCE_UUID);
    assert_memory_equal(before, after, 16);
    story_end(s);
}

/* The worker dies while the VM is paused. */
static void a_pause_is_no_end(void **state)
{
    struct story *s = story(state);
    pid_t worker;

    story_unless(s, HABIT_LIBKRUN, "pause");
    gpu_story_open(s, NULL);
    gpu_story_create_mapped(s, 1, MIB, MIB);
    assert_int_equal(gpu_guest_fill(&s->frontend, 1, 1, 0, MIB, 55), OK);
    assert_int_equal(frontend_stop(&s->frontend), 0);
    worker = story_worker(s);
    kill(worker, SIGKILL);
    story_await(s, "/worker/starts", 2);
    assert_int_equal(frontend_start(&s->frontend), 0);
    assert_int_equal(gpu_story_ping(s), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
    assert_true(gpu_story_sees(s, MIB, MIB, 55));
    host_sees(s, 1, MIB, 55);
    gpu_story_verify_up(s, 1, MIB, MIB, 9);
    story_end(s);
}

/* More descriptors and records than go into one message, or one page. */
static void many_survive(void **state)
{
    struct story *s = story(state);
    const uint32_t count = 500;

    gpu_story_open(s, NULL);
    for (uint32_t i = 0; i < count; i++) {
        gpu_story_create(s, 1 + i, PAGE);
        assert_int_equal(gpu_guest_picture(&s->frontend, 1001 + i, 8, 8), OK);
        assert_int_equal(gpu_guest_fill(&s->frontend, 1, 1 + i, 0, PAGE, i), OK);
    }
    for (unsigned turn = 0; turn < 2; turn++) {
        die(s);
        for (uint32_t i = turn; i < count; i += 7)
            host_sees(s, 1 + i, PAGE, i);
    }
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(gpu_guest_unref(&s->frontend, 1 + i), OK);
        assert_int_equal(gpu_guest_unref(&s->frontend, 1001 + i), OK);
    }
    story_end(s);
}

/* ---- in the middle of all commands ---- */

#define BATCH_MAX 24u

/* Commands that were sent, and what they are to be answered. */
struct batch {
    unsigned count;
    struct {
        int slot;
        int expected;
    } sent[BATCH_MAX];
};

static void add(struct story *s, struct batch *batch, void *command, size_t size, int expected)
{
    int slot = gpu_guest_begin(&s->frontend, command, size, 64);

    assert_true(slot >= 0 && batch->count < BATCH_MAX);
    batch->sent[batch->count].slot = slot;
    batch->sent[batch->count++].expected = expected;
}

static void add_about(struct story *s, struct batch *batch, uint32_t type, uint32_t context,
                      uint32_t id, int expected)
{
    struct virtio_gpu_ctx_resource command = {.hdr = {.type = type, .ctx_id = context},
                                              .resource_id = id};

    add(s, batch, &command, sizeof(command), expected);
}

static void add_map(struct story *s, struct batch *batch, uint32_t id, uint64_t offset)
{
    struct virtio_gpu_resource_map_blob command = {
        .hdr = {.type = VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB}, .resource_id = id, .offset = offset};

    add(s, batch, &command, sizeof(command), MAPPED);
}

static void add_blob(struct story *s, struct batch *batch, uint32_t id, uint64_t size)
{
    struct virtio_gpu_resource_create_blob command = {
        .hdr = {.type = VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB, .ctx_id = 1},
        .resource_id = id,
        .blob_mem = VIRTIO_GPU_BLOB_MEM_HOST3D,
        .blob_flags = VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE,
        .size = size,
    };

    add(s, batch, &command, sizeof(command), OK);
}

static void add_fill(struct story *s, struct batch *batch, uint32_t id, uint64_t size,
                     uint64_t seed)
{
    struct {
        struct virtio_gpu_cmd_submit submit;
        struct memory_stream_command fill;
    } command = {
        .submit = {.hdr = {.type = VIRTIO_GPU_CMD_SUBMIT_3D, .ctx_id = 1},
                   .size = sizeof(struct memory_stream_command)},
        .fill = {.opcode = MEMORY_STREAM_FILL, .resource = id, .size = size, .seed = seed},
    };

    add(s, batch, &command, sizeof(command), OK);
}

static void add_picture(struct story *s, struct batch *batch, uint32_t id, uint64_t pages)
{
    struct virtio_gpu_resource_create_2d create = {
        .hdr = {.type = VIRTIO_GPU_CMD_RESOURCE_CREATE_2D},
        .resource_id = id,
        .format = VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM,
        .width = SIDE,
        .height = SIDE,
    };
    struct {
        struct virtio_gpu_resource_attach_backing attach;
        struct virtio_gpu_mem_entry entry;
    } back = {
        .attach = {.hdr = {.type = VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING},
                   .resource_id = id,
                   .nr_entries = 1},
        .entry = {.addr = pages, .length = PIXELS},
    };
    struct virtio_gpu_transfer_to_host_2d transfer = {
        .hdr = {.type = VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D},
        .r = {0, 0, SIDE, SIDE},
        .resource_id = id,
    };
    struct virtio_gpu_set_scanout show = {
        .hdr = {.type = VIRTIO_GPU_CMD_SET_SCANOUT}, .r = {0, 0, SIDE, SIDE}, .resource_id = id};
    struct virtio_gpu_resource_flush flush = {
        .hdr = {.type = VIRTIO_GPU_CMD_RESOURCE_FLUSH}, .r = {0, 0, SIDE, SIDE}, .resource_id = id};

    add(s, batch, &create, sizeof(create), OK);
    add(s, batch, &back, sizeof(back), OK);
    add(s, batch, &transfer, sizeof(transfer), OK);
    add(s, batch, &show, sizeof(show), OK);
    add(s, batch, &flush, sizeof(flush), OK);
}

/* Sends all that a driver does in a life of two resources, without waiting for anything; the last
 * round's resources end. Blob 10 + round stays at round's place. */
static void send_round(struct story *s, struct batch *batch, uint32_t round, uint64_t pages)
{
    struct virtio_gpu_ctx_create context = {
        .hdr = {.type = VIRTIO_GPU_CMD_CTX_CREATE, .ctx_id = 100 + round},
        .nlen = 1,
        .context_init = MEMORY_STREAM_CAPSET,
    };
    struct virtio_gpu_ctx_destroy destroy = {
        .hdr = {.type = VIRTIO_GPU_CMD_CTX_DESTROY, .ctx_id = 100 + round - 1}};
    uint32_t blob = 1000 + round, picture = 2000 + round;
    uint64_t home = (1 + round % 4) * MIB;

    batch->count = 0;
    add_blob(s, batch, blob, MIB);
    add_about(s, batch, VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE, 1, blob, OK);
    add_fill(s, batch, blob, MIB, round);
    add_map(s, batch, blob, (10 + round % 4) * MIB);
    add_picture(s, batch, picture, pages);
    add(s, batch, &context, sizeof(context), OK);
    add_about(s, batch, VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB, 0, blob, OK);
    add_map(s, batch, blob, home);
    add_about(s, batch, VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE, 100 + round, blob, OK);
    add_about(s, batch, VIRTIO_GPU_CMD_CTX_DETACH_RESOURCE, 100 + round, blob, OK);
    add_about(s, batch, VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID, 0, blob,
              VIRTIO_GPU_RESP_OK_RESOURCE_UUID);
    add_about(s, batch, VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING, 0, picture, OK);
    if (round > 0) {
        add_about(s, batch, VIRTIO_GPU_CMD_RESOURCE_UNREF, 0, blob - 1, OK);
        add_about(s, batch, VIRTIO_GPU_CMD_RESOURCE_UNREF, 0, picture - 1, OK);
        add(s, batch, &destroy, sizeof(destroy), OK);
    }
}

static void hear_round(struct story *s, const struct batch *batch, uint32_t round)
{
    uint8_t answer[64];

    for (unsigned i = 0; i < batch->count; i++) {
        int r = gpu_guest_end(&s->frontend, batch->sent[i].slot, answer, sizeof(answer),
                              FRONTEND_PATIENCE);

        if (r != batch->sent[i].expected)
            fail_msg("command %u of round %u is answered 0x%x, not 0x%x", i, round, (unsigned)r,
                     (unsigned)batch->sent[i].expected);
    }
}

/* Serves the back-end for so long, then the worker dies. */
static void kill_after(struct story *s, unsigned microseconds)
{
    struct timespec begun, now;

    clock_gettime(CLOCK_MONOTONIC, &begun);
    do {
        assert_int_equal(frontend_pump(&s->frontend, -1, 0), 0);
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while ((now.tv_sec - begun.tv_sec) * 1000000 + (now.tv_nsec - begun.tv_nsec) / 1000 <
             (long)microseconds);
    kill(story_worker(s), SIGKILL);
}

#define DEATHS 10u /* more in so short a time would be waited for */

/* Killed at any time while it carries out all kinds of commands: each is answered once, and as if
 * nobody had died. */
static void commands_are_carried_out_once(void **state)
{
    struct story *s = story(state);
    struct batch batch;
    uint64_t pages;

    /* Other instants with another seed. */
    srand(getenv("HOSTBLOB_TEST_SEED") != NULL ? (unsigned)atoi(getenv("HOSTBLOB_TEST_SEED")) : 1);
    gpu_story_open(s, NULL);
    pages = guest_ram_take(&s->frontend.ram, GUEST_RAM_UPPER, PIXELS, PAGE);
    for (uint32_t round = 0; round < DEATHS; round++) {
        uint64_t home = (1 + round % 4) * MIB;

        send_round(s, &batch, round, pages);
        kill_after(s, (unsigned)rand() % 1500);
        hear_round(s, &batch, round);
        assert_true(gpu_story_sees(s, home, MIB, round));
        host_sees(s, 1000 + round, MIB, round);
    }
    story_await(s, "/worker/starts", DEATHS + 1);
    story_end(s);
}

/* ---- a command that workers die at ---- */

/* The journal of the program, as its door has it open. */
static struct journal_page *journal_of(struct story *s)
{
    long door = daemon_process_number(&s->daemon, "/door/pid");
    struct journal_page *page = NULL;

    for (int fd = 3; fd < 64 && page == NULL; fd++) {
        char path[64], target[128] = "";
        int own;

        snprintf(path, sizeof(path), "/proc/%ld/fd/%d", door, fd);
        if (readlink(path, target, sizeof(target) - 1) < 0 ||
            strstr(target, "hostblob-journal") == NULL)
            continue;
        own = open(path, O_RDWR | O_CLOEXEC);
        assert_true(own >= 0);
        page = mmap(NULL, sizeof(*page), PROT_READ, MAP_SHARED, own, 0);
        assert_true(page != MAP_FAILED);
        close(own);
    }
    assert_non_null(page);
    return page;
}

#define LARGE 2048u /* pixels a side: 16 MiB to copy */

/* Kills the worker as often as it is seen at a transfer, up to 'times'. Returns how often. */
static unsigned kill_at_transfer(struct story *s, const struct journal_page *page, unsigned times)
{
    struct timespec begun, now;
    unsigned killed = 0;
    uint64_t life = 0;
    pid_t worker;

    clock_gettime(CLOCK_MONOTONIC, &begun);
    do {
        const struct journal_running *running = &page->running;

        if (__atomic_load_n(&running->tag, __ATOMIC_ACQUIRE) != 0 && running->life != life &&
            running->type == VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D) {
            life = running->life;
            worker = story_worker(s);
            kill(worker, SIGSTOP);
            if (__atomic_load_n(&running->tag, __ATOMIC_ACQUIRE) != 0)
                killed++;
            kill(worker, SIGKILL);
        }
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (killed < times && now.tv_sec - begun.tv_sec < 5);
    return killed;
}

/* The third worker does not get it: it is answered with an error, and all else goes on. */
static void a_command_that_kills_is_given_up(void **state)
{
    struct virtio_gpu_transfer_to_host_2d transfer = {
        .hdr = {.type = VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D},
        .r = {0, 0, LARGE, LARGE},
        .resource_id = 1,
    };
    struct story *s = story(state);
    struct journal_page *page;
    struct virtio_gpu_ctrl_hdr answer;
    uint64_t first, second;
    int slot;

    gpu_story_open(s, NULL);
    page = journal_of(s);
    first = guest_ram_take(&s->frontend.ram, GUEST_RAM_UPPER, LARGE * LARGE * 2, PAGE);
    second = guest_ram_take(&s->frontend.ram, GUEST_RAM_LOW, LARGE * LARGE * 2, PAGE);
    assert_true(first != UINT64_MAX && second != UINT64_MAX);
    gpu_story_create_mapped(s, 2, MIB, MIB);
    assert_int_equal(gpu_guest_fill(&s->frontend, 1, 2, 0, MIB, 3), OK);
    assert_int_equal(gpu_guest_picture(&s->frontend, 1, LARGE, LARGE), OK);
    assert_int_equal(gpu_guest_attach_pages(&s->frontend, 1, first, second, LARGE * LARGE * 4), OK);
    slot = gpu_guest_begin(&s->frontend, &transfer, sizeof(transfer), sizeof(answer));
    assert_true(slot >= 0);
    assert_int_equal(kill_at_transfer(s, page, 2), 2);
    assert_int_equal(gpu_guest_end(&s->frontend, slot, &answer, sizeof(answer), FRONTEND_PATIENCE),
                     VIRTIO_GPU_RESP_ERR_UNSPEC);
    story_await(s, "/worker/starts", 3);
    assert_int_equal(gpu_guest_transfer_2d(&s->frontend, 1, LARGE, LARGE), OK); /* another one */
    assert_true(gpu_story_sees(s, MIB, MIB, 3));
    munmap(page, sizeof(*page));
    story_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(blobs_keep_their_bytes, gpu_qemu_arena),
        STORY(blobs_keep_their_bytes, gpu_qemu_single),
        STORY(blobs_keep_their_bytes, gpu_crosvm_arena),
        STORY(blobs_keep_their_bytes, gpu_crosvm_single),
        STORY(pictures_keep_their_pages, gpu_qemu_arena),
        STORY(contexts_keep_what_is_attached, gpu_qemu_arena),
        STORY(a_uuid_stays, gpu_qemu_single),
        STORY(a_pause_is_no_end, gpu_qemu_arena),
        STORY(a_pause_is_no_end, gpu_qemu_single),
        STORY(a_pause_is_no_end, gpu_crosvm_arena),
        STORY(a_pause_is_no_end, gpu_crosvm_single),
        STORY(many_survive, gpu_qemu_arena),
        STORY(many_survive, gpu_crosvm_single),
        STORY(commands_are_carried_out_once, gpu_qemu_arena),
        STORY(commands_are_carried_out_once, gpu_qemu_single),
        STORY(commands_are_carried_out_once, gpu_crosvm_arena),
        STORY(commands_are_carried_out_once, gpu_crosvm_single),
        STORY(a_command_that_kills_is_given_up, gpu_qemu_arena),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
