/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "blob_card.h"
#include "blob_jobs.h"

/* A picture that a person knows at sight, and that shows when rows, columns or colours are wrong:
 * a sky that goes from blue to orange, a sun, a checkered ground, a name, a frame one pixel wide.
 */

enum { WIDTH = 640, HEIGHT = 480, HORIZON = 320, LETTER = 12 };

/* Letters of 5 x 7 points, a row a number, the highest of its 5 bits at the left. */
static const struct {
    char letter;
    uint8_t rows[7];
} font[] = {
    {'b', {0x10, 0x10, 0x1e, 0x11, 0x11, 0x11, 0x1e}},
    {'h', {0x10, 0x10, 0x16, 0x19, 0x11, 0x11, 0x11}},
    {'l', {0x0c, 0x04, 0x04, 0x04, 0x04, 0x04, 0x0e}},
    {'o', {0x00, 0x00, 0x0e, 0x11, 0x11, 0x11, 0x0e}},
    {'s', {0x00, 0x00, 0x0f, 0x10, 0x0e, 0x01, 0x1e}},
    {'t', {0x08, 0x08, 0x1e, 0x08, 0x08, 0x09, 0x06}},
};

static uint32_t mixed(uint32_t from, uint32_t to, int part, int whole)
{
    uint32_t colour = 0;

    for (int shift = 0; shift < 24; shift += 8) {
        int a = (int)(from >> shift & 255), b = (int)(to >> shift & 255);
        colour |= (uint32_t)(a + (b - a) * part / whole) << shift;
    }
    return colour;
}

static uint32_t background(int x, int y)
{
    if (x == 0 || y == 0 || x == WIDTH - 1 || y == HEIGHT - 1)
        return 0xffffff;
    if (y >= HORIZON) {
        /* Rows of squares that grow as they come nearer. */
        int depth = (y - HORIZON) / 4 + 4;
        int square = ((x - WIDTH / 2 + 64 * depth) / depth / 3 + 240 / depth) & 1;
        return square ? 0x1d3b2a : 0x2f6f4a;
    }
    int dx = x - 490, dy = y - 230;
    if (dx * dx + dy * dy < 66 * 66)
        return mixed(0xfff3b0, 0xff9d3c, dy + 66, 132);
    return mixed(0x14306b, 0xf2955b, y, HORIZON);
}

static void draw_letter(uint32_t *pixels, char letter, int left, int top)
{
    for (size_t i = 0; i < sizeof(font) / sizeof(font[0]); i++) {
        if (font[i].letter != letter)
            continue;
        for (int y = 0; y < 7 * LETTER; y++)
            for (int x = 0; x < 5 * LETTER; x++)
                if (font[i].rows[y / LETTER] >> (4 - x / LETTER) & 1)
                    pixels[(top + y) * WIDTH + left + x] = 0xffffff;
    }
}

int blob_job_picture(int argc, char **argv)
{
    static const char name[] = "hostblob";
    struct blob_card card;
    struct blob blob;
    size_t size = WIDTH * HEIGHT * 4;

    (void)argc;
    (void)argv;
    blob_card_open(&card);
    if (blob_create(&card, &blob, size) != 0)
        blob_card_fail("the picture's blob");
    blob_map(&card, &blob);
    uint32_t *pixels = (uint32_t *)blob.words;
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            pixels[y * WIDTH + x] = background(x, y);
    for (int i = 0; name[i]; i++)
        draw_letter(pixels, name[i], 34 + i * 6 * LETTER, 60);
    uint64_t sum = memory_stream_sum(blob.words, size / 8);
    if (blob_host_sum(&card, &blob, size) != sum)
        blob_card_fail("the host sees another picture");
    printf("@@ picture=ready resource=%u width=%d height=%d stride=%d format=XR24 sum=%llx\n",
           blob.resource, WIDTH, HEIGHT, WIDTH * 4, (unsigned long long)sum);
    /* The host looks at it now. */
    int told = getchar() != EOF;
    blob_destroy(&card, &blob);
    blob_card_settle(&card);
    blob_card_close(&card);
    return !told;
}
