/* SPDX-License-Identifier: MIT */
#include "fd_count.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hostblob/config.h"
#include "hostblob/device_program.h"
#include "hostblob/run_directory.h"

/* ---- the device programs, as far as a configuration asks them ---- */

static char folder[] = "/tmp/hostblob-config-XXXXXX";
static char program[128]; /* a file that can be executed */
static bool mute;         /* they do not say which options they have */
static const char *complaint;

char *device_program_path(const char *kind)
{
    char *path;

    return asprintf(&path, "%s", program) < 0 ? NULL : path;
}

int device_program_options(const char *path, struct option_set *set)
{
    static unsigned turn; /* gpu, media, gpu... */

    if (mute)
        return -1;
    return option_set_parse(
        set, turn++ % 2 == 0 ? "[{\"name\":\"socket\",\"argument\":\"\",\"repeats\":false},"
                               "{\"name\":\"control-path\",\"argument\":\"\",\"repeats\":false},"
                               "{\"name\":\"window\",\"argument\":\"\",\"repeats\":false},"
                               "{\"name\":\"mem-slots\",\"repeats\":false},"
                               "{\"name\":\"output\",\"argument\":\"\",\"repeats\":true}]"
                             : "[{\"name\":\"socket\",\"argument\":\"\",\"repeats\":false},"
                               "{\"name\":\"control-path\",\"argument\":\"\",\"repeats\":false},"
                               "{\"name\":\"window\",\"argument\":\"\",\"repeats\":false},"
                               "{\"name\":\"mem-slots\",\"repeats\":false},"
                               "{\"name\":\"file\",\"argument\":\"\",\"repeats\":false}]");
}

int device_program_check(char *const *argv, char *said, size_t size)
{
    snprintf(said, size, "%s", complaint != NULL ? complaint : "");
    return complaint != NULL;
}

/* ---- files ---- */

static struct config config;
static struct device_set set;
static char path[128]; /* of the file that is read */

