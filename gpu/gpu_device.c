/* SPDX-License-Identifier: MIT */
#include "gpu/gpu_device.h"

#include <endian.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/units.h"
#include "gpu/choose.h"
#include "gpu/context.h"
#include "gpu/display_person.h"
#include "gpu/gpu.h"
#include "gpu/gpu_list.h"
#include "gpu/guest_buffer.h"
#include "gpu/renderer_cross_domain.h"
#ifdef HAVE_VIRGLRENDERER
#include "gpu/renderer_virgl.h"
#endif
#include "gpu/resource.h"
#include "gpu/sink_file.h"
#include "gpu/sink_socket.h"
#include "gpu/uuid.h"

#define GUEST_PAGE 4096u

static struct gpu *gpu_of(struct device *device)
{
    return (struct gpu *)(void *)device;
}

/* What is offered. BLOB_ALIGNMENT only where it has to be: Linux then refuses blobs that it could
 * have rounded up. */
static uint64_t gpu_features(const struct gpu *gpu)
{
    uint64_t features = 1ull << VIRTIO_GPU_F_VIRGL | 1ull << VIRTIO_GPU_F_EDID |
                        1ull << VIRTIO_GPU_F_RESOURCE_UUID | 1ull << VIRTIO_GPU_F_RESOURCE_BLOB |
                        1ull << VIRTIO_GPU_F_CONTEXT_INIT;

    if (gpu->config.blob_alignment != 0)
        features |= 1ull << VIRTIO_GPU_F_BLOB_ALIGNMENT;
    return features;
}

static void gpu_facts(struct device *device, struct device_facts *facts)
{
    struct virtio_gpu_config_space config = gpu_config_bytes(gpu_of(device));

    *facts = (struct device_facts){
        .features = gpu_features(gpu_of(device)),
        .queues = VIRTIO_GPU_QUEUES,
        .shmid = VIRTIO_GPU_SHM_ID_HOST_VISIBLE,
        .estate = ESTATE_VERSION,
        .config_size = sizeof(config),
    };
    memcpy(facts->config, &config, sizeof(config));
}

/* The renderers' work for the commands in hand, then these, then what they use. A resource that is
 * in the window is not taken out: see device.h. */
static void gpu_reset(struct device *device)
{
    struct gpu *gpu = gpu_of(device);
    struct id_node *node;

    estate_mute(gpu);
    for (unsigned i = 0; i < gpu->renderer_count; i++)
        gpu->renderers[i]->impl->reset(gpu->renderers[i]);
    gpu->copies = 0;
    display_reset(&gpu->display);
    control_reset(&gpu->control);
    control_reset(&gpu->cursor);
    while ((node = id_map_first(&gpu->contexts)) != NULL)
        context_discard(ID_MAP_OF(node, struct context, node));
    while ((node = id_map_first(&gpu->resources)) != NULL) {
        uuid_release(ID_MAP_OF(node, struct resource, node));
        resource_destroy(ID_MAP_OF(node, struct resource, node));
    }
    gpu->config.events_read = 0;
    gpu_count(gpu);
    gpu->device.host->census->mapped = 0;
    estate_begin(gpu);
}

static void gpu_resume(struct device *device)
{
    estate_resume(gpu_of(device));
}

static void gpu_queue_ready(struct device *device, unsigned queue)
{
    struct gpu *gpu = gpu_of(device);

    if (queue == VIRTIO_GPU_CONTROLQ)
        control_ready(&gpu->control);
    else if (queue == VIRTIO_GPU_CURSORQ)
        control_ready(&gpu->cursor);
}

static void gpu_set_features(struct device *device, uint64_t features)
{
    gpu_of(device)->features = features;
}

/* All that a driver may write is events_clear: it acknowledges events_read. A front-end may hand on
 * the whole config space for it (QEMU does), with the rest as it was. */
