/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "blob_card.h"
#include "blob_driver.h"
#include "blob_jobs.h"

/* The jobs in which the device goes while blobs come and go. */

/* So many live at a time that each mapping is a memory region of the front-end's own. */
enum { LIVE = 4 };

/* Makes, maps and closes blobs for ever, as fast as it goes; says so on 'tell'. */
static void storm(int tell)
{
    struct blob blobs[LIVE] = {0};
    struct blob_card card;

    blob_card_open(&card);
    for (unsigned turn = 0;; turn++) {
        struct blob *blob = &blobs[turn % LIVE];

        if (blob->words)
            blob_destroy(&card, blob);
        if (blob_create(&card, blob, 4096u << turn % 5) != 0)
            blob_card_fail("blob %u", turn);
        blob_map(&card, blob);
        blob->words[0] = turn;
        if (turn == 2 * LIVE && write(tell, "!", 1) != 1)
            blob_card_fail("nobody listens");
    }
}

/*
 * Whether the child has ended by the signal, within a second. The kernel's driver waits without end
 * for the answer to a mapping, also when its device has gone meanwhile: a child that was in the
 * middle of one stays. That is not the device's doing, so it is counted and let be.
 */
static void bury(pid_t child, unsigned *killed, unsigned *stuck)
{
    int status;

    for (int tries = 0; tries < 100; tries++) {
        if (waitpid(child, &status, WNOHANG) == child) {
            *killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
            return;
        }
        usleep(10000);
    }
    ++*stuck;
}

/* Kills a storm, each time at another moment, and takes the device at once. */
static void race_one(const char *device, unsigned turn, unsigned *killed, unsigned *stuck)
{
    int ends[2];
    char byte;

    if (pipe(ends) != 0)
        blob_card_fail("pipe");
    fflush(stdout);
    pid_t child = fork();
    if (child == 0)
        storm(ends[1]);
    close(ends[1]);
    if (read(ends[0], &byte, 1) != 1)
        blob_card_fail("the storm has ended by itself");
    close(ends[0]);
    usleep(turn * 7919 % 20000);
    kill(child, SIGKILL);
    blob_driver_unbind(device);
    blob_driver_bind(device);
    bury(child, killed, stuck);
}

int blob_job_race(int argc, char **argv)
{
    unsigned count = argc > 1 ? (unsigned)atoi(argv[1]) : 20, killed = 0, stuck = 0;
    char device[BLOB_DRIVER_NAME];

    blob_driver_device(device);
    for (unsigned i = 0; i < count; i++)
        race_one(device, i, &killed, &stuck);
    printf("@@ raced=%u killed=%u stuck=%u\n", count, killed, stuck);
    return killed + stuck != count;
}

int blob_job_storm(int argc, char **argv)
{
    int ends[2];
    char byte;

    if (pipe(ends) != 0)
        blob_card_fail("pipe");
    pid_t child = fork();
    if (child == 0)
        storm(ends[1]);
    close(ends[1]);
    if (read(ends[0], &byte, 1) == 1)
        printf("@@ storming=1\n");
    waitpid(child, NULL, 0);
    return 1;
}
