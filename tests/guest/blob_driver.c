/* SPDX-License-Identifier: MIT */
#include "blob_driver.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "blob_card.h"

#define DRIVER "/sys/bus/virtio/drivers/virtio_gpu"

static void tell(const char *path, const char *device)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, device, strlen(device)) != (ssize_t)strlen(device))
        blob_card_fail("%s: %m", path);
    close(fd);
}

void blob_driver_device(char *name)
{
    DIR *folder = opendir(DRIVER);
    struct dirent *entry;

    name[0] = '\0';
    while (folder && (entry = readdir(folder)))
        if (strncmp(entry->d_name, "virtio", 6) == 0)
            snprintf(name, BLOB_DRIVER_NAME, "%s", entry->d_name);
    if (folder)
        closedir(folder);
    if (!name[0])
        blob_card_fail("the driver has no device");
}

void blob_driver_unbind(const char *device)
{
    tell(DRIVER "/unbind", device);
}

void blob_driver_bind(const char *device)
{
    tell(DRIVER "/bind", device);
}
