/* SPDX-License-Identifier: MIT */
#include "buffer/exporter.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/log.h"
#include "buffer/arena.h"
#include "buffer/exporter_source.h"
#include "buffer/gbm_node.h"

static int insist(struct exporter *exporter, enum exporter_kind kind, const char *drm_node)
{
    char text[EXPORTER_TEXT] = "";
    int result = exporter_source_open(exporter, kind, drm_node, text);

    if (result < 0) {
        log_error(
            "There are no %s buffers here: %s. What helps: %s; or let --exporter=auto choose.",
            exporter_sources[kind].name, text, exporter_sources[kind].remedy);
        return result;
    }
    exporter->kind = kind;
    log_info("Buffers are %s buffers, as asked for (%s).", exporter_sources[kind].name, text);
    return 0;
}

/* Images by a driver, if there is one; the log says it either way. */
static void choose_for_images(struct exporter *exporter, const char *drm_node)
{
    char text[GBM_NODE_TEXT] = "";
    int error;

    exporter->gbm = gbm_node_find(drm_node, &error, text);
    if (exporter->gbm != NULL)
        log_info("Images are GBM's, from %s.", text);
    else
        log_info("Images are like other buffers: no GBM (%s).", text);
}

static int choose(struct exporter *exporter, const char *drm_node)
{
    static const enum exporter_kind order[] = {EXPORTER_UDMABUF, EXPORTER_DMA_HEAP, EXPORTER_MEMFD};
    char text[EXPORTER_TEXT] = "";
    int result = -ENODEV;

    exporter->chosen = true;
    for (unsigned i = 0; result < 0 && i < sizeof(order) / sizeof(order[0]); i++) {
        exporter->kind = order[i];
        result = exporter_source_open(exporter, order[i], NULL, text);
        if (result < 0)
            log_info("No %s buffers: %s.", exporter_sources[order[i]].name, text);
    }
    if (result < 0) {
        log_error("No kind of buffer works here: see the lines above.");
        return result;
    }
    log_info("Buffers are %s buffers, chosen by trying (%s).",
             exporter_sources[exporter->kind].name, text);
    choose_for_images(exporter, drm_node);
    return 0;
}

int exporter_init(struct exporter *exporter, enum exporter_kind kind, struct arena *arena,
                  const char *drm_node)
{
    *exporter = (struct exporter){.kind = kind, .device_fd = -1};
    if (kind == EXPORTER_AUTO)
        return choose(exporter, drm_node);
    if (kind != EXPORTER_ARENA)
        return insist(exporter, kind, drm_node);
    if (arena == NULL) {
        log_error("cannot lend pieces of an arena: there is none");
        return -EINVAL;
    }
    exporter->arena = arena;
    return 0;
}

void exporter_finish(struct exporter *exporter)
{
    exporter_source_close(exporter);
    exporter->arena = NULL;
}

struct buffer *exporter_create(struct exporter *exporter, uint64_t size)
{
    static struct log_limit limit;

    if (exporter->kind == EXPORTER_ARENA)
        return arena_buffer_create(exporter->arena, size);
    if (exporter->limit == 0 || size <= exporter->limit)
        return exporter_sources[exporter->kind].create(exporter, size);
    if (log_limit_allows(&limit))
        log_warning(
            "A buffer of %llu bytes is larger than a %s buffer can be here (" EXPORTER_UDMABUF_LIMIT
            "): %s.",
            (unsigned long long)size, exporter_sources[exporter->kind].name,
            exporter->chosen ? "it is a memfd" : "it is refused");
    if (exporter->chosen)
        return buffer_memfd_create(size);
    errno = EFBIG;
    return NULL;
}

struct buffer *exporter_create_image(struct exporter *exporter, const struct surface *surface,
                                     struct surface_layout *layout)
{
    int result;

    if (exporter->gbm != NULL)
        return gbm_node_image(exporter->gbm, surface, layout);
    result = surface_layout_linear(surface, layout);
    if (result < 0) {
        errno = -result;
        return NULL;
    }
    return exporter_create(exporter, layout->size);
}

int exporter_image_layout(struct exporter *exporter, const struct surface *surface,
                          struct surface_layout *layout)
{
    return exporter->gbm != NULL ? gbm_node_layout(exporter->gbm, surface, layout)
                                 : surface_layout_linear(surface, layout);
}

bool exporter_makes_dmabufs(const struct exporter *exporter)
{
    return exporter->kind == EXPORTER_UDMABUF || exporter->kind == EXPORTER_DMA_HEAP ||
           exporter->kind == EXPORTER_GBM;
}

bool exporter_makes_dmabuf_images(const struct exporter *exporter)
{
    return exporter->gbm != NULL || exporter_makes_dmabufs(exporter);
}

const char *exporter_kind_name(enum exporter_kind kind)
{
    return kind == EXPORTER_AUTO ? "auto" : exporter_sources[kind].name;
}

int exporter_kind_parse(const char *text, enum exporter_kind *kind)
{
    for (unsigned i = EXPORTER_MEMFD; i <= EXPORTER_AUTO; i++)
        if (strcmp(text, exporter_kind_name((enum exporter_kind)i)) == 0) {
            *kind = (enum exporter_kind)i;
            return 0;
        }
    return -EINVAL;
}

unsigned exporter_check(const char *drm_node, struct exporter_verdict verdicts[EXPORTER_KINDS])
{
    unsigned count = 0;

    for (unsigned i = EXPORTER_MEMFD; i < EXPORTER_KINDS; i++) {
        struct exporter exporter = {.device_fd = -1};
        struct exporter_verdict *verdict = &verdicts[count++];

        *verdict = (struct exporter_verdict){.kind = (enum exporter_kind)i};
        verdict->works =
            exporter_source_open(&exporter, verdict->kind, drm_node, verdict->text) == 0;
        exporter_finish(&exporter);
    }
    return count;
}
