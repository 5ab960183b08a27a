/* SPDX-License-Identifier: MIT */
#include "gpu/output.h"

#include <string.h>

#include "gpu/edid.h"

static const char mode_help[] = "a mode is WIDTHxHEIGHT or WIDTHxHEIGHT@HZ, each side 64 to 8192 "
                                "pixels, 10 to 240 Hz; or 'off'";
static const char name_help[] =
    "a name has 1 to 13 characters of ASCII, the last one no space: 1280x800@60,name=Screen 1";

void output_init(struct output *output, uint32_t number)
{
    *output = (struct output){
        .mode = {OUTPUT_DEFAULT_WIDTH, OUTPUT_DEFAULT_HEIGHT, OUTPUT_DEFAULT_HZ},
        .number = number,
        .name = "hostblob",
    };
}

static struct monitor monitor_of(const struct output *output)
{
    const struct output *o = output;

    return (struct monitor){o->mode.width, o->mode.height, o->mode.hz, o->number + 1, o->name};
}

bool output_mode_is_valid(const struct output_mode *mode)
{
    struct monitor monitor = {mode->width, mode->height, mode->hz, 1, "any"};
    uint8_t edid[EDID_MAX_SIZE];

    return (mode->width == 0 && mode->height == 0) || edid_write(edid, &monitor) != 0;
}

uint32_t output_edid(const struct output *output, uint8_t edid[static OUTPUT_MAX_EDID])
{
    struct monitor monitor = monitor_of(output);

    memset(edid, 0, OUTPUT_MAX_EDID);
    if (output->given_size > 0) {
        memcpy(edid, output->given, output->given_size);
        return output->given_size;
    }
    if (!output_is_on(output)) {
        monitor.width = OUTPUT_DEFAULT_WIDTH;
        monitor.height = OUTPUT_DEFAULT_HEIGHT;
        monitor.hz = OUTPUT_DEFAULT_HZ;
    }
    return (uint32_t)edid_write(edid, &monitor);
}

/* Takes digits off the front of *text. False if there are none, or too many. */
static bool take_number(const char **text, uint32_t *number)
{
    const char *at = *text;

    for (*number = 0; *at >= '0' && *at <= '9' && at - *text < 6; at++)
        *number = *number * 10 + (uint32_t)(*at - '0');
    if (at == *text)
        return false;
    *text = at;
    return true;
}

static bool take(const char **text, char c)
{
    if (**text != c)
        return false;
    ++*text;
    return true;
}

/* Takes a mode off the front of *text. */
static bool take_mode(const char **text, struct output_mode *mode)
{
    *mode = (struct output_mode){.hz = OUTPUT_DEFAULT_HZ};
    if (strncmp(*text, "off", 3) == 0) {
        *text += 3;
        return true;
    }
    return take_number(text, &mode->width) && take(text, 'x') && take_number(text, &mode->height) &&
           (!take(text, '@') || take_number(text, &mode->hz)) && mode->width != 0 &&
           output_mode_is_valid(mode);
}

const char *output_parse_mode(const char *text, struct output_mode *mode)
{
    return take_mode(&text, mode) && *text == '\0' ? NULL : mode_help;
}

const char *output_parse(const char *text, struct output *output)
{
    struct monitor monitor;
    uint8_t edid[EDID_MAX_SIZE];

    if (!take_mode(&text, &output->mode))
        return mode_help;
    if (*text == '\0')
        return NULL;
    if (strncmp(text, ",name=", 6) != 0 || strlen(text + 6) > MONITOR_MAX_NAME)
        return *text == ',' ? name_help : mode_help;
    strcpy(output->name, text + 6);
    monitor = (struct monitor){OUTPUT_DEFAULT_WIDTH, OUTPUT_DEFAULT_HEIGHT, OUTPUT_DEFAULT_HZ, 1,
                               output->name};
    return edid_write(edid, &monitor) != 0 ? NULL : name_help;
}
