/* SPDX-License-Identifier: MIT */
#include "hostblob/config_text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <ini.h>

#define MAX_SECTION 48u /* characters: libinih cuts what is longer */

/* libinih tells of a section with its first key only: a line that no one can have written comes
 * behind each. */
static const char announcement[] = "=\n";

struct config_text {
    FILE *file;
    const struct config_text_handler *handler;
    void *data;
    char *text; /* of the line; getline's */
    size_t room;
    unsigned line;
    bool announces; /* the next line is the announcement */
    bool announced; /* libinih has it */
    bool awaits;    /* libinih has a line, and has not said what it is */
    bool skips;     /* to the next section */
    int error;
};

static void __attribute__((format(printf, 2, 3)))
tell_wrong(struct config_text *t, const char *format, ...)
{
    char sentence[320];
    va_list args;

    va_start(args, format);
    vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    t->handler->wrong(t->data, t->line, sentence);
}

/* Whether what libinih was given last was understood. */
static void judge_last(struct config_text *t)
{
    if (t->awaits)
        tell_wrong(t, "this is neither KEY = VALUE nor a [section]");
    t->awaits = false;
}

/* Without the white space at both ends. */
static char *trim(char *text, size_t length)
{
    static const char white[] = " \t\r\n\v\f";

    while (length > 0 && strchr(white, text[length - 1]) != NULL)
        length--;
    text[length] = '\0';
    return text + strspn(text, white);
}

static bool is_text(const char *text)
{
    for (; *text != '\0'; text++)
        if (((unsigned char)*text < ' ' && *text != '\t') || *text == '\x7f')
            return false;
    return true;
}

/* The line of a section: libinih would take the beginning of whatever is there. */
static bool check_section(struct config_text *t, const char *text)
{
    size_t length = strcspn(text, "];#");
    const char *rest = text + length + 1;

    t->skips = true;
    if (text[length] != ']') {
        tell_wrong(t, "the ']' of the section is missing");
        return false;
    }
    rest += strspn(rest, " \t");
    if (*rest != '\0' && *rest != ';' && *rest != '#') {
        tell_wrong(t,
                   "there is something behind the section's ']': it belongs on a line of its own");
        return false;
    }
    if (length > MAX_SECTION) {
        tell_wrong(t, "the section is longer than %u characters", MAX_SECTION);
        return false;
    }
    t->skips = false;
    t->announces = true;
    return true;
}

/* Whether libinih is to see the line. */
static bool check_line(struct config_text *t, const char *text, bool whole, size_t most)
{
    if (whole && (*text == '\0' || *text == '#' || *text == ';'))
        return false;
    if (!whole || !is_text(text)) {
        tell_wrong(t, "there is a character in it that is none of a text");
        return false;
    }
    if (strlen(text) > most) {
        t->skips = t->skips || *text == '[';
        tell_wrong(t, "the line is longer than %zu characters, which is the most", most);
        return false;
    }
    if (*text == '[')
        return check_section(t, text);
    return !t->skips;
}

/* fgets for libinih: 'size' bytes at most, the end included. */
static char *next_line(char *to, int size, void *stream)
{
    struct config_text *t = stream;
    char *text;
    bool whole;
    ssize_t n;

    judge_last(t);
    if (size < (int)sizeof(announcement))
        return NULL;
    if (t->announces) {
        t->announces = false;
        t->announced = true;
        return strcpy(to, announcement);
    }
    errno = 0;
    n = getline(&t->text, &t->room, t->file);
    if (n < 0) {
        t->error = ferror(t->file) || errno == ENOMEM ? -errno : 0;
        return NULL;
    }
    t->line++;
    whole = memchr(t->text, '\0', (size_t)n) == NULL;
    text = t->text;
    if (t->line == 1 && strncmp(text, "\xef\xbb\xbf", 3) == 0) { /* a mark of UTF-8 */
        text += 3;
        n -= 3;
    }
    text = trim(text, (size_t)n);
    if (!check_line(t, text, whole, (size_t)size - 2))
        text = text + strlen(text);
    t->awaits = *text != '\0' && *text != '[';
    sprintf(to, "%s\n", text);
    return to;
}

static int take(void *data, const char *section, const char *key, const char *value)
{
    struct config_text *t = data;
    bool announced = t->announced;

    t->announced = false;
    t->awaits = false;
    if (key == NULL) /* libinih tells of sections by itself, if it was built so */
        return 1;
    if (announced)
        t->handler->section(t->data, t->line, section);
    else if (*key == '\0')
        tell_wrong(t, "there is no key before the '='");
    else
        t->handler->entry(t->data, t->line, key, value != NULL ? value : "");
    return 1;
}

int config_text_read(FILE *file, const struct config_text_handler *handler, void *data)
{
    struct config_text t = {.file = file, .handler = handler, .data = data};
    int r = ini_parse_stream(next_line, &t, take, &t);

    free(t.text);
    return t.error < 0 ? t.error : r == -2 ? -ENOMEM : 0;
}
