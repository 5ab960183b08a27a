/* SPDX-License-Identifier: MIT */
#include "soak_load.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/session/codec_crowd.h"

/*
 *   soak_load NAME
 *
 * starts a device, and keeps it busy until SIGTERM. It prints '@@ control=PATH', and '@@ lives=N'
 * after each life. The status is 0 when all was well to the end.
 */
#define CODEC_STEPS 300u
#define REST_US 100000u /* after each life: others want the processor, too */
#define DEATHS_US                                                                                  \
    700000u /* and after a death or an upgrade: a device forgives one each half second */

/* From now on SIGTERM waits for the end of a life: no story has to reckon with it. What was started
 * before hears it as ever. */
static void hold_signal(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
}

static bool is_to_stop(void)
{
    sigset_t set;

    return sigpending(&set) == 0 && sigismember(&set, SIGTERM) == 1;
}

static void encoders(struct story *s, unsigned long turn)
{
    static struct codec_crowd crowd = {.random = 5, .encodes = true};

    codec_crowd_round(s, &crowd, CODEC_STEPS);
}

static void decoders(struct story *s, unsigned long turn)
{
    static struct codec_crowd crowd = {.random = 9};

    codec_crowd_round(s, &crowd, CODEC_STEPS);
}

static const struct story_cast gpu_virgl = {STORY_GPU, HABIT_QEMU, "--renderer=virgl"};

static const struct load {
    const char *name;
    const struct story_cast *cast;
    const char *codec; /* its kind: the front-end stays */
    void (*life)(struct story *s, unsigned long turn);
    unsigned rest_us;
} loads[] = {
    {"gpu-arena", &gpu_qemu_arena, NULL, soak_gpu_life, REST_US},
    {"gpu-single", &gpu_qemu_single, NULL, soak_gpu_life, REST_US},
    {"gpu-crosvm", &gpu_crosvm_single, NULL, soak_gpu_life, REST_US},
    {"gpu-virgl", &gpu_virgl, NULL, soak_gpu_life, REST_US},
    {"gpu-deaths", &gpu_qemu_single, NULL, soak_gpu_death, DEATHS_US},
    {"gpu-upgrades", &gpu_qemu_arena, NULL, soak_gpu_upgrade, DEATHS_US},
    {"media-arena", &media_qemu, NULL, soak_media_life, REST_US},
    {"media-crosvm", &media_crosvm_single, NULL, soak_media_life, REST_US},
    {"media-deaths", &media_qemu, NULL, soak_media_death, DEATHS_US},
    {"media-upgrades", &media_qemu, NULL, soak_media_upgrade, DEATHS_US},
    {"encoder", &media_qemu, "--kind=encoder", encoders, REST_US},
    {"decoder", &media_qemu, "--kind=decoder", decoders, REST_US},
};
#define LOADS (sizeof(loads) / sizeof(loads[0]))

static const struct load *load; /* the one that runs */

static void go_on(void **state)
{
    struct story *s = story(state);

    if (load->codec != NULL)
        codec_crowd_start(s, load->codec);
    else
        story_start(s, NULL);
    hold_signal();
    printf("@@ control=%s\n", s->daemon.control_path);
    for (unsigned long turn = 0; !is_to_stop(); turn++) {
        load->life(s, turn);
        printf("@@ lives=%lu\n", turn + 1);
        usleep(load->rest_us);
    }
    story_end(s);
}

int main(int argc, char **argv)
{
    for (unsigned i = 0; i < LOADS && argc == 2; i++)
        if (strcmp(argv[1], loads[i].name) == 0)
            load = &loads[i];
    if (load == NULL) {
        for (unsigned i = 0; i < LOADS; i++)
            puts(loads[i].name);
        return argc == 1 ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    const struct CMUnitTest tests[] = {
        {load->name, go_on, story_setup, story_teardown, (void *)(uintptr_t)load->cast},
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
