/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "media_story.h"
#include "protocol/virtio_media.h"

/* Two windows of one buffer are one memory; it lives until both are gone. */
static void map_twice(struct media_story *s, uint32_t at)
{
    struct media_window one, two;
    struct virtio_media_cmd_munmap cmd = {.hdr.cmd = VIRTIO_MEDIA_CMD_MUNMAP};
    struct virtio_media_resp_header answer = {0};

    media_story_expect(s, "MMAP", media_client_mmap(s->client, s->session, at, &one), 0);
    media_story_expect(s, "MMAP twice", media_client_mmap(s->client, s->session, at, &two), 0);
    if (s->bad)
        return;
    media_story_expect(s, "MMAP twice: one place", one.offset == two.offset, 1);
    memset(one.at, 0x5a, 4096);
    media_story_expect(s, "MMAP twice: one memory", two.at[4095], 0x5a);
    media_story_expect(s, "MUNMAP", media_client_munmap(s->client, &two), 0);
    media_story_expect(s, "the other window lives", one.at[1], 0x5a);
    media_story_expect(s, "MMAP a third time", media_client_mmap(s->client, s->session, at, &two),
                       0);
    media_story_expect(s, "MMAP a third time: one place", one.offset == two.offset, 1);
    media_story_expect(s, "MUNMAP again", media_client_munmap(s->client, &two), 0);
    media_story_expect(s, "MUNMAP of the last", media_client_munmap(s->client, &one), 0);
    cmd.shm_offset = one.offset;
    media_client_raw(s->client, &cmd, sizeof(cmd), &answer, sizeof(answer));
    media_story_expect(s, "MUNMAP of what is gone", (int)answer.status, EINVAL);
}

/* A window outlives its buffer and its session, and nobody else gets its place meanwhile. */
static void outlive(struct media_story *s, uint32_t at)
{
    struct media_window old, fresh;
    uint32_t session, fresh_at, length;

    media_story_expect(s, "MMAP before REQBUFS 0",
                       media_client_mmap(s->client, s->session, at, &old), 0);
    if (s->bad)
        return;
    memset(old.at, 0xa5, 4096);
    media_story_expect(s, "REQBUFS 0 with a window", media_story_request(s, 0), 0);
    media_story_expect(s, "the window outlives its buffer", old.at[100], 0xa5);
    media_story_expect(s, "MMAP of a buffer that is gone",
                       media_client_mmap(s->client, s->session, at, &fresh), -EINVAL);
    media_story_expect(s, "REQBUFS 2", media_story_request(s, 2), 0);
    media_story_expect(s, "QUERYBUF", media_story_query(s, 0, &fresh_at, &length), 0);
    media_story_expect(s, "MMAP of the new buffer",
                       media_client_mmap(s->client, s->session, fresh_at, &fresh), 0);
    if (s->bad)
        return;
    media_story_expect(s, "the new buffer has another place", fresh.offset != old.offset, 1);
    memset(fresh.at, 0x11, 4096);
    media_story_expect(s, "the old window is not the new buffer", old.at[100], 0xa5);
    media_story_expect(s, "CLOSE with windows", media_client_close(s->client, s->session), 0);
    media_story_expect(s, "the windows outlive the session",
                       old.at[100] == 0xa5 && fresh.at[100] == 0x11, 1);
    media_story_expect(s, "MUNMAP after CLOSE", media_client_munmap(s->client, &old), 0);
    media_story_expect(s, "MUNMAP of the other", media_client_munmap(s->client, &fresh), 0);
    media_story_expect(s, "OPEN", media_client_open(s->client, &session), 0);
    s->session = session;
}

void media_story_mapping(struct media_story *s)
{
    uint32_t at = 0, length = 0, first, bad = s->bad;
    struct media_window none;

    media_story_expect(s, "REQBUFS 2", media_story_request(s, 2), 0);
    media_story_expect(s, "QUERYBUF 0", media_story_query(s, 0, &first, &length), 0);
    media_story_expect(s, "QUERYBUF 1", media_story_query(s, 1, &at, &length), 0);
    media_story_expect(s, "two buffers have two offsets", first != at, 1);
    media_story_expect(s, "the offset is a page's", at % 4096 == 0, 1);
    media_story_expect(s, "MMAP of no buffer",
                       media_client_mmap(s->client, s->session, 0x7ffff000, &none), -EINVAL);
    media_story_expect(s, "MMAP inside a buffer",
                       media_client_mmap(s->client, s->session, at + 512, &none), -EINVAL);
    /* The rest looks into windows, so it needs them. */
    s->bad = 0;
    map_twice(s, at);
    if (!s->bad)
        outlive(s, at);
    s->bad += bad;
}
