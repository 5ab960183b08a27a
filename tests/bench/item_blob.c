/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "protocol/memory_stream.h"
#include "tests/bench/blob.h"
#include "tests/frontend/gpu_guest.h"

/*
 * F: a host blob is mapped into the guest and taken out again ("map"), with others there or not;
 * "blob": it is made and destroyed as well; "arena": many at once, where the window's memory is
 * there already and nothing has to be mapped. G: the guest touches what is mapped.
 */
#define RESOURCE 1u
#define RESULT 2u
#define MEASURED 10u /* the first of many */
#define LIVE 100u    /* the first of those that are there besides */
#define MIB (UINT64_C(1) << 20)
#define PAGE 4096u
#define SEED 42u

enum note { NOTE_OFFSET, NOTE_MAPS, NOTE_BARRIERS, NOTE_TABLES, NOTE_TURNS, NOTE_SUM };

/* Whether the window has room for what is live and for a buffer behind it. */
static bool find_room(struct work *work)
{
    uint64_t behind = (uint64_t)work->with.live * PAGE, bytes = work->with.bytes;
    uint64_t size = work->rig.frontend.window.size;

    behind = (behind + bytes - 1) / bytes * bytes + MIB;
    work->notes[NOTE_OFFSET] = behind;
    if (behind + bytes + MIB <= size)
        return true;
    item_unsupported(work, "its window is too small: %llu MiB are needed",
                     (unsigned long long)((behind + bytes) / MIB + 1));
    return false;
}

static int fire_all(struct work *work, unsigned first, unsigned count)
{
    for (unsigned slot = first; slot < first + count; slot++) {
        int r = volley_fire(&work->rig.volley, slot, 1);

        if (r < 0)
            return r;
    }
    return 0;
}

static int make_live(struct work *work)
{
    int64_t r = blob_make_many(work, LIVE, work->with.live, 0, true, true);

    if (r < 0)
        return (int)r;
    if (r != 0)
        return item_unsupported(work, "it refuses one of %u mappings with 0x%x (see its limits)",
                                work->with.live, (unsigned)r);
    return 0;
}

/* The context, what is there besides, and the blob, not mapped. */
static int begin(struct work *work)
{
    int r = blob_begin(work);

    if (r < 0 || work->unsupported[0] != '\0' || !find_room(work))
        return r;
    r = make_live(work);
    if (r == 0 && work->unsupported[0] == '\0')
        r = blob_place(work, RESOURCE, work->with.bytes, work->notes[NOTE_OFFSET]);
    return r;
}

static int prepare_map(struct work *work)
{
    unsigned before;
    int r = begin(work);

    if (r < 0 || work->unsupported[0] != '\0')
        return r;
    before = rig_messages(&work->rig);
    r = fire_all(work, 0, 3);
    if (r == 0 && rig_messages(&work->rig) == before)
        return item_unsupported(work,
                                "its buffers lie in memory that is mapped already: see arena");
    work->notes[NOTE_MAPS] = rig_messages(&work->rig);
    work->notes[NOTE_BARRIERS] = work->rig.frontend.counts.barriers;
    work->notes[NOTE_TABLES] = work->rig.frontend.counts.tables;
    return r;
}

static int turn_map(struct work *work)
{
    int r = fire_all(work, 1, 2);

    return r < 0 ? r : 1;
}

static int prove_map(struct work *work)
{
    const struct frontend_counts *counts = &work->rig.frontend.counts;
    double turns = work->turns;

    item_value(work, "messages",
               (double)(rig_messages(&work->rig) - work->notes[NOTE_MAPS]) / turns);
    item_value(work, "barriers", (double)(counts->barriers - work->notes[NOTE_BARRIERS]) / turns);
    item_value(work, "tables", (double)(counts->tables - work->notes[NOTE_TABLES]) / turns);
    return rig_messages(&work->rig) - work->notes[NOTE_MAPS] == 2 * work->turns
               ? 0
               : rig_trouble(&work->rig, -EPROTO, "not every turn was a map and an unmap");
}

static int turn_blob(struct work *work)
{
    int r = fire_all(work, 0, 4);

    return r < 0 ? r : 1;
}

