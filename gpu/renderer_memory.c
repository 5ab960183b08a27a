/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include <systemd/sd-event.h>

#include "gpu/context.h"
#include "gpu/renderer.h"
#include "gpu/resource.h"
#include "protocol/memory_stream.h"
#include "protocol/virtio_gpu.h"

/*
 * The renderer that owns memory and draws nothing: HOST3D blobs come from the exporter, and
 * protocol/memory_stream.h is its command stream.
 *
 * A stream may name many large ranges. Instead of a budget, which would have to refuse something
 * that somebody needs, the work is cut into slices, and the loop serves everybody else between two
 * of them; a reset abandons what is left. So one guest can keep its own queue busy, and nobody
 * else's.
 */
#define SLICE_BYTES (4u << 20)
/* A command costs something even if it touches 8 bytes. */
#define COMMAND_BYTES 4096u

/* The stream in hand. */
struct job {
    struct context *context;              /* NULL: there is none */
    struct reader stream;                 /* what is left of it */
    struct memory_stream_command command; /* the one in hand */
    uint64_t at; /* bytes of it that are done; the command's size: it is done */
    uint64_t sum;
    renderer_done *done;
    void *data;
};

struct renderer_memory {
    struct renderer renderer;
    struct device_host *host; /* borrowed */
    sd_event_source *more;    /* owned: the next slice */
    struct job job;
};

static const struct renderer_capset capsets[] = {
    {
        .id = MEMORY_STREAM_CAPSET,
        .max_version = MEMORY_STREAM_VERSION,
        .size = sizeof(struct memory_stream_capset),
    },
};

static void memory_fill_capset(struct renderer *renderer, const struct renderer_capset *capset,
                               uint32_t version, struct writer *to)
{
    struct renderer_memory *memory = (struct renderer_memory *)renderer;

    writer_u32(to, MEMORY_STREAM_VERSION);
    writer_u32(to, 1u << MEMORY_STREAM_FILL | 1u << MEMORY_STREAM_SUM);
    writer_u64(to, memory->host->port->size);
}

static int memory_create_blob(struct renderer *renderer, struct context *context,
                              const struct renderer_blob *blob, struct buffer **buffer)
{
    struct renderer_memory *memory = (struct renderer_memory *)renderer;

    *buffer = NULL;
    if (blob->blob_id != 0)
        return -EINVAL;
    if (blob->memory == VIRTIO_GPU_BLOB_MEM_HOST3D_GUEST)
        return 0; /* the guest's pages are all there is to it */
    *buffer = exporter_create(memory->host->exporter, blob->size);
    return *buffer == NULL ? -errno : 0;
}

static bool read_command(struct reader *stream, struct memory_stream_command *command)
{
    command->opcode = reader_u32(stream);
    command->resource = reader_u32(stream);
    command->offset = reader_u64(stream);
    command->size = reader_u64(stream);
    command->seed = reader_u64(stream);
    command->result_resource = reader_u32(stream);
    command->pad = reader_u32(stream);
    command->result_offset = reader_u64(stream);
    return !stream->bad;
}

/* The words at [offset, offset + size) of a blob that is attached. NULL with *error set. Asked for
 * anew by every slice: a buffer may move while the loop runs. */
static uint64_t *words_at(struct context *context, uint32_t id, uint64_t offset, uint64_t size,
                          int *error)
{
    struct resource *resource = context_resource(context, id);
    uint8_t *data;

    *error = -EINVAL;
    if (resource == NULL || resource->buffer == NULL || offset % 8 != 0 || size % 8 != 0 ||
        size == 0 || size > resource->size || offset > resource->size - size)
        return NULL;
    data = buffer_data(resource->buffer);
    if (data == NULL) {
        *error = -errno;
        return NULL;
    }
    return (uint64_t *)(void *)(data + offset);
}

static int check_command(struct context *context, const struct memory_stream_command *command)
{
    int error;

    if (command->pad != 0)
        return -EINVAL;
    if (words_at(context, command->resource, command->offset, command->size, &error) == NULL)
        return error;
    switch (command->opcode) {
    case MEMORY_STREAM_FILL:
        return command->result_resource == 0 && command->result_offset == 0 ? 0 : -EINVAL;
    case MEMORY_STREAM_SUM:
        if (words_at(context, command->result_resource, command->result_offset, 8, &error) == NULL)
            return error;
        return command->seed == 0 ? 0 : -EINVAL;
    default:
        return -EINVAL;
    }
}

