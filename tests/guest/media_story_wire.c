/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "media_story.h"
#include "protocol/virtio_media.h"

/* Commands as a driver with faults would send them. Each must be answered, none may hurt. */

struct wire_ioctl {
    struct virtio_media_cmd_ioctl cmd;
    uint8_t payload[256];
};

/* Sends 'size' bytes with room for 'room'; returns the status as -errno, or -EBADMSG when there
 * was room for one but none came. */
static int status_of(struct media_story *s, const void *request, size_t size, size_t room)
{
    uint8_t answer[512] = {0};
    struct virtio_media_resp_header hdr;
    int used = media_client_raw(s->client, request, size, answer, room);

    if (used < 0)
        return used;
    if (room < sizeof(hdr))
        return 0;
    if ((size_t)used < sizeof(hdr))
        return -EBADMSG;
    memcpy(&hdr, answer, sizeof(hdr));
    return -(int)hdr.status;
}

static void bad_sessions(struct media_story *s)
{
    struct wire_ioctl io = {.cmd = {.hdr.cmd = VIRTIO_MEDIA_CMD_IOCTL}};
    struct virtio_media_cmd_mmap map = {.hdr.cmd = VIRTIO_MEDIA_CMD_MMAP};
    struct virtio_media_cmd_close end = {.hdr.cmd = VIRTIO_MEDIA_CMD_CLOSE};
    uint8_t none;

    io.cmd.session_id = s->session + 12345;
    io.cmd.code = _IOC_NR(VIDIOC_G_FMT);
    memcpy(io.payload, &s->type, 4);
    media_story_expect(s, "an ioctl of no session",
                       status_of(s, &io, sizeof(io.cmd) + 208, 8 + 208), -EINVAL);
    map.session_id = s->session + 12345;
    media_story_expect(s, "MMAP of no session",
                       status_of(s, &map, sizeof(map), sizeof(struct virtio_media_resp_mmap)),
                       -EINVAL);
    end.session_id = s->session + 12345;
    media_story_expect(s, "CLOSE of no session",
                       media_client_raw(s->client, &end, sizeof(end), &none, 0), 0);
}

static void unknown_commands(struct media_story *s)
{
    static const uint32_t numbers[] = {0, 6, 99, 0x80000001, 0xffffffff};

    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        uint32_t words[8] = {numbers[i]};

        media_story_expect(s, "an unknown command", status_of(s, words, sizeof(words), 64),
                           -ENOTTY);
    }
}

/* Every length from nothing to whole: an error, or success where the whole is there. */
static void short_ioctls(struct media_story *s)
{
    struct wire_ioctl io = {.cmd = {.hdr.cmd = VIRTIO_MEDIA_CMD_IOCTL}};
    static const unsigned lengths[] = {0, 1, 4, 8, 100, 207};

    io.cmd.session_id = s->session;
    io.cmd.code = _IOC_NR(VIDIOC_G_FMT);
    memcpy(io.payload, &s->type, 4);
    for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        media_story_expect(s, "G_FMT with a short payload",
                           status_of(s, &io, sizeof(io.cmd) + lengths[i], 8 + 208), -EINVAL);
        media_story_expect(s, "G_FMT with a short answer",
                           status_of(s, &io, sizeof(io.cmd) + 208, 8 + lengths[i]), -EINVAL);
    }
    media_story_expect(s, "G_FMT whole", status_of(s, &io, sizeof(io.cmd) + 208, 8 + 208), 0);
    io.cmd.code = _IOC_NR(VIDIOC_QUERYBUF);
    media_story_expect(s, "QUERYBUF with a short payload",
                       status_of(s, &io, sizeof(io.cmd) + 40, 8 + 88), -EINVAL);
    io.cmd.code = _IOC_NR(VIDIOC_STREAMON);
    media_story_expect(s, "STREAMON with a short payload", status_of(s, &io, sizeof(io.cmd) + 3, 8),
                       -EINVAL);
    io.cmd.code = 0x12345678;
    media_story_expect(s, "an ioctl number of more than 8 bits",
                       status_of(s, &io, sizeof(io.cmd) + 208, 8 + 208), -ENOTTY);
}

static void short_commands(struct media_story *s)
{
    struct virtio_media_cmd_header head = {.cmd = VIRTIO_MEDIA_CMD_OPEN};
    struct virtio_media_cmd_mmap map = {.hdr.cmd = VIRTIO_MEDIA_CMD_MMAP, .session_id = s->session};
    struct virtio_media_cmd_munmap unmap = {.hdr.cmd = VIRTIO_MEDIA_CMD_MUNMAP};
    struct wire_ioctl io = {.cmd = {.hdr.cmd = VIRTIO_MEDIA_CMD_IOCTL, .session_id = s->session}};

    media_story_expect(s, "a header cut in two", status_of(s, &head, 4, 8), -EINVAL);
    media_story_expect(s, "OPEN with room for the status only", status_of(s, &head, 8, 8), -EINVAL);
    status_of(s, &head, 8, 4); /* No room for an answer: it must only come back. */
    status_of(s, &head, 8, 0);
    media_story_expect(s, "MMAP without its offset", status_of(s, &map, 16, 24), -EINVAL);
    media_story_expect(s, "MMAP with room for the status only", status_of(s, &map, 20, 8), -EINVAL);
    media_story_expect(s, "MUNMAP without its offset", status_of(s, &unmap, 8, 8), -EINVAL);
    unmap.shm_offset = 0xfffffffffffff000ull;
    media_story_expect(s, "MUNMAP of nothing", status_of(s, &unmap, 16, 8), -EINVAL);
    media_story_expect(s, "an ioctl without its number", status_of(s, &io, 12, 8), -EINVAL);
}

/* More planes than there may be, and more controls than the request holds. */
static void bad_counts(struct media_story *s)
{
    struct wire_ioctl io = {.cmd = {.hdr.cmd = VIRTIO_MEDIA_CMD_IOCTL, .session_id = s->session}};
    struct v4l2_buffer buffer = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE};
    struct v4l2_ext_controls controls = {.count = 0x7fffffff};
    int rc;

    buffer.memory = V4L2_MEMORY_MMAP;
    buffer.length = 0x10000001;
    io.cmd.code = _IOC_NR(VIDIOC_QUERYBUF);
    memcpy(io.payload, &buffer, sizeof(buffer));
    media_story_expect(s, "QUERYBUF of too many planes",
                       status_of(s, &io, sizeof(io.cmd) + 200, 8 + 200), -EINVAL);
    io.cmd.code = _IOC_NR(VIDIOC_S_EXT_CTRLS);
    memcpy(io.payload, &controls, sizeof(controls));
    rc = status_of(s, &io, sizeof(io.cmd) + 200, 8 + 200);
    media_story_expect(s, "S_EXT_CTRLS of too many controls", rc == -EINVAL || rc == -ENOTTY, 1);
}

void media_story_wire(struct media_story *s)
{
    struct v4l2_format format = {.type = s->type};

    bad_sessions(s);
    unknown_commands(s);
    short_ioctls(s);
    short_commands(s);
    bad_counts(s);
    media_story_expect(s, "G_FMT after all that",
                       media_story_ioctl(s, VIDIOC_G_FMT, &format, sizeof(format)), 0);
}
