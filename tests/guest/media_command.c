/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "media_driver.h"

/* The errno of an answer of 'used' bytes that must have 'whole' when it is good. */
static int judge(struct media_driver *driver, const char *what, int used, uint32_t whole)
{
    struct virtio_media_resp_header hdr;

    if (used < 0)
        return used;
    memcpy(&hdr, driver->answer, sizeof(hdr));
    if ((uint32_t)used < sizeof(hdr)) {
        media_driver_fault(driver, "%s: an answer of %d bytes", what, used);
        return -EPROTO;
    }
    if (hdr.status > 4095) {
        media_driver_fault(driver, "%s: status %u is no errno", what, hdr.status);
        return -EPROTO;
    }
    if (!hdr.status && (uint32_t)used != whole) {
        media_driver_fault(driver, "%s: a good answer of %d bytes, not %u", what, used, whole);
        return -EPROTO;
    }
    return -(int)hdr.status;
}

static int do_open(struct media_driver *driver, unsigned client, struct media_rpc *rpc)
{
    struct virtio_media_cmd_header cmd = {.cmd = VIRTIO_MEDIA_CMD_OPEN};
    struct virtio_media_resp_open resp;
    struct media_session *session = NULL;
    int rc;

    for (unsigned i = 0; i < MEDIA_DRIVER_SESSIONS && !session; i++)
        if (!driver->sessions[i].live)
            session = &driver->sessions[i];
    if (!session)
        return -EMFILE;
    memcpy(driver->request, &cmd, sizeof(cmd));
    rc = judge(driver, "OPEN", media_driver_command(driver, sizeof(cmd), 0, sizeof(resp), 0),
               sizeof(resp));
    if (rc)
        return rc;
    memcpy(&resp, driver->answer, sizeof(resp));
    if (media_driver_session(driver, MEDIA_DRIVER_CLIENTS, resp.session_id)) {
        media_driver_fault(driver, "OPEN: session %u is in use", resp.session_id);
        return -EPROTO;
    }
    memset(session, 0, sizeof(*session));
    session->live = true;
    session->id = resp.session_id;
    session->client = client;
    rpc->session = resp.session_id;
    return 0;
}

static int close_session(struct media_driver *driver, struct media_session *session)
{
    struct virtio_media_cmd_close cmd = {
        .hdr.cmd = VIRTIO_MEDIA_CMD_CLOSE,
        .session_id = session->id,
    };
    int used;

    memcpy(driver->request, &cmd, sizeof(cmd));
    used = media_driver_command(driver, sizeof(cmd), 0, 0, 0);
    if (used > 0)
        media_driver_fault(driver, "CLOSE: an answer of %d bytes", used);
    /* What was sent before the answer may still name the session; nothing after may. */
    media_driver_take_events(driver);
    session->live = false;
    return used < 0 ? used : 0;
}

/* After these no event may come for the buffers that were queued; those on their way are void. */
static void forget_queue(struct media_driver *driver, struct media_session *session)
{
    media_driver_take_events(driver);
    session->queued = 0;
    session->count = 0;
}

