/* SPDX-License-Identifier: MIT */
#include "fd_count.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/options.h"

/* What the program printed last, on both of its outputs. */
static char said[16384];
static int colour;

static const char *take_colour(void *target, const char *argument)
{
    if (strcmp(argument, "red") != 0)
        return "it must be 'red'";
    *(int *)target = 1;
    return NULL;
}

static const struct options_row own_rows[] = {
    {"colour", "NAME", "What it is painted in.\nThere is one.", take_colour, OPTIONS_REPEATS},
    {NULL},
};

static const struct quota_row quotas[] = {
    {"paint", .bytes = true, .most = 1 << 20, .windows = 2, .answer = "NOTHING",
     .what = "Cans.\nOf it."},
    {"brushes", .most = 7, .answer = "NOTHING", .what = "Of hair."},
    {NULL},
};

static const struct options_program program = {
    .name = "hostblob-test",
    .summary = "a device that is none",
    .window = UINT64_C(256) << 20,
    .rows = own_rows,
    .quotas = quotas,
    .target = &colour,
};

/* Both outputs go to a file meanwhile. */
static enum options_outcome parse(struct options *o, int argc, char **argv)
{
    int out = dup(1), err = dup(2), file = memfd_create("said", MFD_CLOEXEC);
    enum options_outcome outcome;
    ssize_t n;

    fflush(NULL);
    dup2(file, 1);
    dup2(file, 2);
    colour = 0;
    optind = 0; /* getopt begins anew */
    outcome = options_parse(o, &program, argc, argv);
    fflush(NULL);
    dup2(out, 1);
    dup2(err, 2);
    n = pread(file, said, sizeof(said) - 1, 0);
    said[n > 0 ? n : 0] = '\0';
    close(out);
    close(err);
    close(file);
    return outcome;
}

/* getopt may sort its words, but changes none. */
#define A(text) ((char *)(uintptr_t)(text))

#define PARSE(o, ...)                                                                              \
    parse((o), (int)(sizeof((char *[]){A("x"), __VA_ARGS__}) / sizeof(char *)),                    \
          (char *[]){A("x"), __VA_ARGS__, NULL})

static void what_is_not_said_has_a_default(void **state)
{
    struct options o;

    assert_int_equal(parse(&o, 1, (char *[]){A("x"), NULL}), OPTIONS_RUN);
    assert_null(o.socket_path);
    assert_null(o.control_path);
    assert_int_equal(o.fd, -1);
    assert_false(o.print_capabilities);
    assert_int_equal(o.window, 256 << 20);
    assert_true(o.arena);
    assert_int_equal(o.exporter, EXPORTER_ARENA);
    assert_false(o.mem_slots);
    assert_int_equal(o.answer_limit, 5);
    assert_int_equal(o.poll, 0);
    assert_int_equal(o.log_level, LOG_LEVEL_INFO);
    assert_false(o.is_worker);
    assert_string_equal(said, "");
}

static void every_option_is_taken(void **state)
{
    struct options o;

    assert_int_equal(PARSE(&o, A("--socket-path=/s"), A("--control-path=/c"), A("--window=1G"),
                           A("--mapping=single"), A("--mem-slots"), A("--log-level=debug"),
                           A("--print-capabilities"), A("--answer-limit=7"), A("--poll=50"),
                           A("--colour=red")),
                     OPTIONS_RUN);
    assert_string_equal(o.socket_path, "/s");
    assert_string_equal(o.control_path, "/c");
    assert_int_equal(o.window, 1 << 30);
    assert_false(o.arena);
    assert_int_equal(o.exporter, EXPORTER_AUTO);
    assert_true(o.mem_slots);
    assert_int_equal(o.log_level, LOG_LEVEL_DEBUG);
    assert_true(o.print_capabilities);
    assert_int_equal(o.answer_limit, 7);
    assert_int_equal(o.poll, 50);
    assert_int_equal(colour, 1);
    assert_int_equal(PARSE(&o, A("--fd"), A("7"), A("--mapping"), A("arena")), OPTIONS_RUN);
    assert_int_equal(o.fd, 7);
    assert_true(o.arena);
    assert_int_equal(PARSE(&o, A("--exporter=udmabuf")), OPTIONS_RUN);
    assert_int_equal(o.exporter, EXPORTER_UDMABUF);
    assert_false(o.arena); /* it is implied */
    assert_int_equal(PARSE(&o, A("--exporter=memfd")), OPTIONS_RUN);
    assert_int_equal(o.exporter, EXPORTER_MEMFD);
    assert_int_equal(PARSE(&o, A("--exporter=dma_heap")), OPTIONS_RUN);
    assert_int_equal(o.exporter, EXPORTER_DMA_HEAP);
    assert_int_equal(PARSE(&o, A("--exporter=gbm")), OPTIONS_RUN);
    assert_int_equal(o.exporter, EXPORTER_GBM);
    /* It asks for nothing that the arena does not give. */
    assert_int_equal(PARSE(&o, A("--exporter=gbm"), A("--exporter=auto")), OPTIONS_RUN);
    assert_true(o.arena);
    assert_int_equal(o.exporter, EXPORTER_ARENA);
    assert_int_equal(PARSE(&o, A("--worker=3,4,-1")), OPTIONS_RUN);
    assert_true(o.is_worker);
    assert_int_equal(o.link_fd, 3);
    assert_int_equal(o.journal_fd, 4);
    assert_int_equal(o.arena_fd, -1);
}

