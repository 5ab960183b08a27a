/* SPDX-License-Identifier: MIT */
/*
 * Another worker's contexts, and what their controls were set to.
 */
#include "media/estate_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "media/media.h"

struct context *estate_context_of(const struct media *media, uint32_t id)
{
    const struct session *session;

    if (media->kind->shared != NULL)
        return id == 0 ? media->kind->shared : NULL;
    session = session_find(&media->sessions, id);
    return session != NULL ? session->context : NULL;
}

int estate_restore_context(struct media *media, struct store *store, uint32_t handle,
                           struct estate_tally *tally)
{
    struct context *context = estate_context_of(media, store_id(store, handle));
    uint64_t bytes[CONTEXT_MAX_ESTATE / 8];
    size_t size = store_size(store, handle);
    int r;

    if (context == NULL || context->record != 0 || context->impl->resume == NULL ||
        size > sizeof(bytes) || store_read(store, handle, bytes, size) != size)
        return -EINVAL;
    r = context->impl->resume(context, bytes, size);
    if (r == 0)
        context->record = handle;
    return r;
}

static int restore_control(struct control_set *set, const struct estate_control *head,
                           const uint8_t *bytes)
{
    struct control *control = control_set_find(set, head->id);
    int r;

    if (control == NULL || control->size != head->size ||
        control->spec->type == V4L2_CTRL_TYPE_CTRL_CLASS)
        return -EINVAL;
    if (control->size == 0) {
        r = control_stage(control, head->value);
    } else {
        memcpy(control->staged_data, bytes, control->size);
        r = control_stage_data(control, control->size);
    }
    if (r == 0)
        control_apply(control);
    control->staged = false;
    return r;
}

static int restore_values(struct control_set *set, const uint8_t *bytes, size_t size)
{
    struct estate_control head;
    size_t at = 0, data;
    int r = 0;

    while (at < size && r == 0) {
        if (size - at < sizeof(head))
            return -EINVAL;
        memcpy(&head, bytes + at, sizeof(head));
        at += sizeof(head);
        data = ((size_t)head.size + 7) & ~(size_t)7;
        if (data > size - at)
            return -EINVAL;
        r = restore_control(set, &head, bytes + at);
        at += data;
    }
    return r;
}

int estate_restore_controls(struct media *media, struct store *store, uint32_t handle,
                            struct estate_tally *tally)
{
    struct context *context = estate_context_of(media, store_id(store, handle));
    size_t size = store_size(store, handle);
    uint8_t *bytes;
    int r = -EINVAL;

    if (context == NULL || context->controls == NULL || context->controls->record != 0 ||
        size > (1u << 20))
        return -EINVAL;
    bytes = malloc(size + 1);
    if (bytes == NULL)
        return -ENOMEM;
    if (store_read(store, handle, bytes, size) == size)
        r = restore_values(context->controls, bytes, size);
    free(bytes);
    if (r == 0)
        context->controls->record = handle;
    return r;
}

int estate_restore_part(struct media *media, struct store *store, uint32_t handle,
                        struct estate_tally *tally)
{
    struct context *context = estate_context_of(media, store_id(store, handle));
    size_t size = store_size(store, handle);
    uint64_t bytes[CONTEXT_MAX_ESTATE / 8];

    if (context == NULL || context->impl->resume_part == NULL || context->record == 0 ||
        size > sizeof(bytes) || store_read(store, handle, bytes, size) != size)
        return -EINVAL;
    return context->impl->resume_part(context, handle, bytes, size, tally);
}
