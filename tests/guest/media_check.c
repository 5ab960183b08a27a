/* SPDX-License-Identifier: MIT */
#include "media_check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "protocol/frame_stamp.h"

#define SHOWN 10

static uint64_t now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t media_check_bad(const struct media_check *check)
{
    return check->bad_stamp + check->bad_sum + check->bad_sequence + check->bad_time +
           check->bad_clock + check->bad_fields;
}

__attribute__((format(printf, 3, 4))) static void note(struct media_check *check, uint64_t *counter,
                                                       const char *format, ...)
{
    va_list args;

    ++*counter;
    if (media_check_bad(check) > SHOWN)
        return;
    fprintf(stderr, "media: frame %llu: ", (unsigned long long)check->frames);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n");
}

static uint32_t bytes_used(const struct media_check *check, const struct media_frame_info *info,
                           unsigned plane)
{
    return check->multi_planar ? info->planes[plane].bytesused : info->buffer.bytesused;
}

static uint32_t plane_length(const struct media_check *check, const struct media_frame_info *info,
                             unsigned plane)
{
    return check->multi_planar ? info->planes[plane].length : info->buffer.length;
}

static bool check_fields(struct media_check *check, const struct media_frame_info *info)
{
    const struct v4l2_buffer *b = &info->buffer;
    uint64_t before = check->bad_fields;
    uint32_t clock = b->flags & V4L2_BUF_FLAG_TIMESTAMP_MASK;

    if (clock != V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC)
        note(check, &check->bad_fields, "flags %#x: the timestamp is not monotonic", b->flags);
    if (b->flags & (V4L2_BUF_FLAG_ERROR | V4L2_BUF_FLAG_QUEUED))
        note(check, &check->bad_fields, "flags %#x: error or still queued", b->flags);
    if (b->field != V4L2_FIELD_NONE)
        note(check, &check->bad_fields, "field %u, not NONE", b->field);
    if (b->memory != V4L2_MEMORY_MMAP)
        note(check, &check->bad_fields, "memory %u, not MMAP", b->memory);
    if (check->multi_planar && b->length != check->planes)
        note(check, &check->bad_fields, "%u planes, not %u", b->length, check->planes);
    for (unsigned i = 0; i < check->planes; i++) {
        uint32_t used = bytes_used(check, info, i), length = plane_length(check, info, i);

        if (!used || used > length || used % 8 ||
            (check->plane_size[i] && used != check->plane_size[i]))
            note(check, &check->bad_fields, "plane %u: bytesused %u of %u, expected %llu", i, used,
                 length, (unsigned long long)check->plane_size[i]);
    }
    return before == check->bad_fields;
}

/* The sum's own field counts as 0: it is, while the sum is made. The frame is ours by now. */
static void check_sum(struct media_check *check, const struct media_frame_info *info,
                      uint8_t *const *planes, uint64_t wanted)
{
    uint8_t *field = planes[0] + offsetof(struct frame_stamp, sum);
    uint64_t sum = FRAME_STAMP_SEED, zero = 0;

    memcpy(field, &zero, 8);
    for (unsigned i = 0; i < check->planes; i++)
        sum = frame_stamp_sum(sum, planes[i], bytes_used(check, info, i) / 8);
    memcpy(field, &wanted, 8);
    if (sum != wanted)
        note(check, &check->bad_sum, "sum %#llx, not %#llx", (unsigned long long)sum,
             (unsigned long long)wanted);
}

static void check_time(struct media_check *check, uint64_t sequence, uint64_t time)
{
    uint64_t due, off;

    if (!check->frames) {
        check->first_sequence = sequence;
        check->first_time = time;
    } else {
        if (sequence <= check->last_sequence)
            note(check, &check->bad_sequence, "sequence %llu after %llu",
                 (unsigned long long)sequence, (unsigned long long)check->last_sequence);
        else
            check->drops += sequence - check->last_sequence - 1;
        if (time <= check->last_time)
            note(check, &check->bad_time, "timestamp %llu after %llu", (unsigned long long)time,
                 (unsigned long long)check->last_time);
    }
    due = check->first_time + (sequence - check->first_sequence) * check->interval;
    off = time > due ? time - due : due - time;
    if (off > check->worst_clock)
        check->worst_clock = off;
    if (off > check->interval)
        note(check, &check->bad_clock, "%llu us away from the frame clock",
             (unsigned long long)off / 1000);
    check->last_sequence = sequence;
    check->last_time = time;
}

bool media_check_frame(struct media_check *check, const struct media_frame_info *info,
                       uint8_t *const *planes)
{
    const struct v4l2_buffer *b = &info->buffer;
    uint64_t from = now(), before = media_check_bad(check);
    uint64_t us = (uint64_t)b->timestamp.tv_sec * 1000000 + (uint64_t)b->timestamp.tv_usec;
    struct frame_stamp stamp;

    memcpy(&stamp, planes[0], sizeof(stamp));
    if (b->index < 64)
        check->indexes |= 1ull << b->index;
    if (stamp.magic != FRAME_STAMP_MAGIC)
        note(check, &check->bad_stamp, "the stamp is missing: %#llx",
             (unsigned long long)stamp.magic);
    else if ((uint32_t)stamp.sequence != b->sequence || stamp.timestamp / 1000 != us)
        note(check, &check->bad_stamp, "stamped %llu at %llu us, announced as %u at %llu us",
             (unsigned long long)stamp.sequence, (unsigned long long)stamp.timestamp / 1000,
             b->sequence, (unsigned long long)us);
    if (check_fields(check, info) && (!check->sum_every || check->frames % check->sum_every == 0)) {
        check_sum(check, info, planes, stamp.sum);
        check->summed++;
    }
    check_time(check, b->sequence, us * 1000);
    check->frames++;
    check->busy += now() - from;
    return media_check_bad(check) == before;
}
