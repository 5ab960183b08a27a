/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "hostblob/front_ends.h"

static const struct front_end *find(const char *kind, const char *name)
{
    const struct front_end *f = NULL;

    while ((f = front_ends_next(kind, f)) != NULL && strcmp(f->name, name) != 0)
        continue;
    assert_non_null(f);
    return f;
}

static void expect(const char *kind, const char *front_end, const char *name, const char *socket,
                   const char *expected)
{
    char options[FRONT_ENDS_OPTIONS];

    front_ends_options(find(kind, front_end), name, socket, options);
    assert_string_equal(options, expected);
}

static void each_has_its_options(void **state)
{
    expect("gpu", "qemu", "desktop", "/run/a.sock",
           "-chardev socket,id=desktop,path=/run/a.sock -device vhost-user-test-device-pci,"
           "chardev=desktop,virtio-id=16,num_vqs=2,config_size=24,vq_size=256");
    expect("gpu", "qemu-display", "desktop", "/run/a.sock",
           "-chardev socket,id=desktop,path=/run/a.sock -device "
           "vhost-user-gpu-pci,chardev=desktop");
    expect("gpu", "crosvm", "desktop", "/run/a.sock", "--vhost-user gpu,socket=/run/a.sock");
    expect("media", "crosvm", "camera", "/run/a.sock", "--vhost-user media,socket=/run/a.sock");
}

static void what_cannot_be_says_why(void **state)
{
    expect("media", "qemu", "camera", "/run/a.sock", "");
    assert_non_null(strstr(find("media", "qemu")->note, "virtio-id=48"));
}

/* The list's commas are not the path's. */
static void crosvm_has_quotes(void **state)
{
    expect("gpu", "crosvm", "x", "/run/a,b", "--vhost-user gpu,socket=\\\"/run/a,b\\\"");
}

/* QEMU takes a comma for the end of a path, and the shell a blank for that of a word. */
static void paths_and_names_are_quoted(void **state)
{
    expect("gpu", "crosvm", "x", "/run/a b$c", "--vhost-user gpu,socket=/run/a\\ b\\$c");
    expect("gpu", "qemu-display", "1st", "/run/a,b",
           "-chardev socket,id=hostblob-1st,path=/run/a,,b -device "
           "vhost-user-gpu-pci,chardev=hostblob-1st");
    expect("gpu", "crosvm", "x", "/run/\xc3\xbc", "--vhost-user gpu,socket=/run/\xc3\xbc");
}

static void what_is_too_long_is_cut(void **state)
{
    char path[2000], options[FRONT_ENDS_OPTIONS];

    memset(path, ' ', sizeof(path));
    path[sizeof(path) - 1] = '\0';
    front_ends_options(find("gpu", "qemu"), "x", path, options);
    assert_true(strlen(options) < FRONT_ENDS_OPTIONS);
    assert_non_null(strstr(options, "vq_size=256"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_has_its_options),       cmocka_unit_test(what_cannot_be_says_why),
        cmocka_unit_test(paths_and_names_are_quoted), cmocka_unit_test(crosvm_has_quotes),
        cmocka_unit_test(what_is_too_long_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
