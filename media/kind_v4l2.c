/* SPDX-License-Identifier: MIT */
/*
 * A video node of the host, passed on to the guest: webcams, HDMI grabbers, codecs made of
 * hardware. Every session of the guest is an open file of it, every ioctl one of the host.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "media/media.h"
#include "media/v4l2_context.h"

struct kind_v4l2 {
    struct media_kind kind; /* first */
    struct v4l2_proxy proxy;
};

static struct kind_v4l2 *kind_of(struct media_kind *kind)
{
    return (struct kind_v4l2 *)(void *)kind;
}

/* ---- the node, asked before anybody is served ---- */

/* The nodes that there are, for people: " /dev/video0 /dev/video1", cut off where it must be. */
static void list_nodes(char *text, size_t size)
{
    DIR *dir = opendir("/dev");
    size_t length = 0;

    text[0] = '\0';
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
        if (strncmp(entry->d_name, "video", 5) == 0 && length + 40 < size)
            length += (size_t)snprintf(text + length, size - length, " /dev/%.20s", entry->d_name);
    if (dir != NULL)
        closedir(dir);
    if (length == 0)
        snprintf(text, size, " none");
}

/* What to do about 'error'. */
static void explain(const char *path, int error, char *text)
{
    char nodes[120];

    list_nodes(nodes, sizeof(nodes));
    if (error == -ENODEV)
        snprintf(text, MEDIA_KIND_TEXT, "%s is no video node that streams; this host has:%s", path,
                 nodes);
    else if (error == -EACCES || error == -EPERM)
        snprintf(text, MEDIA_KIND_TEXT,
                 "%s may not be opened: the user of this program has to be in its group, 'video'",
                 path);
    else
        snprintf(text, MEDIA_KIND_TEXT, "%s does not open: %s; this host has:%s", path,
                 strerror(-error), nodes);
}

/* Opens and asks it. 0, or -errno and a sentence that says what to do. */
static int ask(const struct media_options *options, uint32_t *caps, struct v4l2_capability *about,
               char text[MEDIA_KIND_TEXT])
{
    struct v4l2_node *node;
    int r;

    if (options->node == NULL) {
        char nodes[120];

        list_nodes(nodes, sizeof(nodes));
        snprintf(text, MEDIA_KIND_TEXT, "--node=/dev/videoN must say which node; this host has:%s",
                 nodes);
        return -EINVAL;
    }
    node = v4l2_node_create(options->v4l2_calls);
    if (node == NULL)
        return -ENOMEM;
    r = v4l2_node_open(node, options->node);
    if (r == 0)
        r = v4l2_node_query(node, caps, about);
    v4l2_node_destroy(node);
    if (r != 0)
        explain(options->node, r, text);
    return r;
}

static uint32_t caps(const struct media_options *options)
{
    char text[MEDIA_KIND_TEXT];
    struct v4l2_capability about;
    uint32_t caps = 0;

    return ask(options, &caps, &about, text) == 0 ? caps : 0;
}

static void card(const struct media_options *options, char name[32])
{
    char text[MEDIA_KIND_TEXT];
    struct v4l2_capability about;
    uint32_t caps;

    if (ask(options, &caps, &about, text) == 0)
        snprintf(name, 32, "%.31s", (const char *)about.card);
}

static bool check(const struct media_options *options, char *text)
{
    struct v4l2_capability about;
    uint32_t caps;

    if (ask(options, &caps, &about, text) != 0)
        return false;
    snprintf(text, MEDIA_KIND_TEXT, "%s: %.31s (%.15s)", options->node, (const char *)about.card,
             (const char *)about.driver);
    return true;
}

/* ---- the kind ---- */

static void on_lane(struct v4l2_lane *lane, bool busy)
{
    struct v4l2_proxy *proxy =
        (struct v4l2_proxy *)(void *)((char *)lane - offsetof(struct v4l2_proxy, lane));
    struct v4l2_context *context;

    LIST_FOREACH(context, &proxy->contexts, entry)
    v4l2_context_listen(context, !busy);
}

static struct context *v4l2_open(struct media_kind *kind, uint32_t session)
{
    struct v4l2_context *context = v4l2_context_create(&kind_of(kind)->proxy, session);

    return context != NULL ? &context->context : NULL;
}

static void v4l2_close(struct media_kind *kind, struct context *context)
{
    v4l2_context_destroy((struct v4l2_context *)(void *)context);
}

static void v4l2_reset(struct media_kind *kind)
{
    /* What lasts lies in the host's node, and belongs to others too. */
}

static void v4l2_destroy(struct media_kind *kind)
{
    struct kind_v4l2 *v4l2 = kind_of(kind);

    v4l2_lane_finish(&v4l2->proxy.lane);
    free(v4l2);
}

static const struct media_kind_ops ops = {
    .open = v4l2_open,
    .close = v4l2_close,
    .reset = v4l2_reset,
    .destroy = v4l2_destroy,
};

static struct media_kind *create(const struct media_kind_host *host)
{
    struct kind_v4l2 *v4l2;
    char text[MEDIA_KIND_TEXT] = "";
    int r;

    if (!check(host->options, text)) {
        log_error("kind v4l2: %s.", text);
        errno = ENODEV;
        return NULL;
    }
    v4l2 = calloc(1, sizeof(*v4l2));
    if (v4l2 == NULL)
        return NULL;
    v4l2->kind.ops = &ops;
    v4l2->proxy.media = host->media;
    v4l2->proxy.path = host->options->node;
    v4l2->proxy.calls = host->options->v4l2_calls;
    LIST_INIT(&v4l2->proxy.contexts);
    r = v4l2_lane_init(&v4l2->proxy.lane, &host->media->jobs, on_lane);
    if (r != 0) {
        free(v4l2);
        errno = -r;
        return NULL;
    }
    log_info("kind v4l2: %s.", text);
    return &v4l2->kind;
}

const struct media_kind_impl kind_v4l2_impl = {
    .name = "v4l2",
    .description = "a video node of the host (--node), passed on with all that it can",
    .maps_foreign = true,
    .check = check,
    .caps = caps,
    .card = card,
    .create = create,
};
