/* SPDX-License-Identifier: MIT */
#include "gpu/screenshot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gpu/display.h"
#include "gpu/picture.h"
#include "gpu/picture_png.h"
#include "gpu/render_thread.h"

#define ANSWER_MAX 128u

struct screenshot {
    struct render_job job;
    struct display *display; /* borrowed; on the loop only */
    unsigned output;
    bool pointer;
    int fd;                  /* owned; -1: it is written */
    struct picture *picture; /* owned */
    int result;
    device_answer *answer;
    void *data;
};

static void screenshot_destroy(struct screenshot *shot)
{
    if (shot->fd >= 0)
        close(shot->fd);
    picture_destroy(shot->picture);
    free(shot);
}

static void screenshot_fail(struct screenshot *shot, int result)
{
    char text[ANSWER_MAX];

    if (result == -ENOENT)
        snprintf(text, sizeof(text), "output %u shows nothing", shot->output);
    else
        snprintf(text, sizeof(text), "output %u could not be copied: %s", shot->output,
                 strerror(-result));
    shot->answer(shot->data, result, text);
    screenshot_destroy(shot);
}

/* ---- beside the loop ---- */

static enum render_job_result shot_run(struct render_job *job)
{
    struct screenshot *shot = (struct screenshot *)(void *)job;

    shot->result = picture_png_write(shot->picture, shot->fd);
    shot->fd = -1;
    return RENDER_JOB_DONE;
}

static void shot_end(struct render_job *job, bool dropped)
{
    struct screenshot *shot = (struct screenshot *)(void *)job;
    char text[ANSWER_MAX];

    if (dropped) { /* the device ends: nobody waits any more */
        screenshot_destroy(shot);
        return;
    }
    if (shot->result < 0) {
        screenshot_fail(shot, shot->result);
        return;
    }
    snprintf(text, sizeof(text), "{\"output\":%u,\"width\":%u,\"height\":%u}", shot->output,
             shot->picture->width, shot->picture->height);
    shot->answer(shot->data, 0, text);
    screenshot_destroy(shot);
}

/* ---- the copy ---- */

struct picture *screenshot_copy(const struct sink_frame *frame)
{
    struct picture *picture = picture_create(frame->format, frame->width, frame->height);

    for (uint32_t y = 0; picture != NULL && y < picture->height; y++)
        memcpy(picture->data + (size_t)y * picture->stride,
               frame->pixels + (size_t)y * frame->stride, picture->stride);
    return picture;
}

/* The copy is there, or will not be. */
static void shot_write(struct screenshot *shot, struct picture *picture)
{
    struct render_thread *files = display_files(shot->display);

    shot->picture = picture;
    if (picture == NULL || files == NULL) {
        screenshot_fail(shot, -errno);
        return;
    }
    if (shot->pointer)
        cursor_draw(&shot->display->cursors[shot->output], picture);
    render_thread_queue(files, &shot->job);
}

static void shot_grabbed(void *data, int result, const struct picture *copy)
{
    struct screenshot *shot = data;
    struct sink_frame frame;

    if (result < 0) {
        screenshot_fail(shot, result);
        return;
    }
    frame = (struct sink_frame){.pixels = copy->data,
                                .width = copy->width,
                                .height = copy->height,
                                .stride = copy->stride,
                                .format = copy->format};
    shot_write(shot, screenshot_copy(&frame));
}

static void shot_begin(struct screenshot *shot)
{
    struct display *display = shot->display;
    struct sink_frame frame;
    int result;

    if (display->scanouts[shot->output].source == SCANOUT_RENDERER)
        result = scanout_grab(display, shot->output, shot_grabbed, shot);
    else
        result = scanout_frame(display, shot->output, &frame);
    if (result == 0)
        shot_write(shot, screenshot_copy(&frame));
    else if (result != -EINPROGRESS)
        screenshot_fail(shot, result);
}

void screenshot_take(struct display *display, unsigned output, bool pointer, int fd,
                     device_answer *answer, void *data)
{
    struct screenshot *shot = calloc(1, sizeof(*shot));

    if (shot == NULL) {
        close(fd);
        answer(data, -ENOMEM, "out of memory");
        return;
    }
    *shot = (struct screenshot){
        .job = {.run = shot_run, .end = shot_end},
        .display = display,
        .output = output,
        .pointer = pointer,
        .fd = fd,
        .answer = answer,
        .data = data,
    };
    shot_begin(shot);
}
