/* SPDX-License-Identifier: MIT */
#include "gpu_story.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/units.h"
#include "footprint.h"
#include "media_story.h"
#include "protocol/upgrade_wish.h"
#include "subject.h"
#include "tests/frontend/gpu_guest_3d.h"
#include "upgrade_story.h"

/*
 * The program is exchanged under a guest that does not notice: 'hostblob upgrade', asked as a
 * person asks it, of a program that was installed in the test's own folder.
 */
#define UPGRADES 20u /* while one device works, */
#define DEATHS 4u
#define FEW_UPGRADES 3u /* and others */
/* ns, on a machine that has much else to do: tests/guest/runkills takes a guest's measure. */
#define LONGEST_PAUSE 10000000000ull

static char folder[64], program[96]; /* where the program is installed */

/* ---- installing ---- */

/* Puts 'from' in the program's place, as a package manager does: another file of the same name. */
static void install(const char *from)
{
    char command[512];

    snprintf(command, sizeof(command), "cp '%s' '%s/new' && chmod 755 '%s/new' && mv '%s/new' '%s'",
             from, folder, folder, folder, program);
    assert_int_equal(system(command), 0);
}

static void install_script(const char *text)
{
    char path[96];
    FILE *file;

    snprintf(path, sizeof(path), "%s/script", folder);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
    install(path);
}

static int set_up(void **state)
{
    int r = story_setup(state);
    struct story *s = *state;

    snprintf(folder, sizeof(folder), "/tmp/hostblob-upgrade-XXXXXX");
    if (r < 0 || mkdtemp(folder) == NULL)
        return -1;
    snprintf(program, sizeof(program), "%s/device", folder);
    install(getenv(s->cast.program));
    setenv("HOSTBLOB_INSTALLED", program, 1);
    return 0;
}

static int tear_down(void **state)
{
    int r = story_teardown(state);
    char command[128];

    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    return system(command) == 0 ? r : -1;
}

/* The program of the folder is started, not the built one. */
static void open_installed_with(struct story *s, const char *const *arguments)
{
    const char *built = s->cast.program;

    s->cast.program = "HOSTBLOB_INSTALLED";
    story_start(s, arguments);
    s->cast.program = built;
    story_join(s);
}

static void open_installed(struct story *s)
{
    open_installed_with(s, NULL);
}

/* How many children the program has; a zombie counts. */
static unsigned children(struct story *s)
{
    unsigned count = 0;
    char path[96];
    FILE *file;
    int pid;

    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)s->daemon.program,
             (int)s->daemon.program);
    file = fopen(path, "r");
    assert_non_null(file);
    while (fscanf(file, "%d", &pid) == 1)
        count++;
    fclose(file);
    return count;
}

static void await_children(struct story *s, unsigned expected)
{
    uint64_t end = units_now_ns() + 20000000000u;

    while (children(s) != expected && units_now_ns() < end)
        usleep(20000);
    assert_int_equal(children(s), expected);
}

/* What a process may do: the lines of its status that tell, for each of the three. */
static void describe_rights(struct story *s, char text[static 1024])
{
    const pid_t pids[] = {s->daemon.program, s->daemon.pid, story_worker(s)};
    size_t used = 0;

    for (unsigned i = 0; i < 3; i++) {
        char path[64], line[256];
        FILE *file;

        snprintf(path, sizeof(path), "/proc/%d/status", (int)pids[i]);
        file = fopen(path, "r");
        assert_non_null(file);
        while (fgets(line, sizeof(line), file) != NULL)
            if (strncmp(line, "CapEff", 6) == 0 || strncmp(line, "CapBnd", 6) == 0 ||
                strncmp(line, "NoNewPrivs", 10) == 0 || strncmp(line, "Seccomp:", 8) == 0)
                used += (size_t)snprintf(text + used, 1024 - used, "%s", line);
        fclose(file);
    }
}

/* ---- stories ---- */

/* Either device, at rest: what the driver has is there, the window can be used, and three processes
 * are there that hold what they held before. */
