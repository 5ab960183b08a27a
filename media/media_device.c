/* SPDX-License-Identifier: MIT */
#include "media/media_device.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "media/media.h"

#define DEFAULT_WIDTH 1280u
#define DEFAULT_HEIGHT 720u

static struct media *media_of(struct device *device)
{
    return (struct media *)(void *)((char *)device - offsetof(struct media, device));
}

static void config_init(struct virtio_media_config *config, const struct media_options *options)
{
    *config = (struct virtio_media_config){
        .device_caps = V4L2_CAP_STREAMING | (options->multiplanar ? V4L2_CAP_VIDEO_CAPTURE_MPLANE
                                                                  : V4L2_CAP_VIDEO_CAPTURE),
    };
    snprintf((char *)config->card, sizeof(config->card), "%s",
             options->card != NULL ? options->card : MEDIA_DEFAULT_CARD);
}

static void facts_from(const struct virtio_media_config *config, struct device_facts *facts)
{
    *facts = (struct device_facts){
        .queues = VIRTIO_MEDIA_QUEUES,
        .shmid = VIRTIO_MEDIA_SHMID,
        .config_size = sizeof(*config),
    };
    memcpy(facts->config, config, sizeof(*config));
}

static const struct media_kind_impl *kind_from(const struct media_options *options)
{
    return media_kind_find(options->kind != NULL ? options->kind : kind_pattern_impl.name);
}

static void own_facts(struct device *device, struct device_facts *facts)
{
    facts_from(&media_of(device)->config, facts);
}

static void set_defaults(struct media *media)
{
    picture_init(&media->stream.picture, media->kind->impl->format(media->kind, 0), DEFAULT_WIDTH,
                 DEFAULT_HEIGHT);
    media->stream.interval = (struct v4l2_fract){1, MEDIA_DEFAULT_RATE};
}

static void forget(struct media *media)
{
    buffer_queue_clear(&media->queue);
    window_reset(&media->window);
    session_table_clear(&media->sessions);
    media_show_sessions(media);
}

static void reset(struct device *device)
{
    struct media *media = media_of(device);

    command_reset(media);
    forget(media);
    set_defaults(media);
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
    /* The device type has none. */
}

static void destroy(struct device *device)
{
    struct media *media = media_of(device);

    command_reset(media);
    command_finish(&media->command);
    forget(media);
    media->kind->impl->destroy(media->kind);
    free(media);
}

static const struct device_impl media_impl = {
    .name = "media",
    .facts = own_facts,
    .reset = reset,
    .queue_ready = queue_ready,
    .set_features = set_features,
    .destroy = destroy,
};

static int stream_start(void *data)
{
    struct media *media = data;

    return media->kind->impl->start(media->kind, &media->stream);
}

static void stream_stop(void *data)
{
    struct media *media = data;

    media->kind->impl->stop(media->kind);
}

static const struct buffer_queue_ops stream_ops = {stream_start, stream_stop};

static void parts_init(struct media *media, struct device_host *host,
                       const struct media_options *options)
{
    config_init(&media->config, options);
    session_table_init(&media->sessions,
                       options->max_sessions != 0 ? options->max_sessions : MEDIA_DEFAULT_SESSIONS);
    window_init(&media->window, host);
    event_queue_init(&media->events, host);
    buffer_queue_init(&media->queue,
                      options->multiplanar ? V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE
                                           : V4L2_BUF_TYPE_VIDEO_CAPTURE,
                      &media->window, &media->events, &stream_ops, media);
    media_show_sessions(media);
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
    media->device = (struct device){.impl = &media_impl, .host = host};
    parts_init(media, host, options);
    r = command_init(&media->command, media);
    if (r == 0) {
        media->kind = impl->create(&(struct media_kind_host){host->loop, host->stats, &media->queue,
                                                             options->multiplanar});
        r = media->kind == NULL ? -errno : 0;
    }
    if (r != 0) {
        command_finish(&media->command);
        free(media);
        errno = -r;
        return NULL;
    }
    set_defaults(media);
    return &media->device;
}
