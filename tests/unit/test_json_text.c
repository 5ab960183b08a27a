/* SPDX-License-Identifier: MIT */
#include "fd_count.h"

#include <string.h>

#include <json-c/json.h>

#include "base/json_text.h"

static void what_is_written_is_read(void **state)
{
    struct json_text text;
    struct json_object *root, *found;
    char *line;

    json_text_init(&text);
    json_text_open(&text, NULL, '{');
    json_text_string(&text, "a \"word\"", "\\ \"\n\x01 \xc3\xa4/");
    json_text_number(&text, "number", UINT64_MAX);
    json_text_open(&text, "list", '[');
    json_text_number(&text, NULL, 1);
    json_text_open(&text, NULL, '{');
    json_text_close(&text, '}');
    json_text_string(&text, NULL, "");
    json_text_close(&text, ']');
    json_text_boolean(&text, "yes", true);
    json_text_boolean(&text, "no", false);
    json_text_close(&text, '}');
    line = json_text_finish(&text);
    assert_non_null(line);
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
    root = json_tokener_parse(line);
    assert_non_null(root);
    assert_int_equal(json_object_object_length(root), 5);
    assert_true(json_object_object_get_ex(root, "a \"word\"", &found));
    assert_string_equal(json_object_get_string(found), "\\ \"\n\x01 \xc3\xa4/");
    assert_true(json_object_object_get_ex(root, "number", &found));
    assert_true(json_object_get_uint64(found) == UINT64_MAX);
    assert_true(json_object_object_get_ex(root, "list", &found));
    assert_int_equal(json_object_array_length(found), 3);
    assert_true(json_object_object_get_ex(root, "yes", &found) && json_object_get_boolean(found));
    assert_true(json_object_object_get_ex(root, "no", &found) && !json_object_get_boolean(found));
    json_object_put(root);
    free(line);
}

/* Far more than the first room. */
static void it_grows(void **state)
{
    struct json_text text;
    struct json_object *root;
    char *line;

    json_text_init(&text);
    json_text_open(&text, NULL, '[');
    for (unsigned i = 0; i < 10000; i++)
        json_text_number(&text, NULL, i);
    json_text_close(&text, ']');
    line = json_text_finish(&text);
    root = json_tokener_parse(line);
    assert_int_equal(json_object_array_length(root), 10000);
    assert_int_equal(json_object_get_int(json_object_array_get_idx(root, 9999)), 9999);
    json_object_put(root);
    free(line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(what_is_written_is_read),
        FD_TEST(it_grows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