static void gpu_write_config(struct device *device, uint32_t offset, const void *bytes,
                             uint32_t size)
{
    const uint32_t at = offsetof(struct virtio_gpu_config_space, events_clear);
    struct gpu *gpu = gpu_of(device);
    struct reader reader;
    uint32_t seen;

    if (offset > at || size < at - offset + sizeof(gpu->config.events_clear)) {
        log_stranger("the driver writes %u bytes at %u of the config space", size, offset);
        return;
    }
    reader_init(&reader, bytes, size);
    reader_skip(&reader, at - offset);
    seen = reader_u32(&reader) & gpu->config.events_read;
    gpu->config.events_read &= ~seen;
    if ((seen & VIRTIO_GPU_EVENT_DISPLAY) != 0)
        display_acknowledged(&gpu->display);
    if (seen != 0)
        gpu_tell_config(gpu);
}

static void gpu_display_closed(void *data, struct sink *sink)
{
    struct gpu *gpu = data;

    gpu->front_end = NULL;
    display_remove_sink(&gpu->display, sink);
}

/* The front-end gives another socket each time that it starts the rings. */
static void gpu_take_display(struct device *device, int fd)
{
    struct gpu *gpu = gpu_of(device);
    struct sink *sink;
    int result = 0;

    if (gpu->front_end != NULL)
        gpu_display_closed(gpu, gpu->front_end);
    sink = sink_socket_create(device->host->loop, fd, gpu_display_closed, gpu);
    if (sink != NULL && gpu->draw_pointer)
        sink_socket_draw_pointer(sink);
    result = sink != NULL ? display_add_sink(&gpu->display, sink) : -errno;
    if (result < 0) {
        log_error("the front-end's window shows nothing: %s", strerror(-result));
        return;
    }
    gpu->front_end = sink;
    sink_socket_begin(sink);
}

static void gpu_command(struct device *device, const char *line, int fd, device_answer *answer,
                        void *data)
{
    if (display_person(&gpu_of(device)->display, line, fd, answer, data) ||
        gpu_list(gpu_of(device), line, fd, answer, data))
        return;
    fd_close(&fd);
    answer(data, -EINVAL,
           "there is no such command for a GPU: it is resources, contexts, outputs, output N MODE "
           "or screenshot N [pointer]");
}

static void gpu_choose_alignment(struct gpu *gpu)
{
    /* A guest with pages of 4 KiB asks for blobs of any number of them. */
    if (units_page_size() > GUEST_PAGE)
        gpu->config.blob_alignment = (uint32_t)units_page_size();
}

static int gpu_choose_outputs(struct gpu *gpu, const struct gpu_options *options)
{
    if (options->output_count > VIRTIO_GPU_MAX_SCANOUTS) {
        log_error("%u outputs are too many: a virtio-gpu has at most %u", options->output_count,
                  VIRTIO_GPU_MAX_SCANOUTS);
        return -EINVAL;
    }
    for (unsigned i = 0; i < options->output_count; i++)
        if (!output_mode_is_valid(&options->outputs[i].mode)) {
            log_error("output %u cannot have %u x %u pixels at %u Hz", i,
                      options->outputs[i].mode.width, options->outputs[i].mode.height,
                      options->outputs[i].mode.hz);
            return -EINVAL;
        }
    display_init(&gpu->display, gpu, options);
    gpu->config.num_scanouts = gpu->display.count;
    return 0;
}

static int gpu_choose_display(struct gpu *gpu, const char *name)
{
    struct sink *sink;

    if (name == NULL)
        return 0;
    if (strncmp(name, "file:", 5) != 0 || name[5] == '\0') {
        log_error("there is no display '%s'", name);
        return -EINVAL;
    }
    sink = sink_file_create(&gpu->display, name + 5);
    return sink != NULL ? display_add_sink(&gpu->display, sink) : -errno;
}

/* Takes it over. NULL: it could not be made, and errno says why. */
static int gpu_add_renderer(struct gpu *gpu, struct renderer *renderer)
{
    if (renderer == NULL)
        return -errno;
    renderer->index = gpu->renderer_count;
    gpu->renderers[gpu->renderer_count++] = renderer;
    gpu->config.num_capsets += renderer->capset_count;
    return 0;
}