static void a_guest_goes_on(void **state)
{
    struct story *s = story(state);
    struct footprint starter, door;
    char before[1024], after[1024];

    open_installed(s);
    describe_rights(s, before);
    subject_forget();
    subject_bind(s);
    assert_true(subject_map(s));
    subject_verify(s);
    upgrade_well(s); /* what is opened at the first is open */
    await_children(s, 2);
    footprint_take(&starter, s->daemon.program);
    footprint_take(&door, s->daemon.pid);
    for (unsigned i = 0; i < 2; i++) {
        if (i == 1)
            install(getenv(s->cast.program));
        upgrade_well(s);
        subject_serves(s);
        subject_verify(s);
        assert_true(subject_unmap(s));
        assert_true(subject_map(s));
        subject_verify(s);
    }
    await_children(s, 2);
    footprint_assert_same(&starter, s->daemon.program, 256);
    footprint_assert_same(&door, s->daemon.pid, 512);
    describe_rights(s, after);
    assert_string_equal(before, after);
    assert_true(subject_unmap(s));
    story_end(s);
}

/* Where the running program was found. */
static void assert_program_is(struct story *s, const char *expected)
{
    char path[64], found[512], *real = realpath(expected, NULL);
    ssize_t n;

    snprintf(path, sizeof(path), "/proc/%d/exe", (int)s->daemon.program);
    n = readlink(path, found, sizeof(found) - 1);
    assert_true(n > 0);
    found[n] = '\0';
    assert_non_null(real);
    assert_string_equal(found, real);
    free(real);
}

/* A program that lies elsewhere. */
static void a_person_may_name_a_program(void **state)
{
    struct story *s = story(state);
    char option[256], link[128];

    open_installed(s);
    subject_forget();
    subject_bind(s);
    assert_program_is(s, program);
    snprintf(option, sizeof(option), "--program=%s", getenv(s->cast.program));
    assert_int_equal(upgrade(s, option), 0);
    assert_program_is(s, getenv(s->cast.program));
    upgrade_well(s);
    assert_program_is(s, getenv(s->cast.program));
    assert_int_equal(upgrade(s, "--program=/bin/true"), 1);
    assert_int_equal(upgrade(s, "--program=/no/such/program"), 1);
    assert_non_null(strstr(upgrade_said, "cannot be started"));
    /* Nobody leaves a name for the next one. */
    snprintf(link, sizeof(link), "%s" UPGRADE_WISH_LINK, s->daemon.control_path);
    assert_int_not_equal(access(link, F_OK), 0);
    assert_int_equal(symlink("/bin/true", link), 0);
    upgrade_well(s);
    assert_int_not_equal(access(link, F_OK), 0);
    subject_serves(s);
    story_end(s);
}

/* Another front-end comes after it, and one during it waits. */
static void front_ends_come_and_go(void **state)
{
    struct story *s = story(state);

    open_installed(s);
    story_leave(s);
    s->joined = true; /* there is nobody to serve meanwhile */
    upgrade_well(s);
    s->joined = false;
    story_join(s);
    subject_forget();
    subject_bind(s);
    subject_serves(s);
    upgrade_well(s);
    story_leave(s);
    story_join(s);
    subject_forget();
    subject_bind(s);
    subject_serves(s);
    story_end(s);
}

/* The VM is paused, and goes on in the other program. */
static void a_pause_is_no_end(void **state)
{
    struct story *s = story(state);

    story_unless(s, HABIT_LIBKRUN, "a pause");
    open_installed(s);
    subject_forget();
    subject_bind(s);
    assert_int_equal(frontend_stop(&s->frontend), 0);
    upgrade_well(s);
    assert_int_equal(frontend_start(&s->frontend), 0);
    subject_serves(s);
    assert_true(subject_map(s));
    subject_verify(s);
    story_end(s);
}