static void write_file(const char *name, const char *text)
{
    char full[160];
    FILE *file;

    snprintf(full, sizeof(full), "%s/%s", folder, name);
    file = fopen(full, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void read_bytes(const char *text, size_t size)
{
    FILE *file;

    snprintf(path, sizeof(path), "%s/a.conf", folder);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    fclose(file);
    config_init(&config);
    config_read(&config, path);
    config_devices(&config, &set);
}

static void read_text(const char *text)
{
    read_bytes(text, strlen(text));
}

static void finish(void)
{
    device_set_finish(&set);
    config_finish(&config);
}

static void expect_well(void)
{
    if (config.error_count > 0)
        fail_msg("%s", config.errors[0].text);
}

/* The error's place and sentence, without the file's path. */
static void expect_error(unsigned index, const char *text)
{
    char begin[160];

    if (config.error_count <= index)
        fail_msg("there are %u errors, none of them: %s", config.error_count, text);
    snprintf(begin, sizeof(begin), "%s:", path);
    if (strncmp(config.errors[index].text, begin, strlen(begin)) != 0 ||
        strncmp(config.errors[index].text + strlen(begin), text, strlen(text)) != 0)
        fail_msg("'%s' is not: %s", config.errors[index].text, text);
}

static void expect_words(unsigned index, const char *const *words)
{
    const struct device_spec *spec = set.all[index];

    assert_true(index < set.count);
    for (unsigned i = 1; i < spec->argc || words[i - 1] != NULL; i++) {
        assert_non_null(spec->argv[i]);
        assert_non_null(words[i - 1]);
        assert_string_equal(spec->argv[i], words[i - 1]);
    }
}

/* ---- what is right ---- */

static void sections_become_devices(void **state)
{
    static const char *const desktop[] = {"--socket-path=/run/vm/gpu.sock",
                                          "--window=256M",
                                          "--mem-slots",
                                          "--output=1920x1080,name=Left",
                                          "--output=1280x720",
                                          "--control-path=/r/desktop.control",
                                          NULL};
    static const char *const camera[] = {"--control-path=/c", "--window=1G", "--file=/srv/a=b.mp4",
                                         "--socket-path=/r/camera-2.sock", NULL};

    read_text("# a comment, and one that is longer than any line may be ....................."
              "........................................................................."
              ".............................................................................\n"
              "[defaults]\n"
              "window=1G\n"
              "\n"
              "[defaults gpu]\n"
              "  window : 256M   ; one word is for all\n"
              "output = 640x480\n"
              "mem-slots = yes\n"
              "[ gpu   desktop ] ; behind it\r\n"
              "socket = /run/vm/gpu.sock\r\n"
              "\toutput = 1920x1080,name=Left\n"
              "output= 1280x720;\n"
              ";output = 1x1\n"
              "[media camera-2]\n"
              "control-path = /c\n"
              "mem-slots = no\n"
              "file = /srv/a=b.mp4");
    /* A ';' behind a word is the word's. */
    assert_int_equal(config.error_count, 0);
    assert_int_equal(set.count, 2);
    assert_string_equal(set.all[0]->name, "desktop");
    assert_string_equal(set.all[0]->kind, "gpu");
    assert_string_equal(set.all[1]->name, "camera-2");
    assert_string_equal(set.all[0]->argv[5], "--output=1280x720;");
    set.all[0]->argv[5][strlen("--output=1280x720")] = '\0';
    expect_words(0, desktop);
    expect_words(1, camera);
    assert_non_null(strstr(set.all[0]->place, "/a.conf:9"));
    finish();
}

static void empty_sections_are_devices(void **state)
{
    static const char *const words[] = {"--socket-path=/r/a.sock", "--control-path=/r/a.control",
                                        NULL};

    read_text("\xef\xbb\xbf[gpu a]\n[gpu b]\n\n[media c]");
    expect_well();
    assert_int_equal(set.count, 3);
    expect_words(0, words);
    finish();
    read_text("");
    expect_well();
    assert_int_equal(set.count, 0);
    finish();
}

/* The device's own word, then what the last says of its kind, then of all. */
static void the_nearest_default_counts(void **state)
{
    read_text("[defaults gpu]\nwindow = 1M\n[gpu a]\n[gpu b]\nwindow = 2M\n[defaults]\n"
              "window = 4M\nmem-slots = yes\n[media c]\n[gpu d]\nmem-slots = no\n"
              "[defaults gpu]\nwindow = 8M\n");
    expect_well();
    assert_int_equal(set.count, 4);
    assert_string_equal(device_spec_value(set.all[0], "window"), "8M");
    assert_string_equal(device_spec_value(set.all[1], "window"), "2M");
    assert_string_equal(device_spec_value(set.all[2], "window"), "4M");
    assert_string_equal(set.all[0]->argv[2], "--mem-slots");
    assert_string_equal(set.all[3]->argv[3], "--control-path=/r/d.control");
    finish();
}

static void files_include_others(void **state)
{
    char folder_d[128];

    snprintf(folder_d, sizeof(folder_d), "%s/conf.d", folder);
    assert_int_equal(mkdir(folder_d, 0700), 0);
    write_file("conf.d/1.conf", "include = ../more\n[gpu one]\n");
    write_file("conf.d/2.conf", "[gpu two]\nwindw = 1M\n");
    write_file("conf.d/3.other", "[gpu three]\n");
    write_file("more", "[media more]\n");
    read_text("include = conf.d/*.conf\ninclude = none.d/*\n[gpu last]\n");
    assert_int_equal(set.count, 4);
    assert_string_equal(set.all[0]->name, "more");
    assert_string_equal(set.all[1]->name, "one");
    assert_string_equal(set.all[3]->name, "last");
    assert_int_equal(config.error_count, 1);
    assert_non_null(strstr(config.errors[0].text, "conf.d/2.conf:2: a gpu device has no option"));
    finish();
    write_file("conf.d/2.conf", "include = ../a.conf\n");
    read_text("\ninclude = conf.d/*.conf\n");
    assert_int_equal(config.error_count, 1);
    assert_non_null(strstr(config.errors[0].text, "conf.d/2.conf:1: "));
    assert_non_null(strstr(config.errors[0].text, "a.conf includes itself"));
    finish();
}

/* ---- what is wrong ---- */

static const struct {
    const char *text, *error;
} wrong[] = {
    {"window = 1G\n", "1: 'window' is in no section: only 'include' may come before"},
    {"[gpu a]\ninclude = b\n", "2: 'include' is in a section"},
    {"include =\n", "1: 'include' needs a file, such as conf.d/*.conf."},
    {"include = no.conf\n", "1: there is no file "},
    {"include = ..\n", "1: "},
    {"\n[gpu\n", "2: the ']' of the section is missing."},
    {"[gpu ; a]\n", "1: the ']' of the section is missing."},
    {"[gpu a] window = 1G\n", "1: there is something behind the section's ']'"},
    {"[]\n", "1: the section is empty: write [gpu NAME]"},
    {"[gpu]\n", "1: the device needs a name: write [gpu NAME]."},
    {"[GPU a]\n", "1: there is no kind of device 'GPU': write [gpu NAME], [media NAME]"},
    {"[defaults gpus]\n", "1: there is no kind of device 'gpus': write [defaults]"},
    {"[defaults gpu x]\n", "1: there is a word too many, 'x'"},
    {"[gpu a b]\n", "1: there is a word too many, 'b': a name has no white space."},
    {"[gpu a/b]\n", "1: the name 'a/b' has something else than letters"},
    {"[gpu -a]\n", "1: the name '-a' does not begin with a letter"},
    {"[gpu \xc3\xa4]\n", "1: the name '\xc3\xa4' does not begin with a letter"},
    {"[gpu 12345678901234567890123456789012345678901]\n", "1: the name '1234"},
    {"[gpu 123456789012345678901234567890123456789012345]\n",
     "1: the section is longer than 48 characters."},
    {"[gpu a]\n[media a]\n", "2: there is a device 'a' at "},
    {"[gpu a]\nwindow\n", "2: this is neither KEY = VALUE nor a [section]."},
    {"[gpu a]\nwindow", "2: this is neither KEY = VALUE nor a [section]."},
    {"[gpu a]\n= 1G\n", "2: there is no key before the '='."},
    {"[gpu a]\nwindw = 1G\n", "2: a gpu device has no option 'windw': did you mean 'window'?"},
    {"[gpu a]\nfile = 1G\n", "2: a gpu device has no option 'file' ('hostblob-gpu --help'"},
    {"[defaults gpu]\nfile = 1\n", "2: a gpu device has no option 'file'"},
    {"[defaults]\nfile = 1\n", "2: only media devices have an option 'file'"},
    {"[defaults]\nwindos = 1\n", "2: a gpu device has no option 'windos': did you mean 'window'?"},
    {"[defaults]\nsocket = /s\n", "2: 'socket' cannot be a default"},
    {"[defaults]\nsocket-path = /s\n", "2: 'socket' cannot be a default"},
    {"[gpu a]\nwindow = 1\nwindow = 2\n", "3: 'window' is given twice: at "},
    {"[gpu a]\nsocket = 1\nsocket-path = 2\n", "3: 'socket' is given twice: at "},
    {"[gpu a]\nmem-slots = true\n", "2: 'mem-slots' must be 'yes' or 'no'."},
    {"[gpu a]\nsocket = /s\n[gpu b]\nsocket = /s\n", "3: the device 'a' at "},
    {"[gpu a]\nsocket = /s\n[gpu b]\ncontrol-path = /s\n", "3: the device 'a' at "},
    {"[gpu a]\nwindow = \x01\n", "2: there is a character in it that is none of a text."},
};

static void each_mistake_has_its_line(void **state)
{
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        read_text(wrong[i].text);
        expect_error(0, wrong[i].error);
        assert_int_equal(config.error_count, 1);
        finish();
    }
    read_bytes("[gpu a]\nwindow = 1\0 2\n", 21);
    expect_error(0, "2: there is a character in it that is none of a text.");
    finish();
}

static void all_mistakes_are_told_in_order(void **state)
{
    char *many = calloc(1, 4096);

    read_text("[gpu\nwindow = 1\n[gpu a]\nwindw = 1\n = 2\n[gpu]\nnonsense = 1\n[gpu b]\nx = 1\n");
    assert_int_equal(config.error_count, 5);
    expect_error(0, "1: ");
    expect_error(1, "4: ");
    expect_error(2, "5: ");
    expect_error(3, "6: ");
    expect_error(4, "9: ");
    finish();
    assert_non_null(many);
    strcpy(many, "[gpu a]\n");
    for (unsigned i = 0; i < 2 * CONFIG_MAX_ERRORS; i++)
        strcat(many, "x = 1\n");
    read_text(many);
    assert_int_equal(config.error_count, CONFIG_MAX_ERRORS + 1);
    assert_string_equal(config.errors[CONFIG_MAX_ERRORS].text, "There is more that is wrong.");
    finish();
    free(many);
}

/* libinih would cut it. */
static void a_long_line_is_refused(void **state)
{
    char text[512] = "[gpu a]\nwindow = ";
    size_t begin = strlen(text);

    memset(text + begin, 'x', 198 - strlen("window = "));
    read_text(text);
    expect_well();
    assert_int_equal(strlen(device_spec_value(set.all[0], "window")), 189);
    finish();
    strcat(text, "x\n[gpu b]\n");
    read_text(text);
    assert_int_equal(config.error_count, 1);
    expect_error(0, "2: the line is longer than 198 characters, which is the most.");
    assert_int_equal(set.count, 2);
    finish();
}

static void programs_have_their_say(void **state)
{
    complaint = "hostblob-gpu: --window=300M cannot be: it must be a power of two.\n"
                "Try 'hostblob-gpu --help'.\n"
                "hostblob-gpu: --exporter and --mapping=arena exclude each other.\n";
    read_text("[gpu a]\n\nwindow = 300M\n");
    assert_int_equal(config.error_count, 2);
    expect_error(0, "1: --exporter and --mapping=arena exclude each other.");
    expect_error(1, "3: --window=300M cannot be: it must be a power of two.");
    finish();
    complaint = "It makes no sense.";
    read_text("[gpu a]\n");
    expect_error(0, "1: the gpu device 'a' cannot be checked: It makes no sense.");
    finish();
    complaint = NULL;
    mute = true;
    read_text("[defaults]\nwindow = 1\n");
    expect_well();
    finish();
    read_text("[gpu a]\nwindow = 1\n");
    expect_error(0, "1: the gpu device 'a' cannot be: its program does not say which options");
    finish();
    mute = false;
}

static void what_is_no_file_is_refused(void **state)
{
    char fifo[128];

    snprintf(path, sizeof(path), "%s/none.conf", folder);
    config_init(&config);
    config_read(&config, path);
    assert_int_equal(config.error_count, 1);
    expect_error(0, " it cannot be read: No such file or directory.");
    finish();
    snprintf(fifo, sizeof(fifo), "%s/fifo", folder);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    read_text("include = fifo\n");
    assert_non_null(strstr(config.errors[0].text, "fifo cannot be read: it is no ordinary file."));
    finish();
    assert_int_equal(truncate(path, CONFIG_MAX_BYTES + 1), 0);
    config_init(&config);
    config_read(&config, path);
    expect_error(0, " it cannot be read: it is larger than 1 MiB.");
    finish();
}

/* A socket's path has its most. */
static void without_a_run_directory_a_socket_is_named(void **state)
{
    char deep[RUN_DIRECTORY_PATH] = "/";

    unsetenv("HOSTBLOB_RUN_DIR");
    unsetenv("XDG_RUNTIME_DIR");
    if (geteuid() != 0) {
        read_text("[gpu a]\n");
        expect_error(0, "1: it needs socket=PATH: there is no run directory");
        finish();
        read_text("[gpu a]\nsocket = /s\n");
        expect_well();
        finish();
    }
    memset(deep + 1, 'x', 98);
    setenv("HOSTBLOB_RUN_DIR", deep, 1);
    read_text("[gpu abcdefgh]\n");
    assert_int_equal(config.error_count, 1);
    assert_non_null(strstr(config.errors[0].text, "is too long for a socket's path: give socket"));
    finish();
    setenv("HOSTBLOB_RUN_DIR", "/r", 1);
}

static int make(void **state)
{
    setenv("HOSTBLOB_RUN_DIR", "/r", 1);
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(program, sizeof(program), "%s/program", folder);
    return close(open(program, O_CREAT | O_WRONLY | O_CLOEXEC, 0700));
}

static int remove_all(void **state)
{
    char command[160];

    snprintf(command, sizeof(command), "rm -r '%s'", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(sections_become_devices),    FD_TEST(empty_sections_are_devices),
        FD_TEST(the_nearest_default_counts), FD_TEST(files_include_others),
        FD_TEST(each_mistake_has_its_line),  FD_TEST(all_mistakes_are_told_in_order),
        FD_TEST(a_long_line_is_refused),     FD_TEST(programs_have_their_say),
        FD_TEST(what_is_no_file_is_refused), FD_TEST(without_a_run_directory_a_socket_is_named),
    };

    return cmocka_run_group_tests(tests, make, remove_all);
}