static int do_ioctl(struct media_driver *driver, unsigned client, struct media_rpc *rpc)
{
    unsigned nr = _IOC_NR(rpc->code), dir = _IOC_DIR(rpc->code);
    struct media_session *session = media_driver_session(driver, client, rpc->session);
    struct virtio_media_cmd_ioctl cmd = {
        .hdr.cmd = VIRTIO_MEDIA_CMD_IOCTL,
        .session_id = rpc->session,
        .code = nr,
    };
    uint32_t in = dir & _IOC_WRITE ? rpc->size : 0, out = dir & _IOC_READ ? rpc->size : 0;
    uint64_t bit = 0, before = session ? session->queued : 0;
    char what[32] = "ioctl ";
    int rc;

    /* The Linux driver sends these two in both directions. */
    if (nr == _IOC_NR(VIDIOC_G_INPUT) || nr == _IOC_NR(VIDIOC_G_OUTPUT))
        in = rpc->size;
    what[6] = (char)('0' + nr / 100);
    what[7] = (char)('0' + nr / 10 % 10);
    what[8] = (char)('0' + nr % 10);
    memcpy(driver->request, &cmd, sizeof(cmd));
    memcpy(driver->payload, rpc->payload, rpc->size);
    if (nr == _IOC_NR(VIDIOC_QBUF) && *(uint32_t *)(void *)rpc->payload < MEDIA_DRIVER_BUFFERS)
        bit = 1ull << *(uint32_t *)(void *)rpc->payload;
    /* The frame may come before QBUF's answer. */
    if (session)
        session->queued |= bit;
    rc = judge(driver, what, media_driver_command(driver, sizeof(cmd), in, 8, out), 8 + out);
    if (session && rc)
        session->queued = before;
    if (session && !rc && (nr == _IOC_NR(VIDIOC_STREAMOFF) || nr == _IOC_NR(VIDIOC_REQBUFS)))
        forget_queue(driver, session);
    memcpy(rpc->payload, driver->payload, rpc->size);
    return rc;
}

static void judge_window(struct media_driver *driver, uint64_t offset, uint64_t length)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

    if (offset % page || !length || offset > driver->shm->length ||
        length > driver->shm->length - offset)
        media_driver_fault(driver,
                           "MMAP: offset %#llx length %#llx is no place in a region of %#llx",
                           (unsigned long long)offset, (unsigned long long)length,
                           (unsigned long long)driver->shm->length);
    for (unsigned i = 0; i < MEDIA_DRIVER_MAPPINGS; i++) {
        struct media_mapping *m = &driver->mappings[i];

        if (m->count && m->offset != offset && m->offset < offset + length &&
            offset < m->offset + m->length)
            media_driver_fault(driver, "MMAP: offset %#llx lies in the live mapping at %#llx",
                               (unsigned long long)offset, (unsigned long long)m->offset);
    }
}

static struct media_mapping *find_mapping(struct media_driver *driver, unsigned client,
                                          uint64_t offset, bool make)
{
    struct media_mapping *unused = NULL;

    for (unsigned i = 0; i < MEDIA_DRIVER_MAPPINGS; i++) {
        struct media_mapping *m = &driver->mappings[i];

        if (m->count && m->client == client && m->offset == offset)
            return m;
        if (!m->count && !unused)
            unused = m;
    }
    return make ? unused : NULL;
}

static int do_munmap(struct media_driver *driver, struct media_mapping *mapping)
{
    struct virtio_media_cmd_munmap cmd = {
        .hdr.cmd = VIRTIO_MEDIA_CMD_MUNMAP,
        .shm_offset = mapping->offset,
    };

    memcpy(driver->request, &cmd, sizeof(cmd));
    mapping->count--;
    return judge(driver, "MUNMAP", media_driver_command(driver, sizeof(cmd), 0, 8, 0), 8);
}

static int do_mmap(struct media_driver *driver, unsigned client, struct media_rpc *rpc)
{
    struct virtio_media_cmd_mmap cmd = {
        .hdr.cmd = VIRTIO_MEDIA_CMD_MMAP,
        .session_id = rpc->session,
        .flags = VIRTIO_MEDIA_MMAP_FLAG_RW,
        .offset = rpc->code,
    };
    struct virtio_media_resp_mmap resp;
    struct media_mapping *mapping;
    int rc;

    if (!driver->shm)
        return -ENXIO;
    memcpy(driver->request, &cmd, sizeof(cmd));
    rc = judge(driver, "MMAP", media_driver_command(driver, sizeof(cmd), 0, sizeof(resp), 0),
               sizeof(resp));
    if (rc)
        return rc;
    memcpy(&resp, driver->answer, sizeof(resp));
    judge_window(driver, resp.shm_offset, resp.len);
    mapping = find_mapping(driver, client, resp.shm_offset, true);
    if (!mapping)
        return -ENOMEM;
    mapping->client = client;
    mapping->offset = resp.shm_offset;
    mapping->length = resp.len;
    mapping->count++;
    rpc->offset = resp.shm_offset;
    rpc->length = resp.len;
    return 0;
}