/* Programs that are not to be had: nothing is given up, the worker does not even die. */
static void what_does_not_fit_is_refused(void **state)
{
    struct story *s = story(state);
    pid_t door, worker;
    struct footprint before;

    open_installed(s);
    subject_forget();
    subject_bind(s);
    door = s->daemon.pid;
    worker = story_worker(s);
    footprint_take(&before, s->daemon.program);
    install(getenv(subject_is_gpu(s) ? STORY_MEDIA : STORY_GPU));
    assert_int_equal(upgrade(s, "--seconds=60"), 1);
    /* It takes no --renderer; or it does, and says what it is. */
    if (strstr(upgrade_said, "ended with status 2") == NULL &&
        strstr(upgrade_said, "it is hostblob-gpu, and the device is of hostblob-media") == NULL)
        fail_msg("another device's program was refused with: %s", upgrade_said);
    install("/bin/true");
    assert_int_equal(upgrade(s, "--seconds=60"), 1);
    assert_non_null(strstr(upgrade_said, "ended with status 0"));
    install_script("no program at all\n");
    assert_int_equal(upgrade(s, "--seconds=60"), 1);
    install("/bin/sleep"); /* which takes no such options */
    assert_int_equal(upgrade(s, "--seconds=60"), 1);
    assert_non_null(strstr(upgrade_said, "ended with status 1"));
    assert_int_equal(unlink(program), 0);
    assert_int_equal(upgrade(s, "--seconds=60"), 1);
    assert_non_null(strstr(upgrade_said, "No such file"));
    assert_int_equal(door, s->daemon.pid);
    assert_int_equal(worker, story_worker(s));
    await_children(s, 2);
    footprint_assert_same(&before, s->daemon.program, 256);
    subject_serves(s);
    install(getenv(s->cast.program));
    upgrade_well(s);
    subject_serves(s);
    story_end(s);
}

/* What dies with the program is not given up unasked. */
static void contexts_are_not_lost_unasked(void **state)
{
    static const char *const arguments[] = {"--renderer=virgl", NULL};
    struct story *s = story(state);
    pid_t worker;

    if (!gpu_story_can_draw())
        skip();
    open_installed_with(s, arguments);
    gpu_story_bind(s);
    upgrade_well(s); /* host memory's context lives on */
    assert_int_equal(gpu_guest_context_of(&s->frontend, 5, VIRTIO_GPU_CAPSET_VIRGL2), OK);
    worker = story_worker(s);
    assert_int_equal(upgrade(s, "--seconds=60"), 1);
    assert_non_null(strstr(upgrade_said, "1 of the guest's OpenGL"));
    assert_non_null(strstr(upgrade_said, "--force"));
    assert_int_equal(story_worker(s), worker);
    assert_int_equal(upgrade(s, "--force"), 0);
    assert_true(gpu_guest_context_of(&s->frontend, 5, VIRTIO_GPU_CAPSET_VIRGL2) >= REFUSED);
    upgrade_well(s); /* it is lost already */
    assert_int_equal(gpu_guest_context_destroy(&s->frontend, 5), OK);
    assert_int_equal(gpu_guest_context_of(&s->frontend, 5, VIRTIO_GPU_CAPSET_VIRGL2), OK);
    assert_int_equal(gpu_guest_context_destroy(&s->frontend, 5), OK);
    story_end(s);
}

/* Kills all workers that the program has now. */
static void kill_workers(struct story *s)
{
    char path[96], words[1024];
    FILE *file;
    int pid;

    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)s->daemon.program,
             (int)s->daemon.program);
    file = fopen(path, "r");
    assert_non_null(file);
    while (fscanf(file, "%d", &pid) == 1) {
        FILE *line;
        size_t n;

        snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
        line = fopen(path, "r");
        n = line != NULL ? fread(words, 1, sizeof(words) - 1, line) : 0;
        if (line != NULL)
            fclose(line);
        for (size_t i = 0; i < n; i++)
            words[i] = words[i] != '\0' ? words[i] : ' ';
        words[n] = '\0';
        if (strstr(words, " --worker=") != NULL)
            kill(pid, SIGKILL);
    }
    fclose(file);
}

/* Workers of both programs die at any instant of it: either there is an upgrade or there is none,
 * and the device serves. */
static void deaths_change_nothing(void **state)
{
    struct story *s = story(state);
    unsigned done = 0;

    srand(getenv("HOSTBLOB_TEST_SEED") != NULL ? (unsigned)atoi(getenv("HOSTBLOB_TEST_SEED")) : 1);
    open_installed(s);
    subject_forget();
    subject_bind(s);
    assert_true(subject_map(s));
    for (unsigned i = 0; i < DEATHS; i++) {
        pid_t pid = upgrade_begin(s, "--seconds=60");
        uint64_t end = units_now_ns() + (uint64_t)rand() % 80000000;
        int status;

        while (units_now_ns() < end)
            assert_int_equal(frontend_pump(&s->frontend, -1, 1), 0);
        kill_workers(s);
        while (!upgrade_is_done(s, pid, &status))
            assert_int_equal(frontend_pump(&s->frontend, -1, 2), 0);
        done += status == 0;
        subject_serves(s);
        subject_verify(s);
    }
    print_message("%u of %u upgrades were made\n", done, DEATHS);
    await_children(s, 2);
    upgrade_well(s);
    subject_verify(s);
    assert_true(subject_unmap(s));
    story_end(s);
}

