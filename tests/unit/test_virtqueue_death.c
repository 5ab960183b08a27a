/* SPDX-License-Identifier: MIT */
#include "guest_ring.h"

#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "door/ring.h"

/*
 * A worker that serves a queue may die between any two instructions. So it is run instruction by
 * instruction, and whenever it has changed what outlives it (the record, or the guest's memory), a
 * successor takes over from a copy of that: he must find every request that was not answered,
 * oldest first, and no other.
 */
#define SIZE 16u
#define BASE 65530u /* so that the indices wrap on the way */

/* What outlives the worker, apart from the guest's memory. */
struct estate {
    struct ring_record record;
    struct ring ring; /* as the door knows it */
};

/* All of it that can change, as it was at one instant. */
struct picture {
    uint8_t record[offsetof(struct ring_record, flights) + SIZE * sizeof(uint64_t)];
    struct ring ring;
    uint8_t avail[4 + 2 * SIZE];
    uint8_t used[4 + 8 * SIZE];
};

static struct guest_ring ring;  /* the worker's */
static struct estate *estate;   /* shared with it */
static struct guest_ring after; /* the successor's copy */
static struct ring_record after_record;

static void take_picture(struct picture *picture)
{
    memcpy(picture->record, &estate->record, sizeof(picture->record));
    picture->ring = estate->ring;
    memcpy(picture->avail, guest_ring_avail(&ring), sizeof(picture->avail));
    memcpy(picture->used, guest_ring_used(&ring), sizeof(picture->used));
}

static void restore(const struct picture *picture, struct guest_ring *to,
                    struct ring_record *record)
{
    memcpy(record, picture->record, sizeof(picture->record));
    memcpy(guest_ring_avail(to), picture->avail, sizeof(picture->avail));
    memcpy(guest_ring_used(to), picture->used, sizeof(picture->used));
}

/* ---- what the successor has to do ---- */

static unsigned answers_of(struct guest_ring *of, uint16_t head)
{
    unsigned count = 0;

    for (uint16_t i = BASE; i != guest_ring_used(of)->idx; i++)
        count += guest_ring_used(of)->ring[i % SIZE].id == head;
    return count;
}

static unsigned offers_of(struct guest_ring *of, uint16_t head, uint16_t before)
{
    unsigned count = 0;

    for (uint16_t i = BASE; i != before; i++)
        count += guest_ring_avail(of)->ring[i % SIZE] == head;
    return count;
}

/* The requests that are not answered, in the order of the driver. */
static unsigned unanswered(struct guest_ring *of, uint16_t *heads)
{
    unsigned count = 0;

    for (uint16_t i = BASE; i != guest_ring_avail(of)->idx; i++) {
        uint16_t head = guest_ring_avail(of)->ring[i % SIZE];

        if (offers_of(of, head, i) >= answers_of(of, head))
            heads[count++] = head;
    }
    return count;
}

static struct virtqueue_setup setup_at(uint16_t base, uint32_t name)
{
    struct virtqueue_setup setup = guest_ring_setup(SIZE);

    setup.base = base;
    setup.name = name;
    return setup;
}

/* Takes over from the worker that died, as the door and the next worker do it. */
static void take_over(struct guest_ring *of, struct ring_record *record, struct ring *door)
{
    struct virtqueue_setup setup;
    bool fresh;

    door->base = ring_position(door, record);
    door->start++;
    setup = setup_at(door->base, door->start);
    virtqueue_init(&of->queue, &of->memory);
    of->queue.record = record;
    assert_int_equal(virtqueue_start(&of->queue, &setup, &fresh), 0);
    of->queue.enabled = true;
}

static void succeed(const struct picture *picture)
{
    struct chain *held[SIZE];
    uint16_t heads[SIZE];
    struct ring door = picture->ring;
    unsigned count;

    restore(picture, &after, &after_record);
    count = unanswered(&after, heads);
    take_over(&after, &after_record, &door);
    for (unsigned i = 0; i < count; i++) {
        held[i] = virtqueue_pop(&after.queue);
        assert_non_null(held[i]);
        assert_int_equal(held[i]->head, heads[i]);
    }
    assert_null(virtqueue_pop(&after.queue));
    assert_false(after.queue.broken);
    while (count > 0)
        virtqueue_push(&after.queue, held[--count], 0);
    for (uint16_t head = 0; head < SIZE; head++)
        assert_int_equal(answers_of(&after, head),
                         offers_of(&after, head, guest_ring_avail(&after)->idx));
    virtqueue_finish(&after.queue);
}

/* ---- the worker's life ---- */

static struct chain *pop(uint16_t head)
{
    struct chain *chain = virtqueue_pop(&ring.queue);

    if (chain == NULL || chain->head != head)
        _exit(2);
    return chain;
}

static void push(struct chain *chain)
{
    virtqueue_push(&ring.queue, chain, 0);
}

static void offer(uint16_t head)
{
    guest_ring_offer(&ring, head);
}

static void start(uint16_t base)
{
    struct virtqueue_setup setup = setup_at(base, estate->ring.start + 1);
    bool fresh;

    /* The door notes what it is about to say. */
    estate->ring.base = base;
    estate->ring.start = setup.name;
    if (virtqueue_start(&ring.queue, &setup, &fresh) != 0)
        _exit(3);
    ring.queue.enabled = true;
}

