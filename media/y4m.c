/* SPDX-License-Identifier: MIT */
#include "media/y4m.h"

#include <string.h>

#define MAGIC (sizeof(Y4M_MAGIC) - 1)

/* One word of the line, without its letter. */
struct word {
    const char *text;
    size_t size;
};

/* Takes a decimal number of up to 9 digits off the word. */
static bool take_number(struct word *word, uint32_t *number)
{
    size_t digits = 0;

    *number = 0;
    while (digits < word->size && word->text[digits] >= '0' && word->text[digits] <= '9') {
        if (digits == 9)
            return false;
        *number = *number * 10 + (uint32_t)(word->text[digits++] - '0');
    }
    word->text += digits;
    word->size -= digits;
    return digits > 0;
}

static bool take_char(struct word *word, char c)
{
    if (word->size == 0 || *word->text != c)
        return false;
    word->text++;
    word->size--;
    return true;
}

static bool take_side(struct word *word, uint32_t *side)
{
    return take_number(word, side) && word->size == 0 && *side > 0 && *side <= PICTURE_MAX_SIDE;
}

/* Frames per second, as a fraction; 0:0 means that nobody knows. */
static bool take_rate(struct word *word, struct v4l2_fract *interval)
{
    uint32_t frames, seconds;

    if (!take_number(word, &frames) || !take_char(word, ':') || !take_number(word, &seconds) ||
        word->size != 0)
        return false;
    if (frames != 0 && seconds != 0)
        *interval = (struct v4l2_fract){seconds, frames};
    return true;
}

static bool is(const struct word *word, const char *text)
{
    return word->size == strlen(text) && memcmp(word->text, text, word->size) == 0;
}

/* The format whose bytes are those of the stream's frames; 0 if there is none. How the chroma
 * samples are sited changes nothing about where they lie. */
static uint32_t fourcc_of(const struct word *word)
{
    if (is(word, "420") || is(word, "420jpeg") || is(word, "420mpeg2") || is(word, "420paldv"))
        return V4L2_PIX_FMT_YUV420;
    if (is(word, "422"))
        return V4L2_PIX_FMT_YUV422P;
    if (is(word, "mono"))
        return V4L2_PIX_FMT_GREY;
    return 0;
}

/* What the line has said so far. */
struct header {
    uint32_t width, height, fourcc;
    struct v4l2_fract interval;
};

static const char *take_word(struct header *h, char letter, struct word word)
{
    switch (letter) {
    case 'W':
        return take_side(&word, &h->width) ? NULL : "its width is impossible";
    case 'H':
        return take_side(&word, &h->height) ? NULL : "its height is impossible";
    case 'F':
        return take_rate(&word, &h->interval) ? NULL : "its frame rate is no fraction";
    case 'C':
        h->fourcc = fourcc_of(&word);
        return h->fourcc != 0 ? NULL
                              : "its chroma format is neither 4:2:0, 4:2:2 nor mono of 8 bit";
    default:
        return NULL; /* interlacing, aspect ratio, comments */
    }
}

static const char *take_words(struct header *h, const char *line, size_t size)
{
    const char *wrong = NULL;

    for (size_t at = 0; at < size && wrong == NULL;) {
        size_t end = at;

        while (end < size && line[end] != ' ')
            end++;
        if (end > at)
            wrong = take_word(h, line[at], (struct word){line + at + 1, end - at - 1});
        at = end + 1;
    }
    return wrong;
}

const char *y4m_parse(struct y4m *y4m, const char *line, size_t size)
{
    struct header h = {.fourcc = V4L2_PIX_FMT_YUV420};
    const char *wrong;

    if (!y4m_is_stream(line, size))
        return "it does not begin with " Y4M_MAGIC;
    wrong = take_words(&h, line + MAGIC, size - MAGIC);
    if (wrong != NULL)
        return wrong;
    if (h.width == 0 || h.height == 0)
        return "its first line names no size";
    if (h.width % PICTURE_STEP != 0 || h.height % PICTURE_STEP != 0)
        return "its width or height is odd";
    picture_init(&y4m->picture, pixel_format_find(h.fourcc), h.width, h.height);
    y4m->interval = h.interval;
    return NULL;
}

bool y4m_is_stream(const char *line, size_t size)
{
    return size >= MAGIC && memcmp(line, Y4M_MAGIC, MAGIC) == 0 &&
           (size == MAGIC || line[MAGIC] == ' ');
}

bool y4m_is_frame(const char *line, size_t size)
{
    return size >= 5 && memcmp(line, "FRAME", 5) == 0 && (size == 5 || line[5] == ' ');
}
