/* SPDX-License-Identifier: MIT */
#include "buffer/gbm_node.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/fd.h"
#include "base/fourcc.h"
#include "base/log.h"
#include "base/trial.h"
#include "base/units.h"
#include "buffer/gbm_library.h"
#include "buffer/mapped.h"
#include "buffer/self_test.h"

#define TRIAL_SECONDS 10u /* a driver that compiles shaders on a busy machine took 1 */

/* What of <drm.h> is used, which is not installed everywhere. */
struct prime_handle {
    uint32_t handle;
    uint32_t flags; /* of open */
    int32_t fd;
};
#define DROP_MASTER _IO('d', 0x1f)
#define PRIME_HANDLE_TO_FD _IOWR('d', 0x2d, struct prime_handle)

struct gbm_node {
    const struct gbm_library *library;
    int fd; /* owned */
    struct gbm_device *device;
};

/* ---- making buffers ---- */

static uint64_t dmabuf_size(int fd)
{
    uint64_t size;

    return fd_file_size(fd, &size) == 0 ? size : 0;
}

/* A driver may give the memory of an object that is gone as it was left. */
static int make_empty(struct buffer *buffer)
{
    void *data = buffer_data(buffer);
    int result;

    if (data == NULL)
        return -errno;
    result = buffer_begin(buffer, BUFFER_WRITE);
    if (result < 0)
        return result;
    memset(data, 0, buffer->size);
    return buffer_end(buffer, BUFFER_WRITE);
}

/* A dmabuf that may be written to. The kernel is asked first: with gbm_bo_get_fd Mesa 22's software
 * driver makes one that may only be read, and every later descriptor is like the first. The caller
 * owns it; -1: there is none. */
static int dmabuf_of(struct gbm_node *node, struct gbm_bo *bo)
{
    struct prime_handle wish = {.handle = node->library->bo_get_handle(bo).u32,
                                .flags = O_RDWR | O_CLOEXEC};

    if (ioctl(node->fd, PRIME_HANDLE_TO_FD, &wish) == 0)
        return wish.fd;
    return node->library->bo_get_fd(bo);
}

/* Takes ownership of 'bo'. The dmabuf keeps the memory; the handle is not needed any more. */
static struct buffer *export_bo(struct gbm_node *node, struct gbm_bo *bo, uint64_t size)
{
    struct buffer *buffer;
    int fd = dmabuf_of(node, bo);
    int result;

    node->library->bo_destroy(bo);
    if (fd < 0) {
        errno = EOPNOTSUPP;
        return NULL;
    }
    if (dmabuf_size(fd) < size) {
        fd_close(&fd);
        errno = EIO;
        return NULL;
    }
    buffer = mapped_create(BUFFER_GBM, fd, 0, size);
    result = buffer == NULL ? -errno : make_empty(buffer);
    if (result < 0) {
        buffer_destroy(buffer);
        errno = -result;
        return NULL;
    }
    return buffer;
}

/* libgbm does not always say why. */
static struct gbm_bo *create_bo(struct gbm_node *node, uint32_t width, uint32_t height,
                                uint32_t fourcc, uint32_t flags)
{
    struct gbm_bo *bo;

    errno = 0;
    bo = node->library->bo_create(node->device, width, height, fourcc, flags);
    if (bo == NULL && errno == 0)
        errno = EIO;
    return bo;
}

/* As an image of four bytes a pixel, since drivers know no other kind of linear memory, as narrow
 * as possible: the height is what they limit, to 16384 and some to 8192. */
struct buffer *gbm_node_bytes(struct gbm_node *node, uint64_t size)
{
    uint64_t width = 1024, pixels;
    struct gbm_bo *bo;

    if (size == 0 || !units_round_up(size, units_page_size(), &size) ||
        size > (uint64_t)SURFACE_MOST * SURFACE_MOST * 4) {
        errno = size == 0 ? EINVAL : EFBIG;
        return NULL;
    }
    pixels = size / 4;
    while (width < SURFACE_MOST && pixels / width > 8192)
        width *= 2;
    bo = create_bo(node, (uint32_t)width, (uint32_t)((pixels + width - 1) / width), FOURCC_XRGB8888,
                   GBM_USE_LINEAR);
    return bo == NULL ? NULL : export_bo(node, bo, size);
}

