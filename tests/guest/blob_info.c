/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "blob_abi.h"
#include "blob_card.h"
#include "blob_jobs.h"

enum { KLOG_READ_ALL = 3 };

/* Prints what the kernel's log says about the window, "0xADDRESS +0xSIZE". */
static void print_window(void)
{
    static char log[1 << 20];
    static const char words[] = "Host memory window: ";

    int size = klogctl(KLOG_READ_ALL, log, sizeof(log) - 1);
    log[size < 0 ? 0 : size] = '\0';
    const char *found = NULL;
    for (const char *at = log; (at = strstr(at, words)); at++)
        found = at + strlen(words);
    if (!found)
        blob_card_fail("the kernel's log names no host memory window");
    unsigned long long address = 0, bytes = 0;
    if (sscanf(found, "%llx +%llx", &address, &bytes) != 2)
        blob_card_fail("the kernel's log names the window in another form");
    printf("@@ window_address=0x%llx window_bytes=%llu\n", address, bytes);
}

int blob_job_info(int argc, char **argv)
{
    struct utsname kernel;
    char name[32] = "", date[32] = "";
    struct abi_version version = {
        .name_size = sizeof(name) - 1, .name = name, .date_size = sizeof(date) - 1, .date = date};

    (void)argc;
    (void)argv;
    uname(&kernel);
    const char *path = blob_card_path();
    if (!path)
        blob_card_fail("there is no render node of virtio_gpu");
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 || ioctl(fd, ABI_VERSION, &version) != 0)
        blob_card_fail("%s: %s", path, strerror(errno));
    close(fd);
    printf("@@ kernel=%s driver=%s driver_version=%d.%d.%d node=%s\n", kernel.release, name,
           version.major, version.minor, version.patch, path);
    print_window();
    return 0;
}
