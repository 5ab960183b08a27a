/* SPDX-License-Identifier: MIT */
#include "tests/frontend/frontend.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* QEMU acks every bit from 0 to 22 that it is offered, but 20. */
#define QEMU_PROTOCOL (((UINT64_C(1) << 23) - 1) & ~VHOST_USER_BIT(20))
#define CROSVM_PROTOCOL                                                                            \
    (VHOST_USER_BIT(VHOST_USER_PROTOCOL_F_MQ) | VHOST_USER_BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK) |  \
     VHOST_USER_BIT(VHOST_USER_PROTOCOL_F_BACKEND_REQ) |                                           \
     VHOST_USER_BIT(VHOST_USER_PROTOCOL_F_CONFIG) | VHOST_USER_BIT(VHOST_USER_PROTOCOL_F_SHMEM))
/* No REPLY_ACK. */
#define LIBKRUN_PROTOCOL                                                                           \
    (VHOST_USER_BIT(VHOST_USER_PROTOCOL_F_MQ) |                                                    \
     VHOST_USER_BIT(VHOST_USER_PROTOCOL_F_BACKEND_REQ) |                                           \
     VHOST_USER_BIT(VHOST_USER_PROTOCOL_F_CONFIG) |                                                \
     VHOST_USER_BIT(VHOST_USER_PROTOCOL_F_BACKEND_SEND_FD) |                                       \
     VHOST_USER_BIT(VHOST_USER_PROTOCOL_F_SHMEM))
/* What the Linux driver of a device takes, and what the rings can do. */
#define DEVICE_BITS UINT64_C(0xffffff)
#define RING_BITS                                                                                  \
    (VHOST_USER_BIT(VIRTIO_F_VERSION_1) | VHOST_USER_BIT(VIRTIO_RING_F_EVENT_IDX) |                \
     VHOST_USER_BIT(VHOST_USER_F_PROTOCOL_FEATURES))

int frontend_patience = 20000;

void frontend_plan_init(struct frontend_plan *plan, enum habit habit)
{
    static const uint64_t protocols[] = {
        [HABIT_QEMU] = QEMU_PROTOCOL,
        [HABIT_CROSVM] = CROSVM_PROTOCOL,
        [HABIT_LIBKRUN] = LIBKRUN_PROTOCOL,
    };

    *plan = (struct frontend_plan){
        .habit = habit,
        .protocol = protocols[habit],
        .features = DEVICE_BITS | RING_BITS,
        .ring_size = habit == HABIT_CROSVM ? 32768 : 256,
        .ram_size = 64u << 20,
    };
    /* crosvm masks these two; the others pass on what the back-end has. */
    if (habit != HABIT_CROSVM)
        plan->features |= VHOST_USER_BIT(VIRTIO_RING_F_INDIRECT_DESC);
    if (habit == HABIT_QEMU)
        plan->features |= VHOST_USER_BIT(VIRTIO_F_RING_RESET);
}

int frontend_init(struct frontend *frontend, const struct frontend_plan *plan, int socket)
{
    int r;

    memset(frontend, 0, sizeof(*frontend));
    frontend->plan = *plan;
    frontend->socket = socket;
    frontend->channel = -1;
    frontend->table_stale = true;
    if (socket < 0)
        return -EBADF;
    r = guest_ram_init(&frontend->ram, plan->ram_size);
    for (unsigned i = 0; r == 0 && i < FRONTEND_QUEUES; i++) {
        r = driver_queue_init(&frontend->queues[i], &frontend->ram, plan->ring_size);
        frontend->queues[i].split = plan->split;
    }
    for (unsigned i = 1; r == 0 && plan->habit == HABIT_LIBKRUN && i < FRONTEND_QUEUES; i++)
        r = driver_queue_share_call(&frontend->queues[i], &frontend->queues[0]);
    return r;
}

void frontend_finish(struct frontend *frontend)
{
    fd_close(&frontend->socket);
    fd_close(&frontend->channel);
    guest_window_finish(&frontend->window);
    for (unsigned i = 0; i < FRONTEND_QUEUES; i++)
        driver_queue_finish(&frontend->queues[i]);
    if (frontend->ram.data != NULL)
        guest_ram_finish(&frontend->ram);
}

int frontend_send_raw(struct frontend *frontend, const void *bytes, size_t size, const int *fds,
                      unsigned count)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(FRONTEND_MOST_FDS * sizeof(int))];
    } control = {0};
    struct iovec piece = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    ssize_t sent;

    if (count > FRONTEND_MOST_FDS)
        return -E2BIG;
    if (count > 0) {
        message.msg_control = control.room;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(&control.header), fds, count * sizeof(int));
    }
    sent = sendmsg(frontend->socket, &message, MSG_NOSIGNAL);
    if (sent < 0)
        return errno == EPIPE ? -ECONNRESET : -errno;
    return (size_t)sent == size ? 0 : -EAGAIN;
}

