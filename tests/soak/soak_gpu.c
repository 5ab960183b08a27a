/* SPDX-License-Identifier: MIT */
#include "soak_load.h"

#include <signal.h>

#include "tests/frontend/gpu_guest_3d.h"
#include "tests/session/gpu_story.h"

#define ROUNDS 40u
#define KEPT 6u /* blobs that are mapped to the end */
#define KEPT_SIZE (256u << 10)
#define PICTURE 500u

static void kept_blobs(struct story *s)
{
    for (uint32_t i = 0; i < KEPT; i++)
        gpu_story_create_mapped(s, 100 + i, KEPT_SIZE, (32 + i) * MIB);
}

/* Blobs that come and go, and pictures. */
static void rounds(struct story *s, unsigned long turn)
{
    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint64_t size = UINT64_C(4096) << i % 6;

        gpu_story_create_mapped(s, 1 + i, size, i % 16 * MIB);
        gpu_story_verify_up(s, 1 + i, i % 16 * MIB, size, turn + i);
        gpu_story_verify_down(s, 1 + i, i % 16 * MIB, size, turn + ~i);
        if (i % 3 != 0)
            assert_int_equal(gpu_guest_unmap(&s->frontend, 1 + i), OK);
        assert_int_equal(gpu_guest_unref(&s->frontend, 1 + i), OK);
        assert_int_equal(gpu_guest_picture(&s->frontend, PICTURE + i, 64, 64), OK);
        if (i % 2 != 0)
            assert_int_equal(gpu_guest_unref(&s->frontend, PICTURE + i), OK);
    }
}

static void contexts(struct story *s)
{
    for (uint32_t i = 2; i < 10; i++)
        assert_int_equal(gpu_guest_context(&s->frontend, i), OK);
    for (uint32_t i = 2; i < 6; i++)
        assert_int_equal(gpu_guest_context_destroy(&s->frontend, i), OK);
}

static void bind(struct story *s)
{
    gpu_story_bind(s);
    kept_blobs(s);
    contexts(s);
}

void soak_gpu_life(struct story *s, unsigned long turn)
{
    story_join(s);
    bind(s);
    rounds(s, turn);
    if (turn % 2 == 0) { /* the guest is reset with all that */
        assert_int_equal(frontend_reset(&s->frontend), 0);
        assert_int_equal(frontend_start(&s->frontend), 0);
        bind(s);
        rounds(s, turn);
    }
    story_leave(s); /* with all that, too */
}

void soak_gpu_death(struct story *s, unsigned long turn)
{
    story_join(s);
    bind(s);
    gpu_story_verify_down(s, 100, 32 * MIB, KEPT_SIZE, turn);
    kill(story_worker(s), SIGKILL);
    rounds(s, turn);
    assert_true(gpu_story_sees(s, 32 * MIB, KEPT_SIZE, turn));
    story_leave(s);
}
