/* SPDX-License-Identifier: MIT */
#include "tests/bench/rig.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/virtio_ring.h>

#include "protocol/virtio_media.h"
#include "tests/bench/clock.h"

#define BIT(name) VHOST_USER_BIT(VHOST_USER_PROTOCOL_F_##name)
#define PATIENCE_MS 8000
#define RAM_SIZE (UINT64_C(1) << 30) /* only what is touched is used */
#define GPU_RING 512u
#define MEDIA_RING 256u
#define CONFIG_CAPSETS 12u /* where in a GPU's config space their number is */

const char *front_end_name(enum front_end front_end)
{
    static const char *const names[] = {"plain", "barrier", "qemu"};

    return names[front_end];
}

int rig_trouble(struct rig *rig, int result, const char *format, ...)
{
    va_list args;

    if (rig->trouble[0] != '\0')
        return result;
    va_start(args, format);
    vsnprintf(rig->trouble, sizeof(rig->trouble), format, args);
    va_end(args);
    return result;
}

static void fill_plan(struct frontend_plan *plan, const struct options *options,
                      enum front_end front_end)
{
    frontend_plan_init(plan, front_end == FRONT_END_PLAIN ? HABIT_CROSVM : HABIT_QEMU);
    plan->protocol = BIT(MQ) | BIT(REPLY_ACK) | BIT(BACKEND_REQ) | BIT(CONFIG) |
                     BIT(BACKEND_SEND_FD) | BIT(RESET_DEVICE) | BIT(SHMEM);
    if (front_end != FRONT_END_PLAIN)
        plan->protocol |= BIT(SHARED_OBJECT);
    plan->features &= ~(VHOST_USER_BIT(VIRTIO_RING_F_EVENT_IDX) |
                        VHOST_USER_BIT(VIRTIO_RING_F_INDIRECT_DESC) | VHOST_USER_BIT(40));
    if (!options->plain_ring)
        plan->features |=
            VHOST_USER_BIT(VIRTIO_RING_F_EVENT_IDX) | VHOST_USER_BIT(VIRTIO_RING_F_INDIRECT_DESC);
    plan->ring_size = options->media ? MEDIA_RING : GPU_RING;
    plan->ram_size = RAM_SIZE;
    plan->unread_config = true;
}

int rig_attend(struct rig *rig, int wake, int milliseconds)
{
    int64_t end = clock_ns() + milliseconds * INT64_C(1000000);

    for (;;) {
        int64_t left = (end - clock_ns()) / 1000000;
        struct pollfd polled[] = {
            {.fd = wake, .events = POLLIN},
            {.fd = rig->frontend.channel, .events = POLLIN},
            {.fd = rig->display.fd, .events = POLLIN},
            {.fd = rig->frontend.socket, .events = POLLIN},
        };
        int ready = poll(polled, 4, left > 0 ? (int)left : 0), r = 0;

        if (ready < 0 && errno != EINTR)
            return -errno;
        if (polled[1].revents != 0)
            frontend_serve(&rig->frontend);
        if (polled[2].revents != 0)
            r = display_serve(&rig->display);
        if (r == -ECONNRESET)
            fd_close(&rig->display.fd);
        else if (r < 0)
            return rig_trouble(rig, r, "the display socket: %s",
                               rig->display.trouble != NULL ? rig->display.trouble : strerror(-r));
        if (polled[3].revents != 0)
            return rig_trouble(rig, -ECONNRESET,
                               polled[3].revents & POLLHUP ? "it has hung up"
                                                           : "it spoke unasked on the main socket");
        if (polled[0].revents != 0)
            return 0;
        if (ready == 0 && left <= 0)
            return -ETIMEDOUT;
    }
}

static int attend(void *data, int call, int milliseconds)
{
    return rig_attend(data, call, milliseconds);
}

int64_t rig_command(struct rig *rig, const void *request, size_t size, void *answer, size_t space)
{
    struct driver_queue *queue = &rig->frontend.queues[0];
    int slot = driver_queue_submit(queue, request, size, space);
    uint64_t calls;

    if (slot < 0)
        return slot;
    driver_queue_kick(queue);
    for (driver_queue_collect(queue); !queue->slot[slot].answered; driver_queue_collect(queue)) {
        int r;

        if (!driver_queue_arm(queue))
            continue;
        r = rig_attend(rig, queue->call, PATIENCE_MS);
        if (r == -ETIMEDOUT)
            rig_trouble(rig, r, "it does not answer a command within %d s", PATIENCE_MS / 1000);
        if (r < 0)
            return r;
        if (read(queue->call, &calls, sizeof(calls)) < 0 && errno != EAGAIN)
            return -errno;
    }
    memcpy(answer, driver_queue_answer(queue, (unsigned)slot), space);
    driver_queue_release(queue, (unsigned)slot);
    return *(const uint32_t *)answer;
}