/* As many blobs as half of what is in the ring, each mapped and unmapped in the same volley. */
static int prepare_arena(struct work *work)
{
    unsigned pairs = work->with.depth / 2, before;
    int64_t made;
    int r = begin(work);

    if (r < 0 || work->unsupported[0] != '\0')
        return r;
    before = rig_messages(&work->rig);
    r = fire_all(work, 0, 4);
    if (r < 0)
        return r;
    if (rig_messages(&work->rig) != before)
        return item_unsupported(work, "it maps each buffer by itself: see map");
    made = blob_make_many(work, MEASURED, pairs, 0, true, false);
    if (made != 0)
        return rig_trouble(&work->rig, -EPROTO, "RESOURCE_CREATE_BLOB is answered 0x%x",
                           (unsigned)made);
    for (unsigned i = 0; r == 0 && i < pairs; i++) {
        r = blob_place_map(work, 2 * i, MEASURED + i,
                           work->notes[NOTE_OFFSET] + (uint64_t)i * PAGE);
        if (r == 0)
            r = blob_place_unmap(work, 2 * i + 1, MEASURED + i);
    }
    return r;
}

static int turn_arena(struct work *work)
{
    int r = volley_fire(&work->rig.volley, 0, work->with.depth);

    return r < 0 ? r : (int)work->with.depth;
}

/* The sum of the words, as fast as memory. */
static uint64_t sum_words(const volatile uint64_t *from, size_t words)
{
    const uint64_t *at = (const uint64_t *)(uintptr_t)from;
    uint64_t sum = 0;

    for (size_t i = 0; i < words; i++)
        sum += at[i];
    __asm__ volatile("" ::: "memory");
    return sum;
}

static volatile uint64_t *seen(struct work *work)
{
    return guest_window_at(&work->rig.frontend.window, work->notes[NOTE_OFFSET], work->with.bytes);
}

/* A command of the guest's driver for things that are not measured. */
static int must(struct work *work, int answer, const char *what)
{
    if (answer == (int)GPU_OK)
        return 0;
    return rig_trouble(&work->rig, -EPROTO, "%s is answered 0x%x", what, (unsigned)answer);
}

/* The host writes a pattern into the blob. */
static int fill(struct work *work)
{
    struct frontend *frontend = &work->rig.frontend;
    uint64_t sum = 0;
    int r = must(work, gpu_guest_attach(frontend, BLOB_CONTEXT, RESOURCE), "CTX_ATTACH_RESOURCE");

    if (r == 0)
        r = must(work, gpu_guest_fill(frontend, BLOB_CONTEXT, RESOURCE, 0, work->with.bytes, SEED),
                 "a fill of the blob");
    for (uint64_t i = 0; i < work->with.bytes / 8; i++)
        sum += memory_stream_word(SEED, i);
    work->notes[NOTE_SUM] = sum;
    return r;
}

static int prepare_filled(struct work *work)
{
    int r;

    r = begin(work);
    if (r < 0 || work->unsupported[0] != '\0')
        return r;
    if (!rig_has_capset(&work->rig, MEMORY_STREAM_CAPSET))
        return item_unsupported(work, "it has no contexts that fill a blob on demand (capset 30)");
    r = volley_fire(&work->rig.volley, 0, 1);
    return r == 0 ? fill(work) : r;
}

/* Filling has used the slots. */
static int prepare_first(struct work *work)
{
    int r = prepare_filled(work);

    if (r == 0 && work->unsupported[0] == '\0')
        r = blob_place(work, RESOURCE, work->with.bytes, work->notes[NOTE_OFFSET]);
    return r;
}

/* Maps it, touches each page, and unmaps it. */
static int turn_first(struct work *work)
{
    volatile uint64_t *words;
    int r = volley_fire(&work->rig.volley, 1, 1);

    if (r < 0)
        return r;
    words = seen(work);
    for (uint64_t i = 0; words != NULL && i < work->with.bytes / 8; i += PAGE / 8)
        if (words[i] != memory_stream_word(SEED, i))
            words = NULL;
    if (words == NULL)
        return rig_trouble(&work->rig, -EPROTO, "the guest does not see what the host has written");
    work->bytes += work->with.bytes;
    r = volley_fire(&work->rig.volley, 2, 1);
    return r < 0 ? r : 1;
}

static int prepare_touch(struct work *work)
{
    int r = prepare_first(work);

    if (r == 0 && work->unsupported[0] == '\0')
        r = volley_fire(&work->rig.volley, 1, 1);
    return r;
}

static int turn_touch(struct work *work)
{
    volatile uint64_t *words = seen(work);

    if (words == NULL || sum_words(words, work->with.bytes / 8) != work->notes[NOTE_SUM])
        return rig_trouble(&work->rig, -EPROTO, "the guest does not see what the host has written");
    work->bytes += work->with.bytes;
    return 1;
}

