/* SPDX-License-Identifier: MIT */
#include "tests/frontend/frontend.h"

#include <errno.h>
#include <unistd.h>

static bool is_qemu(const struct frontend *frontend)
{
    return frontend->plan.habit == HABIT_QEMU;
}

static bool is_crosvm(const struct frontend *frontend)
{
    return frontend->plan.habit == HABIT_CROSVM;
}

static bool is_libkrun(const struct frontend *frontend)
{
    return frontend->plan.habit == HABIT_LIBKRUN;
}

static int tell_fd(struct frontend *frontend, uint32_t request, unsigned ring, int fd)
{
    uint64_t value = ring;

    return frontend_tell(frontend, request, &value, sizeof(value), &fd, 1, is_qemu(frontend));
}

static int tell_addr(struct frontend *frontend, unsigned ring)
{
    const struct driver_queue *queue = &frontend->queues[ring];
    struct vhost_user_vring_addr addr = {
        .index = ring,
        .desc = (uint64_t)(uintptr_t)guest_ram_at(&frontend->ram, queue->desc),
        .avail = (uint64_t)(uintptr_t)guest_ram_at(&frontend->ram, queue->avail),
        .used = (uint64_t)(uintptr_t)guest_ram_at(&frontend->ram, queue->used),
    };

    return frontend_tell(frontend, VHOST_USER_SET_VRING_ADDR, &addr, sizeof(addr), NULL, 0, false);
}

int frontend_enable_ring(struct frontend *frontend, unsigned ring, bool enable)
{
    return frontend_tell_ring(frontend, VHOST_USER_SET_VRING_ENABLE, ring, enable,
                              is_qemu(frontend));
}

int frontend_start_ring(struct frontend *frontend, unsigned ring)
{
    struct driver_queue *queue = &frontend->queues[ring];
    uint64_t one = 1;
    int r = frontend_tell_ring(frontend, VHOST_USER_SET_VRING_NUM, ring, queue->size, false);

    /* crosvm tells the address before the base, the others after it. */
    if (r == 0 && is_crosvm(frontend))
        r = tell_addr(frontend, ring);
    if (r == 0)
        r = frontend_tell_ring(frontend, VHOST_USER_SET_VRING_BASE, ring, frontend->base[ring],
                               false);
    if (r == 0 && !is_crosvm(frontend))
        r = tell_addr(frontend, ring);
    if (r == 0 && is_crosvm(frontend))
        r = tell_fd(frontend, VHOST_USER_SET_VRING_CALL, ring, queue->call);
    frontend->running |= 1u << ring;
    if (r == 0)
        r = tell_fd(frontend, VHOST_USER_SET_VRING_KICK, ring, queue->kick);
    /* QEMU kicks at every start, so that nothing is left lying from before a pause. */
    if (r == 0 && is_qemu(frontend) && write(queue->kick, &one, sizeof(one)) < 0)
        r = -errno;
    if (r == 0 && !is_crosvm(frontend))
        r = tell_fd(frontend, VHOST_USER_SET_VRING_CALL, ring, queue->call);
    return r;
}

/* What comes before the rings. crosvm tells the features only when they are others, but the memory
 * each time; libkrun everything, in an order of its own. */
static int tell_device(struct frontend *frontend)
{
    bool again = is_crosvm(frontend) && frontend->told_features == frontend->features;
    int r = 0;

    if (is_libkrun(frontend)) {
        r = frontend_tell(frontend, VHOST_USER_SET_OWNER, NULL, 0, NULL, 0, false);
        if (r == 0 && (frontend->protocol & VHOST_USER_BIT(VHOST_USER_PROTOCOL_F_BACKEND_REQ)) != 0)
            r = frontend_give_channel(frontend);
        if (r == 0)
            r = frontend_tell_memory(frontend);
    }
    if (r == 0 && !again)
        r = frontend_tell_u64(frontend, VHOST_USER_SET_FEATURES, frontend->features, false);
    frontend->told_features = frontend->features;
    if (r == 0 && !is_libkrun(frontend) && (frontend->table_stale || is_crosvm(frontend)))
        r = frontend_tell_memory(frontend);
    return r;
}

int frontend_start(struct frontend *frontend)
{
    int r = tell_device(frontend);

    for (unsigned i = 0; r == 0 && i < FRONTEND_QUEUES; i++) {
        r = frontend_start_ring(frontend, i);
        if (r == 0 && !is_qemu(frontend))
            r = frontend_enable_ring(frontend, i, true);
    }
    if (!(frontend->features & VHOST_USER_BIT(VHOST_USER_F_PROTOCOL_FEATURES)))
        return r;
    for (unsigned i = 0; r == 0 && is_qemu(frontend) && i < FRONTEND_QUEUES; i++)
        r = frontend_enable_ring(frontend, i, true);
    return r;
}

int frontend_stop_ring(struct frontend *frontend, unsigned ring)
{
    struct vhost_user_vring_state state = {ring, 0};
    struct vhost_user_message answer;
    int r = frontend_ask(frontend, VHOST_USER_GET_VRING_BASE, &state, sizeof(state), &answer);

    if (r < 0)
        return r;
    if (answer.header.size != sizeof(answer.state) || answer.state.index != ring ||
        answer.state.num > UINT16_MAX) {
        frontend_violate(frontend, "GET_VRING_BASE %u: %u %u", ring, answer.state.index,
                         answer.state.num);
        return -EBADMSG;
    }
    frontend->base[ring] = answer.state.num;
    frontend->running &= ~(1u << ring);
    return 0;
}

int frontend_stop(struct frontend *frontend)
{
    unsigned stopping = frontend->running;
    int r = 0;

    /* crosvm stops one ring after the other, QEMU disables them all first. */
    for (unsigned i = 0; r == 0 && i < FRONTEND_QUEUES; i++) {
        if (stopping & (1u << i))
            r = frontend_enable_ring(frontend, i, false);
        if (r == 0 && is_crosvm(frontend) && (stopping & (1u << i)))
            r = frontend_stop_ring(frontend, i);
    }
    for (unsigned i = 0; r == 0 && is_qemu(frontend) && i < FRONTEND_QUEUES; i++)
        if (stopping & (1u << i))
            r = frontend_stop_ring(frontend, i);
    if (is_libkrun(frontend)) {
        fd_close(&frontend->channel);
        frontend->followed = false;
        frontend->running = 0;
    }
    return r;
}

bool frontend_can_pause(const struct frontend *frontend)
{
    return !is_libkrun(frontend);
}

int frontend_reset(struct frontend *frontend)
{
    struct vhost_user_message features;
    int r = frontend_stop(frontend);

    /* libkrun's messages have no answers, and the guest takes its time until it is back: by then
     * the back-end has seen that the rings are disabled. */
    if (r == 0 && is_libkrun(frontend))
        r = frontend_ask(frontend, VHOST_USER_GET_FEATURES, NULL, 0, &features);
    for (struct guest_window_mapping *m = frontend->window.mappings;
         r == 0 && is_qemu(frontend) && m != NULL; m = m->next)
        r = frontend_forget_mapping(frontend, m);
    if (is_qemu(frontend)) {
        frontend->table_stale |= frontend->window.count > 0;
        guest_window_remove_all(&frontend->window);
    }
    for (unsigned i = 0; i < FRONTEND_QUEUES; i++) {
        driver_queue_fresh(&frontend->queues[i]);
        frontend->base[i] = 0;
    }
    return r;
}
