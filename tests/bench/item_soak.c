/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "tests/bench/blob.h"
#include "tests/bench/clock.h"
#include "tests/bench/stream.h"

/*
 * K: whether a back-end grows that makes and destroys the same things over and over. What it has is
 * looked at once a second; the slope is that of the second half, by least squares.
 */
#define SECONDS 600.0 /* unless --seconds says more than 1 */
#define QUICK_SECONDS 2.0
#define MOST_LOOKS 100000u
#define PICTURES 32u
#define SIDE 64u

struct looks {
    unsigned count;
    struct look {
        double seconds, pss_kb, fds;
    } look[MOST_LOOKS];
};

/* Pictures, and a blob where there are any. */
static int cycle_gpu(struct work *work, bool blobs)
{
    struct volley *volley = &work->rig.volley;
    int r = 0;

    for (uint32_t i = 0; r == 0 && i < PICTURES; i++)
        r = gpu_create_2d(work, 1 + i, SIDE, SIDE);
    for (uint32_t i = 0; r == 0 && i < PICTURES; i++)
        r = gpu_unref(work, 1 + i);
    if (r == 0 && blobs)
        r = blob_place(work, 1, 1u << 20, 1u << 20);
    for (unsigned slot = 0; r == 0 && blobs && slot < 4; slot++)
        r = volley_fire(volley, slot, 1);
    return r;
}

/* A session with its buffers, of which one was mapped. */
static int cycle_media(struct work *work)
{
    struct stream stream;
    int r = stream_open(&stream, work);

    if (r < 0 || work->unsupported[0] != '\0')
        return r;
    r = stream_map(&stream, 0);
    if (r == 0)
        r = stream_unmap(&stream, 0);
    return r == 0 ? stream_close(&stream) : r;
}

static void look(struct work *work, struct looks *looks, double seconds)
{
    struct backend_state state;

    if (looks->count == MOST_LOOKS)
        return;
    backend_look(&work->rig.backend, &state);
    looks->look[looks->count++] = (struct look){seconds, (double)state.pss_kb, (double)state.fds};
}

/* Per hour, of the second half. */
static double slope(const struct looks *looks, bool fds)
{
    unsigned from = looks->count / 2, count = looks->count - from;
    double x = 0, y = 0, xx = 0, xy = 0;

    for (unsigned i = from; i < looks->count; i++) {
        double value = fds ? looks->look[i].fds : looks->look[i].pss_kb;

        x += looks->look[i].seconds / count;
        y += value / count;
    }
    for (unsigned i = from; i < looks->count; i++) {
        double value = fds ? looks->look[i].fds : looks->look[i].pss_kb;
        double dx = looks->look[i].seconds - x;

        xx += dx * dx;
        xy += dx * (value - y);
    }
    return xx > 0 ? xy / xx * 3600 : 0;
}

static int go_on(struct work *work, struct looks *looks, double wanted, bool blobs)
{
    int64_t begun = clock_ns();
    double seconds = 0;
    int r = 0;

    for (; r == 0 && work->unsupported[0] == '\0' && seconds < wanted; work->turns++) {
        r = work->options->media ? cycle_media(work) : cycle_gpu(work, blobs);
        seconds = (double)(clock_ns() - begun) / 1e9;
        if (seconds >= looks->count)
            look(work, looks, seconds);
    }
    item_value(work, "seconds", seconds);
    item_value(work, "cycles", work->turns);
    return r;
}

static int whole_soak(struct work *work)
{
    static struct looks looks;
    double wanted = work->options->quick         ? QUICK_SECONDS
                    : work->options->seconds > 1 ? work->options->seconds
                                                 : SECONDS;
    bool blobs = false;
    int r = rig_open(&work->rig, work->options, FRONT_END_PLAIN);

    if (r == 0 && !work->options->media) {
        r = blob_begin(work);
        blobs = work->unsupported[0] == '\0';
        work->unsupported[0] = '\0'; /* without, then */
    }
    looks.count = 0;
    if (r == 0)
        r = go_on(work, &looks, wanted, blobs);
    if (r < 0 || looks.count == 0)
        return r;
    item_value(work, "pss_kb_first", looks.look[0].pss_kb);
    item_value(work, "pss_kb_last", looks.look[looks.count - 1].pss_kb);
    item_value(work, "pss_kb_per_hour", slope(&looks, false));
    item_value(work, "fds_first", looks.look[0].fds);
    item_value(work, "fds_last", looks.look[looks.count - 1].fds);
    item_value(work, "fds_per_hour", slope(&looks, true));
    return 0;
}

const struct item item_soaks[] = {
    {.letter = 'K', .name = "soak", .device = ITEM_ANY, .whole = whole_soak},
    {0},
};