/* Commands fly while it happens, again and again: each is answered once, and right, and no answer
 * takes long. */
static void commands_fly(void **state)
{
    struct story *s = story(state);
    /* An instrumented program takes long to start. */
    bool few = story_single(s) || getenv("HOSTBLOB_TEST_ROUNDS") != NULL;
    unsigned upgrades = few ? FEW_UPGRADES : UPGRADES;
    uint64_t longest = 0;

    open_installed(s);
    gpu_story_bind(s);
    for (unsigned i = 0; i < upgrades; i++) {
        pid_t pid = upgrade_begin(s, "--seconds=60");

        for (uint32_t id = 1; !upgrade_is_made(s, pid); id++) {
            uint64_t begun = units_now_ns(), taken;

            gpu_story_create_mapped(s, id, MIB, (1 + id % 8) * MIB);
            gpu_story_verify_up(s, id, (1 + id % 8) * MIB, MIB, id);
            gpu_story_verify_down(s, id, (1 + id % 8) * MIB, MIB, id + 1);
            assert_int_equal(gpu_guest_unref(&s->frontend, id), OK);
            taken = units_now_ns() - begun;
            longest = taken > longest ? taken : longest;
        }
    }
    print_message("longest round of commands: %llu ms\n", (unsigned long long)(longest / 1000000));
    if (getenv("HOSTBLOB_TEST_SLOW") == NULL)
        assert_true(longest < LONGEST_PAUSE);
    await_children(s, 2);
    story_end(s);
}

/* A stream goes on. */
static void a_stream_goes_on(void **state)
{
    struct story *s = story(state);
    struct stream stream;
    uint64_t longest = 0, last, now;

    open_installed(s);
    assert_int_equal(media_guest_post_events(&s->frontend, EVENTS), 0);
    begin_stream(s, &stream, WIDTH, HEIGHT, BUFFERS);
    last = units_now_ns();
    for (unsigned i = 0; i < FEW_UPGRADES; i++) {
        pid_t pid = upgrade_begin(s, "--seconds=60");

        while (!upgrade_is_made(s, pid)) {
            take_frame(s, &stream);
            now = units_now_ns();
            longest = now - last > longest ? now - last : longest;
            last = now;
        }
    }
    print_message("longest pause: %llu ms\n", (unsigned long long)(longest / 1000000));
    if (getenv("HOSTBLOB_TEST_SLOW") == NULL)
        assert_true(longest < LONGEST_PAUSE);
    end_stream(s, &stream);
    await_children(s, 2);
    story_end(s);
}

#define UPGRADE_STORY(function, cast)                                                              \
    {                                                                                              \
#function " (" #cast ")", function, set_up, tear_down, (void *)(uintptr_t)&cast            \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        UPGRADE_STORY(a_guest_goes_on, gpu_qemu_arena),
        UPGRADE_STORY(a_guest_goes_on, gpu_qemu_single),
        UPGRADE_STORY(a_guest_goes_on, gpu_crosvm_single),
        UPGRADE_STORY(a_guest_goes_on, media_qemu_single),
        UPGRADE_STORY(front_ends_come_and_go, gpu_qemu_arena),
        UPGRADE_STORY(front_ends_come_and_go, media_qemu),
        UPGRADE_STORY(a_person_may_name_a_program, gpu_qemu_arena),
        UPGRADE_STORY(a_pause_is_no_end, gpu_qemu_single),
        UPGRADE_STORY(a_pause_is_no_end, media_qemu),
        UPGRADE_STORY(what_does_not_fit_is_refused, gpu_qemu_arena),
        UPGRADE_STORY(what_does_not_fit_is_refused, media_qemu),
        UPGRADE_STORY(contexts_are_not_lost_unasked, gpu_qemu_single),
        UPGRADE_STORY(deaths_change_nothing, gpu_qemu_single),
        UPGRADE_STORY(deaths_change_nothing, media_qemu),
        UPGRADE_STORY(commands_fly, gpu_qemu_arena),
        UPGRADE_STORY(commands_fly, gpu_qemu_single),
        UPGRADE_STORY(a_stream_goes_on, media_qemu),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
