/* SPDX-License-Identifier: MIT */
#include "fd_count.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hostblob/device_spec.h"

/* The device programs lie beside the program that starts them: here beside this test. */
static char gpu[PATH_MAX + 16], media[PATH_MAX + 16];
static struct device_spec spec;

static void refuse(const char *text, const char *sentence)
{
    const char *reason = device_spec_init(&spec, text);

    if (reason == NULL || strstr(reason, sentence) == NULL)
        fail_msg("'%s': %s", text, reason != NULL ? reason : "is taken");
    device_spec_finish(&spec);
    assert_int_equal(spec.argc, 0);
}

static void a_device_becomes_a_command_line(void **state)
{
    assert_null(device_spec_init(&spec, "gpu,socket=/run/gpu.sock,window=256M,mem-slots"));
    assert_string_equal(spec.kind, "gpu");
    assert_int_equal(spec.argc, 4);
    assert_string_equal(spec.argv[0], gpu);
    assert_string_equal(spec.argv[1], "--socket-path=/run/gpu.sock");
    assert_string_equal(spec.argv[2], "--window=256M");
    assert_string_equal(spec.argv[3], "--mem-slots");
    assert_null(spec.argv[4]);
    device_spec_finish(&spec);
    device_spec_finish(&spec); /* twice is once */
}

static void values_are_the_device_programs_matter(void **state)
{
    assert_null(device_spec_init(&spec, "gpu,x=a=b,socket=,y="));
    assert_string_equal(spec.argv[1], "--x=a=b");
    assert_string_equal(spec.argv[2], "--socket-path=");
    assert_string_equal(spec.argv[3], "--y=");
    device_spec_finish(&spec);
}

static void words_are_found_and_compared(void **state)
{
    struct device_spec other;

    assert_null(device_spec_init(&spec, "gpu,socket=/run/gpu.sock,control-path=/c,mem-slots"));
    assert_true(spec.has_control);
    assert_string_equal(device_spec_value(&spec, "socket-path"), "/run/gpu.sock");
    assert_string_equal(device_spec_value(&spec, "control-path"), "/c");
    assert_null(device_spec_value(&spec, "socket"));
    assert_null(device_spec_value(&spec, "mem-slots"));
    assert_null(device_spec_init(&other, "gpu,socket=/run/gpu.sock,control-path=/c"));
    assert_false(device_spec_same(&spec, &other));
    assert_true(device_spec_add(&other, "mem-slots", NULL, "a.conf:7"));
    assert_string_equal(other.where[4 - 1], "a.conf:7");
    assert_null(other.where[1]);
    assert_true(device_spec_same(&spec, &other));
    device_spec_finish(&other);
    assert_null(device_spec_init(&other, "gpu,socket=/run/gpu.sock,control-path=/d,mem-slots"));
    assert_false(device_spec_same(&spec, &other));
    device_spec_finish(&other);
    device_spec_finish(&spec);
}

static void nonsense_is_refused(void **state)
{
    refuse("", "'gpu' or 'media'");
    refuse(",", "'gpu' or 'media'");
    refuse("gpus,socket=/s", "'gpu' or 'media'");
    refuse("GPU,socket=/s", "'gpu' or 'media'");
    refuse("socket=/s,gpu", "'gpu' or 'media'");
    refuse("gpu", "needs socket=PATH");
    refuse("gpu,window=1G", "needs socket=PATH");
    refuse("gpu,socket", "needs socket=PATH");
    refuse("gpu,", "empty word");
    refuse("gpu,,socket=/s", "empty word");
    refuse("gpu,socket=/s,", "empty word");
    refuse("gpu,socket=/s,=1", "empty word");
    refuse("media,socket=/s", "not installed beside");
}

static void there_is_a_most(void **state)
{
    char text[2048] = "gpu,socket=/s";

    for (unsigned i = 2; i < DEVICE_SPEC_MAX_ARGUMENTS; i++)
        strcat(text, ",a=1");
    assert_null(device_spec_init(&spec, text));
    assert_int_equal(spec.argc, DEVICE_SPEC_MAX_ARGUMENTS);
    assert_null(spec.argv[spec.argc]);
    device_spec_finish(&spec);
    strcat(text, ",a=1");
    refuse(text, "too many words");
}

/* Only one of the two is there. */
static int install(void **state)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    int fd;

    if (n < 0)
        return -1;
    self[n] = '\0';
    *strrchr(self, '/') = '\0';
    snprintf(gpu, sizeof(gpu), "%s/hostblob-gpu", self);
    snprintf(media, sizeof(media), "%s/hostblob-media", self);
    fd = open(gpu, O_CREAT | O_WRONLY | O_CLOEXEC, 0700);
    if (fd < 0)
        return -1;
    close(fd);
    return access(media, F_OK) < 0 ? 0 : -1;
}

static int uninstall(void **state)
{
    return unlink(gpu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(a_device_becomes_a_command_line),
        FD_TEST(words_are_found_and_compared),
        FD_TEST(values_are_the_device_programs_matter),
        FD_TEST(nonsense_is_refused),
        FD_TEST(there_is_a_most),
    };

    return cmocka_run_group_tests(tests, install, uninstall);
}
