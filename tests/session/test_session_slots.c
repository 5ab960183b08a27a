/* SPDX-License-Identifier: MIT */
#include "gpu_story.h"

#include <errno.h>

/* CONFIGURE_MEM_SLOTS: guest memory comes and goes region by region, our own mappings with it. */
static const char *const with_slots[] = {"--mem-slots", NULL};

static void regions_come_and_go_one_by_one(void **state)
{
    struct story *s = story(state);
    unsigned told;

    story_unless(s, HABIT_LIBKRUN, "CONFIGURE_MEM_SLOTS");
    story_unless(s, HABIT_CROSVM, "CONFIGURE_MEM_SLOTS");
    gpu_story_open(s, with_slots);
    assert_true(s->frontend.ram_told);
    told = s->frontend.counts.tables;
    for (uint32_t id = 1; id <= 20; id++) {
        gpu_story_create_mapped(s, id, 65536, id * MIB);
        gpu_story_verify_up(s, id, id * MIB, 65536, id);
    }
    for (uint32_t id = 1; id <= 20; id++)
        assert_int_equal(gpu_guest_unref(&s->frontend, id), OK);
    assert_int_equal(s->frontend.counts.tables - told, story_single(s) ? 40 : 0);
    story_end(s);
}

static void a_pause_keeps_the_regions(void **state)
{
    struct story *s = story(state);
    unsigned told;

    story_unless(s, HABIT_LIBKRUN, "CONFIGURE_MEM_SLOTS");
    story_unless(s, HABIT_CROSVM, "CONFIGURE_MEM_SLOTS");
    gpu_story_open(s, with_slots);
    gpu_story_create_mapped(s, 1, MIB, MIB);
    told = s->frontend.counts.tables;
    assert_int_equal(frontend_stop(&s->frontend), 0);
    assert_int_equal(frontend_start(&s->frontend), 0);
    assert_int_equal(s->frontend.counts.tables, told);
    gpu_story_verify_up(s, 1, MIB, MIB, 4);
    story_end(s);
}

static int tell(struct story *s, uint32_t request, uint64_t gpa, uint64_t size, uint64_t user)
{
    struct vhost_user_mem_reg reg = {
        .region = {.gpa = gpa, .size = size, .user = user, .mmap_offset = 0}};

    return frontend_tell(&s->frontend, request, &reg, sizeof(reg), &s->frontend.ram.fd,
                         request == VHOST_USER_ADD_MEM_REG, true);
}

static void wrong_regions_are_refused(void **state)
{
    struct story *s = story(state);
    const uint64_t free_gpa = UINT64_C(1) << 40, free_user = UINT64_C(1) << 44;

    story_unless(s, HABIT_LIBKRUN, "CONFIGURE_MEM_SLOTS");
    story_unless(s, HABIT_CROSVM, "CONFIGURE_MEM_SLOTS");
    gpu_story_open(s, with_slots);
    assert_int_equal(tell(s, VHOST_USER_ADD_MEM_REG, free_gpa, 65536, free_user), 0);
    /* The same again, an overlap, nothing, a wrap, and more than the file has. */
    assert_int_equal(tell(s, VHOST_USER_ADD_MEM_REG, free_gpa, 65536, free_user), 1);
    assert_int_equal(tell(s, VHOST_USER_ADD_MEM_REG, free_gpa + 4096, 4096, free_user + MIB), 1);
    assert_int_equal(tell(s, VHOST_USER_ADD_MEM_REG, free_gpa + MIB, 0, free_user + MIB), 1);
    assert_int_equal(tell(s, VHOST_USER_ADD_MEM_REG, UINT64_MAX - 4095, 8192, free_user + MIB), 1);
    assert_int_equal(tell(s, VHOST_USER_ADD_MEM_REG, free_gpa + MIB, 1ull << 36, free_user + MIB),
                     1);
    assert_int_equal(tell(s, VHOST_USER_REM_MEM_REG, free_gpa, 4096, free_user), 1);
    assert_int_equal(tell(s, VHOST_USER_REM_MEM_REG, free_gpa, 65536, free_user), 0);
    assert_int_equal(tell(s, VHOST_USER_REM_MEM_REG, free_gpa, 65536, free_user), 1);
    gpu_story_create_mapped(s, 1, MIB, MIB);
    gpu_story_verify_up(s, 1, MIB, MIB, 9);
    story_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(regions_come_and_go_one_by_one, gpu_qemu_arena),
        STORY(regions_come_and_go_one_by_one, gpu_qemu_single),
        STORY(a_pause_keeps_the_regions, gpu_qemu_arena),
        STORY(a_pause_keeps_the_regions, gpu_qemu_single),
        STORY(wrong_regions_are_refused, gpu_qemu_arena),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
