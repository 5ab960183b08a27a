/* SPDX-License-Identifier: MIT */
#include "tests/frontend/frontend.h"

#include <errno.h>
#include <linux/virtio_ring.h>
#include <string.h>
#include <sys/socket.h>

#define CONFIG_CHECKED 24u                 /* bytes of the config space */
#define LIBKRUN_WINDOW (UINT64_C(4) << 30) /* bytes, whatever the back-end has */
#define ACKED(frontend, name)                                                                      \
    (((frontend)->protocol & VHOST_USER_BIT(VHOST_USER_PROTOCOL_F_##name)) != 0)

static int ask_u64(struct frontend *frontend, uint32_t request, uint64_t *value)
{
    struct vhost_user_message answer;
    int r = frontend_ask(frontend, request, NULL, 0, &answer);

    if (r < 0)
        return r;
    if (answer.header.size != sizeof(answer.u64))
        return -EBADMSG;
    *value = answer.u64;
    return 0;
}

int frontend_give_channel(struct frontend *frontend)
{
    bool qemu = frontend->plan.habit == HABIT_QEMU;
    int pair[2], r;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    fd_close(&frontend->channel);
    frontend->channel = pair[0];
    r = frontend_tell(frontend, VHOST_USER_SET_BACKEND_REQ_FD, NULL, 0, &pair[1], 1, qemu);
    fd_close(&pair[1]);
    return r;
}

static int get_window(struct frontend *frontend)
{
    struct vhost_user_message answer;
    int r = frontend_ask(frontend, VHOST_USER_GET_SHMEM_CONFIG, NULL, 0, &answer);

    if (r < 0)
        return r;
    if (answer.header.size != sizeof(answer.shmem_config)) {
        frontend_violate(frontend, "GET_SHMEM_CONFIG: %u bytes", answer.header.size);
        return -EBADMSG;
    }
    frontend->shmem_config = answer.shmem_config;
    /* crosvm gives a device with two none. */
    if (frontend->plan.habit == HABIT_CROSVM && answer.shmem_config.regions > 1)
        frontend_violate(frontend, "GET_SHMEM_CONFIG: %u regions", answer.shmem_config.regions);
    for (unsigned i = 0; i < 256; i++)
        if (answer.shmem_config.sizes[i] != 0)
            return guest_window_init(&frontend->window, frontend->plan.habit, (uint8_t)i,
                                     answer.shmem_config.sizes[i]);
    return 0;
}

static int get_features(struct frontend *frontend)
{
    int r = ask_u64(frontend, VHOST_USER_GET_FEATURES, &frontend->offered);

    if (r == 0)
        r = ask_u64(frontend, VHOST_USER_GET_PROTOCOL_FEATURES, &frontend->offered_protocol);
    frontend->features = frontend->offered & frontend->plan.features;
    frontend->protocol =
        (frontend->offered_protocol & frontend->plan.protocol) | frontend->plan.protocol_unasked;
    for (unsigned i = 0; i < FRONTEND_QUEUES; i++) {
        frontend->queues[i].event_idx =
            frontend->features & VHOST_USER_BIT(VIRTIO_RING_F_EVENT_IDX);
        frontend->queues[i].indirect =
            frontend->features & VHOST_USER_BIT(VIRTIO_RING_F_INDIRECT_DESC);
    }
    if (r == 0)
        r = frontend_tell_u64(frontend, VHOST_USER_SET_PROTOCOL_FEATURES, frontend->protocol,
                              false);
    return r;
}

/* What QEMU 11.1 sends when the device is made. */
static int negotiate_qemu(struct frontend *frontend)
{
    uint64_t value;
    int r = get_features(frontend);

    if (r == 0 && ACKED(frontend, MQ))
        r = ask_u64(frontend, VHOST_USER_GET_QUEUE_NUM, &frontend->queue_num);
    if (r == 0 && ACKED(frontend, CONFIGURE_MEM_SLOTS))
        r = ask_u64(frontend, VHOST_USER_GET_MAX_MEM_SLOTS, &value);
    if (r == 0 && ACKED(frontend, BACKEND_REQ))
        r = frontend_give_channel(frontend);
    if (r == 0)
        r = frontend_tell(frontend, VHOST_USER_SET_OWNER, NULL, 0, NULL, 0, false);
    if (r == 0)
        r = ask_u64(frontend, VHOST_USER_GET_FEATURES, &value);
    for (unsigned i = 0; r == 0 && i < FRONTEND_QUEUES; i++) {
        uint64_t ring = i;

        r = frontend_tell(frontend, VHOST_USER_SET_VRING_CALL, &ring, sizeof(ring),
                          &frontend->queues[i].call, 1, true);
        if (r == 0)
            r = frontend_tell(frontend, VHOST_USER_SET_VRING_ERR, &ring, sizeof(ring),
                              &frontend->queues[i].call, 1, true);
    }
    if (r == 0 && ACKED(frontend, SHMEM) && !frontend->plan.no_window)
        r = get_window(frontend);
    return r;
}

/* A driver's reads of the config space go through one by one, each as wide as it is. */
static int check_config(struct frontend *frontend)
{
    uint8_t whole[CONFIG_CHECKED], piece[8];
    bool read = ACKED(frontend, CONFIG) && !frontend->plan.unread_config;
    int r = read ? frontend_get_config(frontend, 0, sizeof(whole), whole) : 0;

    for (uint32_t at = 0, size = 1; r == 0 && read && at < sizeof(whole);
         at += size, size = size % 8 + 1) {
        if (size > sizeof(whole) - at)
            size = sizeof(whole) - at;
        r = frontend_get_config(frontend, at, size, piece);
        if (r == 0 && memcmp(piece, whole + at, size) != 0)
            frontend_violate(frontend, "the config space reads differently at %u", at);
    }
    return r;
}

static int negotiate_crosvm(struct frontend *frontend)
{
    int r = frontend_tell(frontend, VHOST_USER_SET_OWNER, NULL, 0, NULL, 0, false);

    if (r == 0)
        r = get_features(frontend);
    if (r == 0 && ACKED(frontend, BACKEND_REQ))
        r = frontend_give_channel(frontend);
    if (r == 0 && ACKED(frontend, MQ))
        r = ask_u64(frontend, VHOST_USER_GET_QUEUE_NUM, &frontend->queue_num);
    if (r == 0 && ACKED(frontend, SHMEM) && !frontend->plan.no_window)
        r = get_window(frontend);
    if (r == 0)
        r = check_config(frontend);
    return r;
}

/* Nobody is told of an owner, and no channel is given, before a driver is there. Nor is the
 * window's size asked for. */
static int negotiate_libkrun(struct frontend *frontend)
{
    int r = get_features(frontend);

    if (r == 0 && ACKED(frontend, MQ))
        r = ask_u64(frontend, VHOST_USER_GET_QUEUE_NUM, &frontend->queue_num);
    if (r == 0)
        r = check_config(frontend);
    if (r == 0 && ACKED(frontend, SHMEM) && !frontend->plan.no_window)
        r = guest_window_init(&frontend->window, HABIT_LIBKRUN, 0, LIBKRUN_WINDOW);
    return r;
}

int frontend_negotiate(struct frontend *frontend)
{
    switch (frontend->plan.habit) {
    case HABIT_QEMU:
        return negotiate_qemu(frontend);
    case HABIT_CROSVM:
        return negotiate_crosvm(frontend);
    default:
        return negotiate_libkrun(frontend);
    }
}

int frontend_get_config(struct frontend *frontend, uint32_t offset, uint32_t size, void *to)
{
    struct vhost_user_config config = {.offset = offset, .size = size};
    struct vhost_user_message answer;
    int r = frontend_ask(frontend, VHOST_USER_GET_CONFIG, &config,
                         VHOST_USER_CONFIG_HEADER_SIZE + size, &answer);

    if (r < 0)
        return r;
    /* The specification: an answer without payload is an error. */
    if (answer.header.size != VHOST_USER_CONFIG_HEADER_SIZE + size)
        return -EPROTO;
    memcpy(to, answer.config.data, size);
    return 0;
}
