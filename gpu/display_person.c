/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/units.h"
#include "gpu/display.h"
#include "gpu/display_person.h"
#include "gpu/gpu.h"
#include "gpu/resource.h"
#include "gpu/screenshot.h"

#define WORDS_MAX 4u
#define WORD_MAX 64u
#define LIST_MAX 4096u

/* The words of a line. */
struct words {
    unsigned count; /* more than WORDS_MAX: too many */
    char word[WORDS_MAX][WORD_MAX];
};

/* A command, and who waits for its end. */
struct errand {
    struct display *display;
    struct words words;
    int fd; /* owned; -1: none, or taken */
    device_answer *answer;
    void *data;
};

static void split(struct words *words, const char *line)
{
    words->count = 0;
    for (;;) {
        size_t size;

        line += strspn(line, " ");
        size = strcspn(line, " ");
        if (size == 0)
            return;
        if (words->count < WORDS_MAX)
            snprintf(words->word[words->count], WORD_MAX, "%.*s", (int)size, line);
        words->count++;
        line += size;
    }
}

static void say(struct errand *errand, int result, const char *text)
{
    errand->answer(errand->data, result, text);
}

/* The output that the second word names. False: the answer was given. */
static bool find_output(struct errand *errand, unsigned *output)
{
    unsigned count = errand->display->count;
    char text[96];

    if (count > 0 && units_parse_number(errand->words.word[1], 0, count - 1, output))
        return true;
    if (count == 0)
        snprintf(text, sizeof(text), "the device has no outputs");
    else
        snprintf(text, sizeof(text), "there is no such output: they are 0 to %u", count - 1);
    say(errand, -EINVAL, text);
    return false;
}

/* screenshot N [pointer] */
static void do_screenshot(struct errand *errand)
{
    bool pointer = errand->words.count == 3;
    unsigned output;
    int fd = errand->fd;

    if (errand->words.count < 2 || (pointer && strcmp(errand->words.word[2], "pointer") != 0) ||
        errand->words.count > 3) {
        say(errand, -EINVAL, "it is 'screenshot N' or 'screenshot N pointer'");
        return;
    }
    if (!find_output(errand, &output))
        return;
    if (fd < 0) {
        say(errand, -EINVAL, "the file for the picture has to come along as a descriptor");
        return;
    }
    errand->fd = -1;
    screenshot_take(errand->display, output, pointer, fd, errand->answer, errand->data);
}

/* output N MODE */
static void do_output(struct errand *errand)
{
    struct output_mode mode;
    const char *reason;
    unsigned output;

    if (errand->words.count != 3) {
        say(errand, -EINVAL, "it is 'output N WIDTHxHEIGHT@HZ' or 'output N off'");
        return;
    }
    if (!find_output(errand, &output))
        return;
    reason = output_parse_mode(errand->words.word[2], &mode);
    if (reason != NULL) {
        say(errand, -EINVAL, reason);
        return;
    }
    if (audience_has_front_end(&errand->display->audience)) {
        say(errand, -EBUSY, "the front-end shows the outputs, and says what they are");
        return;
    }
    display_set_output(errand->display, output, mode.width, mode.height, mode.hz);
    estate_outputs(errand->display);
    say(errand, 0, "");
}

/* What one output is, and what it shows, as JSON. A name has no control characters. */
static size_t describe(const struct display *display, unsigned i, char *to, size_t size)
{
    const struct output *output = &display->outputs[i];
    const struct scanout *scanout = &display->scanouts[i];
    char name[2 * MONITOR_MAX_NAME + 1];
    size_t n = 0;

    for (const char *c = output->name; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\')
            name[n++] = '\\';
        name[n++] = *c;
    }
    name[n] = '\0';
    return (size_t)snprintf(
        to, size,
        "%s{\"output\":%u,\"name\":\"%s\",\"width\":%u,\"height\":%u,\"hz\":%u,"
        "\"shows_width\":%u,\"shows_height\":%u,\"resource\":%u,\"pointer\":%s}",
        i > 0 ? "," : "", i, name, output->mode.width, output->mode.height, output->mode.hz,
        scanout->rect.width, scanout->rect.height,
        scanout->resource != NULL ? scanout->resource->node.id : 0,
        display->cursors[i].visible ? "true" : "false");
}

/* outputs */
static void do_outputs(struct errand *errand)
{
    char text[LIST_MAX] = "[";
    size_t used = 1;

    for (unsigned i = 0; i < errand->display->count && used < sizeof(text); i++)
        used += describe(errand->display, i, text + used, sizeof(text) - used);
    if (used + 1 >= sizeof(text)) {
        say(errand, -E2BIG, "the list is too long");
        return;
    }
    strcpy(text + used, "]");
    say(errand, 0, text);
}

static const struct {
    const char *word;
    void (*run)(struct errand *errand);
} commands[] = {
    {"screenshot", do_screenshot},
    {"output", do_output},
    {"outputs", do_outputs},
};

bool display_person(struct display *display, const char *line, int fd, device_answer *answer,
                    void *data)
{
    struct errand errand = {.display = display, .fd = fd, .answer = answer, .data = data};

    split(&errand.words, line);
    for (size_t i = 0; errand.words.count > 0 && i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(errand.words.word[0], commands[i].word) != 0)
            continue;
        commands[i].run(&errand);
        fd_close(&errand.fd);
        return true;
    }
    return false;
}