static int do_raw(struct media_driver *driver, struct media_rpc *rpc)
{
    uint32_t room = rpc->code > 64 ? 64 : rpc->code, rest = rpc->code - room;
    uint32_t head = rpc->size > 16 ? 16 : rpc->size;
    int used;

    if (rpc->code > MEDIA_RPC_PAYLOAD - 64)
        return -EINVAL;
    memcpy(driver->request, rpc->payload, head);
    memcpy(driver->payload, rpc->payload + head, rpc->size - head);
    used = media_driver_command(driver, head, rpc->size - head, room, rest);
    if (used < 0)
        return used;
    rpc->used = (uint32_t)used;
    rpc->size = rpc->code;
    memcpy(rpc->payload, driver->answer, room);
    memcpy(rpc->payload + room, driver->payload, rest);
    return 0;
}

static int do_state(struct media_driver *driver, struct media_rpc *rpc)
{
    struct media_state state = {
        .commands = driver->command_count,
        .events = driver->event_total,
        .faults = driver->faults,
        .kicks = driver->commands.kicks + driver->events.kicks,
        .indirects = driver->commands.indirects,
    };

    for (unsigned i = 0; i < MEDIA_DRIVER_SESSIONS; i++)
        state.sessions += driver->sessions[i].live;
    for (unsigned i = 0; i < MEDIA_DRIVER_MAPPINGS; i++)
        state.mappings += driver->mappings[i].count != 0;
    memcpy(rpc->payload, &state, sizeof(state));
    rpc->size = sizeof(state);
    return 0;
}

void media_driver_execute(struct media_driver *driver, unsigned client, struct media_rpc *rpc)
{
    struct media_session *session = media_driver_session(driver, client, rpc->session);
    struct media_mapping *mapping;

    rpc->result = -EINVAL;
    if (rpc->op == MEDIA_RPC_OPEN) {
        rpc->result = do_open(driver, client, rpc);
    } else if (rpc->op == MEDIA_RPC_CLOSE && session) {
        rpc->result = close_session(driver, session);
    } else if (rpc->op == MEDIA_RPC_IOCTL) {
        rpc->result = do_ioctl(driver, client, rpc);
        return;
    } else if (rpc->op == MEDIA_RPC_MMAP) {
        rpc->result = do_mmap(driver, client, rpc);
    } else if (rpc->op == MEDIA_RPC_MUNMAP) {
        mapping = find_mapping(driver, client, rpc->offset, false);
        rpc->result = mapping ? do_munmap(driver, mapping) : -ENOENT;
    } else if (rpc->op == MEDIA_RPC_RAW) {
        rpc->result = do_raw(driver, rpc);
        return;
    } else if (rpc->op == MEDIA_RPC_STATE) {
        rpc->result = do_state(driver, rpc);
        return;
    }
    rpc->size = 0;
}

void media_driver_bury(struct media_driver *driver, unsigned client)
{
    if (driver->careless)
        return;
    for (unsigned i = 0; i < MEDIA_DRIVER_MAPPINGS; i++) {
        struct media_mapping *m = &driver->mappings[i];

        while (m->count && m->client == client) {
            int rc = do_munmap(driver, m);

            if (rc)
                media_driver_fault(driver, "MUNMAP at exit: %s", strerror(-rc));
        }
    }
    for (unsigned i = 0; i < MEDIA_DRIVER_SESSIONS; i++)
        if (driver->sessions[i].live && driver->sessions[i].client == client)
            close_session(driver, &driver->sessions[i]);
}
