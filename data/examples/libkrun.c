/*
 * A camera for libkrun, which is a library: a program of one's own names the device.
 *
 *   hostblob-media --socket-path=/run/vm-media.sock
 *   cc libkrun.c -lkrun -o vm && ./vm ROOT-FOLDER
 *
 * It needs libkrun 1.18 with vhost-user, and a guest's kernel with virtio-media, as libkrunfw's of
 * August 2026. Version 2 of the library has other calls: krun_vhost_user_device_new().
 *
 * Not tried with libkrun itself, which no Debian has: compiled with the header of its version 1.18,
 * and the device with a front-end that has its habits, in the tests of this project.
 */
#include <libkrun.h>
#include <stddef.h>
#include <stdlib.h>

#define VIRTIO_ID_MEDIA 48

int main(int argc, char **argv)
{
    const char *const arguments[] = {NULL}, *const environment[] = {NULL};
    int context = krun_create_ctx();

    /* As many queues as the device says, of 256 entries. */
    if (argc != 2 || context < 0 || krun_set_vm_config((uint32_t)context, 1, 1024) < 0 ||
        krun_set_root((uint32_t)context, argv[1]) < 0 ||
        krun_add_vhost_user_device((uint32_t)context, VIRTIO_ID_MEDIA, "/run/vm-media.sock", NULL,
                                   0, NULL) < 0 ||
        krun_set_exec((uint32_t)context, "/bin/sh", arguments, environment) < 0)
        return EXIT_FAILURE;
    return krun_start_enter((uint32_t)context) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
