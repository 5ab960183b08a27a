/* SPDX-License-Identifier: MIT */
#include "media/decoder_slots.h"

#include <stddef.h>

void decoder_slots_init(struct decoder_slots *slots, const struct av_library *av)
{
    *slots = (struct decoder_slots){.av = av};
}

static bool is_let_go(const struct decoder_slot *slot)
{
    return __atomic_load_n(&slot->refs, __ATOMIC_ACQUIRE) == 0;
}

static void slot_free(struct decoder_slot *slot)
{
    for (unsigned i = 0; i < slot->planes; i++)
        plane_unuse(slot->plane[i]);
    *slot = (struct decoder_slot){0};
}

void decoder_slots_finish(struct decoder_slots *slots)
{
    decoder_slots_detach(slots);
    for (unsigned i = 0; i < DECODER_SLOTS; i++)
        if (slots->slots[i].used)
            slot_free(&slots->slots[i]);
}

bool decoder_slots_hold(const struct decoder_slots *slots, const struct queue_buffer *buffer)
{
    for (unsigned i = 0; i < DECODER_SLOTS; i++)
        if (slots->slots[i].used && slots->slots[i].plane[0] == buffer->plane[0])
            return true;
    return false;
}

static unsigned count_free(const struct decoder_slots *slots, const struct buffer_queue *queue)
{
    unsigned count = 0;

    for (unsigned i = 0; i < queue->count; i++)
        count += !decoder_slots_hold(slots, queue->buffers[i]);
    return count;
}

static struct decoder_slot *unused(struct decoder_slots *slots)
{
    for (unsigned i = 0; i < DECODER_SLOTS; i++)
        if (!slots->slots[i].used)
            return &slots->slots[i];
    return NULL;
}

/* Looks where a picture lies in the buffer. False: it has no room for one with its margin. */
static bool slot_place(struct decoder_slot *slot, const struct picture *picture)
{
    if (slot->planes != picture->format->planes)
        return false;
    for (unsigned i = 0; i < slot->planes; i++) {
        slot->size[i] = slot->plane[i]->size;
        slot->memory[i] = buffer_data(slot->plane[i]->buffer);
        if (slot->memory[i] == NULL || slot->size[i] < picture->plane_size[i])
            return false;
    }
    for (unsigned i = 0; i < PICTURE_MAX_PLANES; i++)
        slot->parts[i] = picture_part(picture, slot->memory, i);
    return true;
}

void decoder_slots_offer(struct decoder_slots *slots, const struct buffer_queue *queue,
                         struct queue_buffer *buffer, const struct picture *picture)
{
    struct decoder_slot *slot = unused(slots);
    struct decoder_slot filled = {.used = true, .buffer = buffer, .planes = buffer->planes};

    slots->offer = NULL;
    slots->reason = "the guest's format is none of the codec's";
    if (slot == NULL || picture->format->layout != PIXEL_YUV420 ||
        buffer->planes > PICTURE_MAX_PLANES)
        return;
    slots->reason = "the memory is the guest's own, and no codec may keep it";
    if (queue->user)
        return;
    slots->reason = "the guest has too few buffers";
    if (count_free(slots, queue) <= DECODER_SLOTS_SPARE)
        return;
    for (unsigned i = 0; i < buffer->planes; i++)
        filled.plane[i] = buffer->plane[i];
    slots->reason = "the guest's buffers are too small";
    if (!slot_place(&filled, picture))
        return;
    slots->reason = NULL;
    *slot = filled;
    slots->offer = slot;
}

void decoder_slots_settle(struct decoder_slots *slots, bool kept)
{
    struct decoder_slot *slot = slots->offer;

    if (slot == NULL)
        return;
    slots->offer = NULL;
    if (!slot->claimed) {
        *slot = (struct decoder_slot){0};
        return;
    }
    for (unsigned i = 0; i < slot->planes; i++)
        plane_use(slot->plane[i]);
    if (!kept)
        slot->buffer = NULL;
}

void decoder_slots_reap(struct decoder_slots *slots, struct buffer_queue *queue)
{
    for (unsigned i = 0; i < DECODER_SLOTS; i++) {
        struct decoder_slot *slot = &slots->slots[i];

        if (!slot->used || !is_let_go(slot))
            continue;
        if (slot->buffer != NULL)
            buffer_queue_untake(queue, slot->buffer);
        slot_free(slot);
    }
}

