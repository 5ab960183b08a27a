/* SPDX-License-Identifier: MIT */
#include "door/handlers.h"

#include <errno.h>
#include <string.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "base/log.h"
#include "door/ring_handlers.h"
#include "door/session_diagnosis.h"

#define BIT(name) VHOST_USER_BIT(VHOST_USER_PROTOCOL_F_##name)
#define VIRTIO_F_RING_RESET_BIT 40
#define WINDOW_NEEDS (BIT(SHMEM) | BIT(BACKEND_REQ) | BIT(REPLY_ACK))

static bool acked(const struct session *s, uint64_t bits)
{
    return (s->protocol_features & bits) == bits;
}

/* libkrun: it takes SHMEM and a channel, gives no answers there, and does not ask how large the
 * window is. */
static bool is_mute(const struct session *s)
{
    return acked(s, BIT(SHMEM) | BIT(BACKEND_REQ) | BIT(CONFIG)) &&
           (s->protocol_features & (BIT(REPLY_ACK) | BIT(SHARED_OBJECT))) == 0;
}

/* ---- negotiation ---- */

static int answer_u64(struct session *s, const struct vhost_user_message *m, uint64_t value)
{
    connection_answer(&s->connection, m, &value, sizeof(value));
    return SESSION_ANSWERED;
}

static uint64_t offered_features(const struct session *s)
{
    return s->lent.facts->features | VHOST_USER_BIT(VHOST_USER_F_PROTOCOL_FEATURES);
}

static int get_features(struct session *s, const struct vhost_user_message *m, struct fd_list *fds)
{
    return answer_u64(s, m, offered_features(s));
}

static int set_features(struct session *s, const struct vhost_user_message *m, struct fd_list *fds)
{
    /* vhost-user-gpu-pci takes these two whether or not they were offered, so they always work. */
    uint64_t known = offered_features(s) | VHOST_USER_BIT(VIRTIO_RING_F_EVENT_IDX) |
                     VHOST_USER_BIT(VIRTIO_F_RING_RESET_BIT);
    struct link_message tell = {.type = LINK_FEATURES, .features = m->u64};

    if (session_rings_started(s) > 0 && m->u64 != s->features) {
        log_stranger("The front-end changes the features while a ring runs.");
        return -EBUSY;
    }
    if (m->u64 & ~known)
        log_stranger("The front-end took virtio features %#llx that were not offered.",
                     (unsigned long long)(m->u64 & ~known));
    s->features = m->u64;
    s->lent.journal->page->features = m->u64;
    keeper_send(s->lent.keeper, &tell, NULL, 0, false);
    session_diagnosis_driver(s);
    return 0;
}

uint64_t handlers_protocol_features(bool mem_slots)
{
    return BIT(MQ) | BIT(REPLY_ACK) | BIT(BACKEND_REQ) | BIT(CONFIG) | BIT(BACKEND_SEND_FD) |
           BIT(RESET_DEVICE) | BIT(SHARED_OBJECT) | BIT(SHMEM) |
           (mem_slots ? BIT(CONFIGURE_MEM_SLOTS) : 0);
}

static int get_protocol_features(struct session *s, const struct vhost_user_message *m,
                                 struct fd_list *fds)
{
    return answer_u64(s, m, handlers_protocol_features(s->lent.mem_slots));
}

static int set_protocol_features(struct session *s, const struct vhost_user_message *m,
                                 struct fd_list *fds)
{
    s->lent.journal->page->protocol_features = m->u64;
    handlers_take_protocol_features(s, m->u64);
    s->window.writable = false; /* until it asks how large it is */
    if (is_mute(s))             /* it never asks */
        s->window.writable = s->lent.window_size <= DIAGNOSIS_MUTE_WINDOW;
    session_diagnosis_reach(s, DIAGNOSIS_NEGOTIATED);
    return 0;
}

void handlers_take_protocol_features(struct session *s, uint64_t features)
{
    s->protocol_features = features;
    s->window.channel.mute = is_mute(s);
    /* QEMU takes BACKEND_SEND_FD and drops our mappings at a device reset; crosvm does neither, and
     * libkrun only the former. */
    s->window.drops_at_reset = acked(s, BIT(BACKEND_SEND_FD)) && !is_mute(s);
    /* Only QEMU takes SHARED_OBJECT for these devices. Others answer when they have mapped, and
     * some want each request in one piece. */
    s->window.needs_barrier = acked(s, BIT(SHARED_OBJECT));
    s->window.channel.knock = s->window.needs_barrier;
    s->objects.usable = acked(s, BIT(SHARED_OBJECT) | BIT(BACKEND_REQ) | BIT(REPLY_ACK));
}

