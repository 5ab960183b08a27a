/* SPDX-License-Identifier: MIT */
#include "tests/bench/probe.h"

#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>
#include <linux/virtio_config.h>
#include <linux/virtio_gpu.h>
#include <linux/virtio_ring.h>

/* What back-ends offer, by the names that their manuals have. */
struct bit {
    unsigned number;
    const char *name;
};

static const struct bit protocol_bits[] = {
    {0, "MQ"},
    {1, "LOG_SHMFD"},
    {3, "REPLY_ACK"},
    {5, "BACKEND_REQ"},
    {8, "PAGEFAULT"},
    {9, "CONFIG"},
    {10, "BACKEND_SEND_FD"},
    {11, "HOST_NOTIFIER"},
    {12, "INFLIGHT_SHMFD"},
    {13, "RESET_DEVICE"},
    {14, "INBAND_NOTIFICATIONS"},
    {15, "CONFIGURE_MEM_SLOTS"},
    {16, "STATUS"},
    {17, "XEN_MMAP"},
    {18, "SHARED_OBJECT"},
    {19, "DEVICE_STATE"},
    {20, "20 (an old draft's SHMEM)"},
    {21, "GPA_ADDRESSES"},
    {22, "SHMEM"},
};

static const struct bit gpu_bits[] = {
    {VIRTIO_GPU_F_VIRGL, "VIRGL"},
    {VIRTIO_GPU_F_EDID, "EDID"},
    {VIRTIO_GPU_F_RESOURCE_UUID, "RESOURCE_UUID"},
    {VIRTIO_GPU_F_RESOURCE_BLOB, "RESOURCE_BLOB"},
    {VIRTIO_GPU_F_CONTEXT_INIT, "CONTEXT_INIT"},
};

static const struct bit ring_bits[] = {
    {VIRTIO_RING_F_INDIRECT_DESC, "INDIRECT_DESC"},
    {VIRTIO_RING_F_EVENT_IDX, "EVENT_IDX"},
    {VIRTIO_F_VERSION_1, "VERSION_1"},
    {40, "RING_RESET"},
};

static void print_bits(const char *what, uint64_t value, const struct bit *bits, unsigned count)
{
    printf("  %s:", what);
    for (unsigned i = 0; i < count; i++)
        if (value >> bits[i].number & 1)
            printf(" %s", bits[i].name);
    printf("\n");
}

#define PRINT_BITS(what, value, bits)                                                              \
    print_bits(what, value, bits, sizeof(bits) / sizeof((bits)[0]))

static void print_offers(const struct rig *rig)
{
    const struct frontend *frontend = &rig->frontend;

    printf("%s offers\n", rig->options->subject);
    PRINT_BITS("protocol", frontend->offered_protocol, protocol_bits);
    if (!rig->options->media)
        PRINT_BITS("device", frontend->offered, gpu_bits);
    PRINT_BITS("rings", frontend->offered, ring_bits);
    if (frontend->window.size > 0)
        printf("  window: %llu MiB, region %u\n", (unsigned long long)(frontend->window.size >> 20),
               frontend->window.shmid);
    else
        printf("  window: none\n");
    if (rig->options->media)
        return;
    printf("  contexts of capsets:");
    for (unsigned i = 0; i < rig->capset_count; i++)
        printf(" %u", rig->capsets[i]);
    printf("%s\n  display socket: %s\n", rig->capset_count == 0 ? " none" : "",
           rig->options->no_display ? "not given"
           : rig->display.asked     ? "used"
                                    : "not used");
}

static void write_offers(const struct rig *rig, FILE *json)
{
    struct json_object *object = json_object_new_object(), *capsets = json_object_new_array();
    char text[32];

    json_object_object_add(object, "kind", json_object_new_string("offers"));
    json_object_object_add(object, "subject", json_object_new_string(rig->options->subject));
    snprintf(text, sizeof(text), "0x%llx", (unsigned long long)rig->frontend.offered);
    json_object_object_add(object, "features", json_object_new_string(text));
    snprintf(text, sizeof(text), "0x%llx", (unsigned long long)rig->frontend.offered_protocol);
    json_object_object_add(object, "protocol_features", json_object_new_string(text));
    json_object_object_add(object, "window",
                           json_object_new_int64((int64_t)rig->frontend.window.size));
    for (unsigned i = 0; i < rig->capset_count; i++)
        json_object_array_add(capsets, json_object_new_int64(rig->capsets[i]));
    json_object_object_add(object, "capsets", capsets);
    json_object_object_add(object, "display", json_object_new_boolean(rig->display.asked));
    fprintf(json, "%s\n", json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN));
    fflush(json);
    json_object_put(object);
}

void probe(const struct options *options, FILE *json)
{
    struct rig *rig = calloc(1, sizeof(*rig));

    if (rig == NULL)
        return;
    if (rig_open(rig, options, FRONT_END_PLAIN) == 0) {
        print_offers(rig);
        if (json != NULL)
            write_offers(rig, json);
    } else {
        printf("%s: %s\n", options->subject, rig->trouble);
    }
    rig_close(rig);
    free(rig);
}
