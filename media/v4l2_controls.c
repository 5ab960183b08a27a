/* SPDX-License-Identifier: MIT */
#include "media/v4l2_controls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "media/scatter.h"
#include "protocol/virtio_media.h"

/* As Linux has it (V4L2_CID_MAX_CTRLS). */
#define MOST_CONTROLS 1024u

/* The places in guest memory, which follow the controls. */
static struct scatter places_of(const struct ioctl_call *call, size_t controls_size)
{
    return (struct scatter){
        .entries = (const uint8_t *)call->tail + controls_size,
        .count = (call->tail_size - controls_size) / sizeof(struct virtio_media_sg),
    };
}

/* Points the controls to 'bytes', which are read from the guest. 0 or -errno. */
static int take_bytes(struct v4l2_controls *controls, struct scatter places,
                      struct guest_memory *memory)
{
    uint8_t *at = controls->bytes;

    for (uint32_t i = 0; i < controls->count; i++) {
        struct v4l2_ext_control *control = &controls->list[i];
        struct scatter place;

        if (control->size == 0)
            continue;
        if (!scatter_take(&places, control->size, &place))
            return -EINVAL;
        if (!scatter_read(&place, memory, at, control->size))
            return -EFAULT;
        control->ptr = at;
        at += control->size;
    }
    return 0;
}

int v4l2_controls_init(struct v4l2_controls *controls, const struct ioctl_call *call,
                       struct guest_memory *memory, size_t *answer)
{
    const struct v4l2_ext_controls *head = call->payload;
    size_t size = (size_t)head->count * sizeof(*controls->list);
    uint64_t sum = 0;

    *controls = (struct v4l2_controls){.count = head->count};
    *answer = 0;
    if (head->count > MOST_CONTROLS || size > call->tail_size)
        return -EINVAL;
    *answer = size;
    if (head->which == V4L2_CTRL_WHICH_REQUEST_VAL)
        return -EINVAL; /* as without the request API */
    if (head->count == 0)
        return 0;
    controls->list = malloc(size);
    if (controls->list == NULL)
        return -ENOMEM;
    memcpy(controls->list, call->tail, size);
    for (uint32_t i = 0; i < controls->count; i++)
        sum += controls->list[i].size;
    if (sum > V4L2_CONTROLS_MAX_BYTES)
        return -ENOMEM;
    controls->bytes = calloc(1, sum + 1);
    if (controls->bytes == NULL)
        return -ENOMEM;
    return take_bytes(controls, places_of(call, size), memory);
}

/* The control that the guest gets, from the one that it gave and what the host made of it. */
static void answer_one(struct v4l2_ext_control *given, const struct v4l2_ext_control *made,
                       const uint8_t *ours)
{
    struct v4l2_ext_control answer = *made;

    if (given->size > 0 && (made->ptr == ours || made->ptr == NULL))
        answer.ptr = given->ptr; /* the guest's own pointer */
    *given = answer;
}

int v4l2_controls_answer(const struct v4l2_controls *controls, struct ioctl_call *call,
                         struct guest_memory *memory, bool bytes)
{
    struct scatter places = places_of(call, controls->count * sizeof(*controls->list));
    const uint8_t *at = controls->bytes;
    bool good = true;

    for (uint32_t i = 0; controls->list != NULL && i < controls->count; i++) {
        struct v4l2_ext_control given;
        uint8_t *to = (uint8_t *)call->tail + i * sizeof(given);
        struct scatter place;
        uint32_t size;

        memcpy(&given, to, sizeof(given));
        size = given.size;
        if (size > 0 && scatter_take(&places, size, &place) && bytes)
            good = scatter_write(&place, memory, at, size) && good;
        answer_one(&given, &controls->list[i], at);
        memcpy(to, &given, sizeof(given));
        at += size;
    }
    return good ? 0 : -EFAULT;
}

void v4l2_controls_finish(struct v4l2_controls *controls)
{
    free(controls->list);
    free(controls->bytes);
    *controls = (struct v4l2_controls){0};
}