static int gpu_add_virgl(struct gpu *gpu, const struct gpu_options *options, unsigned renderers)
{
#ifdef HAVE_VIRGLRENDERER
    const struct virgl_library_plan plan = {
        .virgl = (renderers & CHOOSE_VIRGL) != 0,
        .venus = (renderers & CHOOSE_VENUS) != 0,
        .render_node = options->render_node,
        .shut_server = options->shut_server,
    };

    return gpu_add_renderer(gpu, renderer_virgl_create(gpu->device.host->loop, &plan));
#else
    log_error("This program was built without virglrenderer.");
    return -ENOTSUP;
#endif
}

/* Host memory comes first: it takes the contexts of a driver that knows no kinds of them, unless
 * there is OpenGL. It and the allocator of images are to be had whatever draws. */
static int gpu_choose_renderers(struct gpu *gpu, const struct gpu_options *options)
{
    int wanted = choose_parse(options->renderer);
    int result;

    if (wanted < 0 || (wanted & CHOOSE_AUTO) != 0) {
        log_error("there is no renderer '%s'", options->renderer);
        return -EINVAL;
    }
    result = gpu_add_renderer(gpu, renderer_memory_create(gpu->device.host));
    if (result == 0 && wanted != 0)
        result = gpu_add_virgl(gpu, options, (unsigned)wanted);
    if (result == 0)
        result = gpu_add_renderer(gpu, renderer_cross_domain_create(gpu->device.host));
    return result;
}

/* Not for people: what QEMU's ring holds, four times. */
static const struct quota_row cursor_quota_rows[] = {
    {.name = "pointer commands", .one_thread = true, .most = 64},
    {.name = "bytes of pointer commands", .one_thread = true, .most = 2 * REQUEST_MAX_SIZE},
    {NULL},
};

static int gpu_init(struct gpu *gpu, const struct gpu_options *options)
{
    int result = gpu_choose_outputs(gpu, options);

    gpu_choose_alignment(gpu);
    quotas_init(gpu->cursor_quotas, cursor_quota_rows, gpu->cursor_numbers, 0, NULL);
    guest_buffer_prepare();
    if (result == 0)
        result = control_init(&gpu->control, gpu, VIRTIO_GPU_CONTROLQ,
                              gpu_quota(gpu, GPU_QUOTA_COMMANDS));
    if (result == 0)
        result = control_init(&gpu->cursor, gpu, VIRTIO_GPU_CURSORQ, gpu->cursor_quotas);
    if (result == 0)
        result = gpu_choose_renderers(gpu, options);
    if (result == 0)
        result = gpu_choose_display(gpu, options->display);
    return result;
}

/* As far as it came into being. */
static void gpu_free(struct gpu *gpu)
{
    display_finish(&gpu->display);
    guest_buffer_finish();
    control_finish(&gpu->control);
    control_finish(&gpu->cursor);
    for (unsigned i = 0; i < gpu->renderer_count; i++)
        gpu->renderers[i]->impl->destroy(gpu->renderers[i]);
    free(gpu);
}

static void gpu_destroy(struct device *device)
{
    gpu_reset(device);
    gpu_free(gpu_of(device));
}

static const struct device_impl gpu_impl = {
    .name = "gpu",
    .facts = gpu_facts,
    .reset = gpu_reset,
    .resume = gpu_resume,
    .queue_ready = gpu_queue_ready,
    .set_features = gpu_set_features,
    .write_config = gpu_write_config,
    .take_display = gpu_take_display,
    .command = gpu_command,
    .destroy = gpu_destroy,
};

struct device *gpu_device_create(struct device_host *host, const struct gpu_options *options)
{
    struct gpu *gpu = calloc(1, sizeof(*gpu));
    int result;

    if (gpu == NULL)
        return NULL;
    gpu->device = (struct device){&gpu_impl, host};
    gpu->draw_pointer = options->draw_pointer;
    id_map_init(&gpu->resources);
    id_map_init(&gpu->contexts);
    TAILQ_INIT(&gpu->timeline);
    result = gpu_init(gpu, options);
    if (result < 0) {
        gpu_free(gpu);
        errno = -result;
        return NULL;
    }
    estate_init(gpu);
    gpu_count(gpu);
    return &gpu->device;
}