static int get_queue_num(struct session *s, const struct vhost_user_message *m, struct fd_list *fds)
{
    return answer_u64(s, m, s->lent.facts->queues);
}

static int nothing_to_do(struct session *s, const struct vhost_user_message *m, struct fd_list *fds)
{
    return 0;
}

static int set_backend_req_fd(struct session *s, const struct vhost_user_message *m,
                              struct fd_list *fds)
{
    return back_channel_attach(&s->window.channel, fd_list_take(fds, 0));
}

static int get_shmem_config(struct session *s, const struct vhost_user_message *m,
                            struct fd_list *fds)
{
    struct vhost_user_shmem_config config = {.regions = 1};

    /* QEMU's vhost-user-gpu takes SHMEM, but has no window, and does not ask. */
    s->window.writable = acked(s, WINDOW_NEEDS) || is_mute(s);
    config.sizes[s->window.ledger.region.shmid] = s->window.ledger.region.size;
    connection_answer(&s->connection, m, &config, sizeof(config));
    session_diagnosis_reach(s, DIAGNOSIS_ASKED);
    return SESSION_ANSWERED;
}

static int get_shared_object(struct session *s, const struct vhost_user_message *m,
                             struct fd_list *fds)
{
    bool named = m->header.size == sizeof(m->uuid);
    int fd = named ? shared_objects_find(&s->objects, m->uuid) : -1;

    if (!named)
        log_stranger("The front-end asks for a shared object, but does not say which.");
    /* An answer without a descriptor says that there is none. */
    connection_answer_fd(&s->connection, m, m->uuid, sizeof(m->uuid), fd);
    return SESSION_ANSWERED;
}

static int gpu_set_socket(struct session *s, const struct vhost_user_message *m,
                          struct fd_list *fds)
{
    fd_close(&s->display_fd);
    s->display_fd = fd_list_take(fds, 0);
    session_tell_display(s);
    return 0;
}

/* ---- config space ---- */

/* Whether the request names bytes that a config space can have, and carries as many. */
static bool config_good(const struct vhost_user_message *m)
{
    const struct vhost_user_config *c = &m->config;

    return c->size <= VHOST_USER_MAX_CONFIG && c->offset <= VHOST_USER_MAX_CONFIG - c->size &&
           m->header.size == VHOST_USER_CONFIG_HEADER_SIZE + c->size;
}

static int get_config(struct session *s, const struct vhost_user_message *m, struct fd_list *fds)
{
    struct vhost_user_config answer = m->config;

    if (!config_good(m)) {
        connection_answer(&s->connection, m, NULL, 0); /* how the manual says no */
        return SESSION_ANSWERED;
    }
    /* Bytes past the device's own are 0 in the worker's message. */
    memcpy(answer.data, s->lent.facts->config + answer.offset, answer.size);
    connection_answer(&s->connection, m, &answer, VHOST_USER_CONFIG_HEADER_SIZE + answer.size);
    return SESSION_ANSWERED;
}

static int set_config(struct session *s, const struct vhost_user_message *m, struct fd_list *fds)
{
    struct link_message tell = {.type = LINK_CONFIG_WRITE};

    if (!config_good(m))
        return -EINVAL;
    tell.config.offset = m->config.offset;
    tell.config.size = m->config.size;
    memcpy(tell.config.data, m->config.data, m->config.size);
    keeper_send(s->lent.keeper, &tell, NULL, 0, false);
    return 0;
}

/* ---- memory ---- */

static int tell_memory(struct session *s)
{
    struct link_message tell;

    front_memory_message(&s->memory, &tell);
    return session_ask_worker(s, &tell, s->memory.fds, s->memory.count);
}

static int set_mem_table(struct session *s, const struct vhost_user_message *m, struct fd_list *fds)
{
    int r = front_memory_set(&s->memory, &m->mem_table, m->header.size, fds);
    return r < 0 ? r : tell_memory(s);
}

static int get_max_mem_slots(struct session *s, const struct vhost_user_message *m,
                             struct fd_list *fds)
{
    return answer_u64(s, m, LINK_MAX_REGIONS);
}

/* Whether 'fd' is a buffer that the front-end got from us. */
static bool is_ours(const struct session *s, int fd)
{
    const struct shm_ledger *ledger = &s->window.ledger;
    struct shm_mapping *m;

    for (m = shm_ledger_first(ledger); m != NULL; m = shm_ledger_next(m))
        if (fd_same_file(m->fd, fd))
            return true;
    return false;
}

static int add_mem_reg(struct session *s, const struct vhost_user_message *m, struct fd_list *fds)
{
    int r;

    /* QEMU 11.1 dies at the next start if it has to remove a region of ours that a reset took away;
     * one that was refused it does not remember. Without a running ring it is about to start the
     * device again after a pause, and would give up over a refusal. */
    if (session_rings_started(s) > 0 && is_ours(s, fds->fds[0]))
        return -EEXIST;
    r = front_memory_add(&s->memory, &m->mem_reg.region, fds);
    return r < 0 ? r : tell_memory(s);
}