/* The first command of what is left, checked. */
static int job_next(struct job *job)
{
    if (!read_command(&job->stream, &job->command))
        return -EINVAL;
    job->at = 0;
    job->sum = MEMORY_STREAM_SUM_SEED;
    return check_command(job->context, &job->command);
}

static int job_store_sum(struct job *job)
{
    const struct memory_stream_command *command = &job->command;
    int error;
    uint64_t *to =
        words_at(job->context, command->result_resource, command->result_offset, 8, &error);

    if (to == NULL)
        return error;
    *(volatile uint64_t *)to = job->sum;
    return 0;
}

/* Does up to 'size' bytes of the command in hand. */
static int job_work(struct job *job, uint64_t size)
{
    const struct memory_stream_command *command = &job->command;
    volatile uint64_t *words;
    uint64_t first = job->at / 8;
    int error;

    if (size > command->size - job->at)
        size = command->size - job->at;
    words = words_at(job->context, command->resource, command->offset + job->at, size, &error);
    if (words == NULL)
        return error;
    if (command->opcode == MEMORY_STREAM_FILL)
        for (uint64_t i = 0; i < size / 8; i++)
            words[i] = memory_stream_word(command->seed, first + i);
    else
        job->sum = memory_stream_sum_on(job->sum, words, size / 8);
    job->at += size;
    if (job->at == command->size && command->opcode == MEMORY_STREAM_SUM)
        return job_store_sum(job);
    return 0;
}

/* Returns 0 when the whole stream is done, -EINPROGRESS when the slice is, or the error that ended
 * it. */
static int job_slice(struct job *job)
{
    uint64_t budget = SLICE_BYTES;
    uint64_t before;
    int result = 0;

    while (result == 0 && budget > 0) {
        if (job->at == job->command.size) {
            if (job->stream.left == 0)
                return 0;
            result = job_next(job);
            budget -= COMMAND_BYTES < budget ? COMMAND_BYTES : budget;
            continue;
        }
        before = job->at;
        result = job_work(job, budget);
        budget -= job->at - before;
    }
    return result < 0 ? result : -EINPROGRESS;
}

static int memory_more(sd_event_source *source, void *data)
{
    struct renderer_memory *memory = data;
    struct job job;
    int result = job_slice(&memory->job);

    if (result == -EINPROGRESS) {
        sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        return 0;
    }
    job = memory->job;
    memory->job = (struct job){0};
    job.done(job.data, result);
    return 0;
}

static int memory_submit(struct renderer *renderer, struct context *context, const void *bytes,
                         size_t size, renderer_done *done, void *data)
{
    struct renderer_memory *memory = (struct renderer_memory *)renderer;
    int result;

    if (context->capset != MEMORY_STREAM_CAPSET)
        return -EINVAL;
    memory->job = (struct job){.context = context, .done = done, .data = data};
    reader_init(&memory->job.stream, bytes, size);
    result = job_slice(&memory->job);
    if (result == -EINPROGRESS)
        sd_event_source_set_enabled(memory->more, SD_EVENT_ONESHOT);
    else
        memory->job = (struct job){0};
    return result;
}

static void memory_reset(struct renderer *renderer)
{
    struct renderer_memory *memory = (struct renderer_memory *)renderer;

    sd_event_source_set_enabled(memory->more, SD_EVENT_OFF);
    memory->job = (struct job){0};
}

static void memory_destroy(struct renderer *renderer)
{
    struct renderer_memory *memory = (struct renderer_memory *)renderer;

    sd_event_source_disable_unref(memory->more);
    free(memory);
}

static struct renderer *memory_create(struct device_host *host)
{
    struct renderer_memory *memory = calloc(1, sizeof(*memory));
    int result;

    if (memory == NULL)
        return NULL;
    memory->renderer.impl = &renderer_memory_impl;
    memory->renderer.capsets = capsets;
    memory->renderer.capset_count = sizeof(capsets) / sizeof(capsets[0]);
    memory->host = host;
    result = sd_event_add_defer(host->loop, &memory->more, memory_more, memory);
    if (result < 0) {
        free(memory);
        errno = -result;
        return NULL;
    }
    sd_event_source_set_enabled(memory->more, SD_EVENT_OFF);
    return &memory->renderer;
}

const struct renderer_impl renderer_memory_impl = {
    .name = "memory",
    .create = memory_create,
    .fill_capset = memory_fill_capset,
    .create_blob = memory_create_blob,
    .submit = memory_submit,
    .reset = memory_reset,
    .destroy = memory_destroy,
};
