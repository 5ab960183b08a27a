/* SPDX-License-Identifier: MIT */
#include "story.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json_pointer.h>

/* 'hostblob check FILE': what it says of a configuration before anything is started. */
static char said[65536];

/* Checks a file with that text, which lies in an empty folder, with 'options'. The exit status. */
static int check(const char *options, const char *text)
{
    return story_shell(said, sizeof(said),
                       "d=$(mktemp -d); printf '%s' > \"$d/a.conf\"; mkdir \"$d/run\"; cd \"$d\"; "
                       "HOSTBLOB_RUN_DIR=\"$d/run\" timeout 100 \"$HOSTBLOB\" check %s a.conf 2>&1;"
                       " r=$?; ls run; cd /; rm -rf \"$d\"; exit $r",
                       text, options);
}

static void expect(const char *text)
{
    if (strstr(said, text) == NULL)
        fail_msg("\"%s\" is not in: %s", text, said);
}

static void expect_at(struct json_object *root, const char *path, const char *text)
{
    struct json_object *found = NULL;

    if (json_pointer_get(root, path, &found) < 0)
        fail_msg("there is no %s in: %s", path, said);
    if (strcmp(json_object_get_string(found), text) != 0)
        fail_msg("%s is %s", path, json_object_get_string(found));
}

static void each_device_and_how_to_use_it(void **state)
{
    assert_int_equal(check("", "[gpu desktop]\\nwindow = 512M\\nsocket = /tmp/a b.sock\\n"
                               "[media camera]\\n"),
                     0);
    expect("gpu desktop: starts\n  socket /tmp/a b.sock, window 512M\n    in   memory ");
    expect("-chardev socket,id=desktop,path=/tmp/a\\ b.sock -device vhost-user-test-device-pci,");
    expect("-device vhost-user-gpu-pci,chardev=desktop\n");
    expect("    --vhost-user gpu,socket=/tmp/a\\ b.sock\n");
    expect("media camera: starts\n");
    expect("/run/camera.sock, window 4G\n    in   pattern      formats YUYV NV12 RGB3 NM12\n");
    expect("    --vhost-user media,socket=/");
    expect("\nhostblob-media\n  kinds\n"); /* and of the host */
}

static void what_would_not_start(void **state)
{
    assert_int_equal(check("", "[gpu a]\\nsocket = /no-such-folder/a.sock\\n"
                               "[media b]\\nkind = file\\nfile = /no-such-film\\n[media c]\\n"),
                     1);
    expect("gpu a: does not start\n  problem: its socket cannot be in /no-such-folder: No such");
    expect("media b: does not start\n  problem: kind=file does not work here: /no-such-film: ");
    expect("media c: starts\n");
}

static void mistakes_are_told_and_nothing_is_tried(void **state)
{
    assert_int_equal(check("", "[gpu a]\\nwindw = 512M\\nwindow = 300M\\n\\n[video b]\\n"), 1);
    expect("a.conf:2: ");
    expect("did you mean 'window'?");
    expect("a.conf:3: ");
    expect("power of two");
    expect("a.conf:5: ");
    expect("none of its devices was tried");
    assert_null(strstr(said, ": starts"));
}

static void programs_read_it_too(void **state)
{
    struct json_object *root;

    assert_int_equal(check("--json", "[gpu desktop]\\nrenderer = memory\\nsocket = /tmp/a.sock\\n"),
                     0);
    root = json_tokener_parse(said);
    expect_at(root, "/errors", "[ ]");
    expect_at(root, "/devices/0/name", "desktop");
    expect_at(root, "/devices/0/place", "a.conf:1");
    expect_at(root, "/devices/0/starts", "true");
    expect_at(root, "/devices/0/window", "268435456");
    expect_at(root, "/devices/0/offers/memory/in", "true");
    expect_at(root, "/devices/0/front_ends/crosvm/options", "--vhost-user gpu,socket=/tmp/a.sock");
    json_object_put(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_device_and_how_to_use_it),
        cmocka_unit_test(what_would_not_start),
        cmocka_unit_test(mistakes_are_told_and_nothing_is_tried),
        cmocka_unit_test(programs_read_it_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
