/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <json-c/json.h>

#include "base/fd.h"
#include "hostblob/ask.h"
#include "hostblob/cli.h"
#include "hostblob/json_path.h"
#include "hostblob/save_file.h"
#include "hostblob/table.h"

/* Has 'device' carry out 'line'. EXIT_SUCCESS with *text, owned by the caller; or says why not. */
static int command_device(const char *device, const char *line, int fd, char **text)
{
    char path[RUN_DIRECTORY_PATH], why[ASK_WHY];

    if (ask_find(device, path, why) < 0 || ask_command(path, line, fd, text, why) < 0)
        return cli_failed("%s", why);
    return EXIT_SUCCESS;
}

/* Whether it is a number that fits into a line; what it names, only the device knows. */
static bool is_number(const char *text)
{
    return *text != '\0' && strlen(text) < 10 && strspn(text, "0123456789") == strlen(text);
}

/* ---- outputs ---- */

static void output_row(struct table *t, struct json_object *o)
{
    char output[24], mode[64], shows[64];
    const char *cells[] = {output, json_path_text(o, "/name"), mode, shows};
    unsigned long long width = json_path_number(o, "/width"), hz = json_path_number(o, "/hz");

    snprintf(output, sizeof(output), "%llu", (unsigned long long)json_path_number(o, "/output"));
    snprintf(mode, sizeof(mode), width == 0 ? "off" : "%llux%llu@%llu", width,
             (unsigned long long)json_path_number(o, "/height"), hz);
    snprintf(shows, sizeof(shows),
             json_path_number(o, "/shows_width") == 0 ? "nothing" : "%llux%llu of resource %llu",
             (unsigned long long)json_path_number(o, "/shows_width"),
             (unsigned long long)json_path_number(o, "/shows_height"),
             (unsigned long long)json_path_number(o, "/resource"));
    table_add(t, cells);
}

static void outputs_people(struct json_object *list)
{
    static const char *const head[] = {"OUTPUT", "NAME", "MODE", "SHOWS"};
    struct table t;

    table_init(&t, sizeof(head) / sizeof(head[0]));
    table_add(&t, head);
    for (size_t i = 0; i < json_object_array_length(list); i++)
        output_row(&t, json_object_array_get_idx(list, i));
    if (json_object_array_length(list) > 0)
        table_print(&t, 0);
    else
        puts("The device has no outputs.");
    table_finish(&t);
}

static int outputs(const struct cli_command *command, int argc, char **argv)
{
    struct json_object *list;
    bool json = false;
    char *text = NULL;

    if (cli_take(command, argc, argv, &json, 1, 1) < 0)
        return CLI_WRONG;
    if (command_device(argv[1], "outputs", -1, &text) != EXIT_SUCCESS)
        return EXIT_FAILURE;
    list = json_tokener_parse(text);
    free(text);
    if (list == NULL || !json_object_is_type(list, json_type_array)) {
        json_object_put(list);
        return cli_failed("The device's list of outputs makes no sense");
    }
    if (json) {
        json_path_print(list);
        return cli_end();
    }
    outputs_people(list);
    json_object_put(list);
    return cli_end();
}

const struct cli_command cli_outputs = {
    .name = "outputs",
    .arguments = "[--json] DEVICE",
    .summary = "Show a GPU's outputs, and what they show.",
    .help = "  --json\n"
            "        The same as an array.\n"
            "\n"
            "Example:\n"
            "  hostblob outputs gpu\n",
    .run = outputs,
};

/* ---- output ---- */

static int output(const struct cli_command *command, int argc, char **argv)
{
    char line[200], *text = NULL;
    const char *mode;

    if (cli_take(command, argc, argv, NULL, 3, 3) < 0)
        return CLI_WRONG;
    mode = argv[3];
    if (!is_number(argv[2]))
        return cli_wrong(command, "'%s' is no output: they are numbers from 0", argv[2]);
    if (strcmp(mode, "off") != 0 && (strspn(mode, "0123456789x@") != strlen(mode) ||
                                     strchr(mode, 'x') == NULL || strlen(mode) > 40))
        return cli_wrong(command, "'%s' is no mode: it is WIDTHxHEIGHT[@HZ], or off", mode);
    snprintf(line, sizeof(line), "output %s %s", argv[2], mode);
    if (command_device(argv[1], line, -1, &text) != EXIT_SUCCESS)
        return EXIT_FAILURE;
    free(text);
    return EXIT_SUCCESS;
}

