/* SPDX-License-Identifier: MIT */
#include "media/command_row.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "media/media.h"

static command_handler run_open, run_close, run_mmap, run_munmap;

static const struct command_row rows[] = {
    [VIRTIO_MEDIA_CMD_OPEN] = {"OPEN", sizeof(struct virtio_media_cmd_header),
                               sizeof(struct virtio_media_resp_open), run_open, false},
    [VIRTIO_MEDIA_CMD_CLOSE] = {"CLOSE", sizeof(struct virtio_media_cmd_close), 0, run_close, true},
    [VIRTIO_MEDIA_CMD_IOCTL] = {"IOCTL", sizeof(struct virtio_media_cmd_ioctl),
                                sizeof(struct virtio_media_resp_header), command_ioctl, false},
    [VIRTIO_MEDIA_CMD_MMAP] = {"MMAP", sizeof(struct virtio_media_cmd_mmap),
                               sizeof(struct virtio_media_resp_mmap), run_mmap, false},
    [VIRTIO_MEDIA_CMD_MUNMAP] = {"MUNMAP", sizeof(struct virtio_media_cmd_munmap),
                                 sizeof(struct virtio_media_resp_header), run_munmap, false},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* What of an opening may take long. 0, -errno after closing the session, or COMMAND_LATER. */
static int start_session(struct media *media, struct session *session)
{
    struct context *context = session->context;
    uint32_t id = session->id.id;
    int r = context->impl->start != NULL ? context->impl->start(context) : 0;

    if (r == COMMAND_LATER)
        media->command.opening = id;
    else if (r != 0)
        media_close_session(media, session_find(&media->sessions, id));
    return r;
}

static int run_open(struct media *media, struct command *command)
{
    struct session *session = session_open(&media->sessions);
    struct virtio_media_resp_open answer = {0};
    int r;

    if (session == NULL) {
        return -errno;
    }
    session->context = media->kind->ops->open(media->kind, session->id.id);
    if (session->context == NULL) {
        r = -errno;
        log_stranger("refused a session: error %d", -r);
        session_close(&media->sessions, session);
        return r;
    }
    answer.session_id = session->id.id;
    memcpy(command->reply, &answer, sizeof(answer));
    media_show_sessions(media);
    r = start_session(media, session);
    if (r == 0)
        media_session_opened(media, session);
    return r;
}

/* Whether a request that takes buffers away has to wait for those who work on them. */
bool command_wait_for_context(struct command *command, const struct session *session)
{
    struct context *context = session->context;

    command->waits_for_context = context->impl->busy != NULL && context->impl->busy(context);
    return command->waits_for_context;
}

static int run_close(struct media *media, struct command *command)
{
    struct virtio_media_cmd_close close;
    struct session *session;

    memcpy(&close, command->request, sizeof(close));
    session = session_find(&media->sessions, close.session_id);
    if (session == NULL) {
        log_stranger("a CLOSE of session %u, which is not open", close.session_id);
        return -EINVAL;
    }
    if (command_wait_for_context(command, session))
        return COMMAND_LATER;
    media_close_session(media, session);
    return 0;
}

static void mapping_settled(void *data, int result)
{
    /* Cancelled: when there is a window again, the ring will be ready. */
    command_settle(data, result, result != -ECANCELED);
}

static int run_mmap(struct media *media, struct command *command)
{
    struct virtio_media_resp_mmap answer = {0};
    struct virtio_media_cmd_mmap mmap;
    struct session *session;
    struct plane *plane;

    memcpy(&mmap, command->request, sizeof(mmap));
    session = session_find(&media->sessions, mmap.session_id);
    plane = session != NULL ? context_plane(session->context, mmap.session_id, mmap.offset) : NULL;
    if (plane == NULL) {
        log_stranger("an MMAP of session %u at offset 0x%x, where it has no buffer",
                     mmap.session_id, mmap.offset);
        return -EINVAL;
    }
    /* Always readable and writable: the guest's own page tables keep what is read-only so. */
    answer.shm_offset = plane->place.start;
    answer.len = plane->size;
    memcpy(command->reply, &answer, sizeof(answer));
    command->plane = plane;
    return plane_map(plane, mapping_settled, media);
}

static int run_munmap(struct media *media, struct command *command)
{
    struct virtio_media_cmd_munmap munmap;
    struct plane *plane;

    memcpy(&munmap, command->request, sizeof(munmap));
    plane = window_mapped_at(&media->window, munmap.shm_offset);
    if (plane == NULL) {
        log_stranger("a MUNMAP at 0x%llx, where nothing is mapped",
                     (unsigned long long)munmap.shm_offset);
        return -EINVAL;
    }
    return plane_unmap(plane, mapping_settled, media);
}

const struct command_row *command_row_find(uint32_t number)
{
    return &rows[number < ROWS ? number : 0];
}
