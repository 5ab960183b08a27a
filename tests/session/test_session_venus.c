/* SPDX-License-Identifier: MIT */
#include "gpu_story.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "protocol/virtio_gpu.h"
#include "tests/frontend/gpu_guest_3d.h"
#include "upgrade_story.h"

#define SKIPPED 77
#define ONE 11u /* contexts */
#define TWO 12u
#define LATER 13u
#define SIZE 65536u
#define KEPT_AT (2 * MIB) /* in the window */
#define CHILDREN_MAX 64u

static const char *const arguments[] = {"--renderer=venus", NULL};

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- the processes behind the device ---- */

/* The name of a process, "" where there is none. */
static void name_of(pid_t pid, char name[32])
{
    char path[64];
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
    file = fopen(path, "r");
    name[0] = '\0';
    if (file == NULL)
        return;
    if (fgets(name, 32, file) != NULL)
        name[strcspn(name, "\n")] = '\0';
    fclose(file);
}

/* The child of 'parent' whose name begins so; 0: none. */
static pid_t child_named(pid_t parent, const char *start)
{
    char path[64], name[32];
    pid_t found = 0;
    FILE *file;
    int pid;

    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)parent, (int)parent);
    file = fopen(path, "r");
    if (file == NULL)
        return 0;
    while (found == 0 && fscanf(file, "%d", &pid) == 1) {
        name_of(pid, name);
        if (strncmp(name, start, strlen(start)) == 0)
            found = pid;
    }
    fclose(file);
    return found;
}

static pid_t server_of(struct story *s)
{
    pid_t pid = 0;

    for (unsigned i = 0; i < 200 && pid == 0; i++) {
        pid = child_named(story_worker(s), "virgl_render_se");
        if (pid == 0)
            usleep(20000);
    }
    assert_int_not_equal(pid, 0);
    return pid;
}

/* A context's process has its name soon after it was made. */
static pid_t process_of(struct story *s, uint32_t context)
{
    char start[32];
    pid_t pid = 0;

    snprintf(start, sizeof(start), "virgl-%u-", context);
    for (unsigned i = 0; i < 200 && pid == 0; i++) {
        pid = child_named(server_of(s), start);
        if (pid == 0)
            usleep(20000);
    }
    assert_int_not_equal(pid, 0);
    return pid;
}

static void await_death(pid_t pid)
{
    for (unsigned i = 0; i < 500 && kill(pid, 0) == 0; i++)
        usleep(10000);
    assert_int_equal(kill(pid, 0), -1);
}

/* ---- a guest ---- */

static int make_context(struct story *s, uint32_t context)
{
    return gpu_guest_context_of(&s->frontend, context, VIRTIO_GPU_CAPSET_VENUS);
}

static void open_venus(struct story *s)
{
    story_start(s, arguments);
    story_join(s);
    assert_int_equal(make_context(s, ONE), OK);
    assert_int_equal(make_context(s, TWO), OK);
}

/* Memory of a context: made, mapped, written, read, and gone again. */
static void use_memory(struct story *s, uint32_t context, uint32_t id)
{
    volatile uint64_t *words;

    assert_int_equal(gpu_guest_create(&s->frontend, context, id, SIZE), OK);
    assert_int_equal(gpu_guest_map(&s->frontend, id, 0), MAPPED);
    words = gpu_story_seen(s, 0, SIZE);
    for (unsigned i = 0; i < SIZE / 8; i += 512) {
        assert_int_equal(words[i], 0);
        words[i] = i + 1;
        assert_int_equal(words[i], i + 1);
    }
    assert_int_equal(gpu_guest_unmap(&s->frontend, id), OK);
    assert_int_equal(gpu_guest_unref(&s->frontend, id), OK);
}

/* Without a fence, which would have it answered after all that was asked for before. */
static int begin(struct story *s, const void *command, size_t size, size_t space)
{
    int slot = frontend_submit(&s->frontend, GPU_GUEST_CONTROLQ, command, size, space);

    assert_true(slot >= 0);
    return slot;
}

static int end(struct story *s, int slot)
{
    struct virtio_gpu_resp_display_info answer = {0};

    assert_true(frontend_await(&s->frontend, GPU_GUEST_CONTROLQ, (unsigned)slot, &answer,
                               sizeof(answer), FRONTEND_PATIENCE) > 0);
    return (int)answer.hdr.type;
}