void decoder_slots_given(struct decoder_slots *slots, const struct queue_buffer *buffer)
{
    for (unsigned i = 0; i < DECODER_SLOTS; i++)
        if (slots->slots[i].used && slots->slots[i].buffer == buffer)
            slots->slots[i].buffer = NULL;
}

void decoder_slots_detach(struct decoder_slots *slots)
{
    decoder_slots_settle(slots, false);
    for (unsigned i = 0; i < DECODER_SLOTS; i++)
        slots->slots[i].buffer = NULL;
}

/* ---- in a step ---- */

/* Whether a component plane has the form that the codec wants. 'lines' and 'width' are the codec's,
 * which may be more than what is shown. */
static bool part_fits(const struct decoder_slot *slot, unsigned i, uint32_t width, uint32_t lines,
                      int alignment)
{
    const struct picture_part *part = &slot->parts[i];
    unsigned memory = slot->planes > 1 ? i : 0;
    const uint8_t *end = slot->memory[memory] + slot->size[memory];
    uintptr_t mask = alignment > 0 ? (uintptr_t)alignment - 1 : 0;

    if (((uintptr_t)part->data & mask) != 0 || (part->stride & mask) != 0 || part->stride < width)
        return false;
    return (uint64_t)part->stride * lines + 64 <= (uint64_t)(end - part->data);
}

#define BLOCK 16

static bool is_420(int format)
{
    return format == AV_PIX_FMT_YUV420P || format == AV_PIX_FMT_YUVJ420P;
}

/* NULL, or why not. 'frame' has the size that the codec decodes, its context the one that is shown.
 */
static const char *misfit(const struct decoder_slots *slots, const struct decoder_slot *slot,
                          AVCodecContext *context, const AVFrame *frame)
{
    int width = frame->width, height = frame->height, alignment[AV_NUM_DATA_POINTERS] = {0};

    if (!is_420(frame->format))
        return "the stream is not 4:2:0 of 8 bits";
    if (width <= 0 || height <= 0)
        return "the stream has no size";
    slots->av->avcodec_align_dimensions2(context, &width, &height, alignment);
    /* In one plane of memory, what lies below the luma's last line is chroma, and codecs write
     * whole blocks. */
    if (slot->planes == 1 &&
        (uint32_t)(frame->height + BLOCK - 1) / BLOCK * BLOCK > slot->parts[0].lines)
        return "the codec's pictures are higher than what is shown";
    for (unsigned i = 0; i < PICTURE_MAX_PLANES; i++)
        if (!part_fits(slot, i, (uint32_t)(i == 0 ? width : (width + 1) / 2),
                       (uint32_t)(i == 0 ? height : (height + 1) / 2), alignment[i]))
            return "lines of this width do not suit the codec";
    return NULL;
}

static void let_go(void *opaque, uint8_t *data)
{
    struct decoder_slot *slot = opaque;

    __atomic_sub_fetch(&slot->refs, 1, __ATOMIC_RELEASE);
}

static bool wrap(const struct av_library *av, struct decoder_slot *slot, AVFrame *frame)
{
    for (unsigned i = 0; i < slot->planes; i++) {
        frame->buf[i] = av->av_buffer_create(slot->memory[i], slot->size[i], let_go, slot, 0);
        if (frame->buf[i] == NULL) {
            while (i > 0)
                av->av_buffer_unref(&frame->buf[--i]);
            return false;
        }
        __atomic_add_fetch(&slot->refs, 1, __ATOMIC_RELAXED);
    }
    return true;
}

bool decoder_slots_claim(struct decoder_slots *slots, AVCodecContext *context, AVFrame *frame)
{
    struct decoder_slot *slot = slots->offer;

    if (slot == NULL || slot->claimed)
        return false;
    slots->reason = misfit(slots, slot, context, frame);
    if (slots->reason != NULL || !wrap(slots->av, slot, frame))
        return false;
    for (unsigned i = 0; i < PICTURE_MAX_PLANES; i++) {
        frame->data[i] = slot->parts[i].data;
        frame->linesize[i] = (int)slot->parts[i].stride;
    }
    frame->extended_data = frame->data;
    slot->claimed = true;
    return true;
}

struct decoder_slot *decoder_slots_of(struct decoder_slots *slots, const AVFrame *frame)
{
    for (unsigned i = 0; i < DECODER_SLOTS; i++) {
        struct decoder_slot *slot = &slots->slots[i];

        if (slot->used && slot->claimed && slot->buffer != NULL &&
            slot->parts[0].data == frame->data[0] && !is_let_go(slot))
            return slot;
    }
    return NULL;
}