static void limits_are_taken(void **state)
{
    struct options o;

    assert_int_equal(PARSE(&o, A("--limit=brushes=9"), A("--limit=paint=2G")), OPTIONS_RUN);
    assert_int_equal(o.limits[1], 9);
    assert_int_equal(o.limits[0], UINT64_C(2) << 30);
    assert_int_equal(PARSE(&o, A("--limit=rollers=9")), OPTIONS_WRONG);
    assert_non_null(strstr(said, "--limit=rollers=9 cannot be: it must be NAME=NUMBER, and NAME is "
                                 "paint, brushes."));
    assert_int_equal(PARSE(&o, A("--limit=paint=12")), OPTIONS_WRONG);
    assert_non_null(strstr(said, "paint must be a size with a unit such as 256M, at least 64K."));
    assert_int_equal(PARSE(&o, A("--help")), OPTIONS_DONE);
    assert_non_null(strstr(said, "\n  brushes=7, NOTHING\n        Of hair.\n"));
    assert_non_null(strstr(said, "\n  paint=512M, NOTHING (more with a larger window)\n"));
    assert_int_equal(PARSE(&o, A("--help"), A("--limit=paint=1M")), OPTIONS_DONE);
}

static void a_size_has_a_unit(void **state)
{
    static const struct {
        const char *text;
        uint64_t size;
    } good[] = {
        {"--window=64K", 64 << 10},         {"--window=65536", 64 << 10},
        {"--window=256M", 256 << 20},       {"--window=256MiB", 256 << 20},
        {"--window=4G", UINT64_C(4) << 30},
    };
    struct options o;

    for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(PARSE(&o, A(good[i].text)), OPTIONS_RUN);
        assert_int_equal(o.window, good[i].size);
    }
}

/* Each gets the sentence that says what would be right, and where more is to be read. */
static void nonsense_is_refused(void **state)
{
    static const struct {
        const char *text, *sentence;
    } bad[] = {
        {"--window=256", "--window=256 cannot be: it must be at least 64K (did you forget the "
                         "unit? 256M is 256 MiB)."},
        {"--window=100000", "a power of two, because front-ends make it a PCI BAR (did you"},
        {"--window=100M", "a power of two, because front-ends make it a PCI BAR.\n"},
        {"--window=0", "at least 64K"},
        {"--window=", "a size such as 256M or 1G."},
        {"--window=-1", "a size such as 256M or 1G."},
        {"--window=256X", "a size such as 256M or 1G."},
        {"--window=99999999999999999999", "a size such as 256M or 1G."},
        {"--window=8388608T", "no guest has that much"},
        {"--socket-path=", "--socket-path= cannot be: it must be a path."},
        {"--control-path=", "--control-path= cannot be: it must be a path."},
        {"--fd=", "the number of an open descriptor, such as 3."},
        {"--fd=x", "the number of an open descriptor, such as 3."},
        {"--fd=3x", "the number of an open descriptor, such as 3."},
        {"--fd=-1", "the number of an open descriptor, such as 3."},
        {"--fd=99999999999", "the number of an open descriptor, such as 3."},
        {"--fd=99999999999999999999", "the number of an open descriptor, such as 3."},
        {"--mapping=both", "'arena' or 'single'."},
        {"--exporter=arena", "'auto', 'memfd', 'udmabuf', 'dma_heap' or 'gbm'."},
        {"--log-level=loud", "'error', 'warning', 'info' or 'debug'."},
        {"--worker=1,2", "this program's own use."},
        {"--answer-limit=0", "a number of seconds, 1 to 3600."},
        {"--answer-limit=3601", "a number of seconds, 1 to 3600."},
        {"--answer-limit=5s", "a number of seconds, 1 to 3600."},
        {"--poll=1001", "a number of microseconds, 0 (off) to 1000."},
        {"--poll=-1", "a number of microseconds, 0 (off) to 1000."},
        {"--poll=50us", "a number of microseconds, 0 (off) to 1000."},
        {"--colour=green", "--colour=green cannot be: it must be 'red'."},
        {"--colour", "--colour needs an argument."},
        {"--mem-slots=yes", "--mem-slots takes no argument."},
        {"--window", "--window needs an argument."},
        {"--windw=256M", "There is no option '--windw': did you mean '--window'?"},
        {"--nothing", "There is no option '--nothing'."},
        {"-x", "There is no option '-x'."},
        {"word", "words that are no options."},
    };
    struct options o;

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(PARSE(&o, A(bad[i].text)), OPTIONS_WRONG);
        if (strstr(said, bad[i].sentence) == NULL)
            fail_msg("%s: %s", bad[i].text, said);
        assert_non_null(strstr(said, "hostblob-test: "));
        assert_non_null(strstr(said, "Try 'hostblob-test --help'."));
    }
}

