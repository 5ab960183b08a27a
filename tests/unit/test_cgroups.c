/* SPDX-License-Identifier: MIT */
#include "fd_count.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hostblob/cgroups.h"

/* A folder that looks like a cgroup: what is written can be read again. */
static char folder[] = "/tmp/hostblob-cgroups-XXXXXX";
static char path[PATH_MAX];

static const char *in_folder(const char *name)
{
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(in_folder(name), "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void expect_file(const char *name, const char *text)
{
    FILE *file = fopen(in_folder(name), "r");
    char have[64] = "";

    assert_non_null(file);
    if (fgets(have, sizeof(have), file) == NULL)
        have[0] = '\0';
    fclose(file);
    assert_string_equal(have, text);
}

static const char mounts[] = "22 1 0:20 / /proc rw - proc proc rw\n"
                             "30 1 0:26 / /sys/fs/cgroup/unified rw shared:9 - cgroup2 none rw\n";

static void the_own_one_is_found(void **state)
{
    static const struct {
        const char *mountinfo, *cgroup, *path;
    } rows[] = {
        {mounts, "0::/system.slice/hostblob.service\n",
         "/sys/fs/cgroup/unified/system.slice/hostblob.service"},
        {mounts, "4:memory:/a\n0::/\n", "/sys/fs/cgroup/unified"},
        {mounts, "4:memory:/a\n", NULL},
        {mounts, "", NULL},
        {"22 1 0:20 / /proc rw - proc proc rw\n", "0::/\n", NULL},
        {"", "0::/\n", NULL},
    };
    char mountinfo[PATH_MAX], cgroup[PATH_MAX], found[PATH_MAX];

    snprintf(mountinfo, sizeof(mountinfo), "%s", in_folder("mountinfo"));
    snprintf(cgroup, sizeof(cgroup), "%s", in_folder("cgroup"));
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        write_file("mountinfo", rows[i].mountinfo);
        write_file("cgroup", rows[i].cgroup);
        assert_int_equal(cgroups_find(mountinfo, cgroup, found), rows[i].path != NULL);
        if (rows[i].path != NULL)
            assert_string_equal(found, rows[i].path);
    }
    unlink(mountinfo);
    assert_false(cgroups_find(mountinfo, cgroup, found));
    unlink(cgroup);
}

static void each_device_has_a_folder(void **state)
{
    struct cgroups c;
    char why[128];
    struct stat st;
    int fd;

    write_file("cgroup.procs", "");
    write_file("cgroup.controllers", "memory pids\n");
    write_file("cgroup.subtree_control", "");
    assert_int_equal(cgroups_init(&c, folder, why, sizeof(why)), 0);
    assert_false(c.moved);
    expect_file("cgroup.subtree_control", "+pidsry"); /* a file keeps what is not written over */
    assert_int_equal(mkdir(in_folder("desktop.device"), 0755), 0); /* it was left there */
    write_file("desktop.device/cgroup.procs", "");
    write_file("desktop.device/cgroup.kill", "");
    fd = cgroups_open(&c, "desktop");
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "0", 1), 1);
    close(fd);
    expect_file("desktop.device/cgroup.procs", "0");
    cgroups_kill(&c, "desktop");
    expect_file("desktop.device/cgroup.kill", "1");
    unlink(in_folder("desktop.device/cgroup.procs"));
    unlink(in_folder("desktop.device/cgroup.kill"));
    cgroups_remove(&c, "desktop");
    assert_true(stat(in_folder("desktop.device"), &st) < 0);
    cgroups_finish(&c);
    assert_int_equal(cgroups_open(&c, "desktop"), -ENOENT);
    expect_file("cgroup.procs", ""); /* this process stayed where it was */
    unlink(in_folder("cgroup.procs"));
    unlink(in_folder("cgroup.controllers"));
    unlink(in_folder("cgroup.subtree_control"));
}

static void without_any_it_says_why(void **state)
{
    struct cgroups c;
    char why[128];

    assert_int_equal(cgroups_init(&c, "none", why, sizeof(why)), 0);
    assert_int_equal(cgroups_open(&c, "desktop"), -ENOENT);
    cgroups_remove(&c, "desktop");
    cgroups_finish(&c);
    assert_true(cgroups_init(&c, "/no/such/folder", why, sizeof(why)) < 0);
    assert_non_null(strstr(why, "/no/such/folder cannot have any: No such file"));
    assert_int_equal(cgroups_open(&c, "desktop"), -ENOENT);
}

static int make(void **state)
{
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_all(void **state)
{
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(the_own_one_is_found),
        FD_TEST(each_device_has_a_folder),
        FD_TEST(without_any_it_says_why),
    };

    return cmocka_run_group_tests(tests, make, remove_all);
}