int frontend_send(struct frontend *frontend, uint32_t request, uint32_t flags, const void *payload,
                  uint32_t size, const int *fds, unsigned count)
{
    struct vhost_user_header header = {request, VHOST_USER_VERSION | flags, size};
    uint8_t bytes[VHOST_USER_HEADER_SIZE + VHOST_USER_MAX_PAYLOAD];

    memcpy(bytes, &header, sizeof(header));
    if (size > 0)
        memcpy(bytes + sizeof(header), payload, size);
    return frontend_send_raw(frontend, bytes, sizeof(header) + size, fds, count);
}

/* Waits until the main socket can be read. QEMU serves nothing else meanwhile. */
static int await_main(struct frontend *frontend, int milliseconds)
{
    struct pollfd poll_main = {.fd = frontend->socket, .events = POLLIN};
    int r;

    if (frontend->plan.habit != HABIT_QEMU)
        return frontend_pump(frontend, frontend->socket, milliseconds);
    r = poll(&poll_main, 1, milliseconds);
    return r > 0 ? 0 : r == 0 ? -ETIMEDOUT : -errno;
}

/* Reads exactly 'size' bytes, and the descriptors that come with them. */
static int read_all(struct frontend *frontend, void *to, size_t size, struct fd_list *fds)
{
    for (size_t have = 0; have < size;) {
        ssize_t r = await_main(frontend, FRONTEND_PATIENCE);

        if (r < 0)
            return (int)r;
        r = fd_receive(frontend->socket, (char *)to + have, size - have, fds);
        if (r <= 0)
            return r == 0 ? -ECONNRESET : (int)r;
        have += (size_t)r;
    }
    return 0;
}

static int receive(struct frontend *frontend, uint32_t request, struct vhost_user_message *answer,
                   struct fd_list *fds)
{
    int r = read_all(frontend, &answer->header, VHOST_USER_HEADER_SIZE, fds);

    if (r < 0)
        return r;
    if (answer->header.request != request || answer->header.size > VHOST_USER_MAX_PAYLOAD ||
        answer->header.flags != (VHOST_USER_VERSION | VHOST_USER_FLAG_REPLY)) {
        frontend_violate(frontend, "answer to %s has request %u flags 0x%x size %u",
                         vhost_user_request_name(request), answer->header.request,
                         answer->header.flags, answer->header.size);
        return -EBADMSG;
    }
    return read_all(frontend, answer->bytes, answer->header.size, fds);
}

int frontend_receive(struct frontend *frontend, uint32_t request, struct vhost_user_message *answer)
{
    struct fd_list fds = {0};
    int r = receive(frontend, request, answer, &fds);

    fd_list_finish(&fds);
    return r;
}

int frontend_get_object(struct frontend *frontend, const uint8_t uuid[static 16])
{
    struct vhost_user_message answer;
    struct fd_list fds = {0};
    int r = frontend_send(frontend, VHOST_USER_GET_SHARED_OBJECT, 0, uuid, 16, NULL, 0);

    if (r >= 0)
        r = receive(frontend, VHOST_USER_GET_SHARED_OBJECT, &answer, &fds);
    if (r == 0)
        r = fds.count > 0 ? fd_list_take(&fds, 0) : -ENOENT;
    fd_list_finish(&fds);
    return r;
}

int frontend_ask(struct frontend *frontend, uint32_t request, const void *payload, uint32_t size,
                 struct vhost_user_message *answer)
{
    int r = frontend_send(frontend, request, 0, payload, size, NULL, 0);

    return r < 0 ? r : frontend_receive(frontend, request, answer);
}

int frontend_tell(struct frontend *frontend, uint32_t request, const void *payload, uint32_t size,
                  const int *fds, unsigned count, bool need_reply)
{
    bool ack = need_reply && (frontend->protocol & VHOST_USER_BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK));
    struct vhost_user_message answer;
    int r = frontend_send(frontend, request, ack ? VHOST_USER_FLAG_NEED_REPLY : 0, payload, size,
                          fds, count);

    if (r < 0 || !ack)
        return r;
    r = frontend_receive(frontend, request, &answer);
    if (r < 0)
        return r;
    if (answer.header.size != sizeof(answer.u64))
        return -EBADMSG;
    return answer.u64 != 0;
}

int frontend_tell_u64(struct frontend *frontend, uint32_t request, uint64_t value, bool need_reply)
{
    return frontend_tell(frontend, request, &value, sizeof(value), NULL, 0, need_reply);
}

int frontend_tell_ring(struct frontend *frontend, uint32_t request, unsigned ring, uint32_t value,
                       bool need_reply)
{
    struct vhost_user_vring_state state = {ring, value};

    return frontend_tell(frontend, request, &state, sizeof(state), NULL, 0, need_reply);
}

int frontend_await_close(struct frontend *frontend, int milliseconds)
{
    struct pollfd poll_main = {.fd = frontend->socket, .events = POLLIN};
    char swallowed[512];

    for (;;) {
        int r = poll(&poll_main, 1, milliseconds);

        if (r <= 0)
            return r == 0 ? -ETIMEDOUT : -errno;
        r = (int)recv(frontend->socket, swallowed, sizeof(swallowed), 0);
        if (r == 0 || (r < 0 && errno == ECONNRESET))
            return 0;
        if (r < 0)
            return -errno;
    }
}