static int begin_create(struct story *s, uint32_t context, uint32_t id)
{
    struct virtio_gpu_resource_create_blob command = {
        .hdr = {.type = VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB, .ctx_id = context},
        .resource_id = id,
        .blob_mem = VIRTIO_GPU_BLOB_MEM_HOST3D,
        .blob_flags = VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE,
        .size = SIZE,
    };

    return begin(s, &command, sizeof(command), sizeof(struct virtio_gpu_ctrl_hdr));
}

/* What needs no library. */
static int ping(struct story *s)
{
    struct virtio_gpu_ctrl_hdr command = {.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO};

    return end(s, begin(s, &command, sizeof(command), sizeof(struct virtio_gpu_resp_display_info)));
}

/* ---- stories ---- */

static void contexts_have_memory(void **state)
{
    struct story *s = story(state);

    open_venus(s);
    for (unsigned i = 0; i < 100; i++)
        use_memory(s, i % 2 == 0 ? ONE : TWO, 100 + i);
    assert_int_equal(gpu_guest_context_destroy(&s->frontend, ONE), OK);
    use_memory(s, TWO, 99);
    story_end(s);
}

static void a_thousand_pieces_of_memory(void **state)
{
    struct story *s = story(state);

    open_venus(s);
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(gpu_guest_create(&s->frontend, ONE, 1000 + i, 4096), OK);
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(gpu_guest_unref(&s->frontend, 1000 + i), OK);
    use_memory(s, ONE, 1);
    story_end(s);
}

/* Whoever holds a context that died is told; nobody else notices. */
static void a_render_process_dies(void **state)
{
    struct story *s = story(state);
    pid_t pid;

    open_venus(s);
    assert_int_equal(gpu_guest_create(&s->frontend, ONE, 1, SIZE), OK);
    assert_int_equal(gpu_guest_map(&s->frontend, 1, MIB), MAPPED);
    pid = process_of(s, ONE);
    kill(pid, SIGKILL);
    await_death(pid);
    assert_true(gpu_guest_create(&s->frontend, ONE, 2, SIZE) >= REFUSED);
    use_memory(s, TWO, 3);
    assert_int_equal(make_context(s, LATER), OK);
    use_memory(s, LATER, 4);
    /* What it had made is still there, and goes in the usual way. */
    gpu_story_seen(s, MIB, SIZE)[0] = 1;
    assert_int_equal(gpu_guest_unmap(&s->frontend, 1), OK);
    assert_int_equal(gpu_guest_unref(&s->frontend, 1), OK);
    assert_int_equal(gpu_guest_context_destroy(&s->frontend, ONE), OK);
    assert_int_equal(make_context(s, ONE), OK);
    use_memory(s, ONE, 5);
    story_end(s);
}

static void the_render_server_dies(void **state)
{
    struct story *s = story(state);
    pid_t server;

    open_venus(s);
    for (unsigned round = 0; round < 2; round++) {
        server = server_of(s);
        kill(server, SIGKILL);
        await_death(server);
        use_memory(s, ONE, 1); /* which is older than the server */
        assert_int_equal(make_context(s, LATER), OK);
        use_memory(s, LATER, 2);
        assert_int_equal(gpu_guest_context_destroy(&s->frontend, LATER), OK);
    }
    use_memory(s, TWO, 3);
    story_end(s);
}

/* It blocks the library, so everybody waits for it, but not for long; what needs no library does
 * not wait at all. */