static int rem_mem_reg(struct session *s, const struct vhost_user_message *m, struct fd_list *fds)
{
    int r = front_memory_remove(&s->memory, &m->mem_reg.region);
    return r < 0 ? r : tell_memory(s);
}

/* ---- the device ---- */

static int reset_device(struct session *s, const struct vhost_user_message *m, struct fd_list *fds)
{
    struct link_message tell = {.type = LINK_RESET};

    guest_window_shut(&s->window);
    guest_window_fresh(&s->window);
    for (unsigned i = 0; i < s->lent.facts->queues; i++) {
        ring_stopped(&s->rings[i], 0);
        s->lent.journal->page->rings[i].started = false;
    }
    return session_ask_worker(s, &tell, NULL, 0);
}

/* libkrun does not ask where rings stop: at a guest's reset it disables them, and the next driver's
 * begin with SET_OWNER. To one that runs it means nothing. */
static int set_owner(struct session *s, const struct vhost_user_message *m, struct fd_list *fds)
{
    for (unsigned i = 0; i < s->lent.facts->queues; i++)
        if (s->rings[i].started && s->rings[i].enabled)
            return 0;
    return session_rings_started(s) > 0 ? reset_device(s, m, fds) : 0;
}

/* ---- answers that waited for the worker ---- */

bool handlers_resets(uint32_t request)
{
    return request == VHOST_USER_RESET_DEVICE || request == VHOST_USER_SET_OWNER;
}

void handlers_worker_done(struct session *s, int result, uint64_t value)
{
    const struct vhost_user_message *m = &s->waiting;

    if (m->header.request == VHOST_USER_GET_VRING_BASE) {
        ring_handlers_stopped(s, value);
        return;
    }
    if (m->header.request == VHOST_USER_SET_VRING_KICK)
        result = ring_handlers_started(s, result, value);
    else if (handlers_resets(m->header.request))
        shared_objects_remove_all(&s->objects);
    else if (m->header.request == VHOST_USER_SET_VRING_ENABLE && m->state.num == 1) {
        guest_window_open(&s->window);
    }
    connection_ack(&s->connection, m, acked(s, BIT(REPLY_ACK)), result);
}

/* ---- the table ---- */

static handlers_fn *const handlers[VHOST_USER_REQUESTS] = {
    [VHOST_USER_GET_FEATURES] = get_features,
    [VHOST_USER_SET_FEATURES] = set_features,
    [VHOST_USER_SET_OWNER] = set_owner,
    [VHOST_USER_RESET_OWNER] = nothing_to_do,
    [VHOST_USER_SET_MEM_TABLE] = set_mem_table,
    [VHOST_USER_SET_VRING_NUM] = ring_handlers_num,
    [VHOST_USER_SET_VRING_ADDR] = ring_handlers_addr,
    [VHOST_USER_SET_VRING_BASE] = ring_handlers_set_base,
    [VHOST_USER_GET_VRING_BASE] = ring_handlers_get_base,
    [VHOST_USER_SET_VRING_KICK] = ring_handlers_kick,
    [VHOST_USER_SET_VRING_CALL] = ring_handlers_call,
    [VHOST_USER_SET_VRING_ERR] = ring_handlers_err,
    [VHOST_USER_GET_PROTOCOL_FEATURES] = get_protocol_features,
    [VHOST_USER_SET_PROTOCOL_FEATURES] = set_protocol_features,
    [VHOST_USER_GET_QUEUE_NUM] = get_queue_num,
    [VHOST_USER_SET_VRING_ENABLE] = ring_handlers_enable,
    [VHOST_USER_SET_BACKEND_REQ_FD] = set_backend_req_fd,
    [VHOST_USER_GET_CONFIG] = get_config,
    [VHOST_USER_SET_CONFIG] = set_config,
    [VHOST_USER_GPU_SET_SOCKET] = gpu_set_socket,
    [VHOST_USER_RESET_DEVICE] = reset_device,
    [VHOST_USER_GET_MAX_MEM_SLOTS] = get_max_mem_slots,
    [VHOST_USER_ADD_MEM_REG] = add_mem_reg,
    [VHOST_USER_REM_MEM_REG] = rem_mem_reg,
    [VHOST_USER_GET_SHARED_OBJECT] = get_shared_object,
    [VHOST_USER_GET_SHMEM_CONFIG] = get_shmem_config,
};

handlers_fn *handlers_find(uint32_t request)
{
    return request < VHOST_USER_REQUESTS ? handlers[request] : NULL;
}