const struct cli_command cli_output = {
    .name = "output",
    .arguments = "DEVICE N WIDTHxHEIGHT[@HZ]|off",
    .summary = "Plug another monitor into a GPU's output, or pull it out.",
    .help = "N is the output's number: the first is 0. The guest sees another monitor with that\n"
            "mode, and what runs there may change to it.\n"
            "\n"
            "Examples:\n"
            "  hostblob output gpu 0 1920x1080@60\n"
            "  hostblob output gpu 1 off\n",
    .run = output,
};

/* ---- screenshot ---- */

/* The picture is whole now: into its file, or ("-") to standard output. 0 or -errno. */
static int save(int picture, size_t size, const char *file)
{
    const char *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, picture, 0);
    int r;

    if (bytes == MAP_FAILED)
        return -errno;
    if (strcmp(file, "-") == 0)
        r = fd_write_all(STDOUT_FILENO, bytes, size);
    else
        r = save_file(file, bytes, size);
    munmap((void *)(uintptr_t)bytes, size);
    return r;
}

static int take_picture(const char *device, const char *line, const char *file)
{
    int picture = memfd_create("screenshot", MFD_CLOEXEC);
    uint64_t size = 0;
    char *text = NULL;
    int r;

    if (picture < 0)
        return cli_failed("There is no memory for a picture: %s", strerror(errno));
    if (command_device(device, line, picture, &text) != EXIT_SUCCESS) {
        close(picture);
        return EXIT_FAILURE;
    }
    free(text);
    r = fd_file_size(picture, &size);
    if (r == 0)
        r = size == 0 ? -ENODATA : save(picture, (size_t)size, file);
    close(picture);
    return r < 0 ? cli_failed("The picture cannot be written to %s: %s", file, strerror(-r))
                 : EXIT_SUCCESS;
}

/* Cuts ":N" off 'device'. What N is, borrowed: "0" where there is none. */
static const char *cut_output(char *device)
{
    char *colon = strrchr(device, ':');

    if (colon == NULL || !is_number(colon + 1))
        return "0";
    *colon = '\0';
    return colon + 1;
}

static int screenshot(const struct cli_command *command, int argc, char **argv)
{
    const char *output;
    bool pointer = false;
    char line[64];
    int left = 1;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--pointer") == 0)
            pointer = true;
        else
            argv[left++] = argv[i];
    }
    left = cli_take(command, left, argv, NULL, 2, 3);
    if (left < 0)
        return CLI_WRONG;
    output = left == 3 ? argv[2] : cut_output(argv[1]);
    if (!is_number(output))
        return cli_wrong(command, "'%s' is no output: they are numbers from 0", output);
    snprintf(line, sizeof(line), "screenshot %s%s", output, pointer ? " pointer" : "");
    return take_picture(argv[1], line, argv[left]);
}

const struct cli_command cli_screenshot = {
    .name = "screenshot",
    .arguments = "[--pointer] DEVICE[:N] FILE.png",
    .summary = "Write what a GPU's output shows to a PNG file.",
    .help =
        "N is the output's number: 0, the first, where nothing is said. 'DEVICE N FILE.png' is\n"
        "the same. '-' is standard output. A file that is there is written over, once the\n"
        "picture is whole.\n"
        "\n"
        "  --pointer\n"
        "        With the mouse pointer in it.\n"
        "\n"
        "Examples:\n"
        "  hostblob screenshot gpu screen.png\n"
        "  hostblob screenshot /run/vm/gpu.control:1 - | display\n",
    .run = screenshot,
};
