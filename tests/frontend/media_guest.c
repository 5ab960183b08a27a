/* SPDX-License-Identifier: MIT */
#include "tests/frontend/media_guest.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_PAYLOAD 4096u

/* Sends a command. Returns the answer's status, or -errno if it is shorter than 'space' though the
 * status is 0. */
static int command(struct frontend *frontend, const void *request, size_t size, void *answer,
                   size_t space)
{
    const struct virtio_media_resp_header *header = answer;
    int r = frontend_request(frontend, VIRTIO_MEDIA_COMMANDQ, request, size, answer, space);

    if (r < 0)
        return r;
    if ((size_t)r < sizeof(*header) || (size_t)r > space)
        return -EBADMSG;
    if (header->status == 0 && (size_t)r != space)
        return -EBADMSG;
    return (int)header->status;
}

int media_guest_open(struct frontend *frontend, uint32_t *session)
{
    struct virtio_media_cmd_header request = {.cmd = VIRTIO_MEDIA_CMD_OPEN};
    struct virtio_media_resp_open answer = {0};
    int r = command(frontend, &request, sizeof(request), &answer, sizeof(answer));

    *session = answer.session_id;
    return r;
}

int media_guest_close(struct frontend *frontend, uint32_t session)
{
    struct virtio_media_cmd_close request = {.hdr = {.cmd = VIRTIO_MEDIA_CMD_CLOSE},
                                             .session_id = session};

    return frontend_request(frontend, VIRTIO_MEDIA_COMMANDQ, &request, sizeof(request), NULL, 0);
}

int media_guest_ioctl_sized(struct frontend *frontend, uint32_t session, unsigned nr, void *payload,
                            size_t in, size_t out)
{
    struct {
        struct virtio_media_cmd_ioctl head;
        uint8_t payload[MAX_PAYLOAD];
    } request = {
        .head = {.hdr = {.cmd = VIRTIO_MEDIA_CMD_IOCTL}, .session_id = session, .code = nr}};
    struct {
        struct virtio_media_resp_header head;
        uint8_t payload[MAX_PAYLOAD];
    } answer = {0};
    int r;

    if (in > MAX_PAYLOAD || out > MAX_PAYLOAD)
        return -E2BIG;
    memcpy(request.payload, payload, in);
    r = command(frontend, &request, sizeof(request.head) + in, &answer, sizeof(answer.head) + out);
    if (r == 0)
        memcpy(payload, answer.payload, out);
    return r;
}

int media_guest_ioctl(struct frontend *frontend, uint32_t session, unsigned long code,
                      void *payload)
{
    size_t size = _IOC_SIZE(code);

    return media_guest_ioctl_sized(frontend, session, _IOC_NR(code), payload,
                                   _IOC_DIR(code) & _IOC_WRITE ? size : 0,
                                   _IOC_DIR(code) & _IOC_READ ? size : 0);
}

int media_guest_mmap(struct frontend *frontend, uint32_t session, uint32_t offset,
                     uint64_t *shm_offset, uint64_t *length)
{
    struct virtio_media_cmd_mmap request = {.hdr = {.cmd = VIRTIO_MEDIA_CMD_MMAP},
                                            .session_id = session,
                                            .flags = VIRTIO_MEDIA_MMAP_FLAG_RW,
                                            .offset = offset};
    struct virtio_media_resp_mmap answer = {0};
    int r = command(frontend, &request, sizeof(request), &answer, sizeof(answer));

    *shm_offset = answer.shm_offset;
    *length = answer.len;
    return r;
}

int media_guest_munmap(struct frontend *frontend, uint64_t shm_offset)
{
    struct virtio_media_cmd_munmap request = {.hdr = {.cmd = VIRTIO_MEDIA_CMD_MUNMAP},
                                              .shm_offset = shm_offset};
    struct virtio_media_resp_header answer = {0};

    return command(frontend, &request, sizeof(request), &answer, sizeof(answer));
}

int media_guest_post_events(struct frontend *frontend, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        int slot = frontend_submit(frontend, VIRTIO_MEDIA_EVENTQ, NULL, 0,
                                   sizeof(struct virtio_media_event_dqbuf));

        if (slot < 0)
            return slot;
    }
    return 0;
}

/* The slot that was answered first; -1 if none. The device answers in the order of posting, which
 * is not the order of slots: the smallest sequence of them is told by the used ring. */
static int answered(struct driver_queue *queue)
{
    int first = -1;

    driver_queue_collect(queue);
    for (unsigned i = 0; i < queue->slots; i++)
        if (queue->slot[i].answered &&
            (first < 0 || (int16_t)(queue->slot[i].order - queue->slot[first].order) < 0))
            first = (int)i;
    return first;
}

int media_guest_event(struct frontend *frontend, struct virtio_media_event_dqbuf *event,
                      int milliseconds)
{
    struct driver_queue *queue = &frontend->queues[VIRTIO_MEDIA_EVENTQ];
    uint64_t calls;
    int slot = answered(queue), r;

    while (slot < 0) {
        if (driver_queue_arm(queue)) {
            r = frontend_pump(frontend, queue->call, milliseconds);
            if (r < 0)
                return r;
            if (read(queue->call, &calls, sizeof(calls)) < 0)
                return -errno;
        }
        slot = answered(queue);
    }
    memset(event, 0, sizeof(*event));
    r = frontend_await(frontend, VIRTIO_MEDIA_EVENTQ, (unsigned)slot, event, sizeof(*event), 0);
    if (r >= 0 && media_guest_post_events(frontend, 1) < 0)
        return -ENOSPC;
    return r;
}