static void what_excludes_each_other_is_refused(void **state)
{
    struct options o;

    assert_int_equal(PARSE(&o, A("--socket-path=/s"), A("--fd=3")), OPTIONS_WRONG);
    assert_non_null(strstr(said, "--socket-path and --fd exclude each other: give one of them."));
    /* Whoever asks for an exporter must not be given the arena instead, in any order. */
    assert_int_equal(PARSE(&o, A("--exporter=udmabuf"), A("--mapping=arena")), OPTIONS_WRONG);
    assert_non_null(
        strstr(said, "--exporter and --mapping=arena exclude each other: give one of them."));
    assert_int_equal(PARSE(&o, A("--mapping=arena"), A("--exporter=memfd")), OPTIONS_WRONG);
    assert_int_equal(PARSE(&o, A("--mapping=single"), A("--exporter=memfd")), OPTIONS_RUN);
    assert_int_equal(o.exporter, EXPORTER_MEMFD);
}

static void the_first_wrong_word_ends_it(void **state)
{
    struct options o;

    assert_int_equal(PARSE(&o, A("--fd=x"), A("--help")), OPTIONS_WRONG);
    assert_null(strstr(said, "Usage:"));
}

/* Whoever writes a configuration wants to know of all. */
static void checking_tells_of_all_that_is_wrong(void **state)
{
    struct options o;

    assert_int_equal(PARSE(&o, A("--check-options"), A("--window=1"), A("--colour=red"),
                           A("--poll=x"), A("--mem-slots")),
                     OPTIONS_WRONG);
    assert_non_null(strstr(said, "hostblob-test: --window=1 cannot be: "));
    assert_non_null(strstr(said, "hostblob-test: --poll=x cannot be: "));
    assert_true(o.mem_slots);
    assert_int_equal(colour, 1);
    assert_int_equal(PARSE(&o, A("--check-options"), A("--window=1G")), OPTIONS_RUN);
    assert_true(o.check_options);
    assert_int_equal(PARSE(&o, A("--window=1"), A("--poll=x")), OPTIONS_WRONG);
    assert_null(strstr(said, "--poll"));
}

/* The settings of a device, and no others. */
static void options_are_printed_for_programs(void **state)
{
    int out = dup(1), file = memfd_create("said", MFD_CLOEXEC);
    ssize_t n;

    fflush(NULL);
    dup2(file, 1);
    assert_int_equal(options_print(&program), 0);
    dup2(out, 1);
    n = pread(file, said, sizeof(said) - 1, 0);
    said[n > 0 ? n : 0] = '\0';
    close(out);
    close(file);
    assert_non_null(strstr(said, "{\n    \"name\":\"colour\",\n    \"argument\":\"NAME\",\n"
                                 "    \"repeats\":true\n  }"));
    assert_non_null(strstr(said, "\"name\":\"mem-slots\",\n    \"argument\":null,\n"
                                 "    \"repeats\":false"));
    assert_non_null(strstr(said, "\"socket-path\""));
    assert_null(strstr(said, "\"fd\""));
    assert_null(strstr(said, "\"check\""));
    assert_null(strstr(said, "print-"));
    assert_null(strstr(said, "worker"));
}

static void help_explains_every_option(void **state)
{
    static const char *const words[] = {"hostblob-test: a device that is none",
                                        "Usage: hostblob-test",
                                        "--socket-path=PATH",
                                        "--fd=N",
                                        "--print-capabilities\n",
                                        "--window=SIZE",
                                        "--mapping=HOW",
                                        "--exporter=KIND",
                                        "--mem-slots\n",
                                        "--answer-limit=SECONDS",
                                        "--poll=MICROSECONDS",
                                        "--control-path=PATH",
                                        "--log-level=LEVEL",
                                        "--colour=NAME",
                                        "        What it is painted in.\n        There is one.\n",
                                        "The window is 256M unless"};
    struct options o;

    assert_int_equal(PARSE(&o, A("--help")), OPTIONS_DONE);
    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strstr(said, words[i]) == NULL)
            fail_msg("'%s' is not in the help", words[i]);
    assert_null(strstr(said, "--worker")); /* it is not for people */
    assert_int_equal(PARSE(&o, A("--version")), OPTIONS_DONE);
    assert_string_equal(said, "hostblob-test " HOSTBLOB_VERSION "\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(what_is_not_said_has_a_default),
        FD_TEST(every_option_is_taken),
        FD_TEST(limits_are_taken),
        FD_TEST(a_size_has_a_unit),
        FD_TEST(nonsense_is_refused),
        FD_TEST(what_excludes_each_other_is_refused),
        FD_TEST(the_first_wrong_word_ends_it),
        FD_TEST(checking_tells_of_all_that_is_wrong),
        FD_TEST(options_are_printed_for_programs),
        FD_TEST(help_explains_every_option),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