unsigned rig_messages(const struct rig *rig)
{
    return rig->frontend.counts.maps + rig->frontend.counts.unmaps;
}

bool rig_has_capset(const struct rig *rig, uint32_t capset)
{
    for (unsigned i = 0; i < rig->capset_count; i++)
        if (rig->capsets[i] == capset)
            return true;
    return false;
}

/* The first command, which a back-end may answer only when its display socket has been answered;
 * and what kinds of contexts there are. */
static int ask_gpu(struct rig *rig)
{
    uint32_t count = 0;

    if ((rig->frontend.protocol & BIT(CONFIG)) != 0 &&
        frontend_get_config(&rig->frontend, CONFIG_CAPSETS, sizeof(count), &count) < 0)
        count = 0;
    for (uint32_t i = 0; i == 0 || (i < count && i < RIG_CAPSETS); i++) {
        struct virtio_gpu_get_capset_info ask = {.hdr.type = VIRTIO_GPU_CMD_GET_CAPSET_INFO,
                                                 .capset_index = i};
        struct virtio_gpu_resp_capset_info answer;
        int64_t r = rig_command(rig, &ask, sizeof(ask), &answer, sizeof(answer));

        if (r < 0)
            return (int)r;
        if (i == 0)
            rig->first_ns = clock_ns() - rig->backend.start_ns;
        if (r == VIRTIO_GPU_RESP_OK_CAPSET_INFO && i < count)
            rig->capsets[rig->capset_count++] = answer.capset_id;
    }
    return 0;
}

static int ask_media(struct rig *rig)
{
    struct virtio_media_cmd_header open = {.cmd = VIRTIO_MEDIA_CMD_OPEN};
    struct virtio_media_resp_open answer;
    struct virtio_media_cmd_close end = {.hdr.cmd = VIRTIO_MEDIA_CMD_CLOSE};
    int64_t r = rig_command(rig, &open, sizeof(open), &answer, sizeof(answer));

    if (r != 0)
        return rig_trouble(rig, r < 0 ? (int)r : -EPROTO, "OPEN is answered %lld", (long long)r);
    rig->first_ns = clock_ns() - rig->backend.start_ns;
    end.session_id = answer.session_id;
    r = rig_command(rig, &end, sizeof(end), &answer, 0);
    return r < 0 ? (int)r : 0;
}

static int give_display(struct rig *rig)
{
    int fd, r;

    if (rig->options->media || rig->options->no_display)
        return 0;
    fd = display_init(&rig->display);
    if (fd < 0)
        return fd;
    r = frontend_tell(&rig->frontend, VHOST_USER_GPU_SET_SOCKET, NULL, 0, &fd, 1, false);
    fd_close(&fd);
    return r;
}

static int negotiate(struct rig *rig)
{
    struct vhost_user_message answer;
    int r = frontend_ask(&rig->frontend, VHOST_USER_GET_FEATURES, NULL, 0, &answer);

    rig->features_ns = clock_ns() - rig->backend.start_ns;
    if (r == 0)
        r = frontend_negotiate(&rig->frontend);
    rig->frontend.window.light = rig->frontend.mischief.no_tables;
    rig->frontend.window.lax = true;
    if (r == 0)
        r = give_display(rig);
    if (r == 0)
        r = frontend_start(&rig->frontend);
    return r;
}

int rig_open(struct rig *rig, const struct options *options, enum front_end front_end)
{
    struct frontend_plan plan;
    int r;

    memset(rig, 0, sizeof(*rig));
    rig->options = options;
    rig->display.fd = rig->display.came = -1;
    rig->frontend.socket = rig->frontend.channel = -1;
    r = backend_start(&rig->backend, options);
    if (r < 0)
        return rig_trouble(rig, r, "it cannot be %s: %s",
                           options->exec != NULL ? "started" : "connected to", strerror(-r));
    fill_plan(&plan, options, front_end);
    r = frontend_init(&rig->frontend, &plan, r);
    rig->frontend.mischief.no_tables = front_end != FRONT_END_QEMU;
    if (r == 0)
        r = guest_ram_seal(&rig->frontend.ram);
    if (r == 0)
        r = negotiate(rig);
    rig->volley = (struct volley){.queue = &rig->frontend.queues[0], .attend = attend, .data = rig};
    if (r == 0)
        r = options->media ? ask_media(rig) : ask_gpu(rig);
    if (r < 0)
        return rig_trouble(rig, r, "it cannot be set up: %s", strerror(-r));
    backend_find(&rig->backend);
    return 0;
}

void rig_close(struct rig *rig)
{
    frontend_finish(&rig->frontend);
    display_finish(&rig->display);
    backend_stop(&rig->backend);
}
