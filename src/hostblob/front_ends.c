/* SPDX-License-Identifier: MIT */
#include "hostblob/front_ends.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define TEXT 256u

/* Ids, queues and sizes: virtio 1.3, 5.7. */
static void write_qemu(char options[static FRONT_ENDS_OPTIONS], const char *id, const char *path)
{
    snprintf(options, FRONT_ENDS_OPTIONS,
             "-chardev socket,id=%s,path=%s -device vhost-user-test-device-pci,chardev=%s,"
             "virtio-id=16,num_vqs=2,config_size=24,vq_size=256",
             id, path, id);
}

static void write_qemu_display(char options[static FRONT_ENDS_OPTIONS], const char *id,
                               const char *path)
{
    snprintf(options, FRONT_ENDS_OPTIONS,
             "-chardev socket,id=%s,path=%s -device vhost-user-gpu-pci,chardev=%s", id, path, id);
}

static void write_crosvm_gpu(char options[static FRONT_ENDS_OPTIONS], const char *id,
                             const char *path)
{
    snprintf(options, FRONT_ENDS_OPTIONS, "--vhost-user gpu,socket=%s", path);
}

static void write_crosvm_media(char options[static FRONT_ENDS_OPTIONS], const char *id,
                               const char *path)
{
    snprintf(options, FRONT_ENDS_OPTIONS, "--vhost-user media,socket=%s", path);
}

static const struct front_end front_ends[] = {
    {"qemu", "QEMU 11.0 or newer, with host blobs", "gpu", write_qemu,
     "the guest's memory has to be shared: -object memory-backend-memfd,id=mem,size=SIZE,share=on "
     "-machine memory-backend=mem"},
    {"qemu-display", "QEMU with the guest's screens in its own window, without host blobs", "gpu",
     write_qemu_display, "shared memory as above, and -display sdl,gl=on or gtk,gl=on"},
    {"crosvm", "crosvm of August 2026 or newer", "gpu", write_crosvm_gpu, NULL},
    {"qemu", "QEMU 11.1", "media", NULL,
     "it knows no media device, and aborts on virtio-id=48: take crosvm or libkrun"},
    {"crosvm", "crosvm of August 2026 or newer", "media", write_crosvm_media, NULL},
};
#define FRONT_ENDS (sizeof(front_ends) / sizeof(front_ends[0]))

const struct front_end *front_ends_next(const char *kind, const struct front_end *last)
{
    const struct front_end *next = last == NULL ? front_ends : last + 1;

    while (next < front_ends + FRONT_ENDS && strcmp(next->kind, kind) != 0)
        next++;
    return next < front_ends + FRONT_ENDS ? next : NULL;
}

static bool is_plain(char c)
{
    return (unsigned char)c >= 0x80 || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || strchr("/._-+:@%=,", c) != NULL;
}

/* A path as a part of a list with commas, and of a word for the shell: QEMU has commas doubled,
 * crosvm the whole in quotes. */
static void quote(const char *path, bool quotes, char *text, size_t size)
{
    const char *around = quotes && strchr(path, ',') != NULL ? "\\\"" : "";
    size_t used = (size_t)snprintf(text, size, "%s", around);

    for (; *path != '\0' && used + 6 < size; path++) {
        if (!is_plain(*path))
            text[used++] = '\\';
        else if (*path == ',' && !quotes)
            text[used++] = ',';
        text[used++] = *path;
    }
    snprintf(text + used, size - used, "%s", around);
}

/* Names of QEMU's objects begin with a letter. */
static void make_id(const char *name, char *id, size_t size)
{
    bool letter = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z');

    snprintf(id, size, "%s%s", letter ? "" : "hostblob-", name);
}

void front_ends_options(const struct front_end *front_end, const char *name, const char *socket,
                        char options[static FRONT_ENDS_OPTIONS])
{
    char id[64], path[TEXT];

    options[0] = '\0';
    if (front_end->write == NULL)
        return;
    make_id(name, id, sizeof(id));
    quote(socket, strcmp(front_end->name, "crosvm") == 0, path, sizeof(path));
    front_end->write(options, id, path);
}
