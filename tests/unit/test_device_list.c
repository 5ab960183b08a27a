/* SPDX-License-Identifier: MIT */
#include "fd_count.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <json-c/json.h>
#include <json-c/json_pointer.h>

#include "device/device_list.h"
#include "protocol/link.h"

static char *said; /* the answer's text, owned */
static int result;
static unsigned answers;

static void on_answer(void *data, int r, const char *text)
{
    free(said);
    said = strdup(text);
    result = r;
    answers++;
}

/* A list of so many things, and what is said of it. */
static void list(int fd, unsigned count)
{
    struct device_list l;

    answers = 0;
    device_list_init(&l, "things", fd);
    for (unsigned i = 0; i < count; i++) {
        struct json_text *to = device_list_open(&l);

        if (to == NULL)
            continue;
        json_text_number(to, "number", i);
        json_text_string(to, "text", "some words to fill the room");
        device_list_close(&l);
    }
    device_list_answer(&l, on_answer, NULL);
    assert_int_equal(answers, 1);
}

static long number(const char *text, const char *path)
{
    struct json_object *root = json_tokener_parse(text), *found = NULL;
    long n;

    assert_non_null(root);
    assert_int_equal(json_pointer_get(root, path, &found), 0);
    n = json_object_is_type(found, json_type_array) ? (long)json_object_array_length(found)
                                                    : (long)json_object_get_int64(found);
    json_object_put(root);
    return n;
}

static void a_short_list_is_the_answer(void **state)
{
    list(-1, 0);
    assert_int_equal(result, 0);
    assert_string_equal(said, "{\"things\":[],\"left_out\":0}");
    list(-1, 3);
    assert_int_equal(number(said, "/things"), 3);
    assert_int_equal(number(said, "/things/2/number"), 2);
    assert_int_equal(number(said, "/left_out"), 0);
}

static void what_does_not_fit_is_counted(void **state)
{
    list(-1, 1000);
    assert_int_equal(result, 0);
    assert_true(strlen(said) < LINK_MAX_TEXT);
    assert_true(strlen(said) > LINK_MAX_TEXT - 100);
    assert_true(number(said, "/things") > 50);
    assert_int_equal(number(said, "/things") + number(said, "/left_out"), 1000);
}

/* Reads it back, to be freed. */
static char *read_back(int fd, size_t *size)
{
    char *text;

    *size = (size_t)lseek(fd, 0, SEEK_END);
    text = calloc(1, *size + 1);
    assert_non_null(text);
    assert_int_equal(pread(fd, text, *size, 0), *size);
    return text;
}

static void a_long_one_goes_to_memory(void **state)
{
    static const struct {
        unsigned count;
        bool fits;
    } rows[] = {{1000, true}, {100000, false}};

    for (unsigned i = 0; i < 2; i++) {
        int memory = memfd_create("list", MFD_CLOEXEC);
        size_t size;
        char *text;

        list(fcntl(memory, F_DUPFD_CLOEXEC, 0), rows[i].count);
        assert_int_equal(result, 0);
        assert_string_equal(said, "");
        text = read_back(memory, &size);
        assert_true(size <= DEVICE_LIST_FILE);
        assert_int_equal(number(text, "/things") + number(text, "/left_out"), rows[i].count);
        assert_int_equal(number(text, "/left_out") == 0, rows[i].fits);
        free(text);
        close(memory);
    }
}

static void no_disk_is_waited_for(void **state)
{
    int pair[2];

    assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
    list(pair[1], 1);
    assert_int_equal(result, -EINVAL);
    assert_non_null(strstr(said, "memfd"));
    close(pair[0]);
}

static int finish(void **state)
{
    free(said);
    said = NULL;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(a_short_list_is_the_answer),
        FD_TEST(what_does_not_fit_is_counted),
        FD_TEST(a_long_one_goes_to_memory),
        FD_TEST(no_disk_is_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, finish);
}
