/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>

#include "blob_card.h"
#include "blob_driver.h"
#include "blob_jobs.h"

/* The jobs in which blobs end in another way than by being destroyed. */

enum { MANY = 64 };

static unsigned number(int argc, char **argv, int which, unsigned otherwise)
{
    return argc > which ? (unsigned)atoi(argv[which]) : otherwise;
}

static void make_some(struct blob_card *card, struct blob *blobs, unsigned count, size_t size)
{
    for (unsigned i = 0; i < count; i++) {
        int rc = blob_create(card, &blobs[i], size);
        if (rc != 0)
            blob_card_fail("blob %u of %zu bytes: %s", i, size, strerror(-rc));
        blob_map(card, &blobs[i]);
    }
}

/* Whether new blobs read as zeros and work in both directions. */
static int works(unsigned count, size_t size, unsigned *dirty)
{
    struct blob blobs[MANY];
    struct blob_card card;
    int good = 1;

    blob_card_open(&card);
    make_some(&card, blobs, count, size);
    for (unsigned i = 0; i < count; i++) {
        *dirty += blob_dirty_words(&blobs[i], 0) != 0;
        blob_write(&blobs[i], i);
    }
    for (unsigned i = 0; i < count; i++)
        good &= blob_host_sum(&card, &blobs[i], size) == blob_expected_sum(i, size / 8);
    for (unsigned i = 0; i < count; i++)
        blob_host_fill(&card, &blobs[i], ~(uint64_t)i);
    for (unsigned i = 0; i < count; i++) {
        good &= blob_wrong_words(&blobs[i], ~(uint64_t)i) == 0;
        blob_destroy(&card, &blobs[i]);
    }
    blob_card_settle(&card);
    blob_card_close(&card);
    return good;
}

int blob_job_fresh(int argc, char **argv)
{
    unsigned count = number(argc, argv, 1, 16);
    size_t size = (size_t)number(argc, argv, 2, 256) << 10;
    unsigned dirty = 0;

    if (count > MANY)
        blob_card_fail("at most %d blobs", MANY);
    int good = works(count, size, &dirty);
    printf("@@ fresh=%u dirty=%u works=%s\n", count, dirty, good ? "yes" : "no");
    return !(good && dirty == 0);
}

/* The child of 'killed': maps blobs, tells the parent so, and writes to them for ever. */
static void write_for_ever(int tell)
{
    struct blob blobs[MANY];
    struct blob_card card;

    blob_card_open(&card);
    make_some(&card, blobs, 16, 512 << 10);
    for (uint64_t seed = 0;; seed++) {
        for (unsigned i = 0; i < 16; i++)
            blob_write(&blobs[i], seed);
        blob_host_fill(&card, &blobs[seed % 16], seed);
        if (seed == 0 && write(tell, "", 1) != 1)
            blob_card_fail("the parent is gone");
    }
}

static int kill_one(unsigned turn)
{
    int ends[2], status;
    char byte;

    if (pipe(ends) != 0)
        blob_card_fail("pipe");
    fflush(stdout);
    pid_t child = fork();
    if (child == 0)
        write_for_ever(ends[1]);
    close(ends[1]);
    int ready = read(ends[0], &byte, 1) == 1;
    close(ends[0]);
    /* Another moment of its work each time. */
    usleep(turn * 7919 % 50000);
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    return ready && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

int blob_job_killed(int argc, char **argv)
{
    unsigned count = number(argc, argv, 1, 5), killed = 0, good = 0, dirty = 0;

    for (unsigned i = 0; i < count; i++) {
        killed += kill_one(i) != 0;
        good += works(16, 512 << 10, &dirty) != 0;
    }
    printf("@@ killed=%u works_after=%u dirty=%u\n", killed, good, dirty);
    return !(killed == count && good == count && dirty == 0);
}

int blob_job_rebind(int argc, char **argv)
{
    unsigned count = number(argc, argv, 1, 2), good = 0, dirty = 0;
    char device[BLOB_DRIVER_NAME];

    blob_driver_device(device);
    for (unsigned i = 0; i < count; i++) {
        good += works(16, 256 << 10, &dirty) != 0;
        blob_driver_unbind(device);
        if (blob_card_path())
            blob_card_fail("the render node outlives its driver");
        blob_driver_bind(device);
    }
    good += works(16, 256 << 10, &dirty) != 0;
    printf("@@ rebound=%u works=%u dirty=%u\n", count, good, dirty);
    return !(good == count + 1 && dirty == 0);
}

/* Makes, maps and fills blobs that nobody destroys. */
static unsigned keep_some(int argc, char **argv)
{
    unsigned count = number(argc, argv, 1, 16);
    size_t size = (size_t)number(argc, argv, 2, 256) << 10;
    struct blob blobs[MANY];
    struct blob_card card;

    if (count > MANY)
        blob_card_fail("at most %d blobs", MANY);
    blob_card_open(&card);
    make_some(&card, blobs, count, size);
    for (unsigned i = 0; i < count; i++)
        blob_write(&blobs[i], i + 1);
    for (unsigned i = 0; i < count; i++)
        if (blob_host_sum(&card, &blobs[i], size) != blob_expected_sum(i + 1, size / 8))
            blob_card_fail("blob %u is not as it was written", i);
    return count;
}

int blob_job_hold(int argc, char **argv)
{
    unsigned count = keep_some(argc, argv);

    printf("@@ held=%u\n", count);
    return getchar() == EOF;
}

int blob_job_share(int argc, char **argv)
{
    unsigned count = number(argc, argv, 1, 16), good = 0;
    size_t size = (size_t)number(argc, argv, 2, 256) << 10;
    struct blob blobs[MANY];
    struct blob_card card;

    if (count > MANY)
        blob_card_fail("at most %d blobs", MANY);
    blob_card_open(&card);
    for (unsigned i = 0; i < count; i++) {
        int rc = blob_create_shared(&card, &blobs[i], size);
        if (rc != 0)
            blob_card_fail("blob %u for other devices: %s", i, strerror(-rc));
        blob_host_fill(&card, &blobs[i], i);
        good += blob_host_sum(&card, &blobs[i], size) == blob_expected_sum(i, size / 8);
    }
    printf("@@ shared=%u works=%u\n", count, good);
    int asked = getchar() != EOF;
    for (unsigned i = 0; i < count; i++)
        blob_destroy(&card, &blobs[i]);
    blob_card_settle(&card);
    blob_card_close(&card);
    return !(asked && good == count);
}

int blob_job_reboot(int argc, char **argv)
{
    unsigned count = keep_some(argc, argv);

    printf("@@ left=%u\n", count);
    fflush(stdout);
    /* The line must have left the serial port before the machine is gone. */
    usleep(200000);
    reboot(RB_AUTOBOOT);
    blob_card_fail("reboot: %m");
}
