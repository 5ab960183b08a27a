/* SPDX-License-Identifier: MIT */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hostblob/config.h"
#include "hostblob/device_program.h"

/*
 * A configuration file with anything in it. What must hold: each mistake has a line of the file,
 * and where there is none, each device has a name of its own and a command line of plain text, none
 * of it longer than a line.
 */
#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

/* ---- the device programs, as far as a configuration asks them ---- */

char *device_program_path(const char *kind)
{
    return strdup("/proc/self/exe");
}

int device_program_options(const char *path, struct option_set *set)
{
    return option_set_parse(set, "[{\"name\":\"socket\",\"argument\":\"\",\"repeats\":false},"
                                 "{\"name\":\"control-path\",\"argument\":\"\",\"repeats\":false},"
                                 "{\"name\":\"window\",\"argument\":\"\",\"repeats\":false},"
                                 "{\"name\":\"loop\",\"repeats\":false},"
                                 "{\"name\":\"output\",\"argument\":\"\",\"repeats\":true}]");
}

/* It says what was wrong with some. */
int device_program_check(char *const *argv, char *said, size_t size)
{
    unsigned count = 0;

    while (argv[count] != NULL)
        count++;
    snprintf(said, size, "hostblob-x: %s cannot be: it is not right.\nTry this.\nhostblob-\n",
             argv[count - 1]);
    return count % 4 == 0;
}

/* ---- what must hold ---- */

static unsigned count_lines(const uint8_t *data, size_t size)
{
    unsigned lines = 1;

    for (size_t i = 0; i < size; i++)
        lines += data[i] == '\n';
    return lines;
}

static void judge_errors(const struct config *config, const char *path, unsigned lines)
{
    MUST(config->error_count <= CONFIG_MAX_ERRORS + 1);
    for (unsigned i = 0; i < config->error_count && i < CONFIG_MAX_ERRORS; i++) {
        const struct config_error *error = &config->errors[i];

        MUST(strncmp(error->text, path, strlen(path)) == 0);
        MUST(error->line >= 1 && error->line <= lines);
        MUST(i == 0 || config->errors[i - 1].line <= error->line);
    }
}

static void judge_device(const struct device_set *set, unsigned index)
{
    const struct device_spec *spec = set->all[index];

    MUST(strlen(spec->name) > 0 && strlen(spec->name) <= CONFIG_NAME);
    for (unsigned i = 0; i < index; i++)
        MUST(strcmp(set->all[i]->name, spec->name) != 0);
    MUST(device_spec_value(spec, "socket-path") != NULL && spec->has_control);
    for (unsigned i = 1; i < spec->argc; i++) {
        MUST(strncmp(spec->argv[i], "--", 2) == 0 && strlen(spec->argv[i]) < 210);
        for (const char *at = spec->argv[i]; *at != '\0'; at++)
            MUST((unsigned char)*at >= ' ' || *at == '\t');
    }
    MUST(spec->argv[spec->argc] == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct device_set set = {.count = 0};
    struct config config;
    char path[64];
    int fd;

    /* Other files are none of this. */
    if (memmem(data, size, "include", 7) != NULL)
        return 0;
    setenv("HOSTBLOB_RUN_DIR", "/r", 1);
    fd = memfd_create("fuzz", MFD_CLOEXEC);
    MUST(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    config_init(&config);
    config_read(&config, path);
    config_devices(&config, &set);
    judge_errors(&config, path, count_lines(data, size));
    for (unsigned i = 0; i < set.count && config.error_count == 0; i++)
        judge_device(&set, i);
    device_set_finish(&set);
    config_finish(&config);
    close(fd);
    return 0;
}

/* Lines that are right, more or less. */
void fuzz_shape(uint8_t *data, size_t size, uint64_t (*next)(void))
{
    static const char *const lines[] = {
        "[gpu a]\n",
        "[media b.c-d_e]\n",
        "[defaults]\n",
        "[defaults gpu]\n",
        "window = 1G\n",
        "output=640x480\n",
        "output: b;c\n",
        "loop = yes\n",
        "loop = no ; x\n",
        "socket = /s\n",
        "[gpu x",
        "] y\n",
        "# a comment\n",
        "= 1\n",
        "  window",
        "\xef\xbb\xbf",
        "\r\n",
        "[gpu z]\n",
        "control-path = /c\n",
        "[media 0]\n",
    };
    size_t at = 0, most = next() % 800;

    most = most < size ? most : size;
    while (at < size) {
        uint64_t what = next();
        const char *line = lines[what % (sizeof(lines) / sizeof(lines[0]))];
        size_t length = strlen(line);

        if (at + length > most || what % 4096 < 64)
            break;
        memcpy(data + at, line, length);
        at += length;
        if (what % 4096 > 4000)
            data[at - 1] = (uint8_t)(what >> 32);
    }
    /* The rest is one comment, unless it begins otherwise. */
    if (at + 1 < size && next() % 8 != 0)
        memset(data + at, '#', size - at);
}