static void a_render_process_is_stopped(void **state)
{
    struct story *s = story(state);
    int64_t began;
    int stuck, other;
    pid_t pid;

    open_venus(s);
    pid = process_of(s, ONE);
    kill(pid, SIGSTOP);
    began = now_ms();
    stuck = begin_create(s, ONE, 1);
    other = begin_create(s, TWO, 2);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(ping(s), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
    assert_true(now_ms() - began < 400);
    assert_int_equal(end(s, other), OK);
    assert_true(now_ms() - began < 1000);
    assert_true(end(s, stuck) >= REFUSED);
    await_death(pid);
    assert_true(gpu_guest_create(&s->frontend, ONE, 3, SIZE) >= REFUSED);
    use_memory(s, TWO, 4);
    story_end(s);
}

static void the_render_server_is_stopped(void **state)
{
    struct story *s = story(state);
    int64_t began;
    pid_t server;

    open_venus(s);
    server = server_of(s);
    kill(server, SIGSTOP);
    use_memory(s, ONE, 1); /* needs no server */
    began = now_ms();
    assert_int_equal(make_context(s, LATER), OK);
    assert_true(now_ms() - began < 5000);
    use_memory(s, LATER, 2);
    await_death(server);
    story_end(s);
}

/* The next driver finds nothing of the last, and no process of it is left. */
static void a_driver_begins_anew(void **state)
{
    struct story *s = story(state);
    pid_t pids[2];

    open_venus(s);
    for (unsigned round = 0; round < 5; round++) {
        assert_int_equal(gpu_guest_create(&s->frontend, ONE, 1, SIZE), OK);
        assert_int_equal(gpu_guest_map(&s->frontend, 1, 0), MAPPED);
        pids[0] = process_of(s, ONE);
        pids[1] = process_of(s, TWO);
        if (round % 2 == 1)
            kill(pids[0], SIGSTOP);
        assert_int_equal(frontend_reset(&s->frontend), 0);
        assert_int_equal(frontend_start(&s->frontend), 0);
        await_death(pids[0]);
        await_death(pids[1]);
        assert_int_equal(make_context(s, ONE), OK);
        assert_int_equal(make_context(s, TWO), OK);
        use_memory(s, TWO, 1);
    }
    story_end(s);
}

/* Nothing that it has started outlives it. */
static void a_worker_dies(void **state)
{
    struct story *s = story(state);
    pid_t worker, server, process;

    open_venus(s);
    worker = story_worker(s);
    server = server_of(s);
    process = process_of(s, ONE);
    kill(worker, SIGKILL);
    await_death(server);
    await_death(process);
    for (unsigned i = 0; i < 200 && daemon_process_number(&s->daemon, "/worker/pid") == worker; i++)
        usleep(50000);
    story_leave(s);
    story_join(s);
    assert_int_equal(make_context(s, ONE), OK);
    use_memory(s, ONE, 1);
    story_end(s);
}

/* They cannot come along, and are not given up unasked. Then it is as with a worker's death: who
 * asked for something is answered, and all that is not theirs goes on. */
static void an_upgrade_loses_the_contexts(void **state)
{
    struct story *s = story(state);
    pid_t server, process;
    int stuck;

    open_venus(s);
    gpu_story_bind(s);
    gpu_story_create_mapped(s, 1, SIZE, KEPT_AT);
    gpu_story_verify_down(s, 1, KEPT_AT, SIZE, 6);
    assert_int_equal(gpu_guest_create(&s->frontend, ONE, 2, SIZE), OK);
    assert_int_equal(gpu_guest_map(&s->frontend, 2, MIB), MAPPED);
    server = server_of(s);
    process = process_of(s, ONE);
    assert_int_equal(upgrade(s, "--seconds=60"), 1);
    assert_non_null(strstr(upgrade_said, "2 of the guest's OpenGL and Vulkan contexts"));
    use_memory(s, ONE, 3);
    kill(process, SIGSTOP);
    stuck = begin_create(s, ONE, 3);
    assert_int_equal(upgrade(s, "--force"), 0);
    assert_true(end(s, stuck) >= REFUSED);
    await_death(process);
    await_death(server);
    assert_true(gpu_guest_create(&s->frontend, ONE, 4, SIZE) >= REFUSED);
    assert_true(make_context(s, TWO) >= REFUSED);
    assert_true(gpu_story_sees(s, KEPT_AT, SIZE, 6));
    gpu_story_verify_up(s, 1, KEPT_AT, SIZE, 5);
    gpu_story_verify_down(s, 1, KEPT_AT, SIZE, 6);
    assert_int_equal(gpu_guest_unref(&s->frontend, 2), OK);
    for (uint32_t context = ONE; context <= TWO; context++) {
        assert_int_equal(gpu_guest_context_destroy(&s->frontend, context), OK);
        assert_int_equal(make_context(s, context), OK);
        use_memory(s, context, 5);
    }
    story_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(contexts_have_memory, gpu_qemu_single),
        STORY(contexts_have_memory, gpu_crosvm_single),
        STORY(a_thousand_pieces_of_memory, gpu_qemu_single),
        STORY(a_render_process_dies, gpu_qemu_single),
        STORY(a_render_process_dies, gpu_crosvm_single),
        STORY(the_render_server_dies, gpu_qemu_single),
        STORY(a_render_process_is_stopped, gpu_qemu_single),
        STORY(the_render_server_is_stopped, gpu_qemu_single),
        STORY(a_driver_begins_anew, gpu_qemu_single),
        STORY(a_driver_begins_anew, gpu_crosvm_single),
        STORY(a_worker_dies, gpu_qemu_single),
        STORY(an_upgrade_loses_the_contexts, gpu_qemu_single),
        STORY(an_upgrade_loses_the_contexts, gpu_crosvm_single),
    };

    if (!gpu_story_has("venus"))
        return SKIPPED;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
