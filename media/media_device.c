/* SPDX-License-Identifier: MIT */
#include "media/media_device.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest/guest_view.h"
#include "media/media.h"
#include "media/media_list.h"

static struct media *media_of(struct device *device)
{
    return (struct media *)(void *)((char *)device - offsetof(struct media, device));
}

static void config_init(struct virtio_media_config *config, const struct media_kind_impl *kind,
                        const struct media_options *options)
{
    *config = (struct virtio_media_config){
        .device_caps = V4L2_CAP_STREAMING | kind->caps(options),
    };
    snprintf((char *)config->card, sizeof(config->card), "hostblob %s", kind->name);
    if (options->card != NULL)
        snprintf((char *)config->card, sizeof(config->card), "%s", options->card);
    else if (kind->card != NULL)
        kind->card(options, (char *)config->card);
}

static void facts_from(const struct virtio_media_config *config, struct device_facts *facts)
{
    *facts = (struct device_facts){
        .queues = VIRTIO_MEDIA_QUEUES,
        .shmid = VIRTIO_MEDIA_SHMID,
        .estate = ESTATE_VERSION,
        .config_size = sizeof(*config),
    };
    memcpy(facts->config, config, sizeof(*config));
}

static const struct media_kind_impl *kind_from(const struct media_options *options)
{
    return media_kind_find(options->kind != NULL ? options->kind : MEDIA_DEFAULT_KIND);
}

static void own_facts(struct device *device, struct device_facts *facts)
{
    facts_from(&media_of(device)->config, facts);
}

static void forget(struct media *media)
{
    struct session *session;

    while ((session = session_first(&media->sessions)) != NULL)
        media_close_session(media, session);
    window_reset(&media->window);
}

static void reset(struct device *device)
{
    struct media *media = media_of(device);

    estate_mute(&media->estate);
    command_reset(media);
    forget(media);
    media->kind->ops->reset(media->kind);
    estate_begin(&media->estate);
}

static void resume(struct device *device)
{
    estate_resume(media_of(device));
}

static void queue_ready(struct device *device, unsigned queue)
{
    struct media *media = media_of(device);

    if (queue == VIRTIO_MEDIA_COMMANDQ)
        command_run(media);
    else if (queue == VIRTIO_MEDIA_EVENTQ)
        event_queue_flush(&media->events);
}

static void set_features(struct device *device, uint64_t features)
{
    struct media *media = media_of(device);

    /* The device type has none; but there is a driver. */
    if (media->kind->ops->serve != NULL)
        media->kind->ops->serve(media->kind);
}

static void destroy(struct device *device)
{
    struct media *media = media_of(device);

    estate_mute(&media->estate); /* it is left to whoever comes after us */
    command_reset(media);
    command_finish(&media->command);
    forget(media);
    media->kind->ops->destroy(media->kind);
    job_pool_finish(&media->jobs);
    guest_view_use(NULL);
    free(media);
}

static const struct device_impl media_impl = {
    .name = "media",
    .facts = own_facts,
    .reset = reset,
    .resume = resume,
    .queue_ready = queue_ready,
    .set_features = set_features,
    .command = media_command,
    .destroy = destroy,
};

#define MOST_DEFAULT_THREADS 4

static unsigned threads_from(const struct media_options *options)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    if (options->threads > 0)
        return options->threads < JOB_MAX_THREADS ? options->threads : JOB_MAX_THREADS;
    if (processors < 1)
        return 1;
    return processors < MOST_DEFAULT_THREADS ? (unsigned)processors : MOST_DEFAULT_THREADS;
}

/* 0 or -errno; what needs an end has had its init either way. */
static int parts_init(struct media *media, struct device_host *host,
                      const struct media_options *options)
{
    int r = job_pool_init(&media->jobs, host->loop, threads_from(options));

    session_table_init(&media->sessions, host->quotas);
    guest_view_use(&host->quotas[MEDIA_QUOTA_PAGES]);
    window_init(&media->window, host);
    event_queue_init(&media->events, host);
    estate_init(&media->estate, media);
    media->window.estate = media->events.estate = &media->estate;
    media_show_sessions(media);
    return r != 0 ? r : command_init(&media->command, media);
}

struct device *media_device_create(struct device_host *host, const struct media_options *options)
{
    const struct media_kind_impl *impl = kind_from(options);
    struct media *media;
    int r;

    if (impl == NULL) {
        errno = EINVAL;
        return NULL;
    }
    media = calloc(1, sizeof(*media));
    if (media == NULL)
        return NULL;
    media->device = (struct device){
        .impl = &media_impl,
        .host = host,
    };
    config_init(&media->config, impl, options);
    r = parts_init(media, host, options);
    if (r == 0) {
        media->kind = impl->create(&(struct media_kind_host){media, options});
        r = media->kind == NULL ? -errno : 0;
    }
    if (r != 0) {
        command_finish(&media->command);
        job_pool_finish(&media->jobs);
        free(media);
        errno = -r;
        return NULL;
    }
    return &media->device;
}