static void first_life(void)
{
    struct chain *a, *b, *c;

    start(BASE);
    offer(3);
    offer(5);
    offer(1);
    a = pop(3);
    b = pop(5);
    push(b);
    offer(5); /* the same head again, with others in flight */
    c = pop(1);
    b = pop(5);
    push(a);
    push(b);
    offer(3);
    offer(5);
    a = pop(3);
    push(a);
    offer(3);
    b = pop(5);
    push(c);
    start(virtqueue_stop(&ring.queue));
    a = pop(3);
    push(b);
    offer(7);
    offer(1);
    b = pop(7);
    push(a);
}

/* Someone who took over, and dies in turn. */
static void second_life(void)
{
    struct chain *held[SIZE];
    unsigned count = 0;

    take_over(&ring, &estate->record, &estate->ring);
    if (guest_ring_avail(&ring)->idx != BASE)
        offer(11);
    while (count < 3 && (held[count] = virtqueue_pop(&ring.queue)) != NULL)
        count++;
    if (count > 1)
        push(held[1]);
    if (count > 0)
        push(held[0]);
}

/* ---- instruction by instruction ---- */

static struct picture *pictures; /* of a life, in order */
static unsigned picture_count;
#define PICTURES_MAX 400u
#define NOT_ALLOWED 77

/* The child: waits to be led. */
static void live(void (*life)(void))
{
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
        _exit(NOT_ALLOWED);
    raise(SIGSTOP);
    life();
    _exit(0);
}

/* Runs 'life' in a child and collects pictures of all that it leaves on its way. */
static void watch(void (*life)(void))
{
    int status = 0;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0)
        live(life);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_ALLOWED) {
        print_message("no process may be led step by step here: nothing is tested\n");
        skip();
    }
    assert_true(WIFSTOPPED(status));
    picture_count = 1;
    take_picture(&pictures[0]);
    while (WIFSTOPPED(status)) {
        struct picture *next = &pictures[picture_count];
        int signal = WSTOPSIG(status) == SIGTRAP || WSTOPSIG(status) == SIGSTOP ? 0 : SIGKILL;

        assert_int_equal(ptrace(PTRACE_SINGLESTEP, pid, NULL, (void *)(intptr_t)signal), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        take_picture(next);
        picture_count += memcmp(next, next - 1, sizeof(*next)) != 0;
        assert_true(picture_count < PICTURES_MAX);
    }
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void begin(void)
{
    const struct ring_place elsewhere = {.desc = 0x5000, .size = SIZE};
    struct guest_ring *both[2] = {&ring, &after};

    memset(&after_record, 0, sizeof(after_record));
    estate = mmap(NULL, sizeof(*estate), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(estate != MAP_FAILED);
    pictures = calloc(PICTURES_MAX, sizeof(*pictures));
    assert_non_null(pictures);
    for (unsigned i = 0; i < 2; i++) {
        *both[i] = (struct guest_ring){.size = SIZE, .avail_idx = BASE};
        guest_ring_memory(both[i]);
        guest_ring_avail(both[i])->idx = BASE;
        guest_ring_used(both[i])->idx = BASE;
        for (unsigned head = 0; head < SIZE; head++)
            guest_ring_put(both[i], head, GUEST_BYTES, 8, VRING_DESC_F_WRITE, 0);
        virtqueue_init(&both[i]->queue, &both[i]->memory);
    }
    ring.queue.record = &estate->record;
    /* Another queue's past. */
    ring_record_begin(&estate->record, &elsewhere, 100);
    ring_record_take(&estate->record, 5);
    ring_record_take(&estate->record, 6);
    estate->record.begun = 41;
    estate->ring = (struct ring){.start = 41, .base = BASE};
}

static void end(void)
{
    free(pictures);
    munmap(estate, sizeof(*estate));
    guest_ring_finish(&ring);
    guest_ring_finish(&after);
}

/* Any instant of a worker's life may be its last. */
static void each_request_is_answered_once(void **state)
{
    begin();
    watch(first_life);
    assert_true(picture_count > 60); /* or we saw nothing of it */
    for (unsigned i = 1; i < picture_count; i++)
        succeed(&pictures[i]);
    end();
}

/* Sanitized code has many times the instructions. */
#ifdef __SANITIZE_ADDRESS__
#define STRIDE 41u
#else
#define STRIDE 7u
#endif

/* And any of its successor's. */
static void a_successor_may_die_as_well(void **state)
{
    struct picture *first;
    unsigned count;

    begin();
    watch(first_life);
    count = picture_count;
    first = calloc(count, sizeof(*first));
    assert_non_null(first);
    memcpy(first, pictures, count * sizeof(*first));
    for (unsigned i = 1; i < count; i += STRIDE) {
        restore(&first[i], &ring, &estate->record);
        estate->ring = first[i].ring;
        ring.avail_idx = guest_ring_avail(&ring)->idx;
        watch(second_life);
        for (unsigned k = 1; k < picture_count; k++)
            succeed(&pictures[k]);
    }
    free(first);
    end();
}

int main(void)
{
    log_init("test", NULL, LOG_LEVEL_WARNING); /* what is said is led step by step as well */
    const struct CMUnitTest tests[] = {
        FD_TEST(each_request_is_answered_once),
        FD_TEST(a_successor_may_die_as_well),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