/* What the driver says of its image. Whether that can be true. */
static bool read_layout(struct gbm_node *node, struct gbm_bo *bo, const struct surface *surface,
                        struct surface_layout *layout)
{
    int fd = dmabuf_of(node, bo);
    int planes = node->library->bo_get_plane_count(bo);

    *layout = (struct surface_layout){.modifier = node->library->bo_get_modifier(bo)};
    if (fd >= 0)
        layout->size = dmabuf_size(fd) & ~(units_page_size() - 1);
    fd_close(&fd);
    if (planes < 1 || planes > (int)SURFACE_PLANES)
        return false;
    layout->planes = (unsigned)planes;
    for (int i = 0; i < planes; i++) {
        layout->strides[i] = node->library->bo_get_stride_for_plane(bo, i);
        layout->offsets[i] = node->library->bo_get_offset(bo, i);
    }
    /* A driver that knows no modifiers says 'invalid', and was asked for linear. */
    if (layout->modifier == FOURCC_MODIFIER_INVALID)
        layout->modifier = FOURCC_MODIFIER_LINEAR;
    return layout->modifier == FOURCC_MODIFIER_LINEAR && surface_layout_holds(surface, layout);
}

static struct gbm_bo *native_image(struct gbm_node *node, const struct surface *surface,
                                   struct surface_layout *layout)
{
    uint32_t use = surface->use & (GBM_USE_SCANOUT | GBM_USE_RENDERING);
    struct gbm_bo *bo;

    bo = create_bo(node, surface->width, surface->height, surface->fourcc, GBM_USE_LINEAR | use);
    if (bo == NULL && use != 0)
        bo = create_bo(node, surface->width, surface->height, surface->fourcc, GBM_USE_LINEAR);
    if (bo != NULL && !read_layout(node, bo, surface, layout)) {
        node->library->bo_destroy(bo);
        bo = NULL;
    }
    return bo;
}

struct buffer *gbm_node_image(struct gbm_node *node, const struct surface *surface,
                              struct surface_layout *layout)
{
    int result = surface_layout_linear(surface, layout);
    struct surface_layout native;
    struct gbm_bo *bo;

    if (result < 0) {
        errno = -result;
        return NULL;
    }
    bo = native_image(node, surface, &native);
    if (bo == NULL)
        return gbm_node_bytes(node, layout->size);
    *layout = native;
    return export_bo(node, bo, layout->size);
}

int gbm_node_layout(struct gbm_node *node, const struct surface *surface,
                    struct surface_layout *layout)
{
    int result = surface_layout_linear(surface, layout);
    struct surface_layout native;
    struct gbm_bo *bo = result < 0 ? NULL : native_image(node, surface, &native);

    if (bo != NULL) {
        node->library->bo_destroy(bo);
        *layout = native;
    }
    return result;
}

/* ---- opening a node ---- */

static int try_buffer(struct buffer *buffer, const char *what, char *text)
{
    char why[GBM_NODE_TEXT / 2];
    int result = buffer == NULL ? -errno : self_test_buffer(buffer, why, sizeof(why));

    if (buffer == NULL)
        snprintf(text, GBM_NODE_TEXT, "it makes no %s: %s", what, strerror(-result));
    else if (result < 0)
        snprintf(text, GBM_NODE_TEXT, "its %s are of no use: %s", what, why);
    buffer_destroy(buffer);
    return result;
}

static int self_test(struct gbm_node *node, char *text)
{
    struct surface surface = {100, 50, FOURCC_XRGB8888, SURFACE_USE_RENDERING};
    struct surface_layout layout;
    int result = try_buffer(gbm_node_bytes(node, 3 * units_page_size()), "bytes", text);

    return result < 0 ? result
                      : try_buffer(gbm_node_image(node, &surface, &layout), "images", text);
}

