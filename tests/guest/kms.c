/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kms_blob.h"
#include "kms_steady.h"

/*
 * The guest's program for its outputs. It obeys lines of its standard input, and says '@@ done=...'
 * after each; at their end it lets the console have the outputs back. 'O' is an output's number.
 *
 *   modes O                       what the output is, and what it could show
 *   show O WIDTH HEIGHT SEED      a picture of that size, drawn from the seed
 *   host O WIDTH HEIGHT SEED      the same with a blob of the host's memory
 *   guest O WIDTH HEIGHT SEED     and with one of the guest's own
 *   draw O X Y WIDTH HEIGHT SEED  a part of it anew, and nothing else sent
 *   flip O SEED                   another picture of the same size, in other memory
 *   off O
 *   cursor O HOT_X HOT_Y SEED     a pointer
 *   arrow O HOT_X HOT_Y SEED      one of which there is only a corner, with a seam half there
 *   move O X Y
 *   hide O
 *
 * 'kms steady O WIDTH HEIGHT FILE' obeys nobody, and flips between two pictures until the file is
 * there: those of the seeds 0 and 1, in blobs of the host's memory.
 */
static struct kms_card card;
static struct kms_picture shown[KMS_OUTPUTS];
static struct kms_picture cursors[KMS_OUTPUTS];

/* The host knows this formula too: tests/guest/screen.py. */
static uint32_t pixel(uint32_t seed, uint32_t x, uint32_t y)
{
    return ((x * 3 + seed) & 255) << 16 | ((y * 5 + seed) & 255) << 8 | ((x ^ y) & 255);
}

static void paint(struct kms_picture *picture, uint32_t seed, unsigned x, unsigned y,
                  unsigned width, unsigned height, uint32_t alpha)
{
    for (unsigned j = y; j < y + height; j++)
        for (unsigned i = x; i < x + width; i++)
            picture->pixels[(size_t)j * picture->pitch / 4 + i] = pixel(seed, i, j) | alpha;
}

/* Takes what is right of the diagonal away, and half of the SEAM pixels left of it: colours are
 * those times alpha, as the kernel's pointers have them. The host knows this as well. */
#define SEAM 8u

static void cut(struct kms_picture *picture)
{
    for (unsigned y = 0; y < picture->height; y++)
        for (unsigned x = 0; x < picture->width; x++) {
            uint32_t *at = &picture->pixels[(size_t)y * picture->pitch / 4 + x];

            if (x > y)
                *at = 0;
            else if (y - x < SEAM)
                *at = (*at >> 1 & 0x007f7f7fu) | 0x80000000u;
        }
}

static void forget(struct kms_picture *picture)
{
    if (picture->pixels != NULL)
        kms_picture_destroy(&card, picture);
    *picture = (struct kms_picture){0};
}

static void job_modes(unsigned output)
{
    static struct abi_mode modes[KMS_MODES];
    int connected;
    unsigned count = kms_modes(&card, output, modes, &connected);

    printf("@@ outputs=%u connected=%d modes=%u width=%u height=%u hz=%u\n", card.count, connected,
           count, count ? modes[0].hdisplay : 0, count ? modes[0].vdisplay : 0,
           count ? modes[0].vrefresh : 0);
}

enum kind { DUMB, OF_HOST, OF_GUEST };

static void job_show(unsigned output, enum kind kind, unsigned width, unsigned height,
                     unsigned seed)
{
    struct kms_picture old = shown[output];

    if (kind == DUMB)
        kms_picture_create(&card, &shown[output], width, height, 1);
    else
        kms_blob_create(&card, &shown[output], width, height, kind == OF_HOST);
    paint(&shown[output], seed, 0, 0, width, height, 0);
    kms_show(&card, output, &shown[output]);
    forget(&old);
}

static void job_draw(unsigned output, const unsigned *n)
{
    struct kms_picture *picture = &shown[output];

    if (picture->pixels == NULL || n[0] + n[2] > picture->width || n[1] + n[3] > picture->height)
        kms_fail("a part of the picture");
    paint(picture, n[4], n[0], n[1], n[2], n[3], 0);
    kms_flush(&card, picture, n[0], n[1], n[2], n[3]);
}

