/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gpu/command.h"
#include "gpu/display.h"
#include "gpu/edid.h"
#include "gpu/gpu.h"
#include "gpu/hand.h"

/* ---- what outputs are ---- */

/* Linux reads the display info and EDIDs anew, and tells its own programs. */
void display_outputs_changed(struct display *display)
{
    struct gpu *gpu = display->gpu;

    if (audience_has_front_end(&display->audience))
        return;
    display->unread = true;
    gpu->config.events_read |= VIRTIO_GPU_EVENT_DISPLAY;
    gpu_tell_config(gpu);
}

void display_acknowledged(struct display *display)
{
    if (display->unread)
        display->gpu->config.events_read |= VIRTIO_GPU_EVENT_DISPLAY;
}

static bool same_mode(const struct output_mode *a, const struct output_mode *b)
{
    return a->width == b->width && a->height == b->height &&
           (a->hz == b->hz || a->width == 0); /* off is off */
}

int display_set_output(struct display *display, unsigned output, uint32_t width, uint32_t height,
                       uint32_t hz)
{
    struct output_mode mode = {width, height, hz ? hz : OUTPUT_DEFAULT_HZ};

    if (output >= VIRTIO_GPU_MAX_SCANOUTS || !output_mode_is_valid(&mode))
        return -EINVAL;
    if (output < display->count && same_mode(&display->outputs[output].mode, &mode))
        return 0;
    display->outputs[output].mode = mode;
    if (output >= display->count)
        display->count = display->gpu->config.num_scanouts = output + 1;
    display_outputs_changed(display);
    return 0;
}

int display_set_edid(struct display *display, unsigned output, const void *edid, uint32_t size)
{
    struct output *place;

    if (output >= VIRTIO_GPU_MAX_SCANOUTS || size > OUTPUT_MAX_EDID || size % EDID_BLOCK != 0)
        return -EINVAL;
    place = &display->outputs[output];
    if (place->given_size == size && (size == 0 || memcmp(place->given, edid, size) == 0))
        return 0;
    if (size > 0)
        memcpy(place->given, edid, size);
    place->given_size = size;
    display_outputs_changed(display);
    return 0;
}

/* ---- questions that wait ---- */

struct display_question {
    TAILQ_ENTRY(display_question) link; // display::questions
    struct request *request;
};

static uint32_t ask_later(struct display *display, struct request *request)
{
    struct display_question *question = calloc(1, sizeof(*question));

    if (question == NULL)
        return request_fail(request, -ENOMEM, "the question cannot wait");
    question->request = request;
    TAILQ_INSERT_TAIL(&display->questions, question, link);
    return REQUEST_PENDING;
}

static struct request *take_question(struct display *display)
{
    struct display_question *question = TAILQ_FIRST(&display->questions);
    struct request *request;

    if (question == NULL)
        return NULL;
    request = question->request;
    TAILQ_REMOVE(&display->questions, question, link);
    free(question);
    return request;
}

void display_drop_questions(struct display *display)
{
    while (take_question(display) != NULL)
        ;
}

void display_hold(struct display *display)
{
    display->holds++;
}

void display_release(struct display *display)
{
    struct request *request;

    if (display->holds == 0 || --display->holds > 0)
        return;
    while ((request = take_question(display)) != NULL)
        hand_again(request);
}

/* ---- the answers ---- */

/* Asks the sinks, once for each request. Whether the answer has to wait for theirs. */
static bool waits_for_sinks(struct display *display, struct request *request, int output)
{
    struct sink *sink;

    if (!request->asked)
        SLIST_FOREACH(sink, &display->audience.sinks, link)
    if (sink->impl->asked != NULL)
        sink->impl->asked(sink, output);
    request->asked = true;
    return display->holds > 0;
}

/* The outputs that are on stand side by side. */
uint32_t display_get_info(struct gpu *gpu, struct request *request)
{
    struct display *display = &gpu->display;
    uint32_t x = 0;

    if (waits_for_sinks(display, request, SINK_ASKS_OUTPUTS))
        return ask_later(display, request);
    display->unread = false; /* Linux asks for EDIDs first, and for this after them */
    for (uint32_t i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++) {
        const struct output *output = &display->outputs[i];
        bool on = i < display->count && output_is_on(output);

        writer_u32(&request->answer, on ? x : 0);
        writer_u32(&request->answer, 0);
        writer_u32(&request->answer, on ? output->mode.width : 0);
        writer_u32(&request->answer, on ? output->mode.height : 0);
        writer_u32(&request->answer, on);
        writer_u32(&request->answer, 0);
        x += on ? output->mode.width : 0;
    }
    return VIRTIO_GPU_RESP_OK_DISPLAY_INFO;
}

uint32_t display_get_edid(struct gpu *gpu, struct request *request)
{
    uint32_t number = reader_u32(&request->args);
    uint8_t edid[OUTPUT_MAX_EDID];
    uint32_t size;

    if (number < VIRTIO_GPU_MAX_SCANOUTS && waits_for_sinks(&gpu->display, request, (int)number))
        return ask_later(&gpu->display, request);
    if (number >= gpu->display.count)
        return request_refuse(request, VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID,
                              "there is no output %u", number);
    size = output_edid(&gpu->display.outputs[number], edid);
    writer_u32(&request->answer, size);
    writer_u32(&request->answer, 0);
    writer_put(&request->answer, edid, sizeof(edid));
    return VIRTIO_GPU_RESP_OK_EDID;
}