/* What the guest writes, the host sees. */
static int prove_touch(struct work *work)
{
    struct frontend *frontend = &work->rig.frontend;
    volatile uint64_t *words = seen(work), *result;
    uint64_t size = work->with.bytes / 16 < MIB ? work->with.bytes / 16 : MIB;
    int r;

    for (uint64_t i = 0; i < size / 8; i++)
        words[i] = memory_stream_word(~SEED, i);
    r = must(work, gpu_guest_create(frontend, BLOB_CONTEXT, RESULT, PAGE), "RESOURCE_CREATE_BLOB");
    if (r == 0)
        r = must(work, gpu_guest_attach(frontend, BLOB_CONTEXT, RESULT), "CTX_ATTACH_RESOURCE");
    if (r == 0 && gpu_guest_map(frontend, RESULT, 0) != VIRTIO_GPU_RESP_OK_MAP_INFO)
        r = rig_trouble(&work->rig, -EPROTO, "the second blob is not mapped");
    if (r == 0)
        r = must(work, gpu_guest_sum(frontend, BLOB_CONTEXT, RESOURCE, 0, size, RESULT, 0),
                 "a sum over the blob");
    result = guest_window_at(&frontend->window, 0, 8);
    if (r == 0 && (result == NULL || *result != memory_stream_sum(words, size / 8)))
        r = rig_trouble(&work->rig, -EPROTO, "the host does not see what the guest has written");
    return r;
}

#define MAP(text, size_of, others, front, is_slow)                                                 \
    {                                                                                              \
        .letter = 'F', .name = "map", .device = ITEM_GPU, .floor = FLOOR_MAPPING, .per_turn = 1,   \
        .with = {.size = text, .bytes = size_of, .live = others, .front_end = front},              \
        .slow = is_slow, .prepare = prepare_map, .turn = turn_map, .prove = prove_map              \
    }
#define BLOB(text, size_of)                                                                        \
    {                                                                                              \
        .letter = 'F', .name = "blob", .device = ITEM_GPU, .per_turn = 1,                          \
        .with = {.size = text, .bytes = size_of}, .prepare = begin, .turn = turn_blob              \
    }
#define ARENA(count, others, is_slow)                                                              \
    {                                                                                              \
        .letter = 'F', .name = "arena", .device = ITEM_GPU, .floor = FLOOR_RING,                   \
        .per_turn = count, .with = {.depth = count, .bytes = PAGE, .live = others},                \
        .slow = is_slow, .prepare = prepare_arena, .turn = turn_arena                              \
    }

const struct item item_blobs[] = {
    MAP("4096", PAGE, 0, FRONT_END_PLAIN, false),
    MAP("1M", MIB, 0, FRONT_END_PLAIN, false),
    MAP("64M", 64 * MIB, 0, FRONT_END_PLAIN, false),
    MAP("4096", PAGE, 0, FRONT_END_BARRIER, false),
    MAP("4096", PAGE, 0, FRONT_END_QEMU, false),
    MAP("4096", PAGE, 1000, FRONT_END_PLAIN, false),
    MAP("4096", PAGE, 10000, FRONT_END_PLAIN, true),
    MAP("4096", PAGE, 30000, FRONT_END_PLAIN, true),
    BLOB("4096", PAGE),
    BLOB("1M", MIB),
    BLOB("64M", 64 * MIB),
    ARENA(2, 0, false),
    ARENA(64, 0, false),
    ARENA(64, 1000, false),
    ARENA(64, 30000, true),
    {
        .letter = 'G',
        .name = "touch-first",
        .device = ITEM_GPU,
        .with = {.size = "64M", .bytes = 64 * MIB},
        .per_turn = 1,
        .slow = true,
        .prepare = prepare_first,
        .turn = turn_first,
    },
    {
        .letter = 'G',
        .name = "touch",
        .device = ITEM_GPU,
        .with = {.size = "64M", .bytes = 64 * MIB},
        .per_turn = 1,
        .slow = true,
        .prepare = prepare_touch,
        .turn = turn_touch,
        .prove = prove_touch,
    },
    {
        .letter = 'G',
        .name = "touch",
        .device = ITEM_GPU,
        .with = {.size = "1M", .bytes = MIB},
        .per_turn = 1,
        .prepare = prepare_touch,
        .turn = turn_touch,
        .prove = prove_touch,
    },
    {0},
};