static void job_cursor(unsigned output, int is_arrow, unsigned hot_x, unsigned hot_y, unsigned seed)
{
    struct kms_picture old = cursors[output];

    kms_picture_create(&card, &cursors[output], KMS_CURSOR_SIDE, KMS_CURSOR_SIDE, 0);
    paint(&cursors[output], seed, 0, 0, KMS_CURSOR_SIDE, KMS_CURSOR_SIDE, 0xff000000u);
    if (is_arrow)
        cut(&cursors[output]);
    kms_cursor(&card, output, &cursors[output], (int)hot_x, (int)hot_y);
    forget(&old);
}

/* Obeys one line; returns whether it was understood. */
static int obey(const char *line)
{
    char word[16] = "";
    int x, y;
    unsigned output = 0, n[5] = {0};
    int count =
        sscanf(line, "%15s %u %u %u %u %u %u", word, &output, &n[0], &n[1], &n[2], &n[3], &n[4]);

    if (count < 2 || output >= KMS_OUTPUTS)
        return 0;
    if (strcmp(word, "modes") == 0)
        job_modes(output);
    else if (strcmp(word, "show") == 0 && count == 5)
        job_show(output, DUMB, n[0], n[1], n[2]);
    else if (strcmp(word, "host") == 0 && count == 5)
        job_show(output, OF_HOST, n[0], n[1], n[2]);
    else if (strcmp(word, "guest") == 0 && count == 5)
        job_show(output, OF_GUEST, n[0], n[1], n[2]);
    else if (strcmp(word, "draw") == 0 && count == 7)
        job_draw(output, n);
    else if (strcmp(word, "flip") == 0 && count == 3)
        job_show(output, DUMB, shown[output].width, shown[output].height, n[0]);
    else if (strcmp(word, "off") == 0)
        kms_show(&card, output, NULL), forget(&shown[output]);
    else if (strcmp(word, "cursor") == 0 && count == 5)
        job_cursor(output, 0, n[0], n[1], n[2]);
    else if (strcmp(word, "arrow") == 0 && count == 5)
        job_cursor(output, 1, n[0], n[1], n[2]);
    else if (strcmp(word, "move") == 0 && sscanf(line, "%*s %*u %d %d", &x, &y) == 2)
        kms_cursor_move(&card, output, x, y);
    else if (strcmp(word, "hide") == 0)
        kms_cursor(&card, output, NULL, 0, 0), forget(&cursors[output]);
    else
        return 0;
    printf("@@ done=%s\n", word);
    return 1;
}

static int steady(char **argv)
{
    unsigned output = (unsigned)atoi(argv[0]), width = (unsigned)atoi(argv[1]),
             height = (unsigned)atoi(argv[2]);
    struct kms_picture pictures[2];
    int status;

    if (output >= KMS_OUTPUTS)
        kms_fail("the number of the output");
    for (unsigned i = 0; i < 2; i++) {
        kms_blob_create(&card, &pictures[i], width, height, 1);
        paint(&pictures[i], i, 0, 0, width, height, 0);
    }
    status = kms_steady(&card, output, pictures, argv[3]);
    for (unsigned i = 0; i < 2; i++)
        forget(&pictures[i]);
    return status;
}

int main(int argc, char **argv)
{
    char line[128];

    setvbuf(stdout, NULL, _IOLBF, 0);
    kms_open(&card);
    if (argc == 6 && strcmp(argv[1], "steady") == 0)
        return steady(argv + 2);
    printf("@@ kms=ready outputs=%u\n", card.count);
    while (fgets(line, sizeof(line), stdin) && strcmp(line, "end\n") != 0)
        if (!obey(line)) {
            printf("bad: there is no job '%s'\n", line);
            return 1;
        }
    for (unsigned i = 0; i < KMS_OUTPUTS; i++) {
        forget(&cursors[i]);
        forget(&shown[i]);
    }
    return 0;
}
