/* SPDX-License-Identifier: MIT */
#include "door/errands.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#define ACCURACY_US 1000u

static void errand_end(struct errand *e)
{
    e->timer = sd_event_source_disable_unref(e->timer);
    e->serial = 0;
}

static void errand_answer(struct errand *e, int result, const char *text)
{
    errand_end(e);
    e->done(e->data, result, text);
}

static int on_limit(sd_event_source *source, uint64_t now, void *data)
{
    errand_answer(data, -ETIMEDOUT, "the device did not answer in time");
    return 0;
}

static struct errand *errand_with(struct errands *errands, uint32_t serial)
{
    for (unsigned i = 0; i < ERRANDS_MAX; i++)
        if (errands->all[i].serial == serial)
            return &errands->all[i];
    return NULL;
}

int errands_ask(struct errands *errands, const char *line, int fd, errands_done *done, void *data)
{
    struct link_message m = {.type = LINK_COMMAND};
    struct errand *e = errand_with(errands, 0);
    int64_t serial;
    int r;

    if (strlen(line) >= sizeof(m.command.line))
        return -EMSGSIZE;
    if (e == NULL)
        return -EBUSY;
    r = sd_event_add_time_relative(errands->loop, &e->timer, CLOCK_MONOTONIC, errands->limit_us,
                                   ACCURACY_US, on_limit, e);
    if (r < 0)
        return r;
    strcpy(m.command.line, line);
    serial = keeper_send(errands->keeper, &m, &fd, fd >= 0, false);
    if (serial < 0) {
        errand_end(e);
        return (int)serial;
    }
    e->serial = (uint32_t)serial;
    e->done = done;
    e->data = data;
    return 0;
}

void errands_forget(struct errands *errands, const void *data)
{
    for (unsigned i = 0; i < ERRANDS_MAX; i++)
        if (errands->all[i].serial != 0 && errands->all[i].data == data)
            errand_end(&errands->all[i]);
}

void errands_answered(struct errands *errands, const struct link_message *message)
{
    struct errand *e = message->serial != 0 ? errand_with(errands, message->serial) : NULL;
    char text[LINK_MAX_TEXT];

    if (e == NULL)
        return;
    memcpy(text, message->command_done.text, sizeof(text));
    text[sizeof(text) - 1] = '\0'; /* the worker is not trusted */
    errand_answer(e, message->command_done.result < 0 ? message->command_done.result : 0, text);
}

void errands_worker_died(struct errands *errands)
{
    for (unsigned i = 0; i < ERRANDS_MAX; i++)
        if (errands->all[i].serial != 0)
            errand_answer(&errands->all[i], -ECONNRESET, "the device's worker died");
}

void errands_init(struct errands *errands, sd_event *loop, struct keeper *keeper)
{
    *errands = (struct errands){.loop = loop, .keeper = keeper, .limit_us = 5000000};
}

void errands_finish(struct errands *errands)
{
    for (unsigned i = 0; i < ERRANDS_MAX; i++)
        errand_end(&errands->all[i]);
}