/* The driver's name by DRM_IOCTL_VERSION, for people. */
static void driver_name(int fd, char name[static 32])
{
    struct {
        int major, minor, patch;
        size_t name_len;
        char *name;
        size_t date_len;
        char *date;
        size_t desc_len;
        char *desc;
    } version = {.name = name, .name_len = 31};

    snprintf(name, 32, "unknown driver");
    if (ioctl(fd, _IOWR('d', 0, version), &version) < 0)
        return;
    name[version.name_len < 31 ? version.name_len : 31] = '\0';
}

static int open_device(struct gbm_node *node, const char *path, char *text)
{
    int result;

    node->library = gbm_library_load(text, GBM_NODE_TEXT);
    if (node->library == NULL)
        return -ELIBACC;
    node->fd = open(path, O_RDWR | O_CLOEXEC);
    if (node->fd < 0) {
        result = -errno;
        snprintf(text, GBM_NODE_TEXT, "it cannot be opened: %s", strerror(-result));
        return result;
    }
    /* Whoever opens a primary node first may set its modes; a display server wants that. */
    ioctl(node->fd, DROP_MASTER);
    node->device = node->library->create_device(node->fd);
    if (node->device == NULL) {
        snprintf(text, GBM_NODE_TEXT, "libgbm has no driver for it");
        return -ENODEV;
    }
    return self_test(node, text);
}

struct gbm_node *gbm_node_create(const char *path, int *error, char text[static GBM_NODE_TEXT])
{
    struct gbm_node *node = calloc(1, sizeof(*node));
    char driver[32];

    *error = node == NULL ? -ENOMEM : 0;
    if (node == NULL)
        return NULL;
    node->fd = -1;
    *error = open_device(node, path, text);
    if (*error < 0) {
        gbm_node_destroy(node);
        return NULL;
    }
    driver_name(node->fd, driver);
    snprintf(text, GBM_NODE_TEXT, "%s (%s, GBM back-end %s)", path, driver,
             node->library->device_get_backend_name(node->device));
    return node;
}

void gbm_node_destroy(struct gbm_node *node)
{
    if (node == NULL)
        return;
    if (node->device != NULL)
        node->library->device_destroy(node->device);
    fd_close(&node->fd);
    free(node);
}

/* ---- finding one ---- */

static int try_node(void *data, char *text, size_t size)
{
    char said[GBM_NODE_TEXT] = "";
    int error;
    struct gbm_node *node = gbm_node_create(data, &error, said);

    gbm_node_destroy(node);
    snprintf(text, size, "%s", said);
    return node == NULL ? error : 0;
}

static struct gbm_node *tried(const char *path, int *error, char text[static GBM_NODE_TEXT])
{
    char said[GBM_NODE_TEXT];

    *error = trial_run(try_node, (void *)(uintptr_t)path, TRIAL_SECONDS, said, sizeof(said));
    if (*error == 0)
        return gbm_node_create(path, error, text);
    snprintf(text, GBM_NODE_TEXT, "%.60s: %.130s", path, said);
    return NULL;
}

static struct gbm_node *first_of(const char *pattern, int *error, char text[static GBM_NODE_TEXT])
{
    struct gbm_node *node = NULL;
    glob_t found;

    if (glob(pattern, 0, NULL, &found) != 0)
        return NULL;
    for (size_t i = 0; node == NULL && i < found.gl_pathc; i++) {
        node = tried(found.gl_pathv[i], error, text);
        if (node == NULL)
            log_info("No GBM buffers from %s.", text);
    }
    globfree(&found);
    return node;
}

struct gbm_node *gbm_node_find(const char *path, int *error, char text[static GBM_NODE_TEXT])
{
    struct gbm_node *node;

    if (path != NULL)
        return tried(path, error, text);
    *error = -ENOENT;
    snprintf(text, GBM_NODE_TEXT, "there is no DRM node in /dev/dri");
    node = first_of("/dev/dri/renderD*", error, text);
    return node != NULL ? node : first_of("/dev/dri/card*", error, text);
}
