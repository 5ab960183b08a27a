/* SPDX-License-Identifier: MIT */
#include "gpu/render_output.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/fd.h"

static void end_line(struct render_output *o)
{
    o->line[o->size] = '\0';
    if (o->size > 0 && log_limit_allows(&o->limit))
        log_warning("Render server: %s", o->line);
    o->size = 0;
}

/* The rest of a line that is too long is lost. */
static void take(struct render_output *o, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\n')
            end_line(o);
        else if (text[i] != '\0' && o->size < RENDER_OUTPUT_LINE)
            o->line[o->size++] = text[i];
    }
}

/* One piece at a time: whoever prints without end does not keep the loop. */
static int on_output(sd_event_source *source, int fd, uint32_t events, void *data)
{
    char text[4096];
    ssize_t n = read(fd, text, sizeof(text));

    if (n > 0)
        take(data, text, (size_t)n);
    return 0;
}

int render_output_init(struct render_output *o, sd_event *loop)
{
    int ends[2];
    int ret;

    *o = (struct render_output){.in = -1, .out = -1};
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return -errno;
    o->out = ends[0];
    o->in = ends[1];
    ret = sd_event_add_io(loop, &o->io, o->out, EPOLLIN, on_output, o);
    /* What it says is not as urgent as what is done. */
    if (ret >= 0)
        ret = sd_event_source_set_priority(o->io, SD_EVENT_PRIORITY_IDLE);
    if (ret < 0)
        render_output_finish(o);
    return ret < 0 ? ret : 0;
}

void render_output_finish(struct render_output *o)
{
    char text[4096];
    ssize_t n;

    fd_close(&o->in);
    while (o->out >= 0 && (n = read(o->out, text, sizeof(text))) > 0)
        take(o, text, (size_t)n);
    end_line(o);
    o->io = sd_event_source_disable_unref(o->io);
    fd_close(&o->out);
}
