/* SPDX-License-Identifier: MIT */
#include "gpu/sink_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "gpu/display.h"
#include "gpu/picture.h"
#include "gpu/picture_png.h"
#include "gpu/render_thread.h"
#include "gpu/screenshot.h"

#define NAME_MAX_SIZE 48u

struct file_job;

struct sink_file_output {
    unsigned long number; /* of the last file */
    struct file_job *job; /* borrowed: writes a picture; NULL: none does */
    bool changed;         /* since that picture */
};

struct sink_file {
    struct sink sink; /* first */
    int folder;       /* owned */
    bool told;        /* that files cannot be written */
    struct sink_file_output outputs[VIRTIO_GPU_MAX_SCANOUTS];
};

/* One file. Beside the loop it uses only what it owns. */
struct file_job {
    struct render_job job;
    struct sink_file *sink; /* borrowed; for the loop only; NULL: it is gone */
    unsigned output;
    unsigned long number;
    int folder;              /* owned */
    struct picture *picture; /* owned */
    int result;
};

static void file_name(char name[static NAME_MAX_SIZE], unsigned output, unsigned long number)
{
    snprintf(name, NAME_MAX_SIZE, "output-%u-%08lu.png", output, number);
}

/* ---- beside the loop ---- */

static int write_file(struct file_job *file)
{
    char name[NAME_MAX_SIZE], part[NAME_MAX_SIZE];
    int fd, result;

    file_name(name, file->output, file->number);
    snprintf(part, sizeof(part), ".output-%u.part", file->output);
    fd = openat(file->folder, part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0)
        return -errno;
    result = picture_png_write(file->picture, fd);
    if (result == 0 && renameat(file->folder, part, file->folder, name) < 0)
        result = -errno;
    if (result < 0)
        unlinkat(file->folder, part, 0);
    return result;
}

static enum render_job_result file_run(struct render_job *job)
{
    struct file_job *file = (struct file_job *)(void *)job;
    char name[NAME_MAX_SIZE];

    file->result = write_file(file);
    if (file->result == 0 && file->number > SINK_FILE_KEEP) {
        file_name(name, file->output, file->number - SINK_FILE_KEEP);
        unlinkat(file->folder, name, 0);
    }
    return RENDER_JOB_DONE;
}

/* ---- on the loop ---- */

static void file_begin(struct sink_file *sink, unsigned output);

/* Says it once, and again after files could be written in between. */
static void file_report(struct sink_file *sink, int result)
{
    if (result < 0 && !sink->told)
        log_error("pictures of outputs cannot be written: %s", strerror(-result));
    sink->told = result < 0;
}

static void file_end(struct render_job *job, bool dropped)
{
    struct file_job *file = (struct file_job *)(void *)job;
    struct sink_file *sink = file->sink;
    unsigned output = file->output;
    int result = file->result;

    close(file->folder);
    picture_destroy(file->picture);
    free(file);
    if (sink == NULL)
        return;
    sink->outputs[output].job = NULL;
    if (dropped)
        return;
    file_report(sink, result);
    if (sink->outputs[output].changed)
        file_begin(sink, output);
}

static struct file_job *file_create(struct sink_file *sink, const struct sink_frame *frame)
{
    struct file_job *file = calloc(1, sizeof(*file));

    if (file == NULL)
        return NULL;
    *file = (struct file_job){.job = {.run = file_run, .end = file_end}, .sink = sink};
    file->folder = fd_duplicate(sink->folder);
    file->picture = screenshot_copy(frame);
    if (file->folder >= 0 && file->picture != NULL)
        return file;
    fd_close(&file->folder);
    picture_destroy(file->picture);
    free(file);
    return NULL;
}

static void file_write(struct sink_file *sink, unsigned output, const struct sink_frame *frame)
{
    struct render_thread *files = display_files(sink->sink.display);
    struct file_job *file = files != NULL ? file_create(sink, frame) : NULL;

    if (file == NULL) {
        file_report(sink, -ENOMEM);
        return;
    }
    file->output = output;
    file->number = ++sink->outputs[output].number;
    sink->outputs[output].changed = false;
    sink->outputs[output].job = file;
    render_thread_queue(files, &file->job);
}

static void file_begin(struct sink_file *sink, unsigned output)
{
    struct sink_frame frame;

    sink->outputs[output].changed = false;
    if (display_frame(sink->sink.display, output, &frame) && frame.pixels != NULL)
        file_write(sink, output, &frame);
}

static bool sink_file_update(struct sink *base, unsigned output, const struct sink_frame *frame,
                             const struct rect *damage)
{
    struct sink_file *sink = (struct sink_file *)base;

    if (frame->pixels == NULL)
        return true;
    if (sink->outputs[output].job != NULL)
        sink->outputs[output].changed = true;
    else
        file_write(sink, output, frame);
    return true;
}

/* What is being written comes to its end without it. */
static void sink_file_destroy(struct sink *base)
{
    struct sink_file *sink = (struct sink_file *)base;

    for (unsigned i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++)
        if (sink->outputs[i].job != NULL)
            sink->outputs[i].job->sink = NULL;
    close(sink->folder);
    free(sink);
}

static const struct sink_impl impl = {
    .name = "file",
    .update = sink_file_update,
    .destroy = sink_file_destroy,
};

/* Goes on after the files of a run before. */
static void find_numbers(struct sink_file *sink, const char *folder)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        unsigned output;
        unsigned long number;

        if (sscanf(entry->d_name, "output-%2u-%9lu.png", &output, &number) == 2 &&
            output < VIRTIO_GPU_MAX_SCANOUTS && number > sink->outputs[output].number)
            sink->outputs[output].number = number;
    }
    if (dir != NULL)
        closedir(dir);
}

static int open_folder(const char *folder)
{
    int fd;

    if (mkdir(folder, 0777) < 0 && errno != EEXIST)
        return -errno;
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) == 0)
        return fd;
    close(fd);
    return -EACCES;
}

struct sink *sink_file_create(struct display *display, const char *folder)
{
    struct sink_file *sink = calloc(1, sizeof(*sink));
    int fd;

    if (sink == NULL) {
        log_error("pictures cannot be written: %m");
        return NULL;
    }
    fd = open_folder(folder);
    if (fd < 0) {
        log_error("pictures cannot be written to %s: %s", folder, strerror(-fd));
        free(sink);
        errno = -fd;
        return NULL;
    }
    sink->sink = (struct sink){.impl = &impl, .flags = SINK_WANTS_FRAMES};
    sink->folder = fd;
    find_numbers(sink, folder);
    log_info("pictures of what the outputs show go to %s", folder);
    return &sink->sink;
}
