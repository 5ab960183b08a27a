/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include <bsd/sys/queue.h>
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

/* The resources of one command, as they were when the stream came. */
struct job_names {
    struct resource *resource; /* NULL: there was none */
    struct resource *result;
};

/* A stream that is not done. Linux may detach and unref what a stream uses as soon as it has sent
 * it: so one that goes on from the loop has looked up its resources, and keeps them (uses). */
struct job {
    TAILQ_ENTRY(job) link;                // renderer_memory::jobs
    struct context *context;              /* NULL once 'names' are there */
    struct job_names *names;              /* owned: of 'command' and those in 'stream' */
    unsigned count, index;                /* of 'names'; of 'command' among them */
    struct reader stream;                 /* what is left of it */
    struct memory_stream_command command; /* the one in hand */
    uint64_t at; /* bytes of it that are done; the command's size: it is done */
    uint64_t sum;
    struct journal_running running; /* the request that it is of */
    renderer_done *done;
    void *data;
};

struct renderer_memory {
    struct renderer renderer;
    struct device_host *host; /* borrowed */
    sd_event_source *more;    /* owned: the next slice */
    TAILQ_HEAD(, job) jobs;   /* the first is in hand */
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
                              struct resource *resource, const struct renderer_blob *blob,
                              struct guest_pins *pins, struct renderer_given *given,
                              renderer_blob_done *done, void *data)
{
    struct renderer_memory *memory = (struct renderer_memory *)renderer;

    if (blob->blob_id != 0)
        return -EINVAL;
    if (blob->memory == VIRTIO_GPU_BLOB_MEM_HOST3D_GUEST)
        return 0; /* the guest's pages are all there is to it */
    given->map_info = VIRTIO_GPU_MAP_CACHE_CACHED;
    given->buffer = exporter_create(memory->host->exporter, blob->size);
    return given->buffer == NULL ? -errno : 0;
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

static struct job_names look_up(struct context *context,
                                const struct memory_stream_command *command)
{
    return (struct job_names){context_resource(context, command->resource),
                              context_resource(context, command->result_resource)};
}

static struct job_names job_names(const struct job *job)
{
    return job->names != NULL ? job->names[job->index] : look_up(job->context, &job->command);
}

/* The words at [offset, offset + size) of a blob. NULL with *error set. Asked for anew by every
 * slice: a buffer may move while the loop runs. */
static uint64_t *words_at(struct resource *resource, uint64_t offset, uint64_t size, int *error)
{
    uint8_t *data;

    *error = -EINVAL;
    if (resource == NULL || resource->buffer == NULL || offset % 8 != 0 || size % 8 != 0 ||
        size == 0 || size > resource->bytes || offset > resource->bytes - size)
        return NULL;
    data = buffer_data(resource->buffer);
    if (data == NULL) {
        *error = -errno;
        return NULL;
    }
    return (uint64_t *)(void *)(data + offset);
}

static int check_command(const struct job *job)
{
    const struct memory_stream_command *command = &job->command;
    struct job_names names = job_names(job);
    int error;

    if (command->pad != 0)
        return -EINVAL;
    if (words_at(names.resource, command->offset, command->size, &error) == NULL)
        return error;
    switch (command->opcode) {
    case MEMORY_STREAM_FILL:
        return command->result_resource == 0 && command->result_offset == 0 ? 0 : -EINVAL;
    case MEMORY_STREAM_SUM:
        if (words_at(names.result, command->result_offset, 8, &error) == NULL)
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
    job->index++;
    job->at = 0;
    job->sum = MEMORY_STREAM_SUM_SEED;
    return check_command(job);
}

static int job_store_sum(struct job *job)
{
    struct resource *result = job_names(job).result;
    int error;
    uint64_t *to = words_at(result, job->command.result_offset, 8, &error);

    if (to != NULL)
        error = buffer_begin(result->buffer, BUFFER_WRITE);
    if (error < 0)
        return error;
    *(volatile uint64_t *)to = job->sum;
    return buffer_end(result->buffer, BUFFER_WRITE);
}

/* Fills or sums 'size' bytes where the command in hand has come to. */
static int job_touch(struct job *job, uint64_t size)
{
    const struct memory_stream_command *command = &job->command;
    bool is_fill = command->opcode == MEMORY_STREAM_FILL;
    unsigned access = is_fill ? BUFFER_WRITE : BUFFER_READ;
    struct resource *resource = job_names(job).resource;
    int error;
    volatile uint64_t *words = words_at(resource, command->offset + job->at, size, &error);

    if (words != NULL)
        error = buffer_begin(resource->buffer, access);
    if (error < 0)
        return error;
    if (is_fill)
        for (uint64_t i = 0; i < size / 8; i++)
            words[i] = memory_stream_word(command->seed, job->at / 8 + i);
    else
        job->sum = memory_stream_sum_on(job->sum, words, size / 8);
    return buffer_end(resource->buffer, access);
}

/* Does up to 'size' bytes of the command in hand. */
static int job_work(struct job *job, uint64_t size)
{
    const struct memory_stream_command *command = &job->command;
    int result;

    if (size > command->size - job->at)
        size = command->size - job->at;
    result = job_touch(job, size);
    if (result < 0)
        return result;
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

static void use(struct resource *resource)
{
    if (resource != NULL)
        resource->uses++;
}

static void release(struct resource *resource)
{
    if (resource == NULL)
        return;
    resource->uses--;
    resource_settled(resource);
}

/* Looks up what the command in hand and those to come name. 0 or -ENOMEM. */
static int job_keep(struct job *job)
{
    unsigned count = 1 + (unsigned)(job->stream.left / sizeof(struct memory_stream_command));
    struct memory_stream_command command = job->command;
    struct reader stream = job->stream;
    struct job_names *names = calloc(count, sizeof(*names));

    if (names == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < count; i++) {
        names[i] = look_up(job->context, &command);
        use(names[i].resource);
        use(names[i].result);
        read_command(&stream, &command);
    }
    job->names = names;
    job->count = count;
    job->index = 0;
    job->context = NULL;
    return 0;
}

static void job_destroy(struct job *job)
{
    for (unsigned i = 0; i < job->count; i++) {
        release(job->names[i].resource);
        release(job->names[i].result);
    }
    free(job->names);
    free(job);
}

static void memory_wake(struct renderer_memory *memory)
{
    sd_event_source_set_enabled(memory->more,
                                TAILQ_EMPTY(&memory->jobs) ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
}

static int memory_more(sd_event_source *source, void *data)
{
    struct renderer_memory *memory = data;
    struct job *job = TAILQ_FIRST(&memory->jobs);
    int result;

    journal_runs(memory->host->running, &job->running);
    result = job_slice(job);
    journal_runs(memory->host->running, NULL);
    if (result != -EINPROGRESS) {
        TAILQ_REMOVE(&memory->jobs, job, link);
        job->done(job->data, result);
        job_destroy(job);
    }
    memory_wake(memory);
    return 0;
}

static int memory_go_on_later(struct renderer_memory *memory, const struct job *job)
{
    struct job *later = malloc(sizeof(*later));

    if (later == NULL)
        return -ENOMEM;
    *later = *job;
    if (memory->host->running != NULL)
        later->running = *memory->host->running;
    if (job_keep(later) < 0) {
        free(later);
        return -ENOMEM;
    }
    TAILQ_INSERT_TAIL(&memory->jobs, later, link);
    memory_wake(memory);
    return -EINPROGRESS;
}

/* A short stream is done at once, unless others wait. */
static int memory_submit(struct renderer *renderer, struct context *context, const void *bytes,
                         size_t size, renderer_done *done, void *data)
{
    struct renderer_memory *memory = (struct renderer_memory *)renderer;
    struct job job = {.context = context, .done = done, .data = data};
    int result = -EINPROGRESS;

    if (context->capset != MEMORY_STREAM_CAPSET)
        return -EINVAL;
    reader_init(&job.stream, bytes, size);
    if (TAILQ_EMPTY(&memory->jobs))
        result = job_slice(&job);
    return result == -EINPROGRESS ? memory_go_on_later(memory, &job) : result;
}

static void memory_reset(struct renderer *renderer)
{
    struct renderer_memory *memory = (struct renderer_memory *)renderer;
    struct job *job;

    while ((job = TAILQ_FIRST(&memory->jobs)) != NULL) {
        TAILQ_REMOVE(&memory->jobs, job, link);
        job_destroy(job);
    }
    memory_wake(memory);
}

static void memory_destroy(struct renderer *renderer)
{
    struct renderer_memory *memory = (struct renderer_memory *)renderer;

    memory_reset(renderer);
    sd_event_source_disable_unref(memory->more);
    free(memory);
}

static const struct renderer_impl memory_impl = {
    .name = "memory",
    .outlives = true,
    .fill_capset = memory_fill_capset,
    .create_blob = memory_create_blob,
    .submit = memory_submit,
    .reset = memory_reset,
    .destroy = memory_destroy,
};

struct renderer *renderer_memory_create(struct device_host *host)
{
    struct renderer_memory *memory = calloc(1, sizeof(*memory));
    int result;

    if (memory == NULL)
        return NULL;
    memory->renderer.impl = &memory_impl;
    memory->renderer.capsets = capsets;
    memory->renderer.capset_count = sizeof(capsets) / sizeof(capsets[0]);
    memory->host = host;
    TAILQ_INIT(&memory->jobs);
    result = sd_event_add_defer(host->loop, &memory->more, memory_more, memory);
    if (result < 0) {
        free(memory);
        errno = -result;
        return NULL;
    }
    /* Whoever else waits goes first: among equals, sd-event takes what is deferred before all. */
    sd_event_source_set_priority(memory->more, SD_EVENT_PRIORITY_IDLE);
    sd_event_source_set_enabled(memory->more, SD_EVENT_OFF);
    return &memory->renderer;
}
