/* SPDX-License-Identifier: MIT */
#include "media/pipewire_remote.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pipewire/extensions/metadata.h>
#include <spa/utils/string.h>

#include "base/log.h"

#define CAMERA_CLASS "Video/Source"

/* ---- cameras ---- */

static void copy_text(char *to, size_t size, const char *text)
{
    snprintf(to, size, "%s", text != NULL ? text : "");
}

static void add_camera(struct pipewire_remote *remote, uint32_t id, const struct spa_dict *props)
{
    struct pipewire_camera *camera = calloc(1, sizeof(*camera));
    const char *priority = spa_dict_lookup(props, PW_KEY_PRIORITY_SESSION);
    const char *description = spa_dict_lookup(props, PW_KEY_NODE_DESCRIPTION);
    const char *name = spa_dict_lookup(props, PW_KEY_NODE_NAME);

    if (camera == NULL)
        return;
    camera->id = id;
    camera->priority = priority != NULL ? atoi(priority) : 0;
    copy_text(camera->serial, sizeof(camera->serial), spa_dict_lookup(props, PW_KEY_OBJECT_SERIAL));
    copy_text(camera->name, sizeof(camera->name), name);
    copy_text(camera->description, sizeof(camera->description),
              description != NULL ? description : name);
    LIST_INSERT_HEAD(&remote->cameras, camera, entry);
    remote->changes++;
    log_debug("pipewire: camera '%s' (%s, serial %s)", camera->description, camera->name,
              camera->serial);
}

static void remove_camera(struct pipewire_camera *camera)
{
    log_debug("pipewire: camera '%s' (%s, serial %s) is gone", camera->description, camera->name,
              camera->serial);
    LIST_REMOVE(camera, entry);
    free(camera);
}

static void forget_cameras(struct pipewire_remote *remote)
{
    struct pipewire_camera *camera;

    while ((camera = LIST_FIRST(&remote->cameras)) != NULL)
        remove_camera(camera);
}

static struct pipewire_camera *find_camera(const struct pipewire_remote *remote, uint32_t id)
{
    struct pipewire_camera *camera;

    LIST_FOREACH(camera, &remote->cameras, entry)
    if (camera->id == id)
        return camera;
    return NULL;
}

const struct pipewire_camera *pipewire_remote_camera_of(const struct pipewire_remote *remote,
                                                        uint32_t id)
{
    return find_camera(remote, id);
}

bool pipewire_camera_is(const struct pipewire_camera *camera, const char *target)
{
    return strcmp(camera->name, target) == 0 || strcmp(camera->serial, target) == 0 ||
           strcmp(camera->description, target) == 0;
}

/* Whether a comes before b. */
static bool is_better(const struct pipewire_camera *a, const struct pipewire_camera *b)
{
    return b == NULL || a->priority > b->priority || (a->priority == b->priority && a->id < b->id);
}

const struct pipewire_camera *pipewire_remote_camera(const struct pipewire_remote *remote,
                                                     const char *target)
{
    struct pipewire_camera *camera, *best = NULL;

    LIST_FOREACH(camera, &remote->cameras, entry)
    if ((target == NULL || pipewire_camera_is(camera, target)) && is_better(camera, best))
        best = camera;
    return best;
}

const char *pipewire_remote_list(const struct pipewire_remote *remote, char *text, size_t size)
{
    struct pipewire_camera *camera;
    size_t used = 0;

    snprintf(text, size, "none");
    LIST_FOREACH(camera, &remote->cameras, entry)
    if (used < size)
        used += (size_t)snprintf(text + used, size - used, "%s'%s' (%s)", used > 0 ? ", " : "",
                                 camera->description, camera->name);
    return text;
}

/* ---- links ---- */

static void add_link(struct pipewire_remote *remote, uint32_t id, const struct spa_dict *props)
{
    const char *from = spa_dict_lookup(props, PW_KEY_LINK_OUTPUT_NODE);
    const char *to = spa_dict_lookup(props, PW_KEY_LINK_INPUT_NODE);
    struct pipewire_link *link = calloc(1, sizeof(*link));

    if (link == NULL)
        return;
    link->id = id;
    if (from == NULL || to == NULL || !spa_atou32(from, &link->from, 10) ||
        !spa_atou32(to, &link->to, 10)) {
        free(link);
        return;
    }
    LIST_INSERT_HEAD(&remote->links, link, entry);
}

static void remove_link(struct pipewire_link *link)
{
    LIST_REMOVE(link, entry);
    free(link);
}

static void forget_links(struct pipewire_remote *remote)
{
    struct pipewire_link *link;

    while ((link = LIST_FIRST(&remote->links)) != NULL)
        remove_link(link);
}

static struct pipewire_link *find_link(const struct pipewire_remote *remote, uint32_t id)
{
    struct pipewire_link *link;

    LIST_FOREACH(link, &remote->links, entry)
    if (link->id == id)
        return link;
    return NULL;
}

const struct pipewire_link *pipewire_remote_link(const struct pipewire_remote *remote,
                                                 uint32_t node)
{
    struct pipewire_link *link;

    LIST_FOREACH(link, &remote->links, entry)
    if (link->to == node)
        return link;
    return NULL;
}

/* ---- what the daemon tells ---- */

static bool is_manager(const char *type, const struct spa_dict *props)
{
    const char *name = spa_dict_lookup(props, PW_KEY_METADATA_NAME);

    return strcmp(type, PW_TYPE_INTERFACE_Metadata) == 0 && name != NULL &&
           strcmp(name, "default") == 0;
}

static void on_global(void *data, uint32_t id, uint32_t permissions, const char *type,
                      uint32_t version, const struct spa_dict *props)
{
    struct pipewire_remote *remote = data;
    const char *class;

    if (props == NULL)
        return;
    class = spa_dict_lookup(props, PW_KEY_MEDIA_CLASS);
    if (strcmp(type, PW_TYPE_INTERFACE_Node) == 0 && class != NULL &&
        strcmp(class, CAMERA_CLASS) == 0)
        add_camera(remote, id, props);
    else if (strcmp(type, PW_TYPE_INTERFACE_Link) == 0)
        add_link(remote, id, props);
    else if (is_manager(type, props))
        remote->manager = id;
    else
        return;
    pipewire_remote_later(remote);
}

static void on_global_remove(void *data, uint32_t id)
{
    struct pipewire_remote *remote = data;
    struct pipewire_camera *camera = find_camera(remote, id);
    struct pipewire_link *link = find_link(remote, id);

    remote->changes += camera != NULL;
    if (camera != NULL)
        remove_camera(camera);
    else if (link != NULL)
        remove_link(link);
    else if (remote->manager == id)
        remote->manager = SPA_ID_INVALID;
    else
        return;
    pipewire_remote_later(remote);
}

static const struct pw_registry_events registry_events = {
    PW_VERSION_REGISTRY_EVENTS,
    .global = on_global,
    .global_remove = on_global_remove,
};

static void on_done(void *data, uint32_t id, int sequence)
{
    struct pipewire_remote *remote = data;

    if (id != PW_ID_CORE || sequence != remote->sync || remote->state != PIPEWIRE_REMOTE_COMING)
        return;
    remote->state = PIPEWIRE_REMOTE_UP;
    pipewire_remote_later(remote);
}

static void on_error(void *data, uint32_t id, int sequence, int result, const char *message)
{
    struct pipewire_remote *remote = data;

    if (id == PW_ID_CORE && result == -EPIPE)
        remote->broken = true;
    else
        log_debug("pipewire: object %u: %s: error %d", id, message, -result);
    pipewire_remote_later(remote);
}

static const struct pw_core_events core_events = {
    PW_VERSION_CORE_EVENTS,
    .done = on_done,
    .error = on_error,
};

/* ---- up and down ---- */

static void disconnect(struct pipewire_remote *remote)
{
    if (remote->registry != NULL) {
        spa_hook_remove(&remote->registry_hook);
        remote->pw->proxy_destroy((struct pw_proxy *)remote->registry);
    }
    if (remote->core != NULL) {
        spa_hook_remove(&remote->core_hook);
        remote->pw->core_disconnect(remote->core);
    }
    remote->registry = NULL;
    remote->core = NULL;
    remote->state = PIPEWIRE_REMOTE_DOWN;
    remote->broken = false;
    remote->manager = SPA_ID_INVALID;
    forget_cameras(remote);
    forget_links(remote);
}

int pipewire_remote_connect(struct pipewire_remote *remote)
{
    if (remote->state != PIPEWIRE_REMOTE_DOWN)
        return 0;
    remote->core = remote->pw->context_connect(remote->context, NULL, 0);
    if (remote->core == NULL) {
        remote->failure = errno > 0 ? -errno : -EIO;
        return remote->failure;
    }
    remote->failure = 0;
    remote->state = PIPEWIRE_REMOTE_COMING;
    pw_core_add_listener(remote->core, &remote->core_hook, &core_events, remote);
    remote->registry = pw_core_get_registry(remote->core, PW_VERSION_REGISTRY, 0);
    if (remote->registry == NULL) {
        disconnect(remote);
        return -ENOMEM;
    }
    pw_registry_add_listener(remote->registry, &remote->registry_hook, &registry_events, remote);
    remote->sync = pw_core_sync(remote->core, PW_ID_CORE, 0);
    return 0;
}

const char *pipewire_remote_name(void)
{
    static char text[256];
    const char *remote = getenv("PIPEWIRE_REMOTE"), *dir = getenv("PIPEWIRE_RUNTIME_DIR");

    if (dir == NULL)
        dir = getenv("XDG_RUNTIME_DIR");
    if (remote == NULL)
        remote = "pipewire-0";
    if (remote[0] == '/')
        return remote;
    if (dir == NULL)
        return "any place, as XDG_RUNTIME_DIR is not set";
    snprintf(text, sizeof(text), "%s/%s", dir, remote);
    return text;
}

static void settle(struct pipewire_remote *remote)
{
    if (remote->broken) {
        remote->events->lost(remote->data);
        disconnect(remote);
    }
    remote->events->settle(remote->data);
}

static int on_later(sd_event_source *source, void *data)
{
    settle(data);
    return 0;
}

static int on_readable(sd_event_source *source, int fd, uint32_t events, void *data)
{
    struct pipewire_remote *remote = data;
    int r = pw_loop_iterate(remote->loop, 0);

    if (r < 0 && r != -EINTR)
        log_debug("pipewire: its loop: error %d", -r);
    return 0;
}

void pipewire_remote_later(struct pipewire_remote *remote)
{
    sd_event_source_set_enabled(remote->later, SD_EVENT_ONESHOT);
}

static int join_loops(struct pipewire_remote *remote, sd_event *loop)
{
    int r = sd_event_add_defer(loop, &remote->later, on_later, remote);

    if (r < 0)
        return r;
    sd_event_source_set_enabled(remote->later, SD_EVENT_OFF);
    return sd_event_add_io(loop, &remote->source, pw_loop_get_fd(remote->loop), EPOLLIN,
                           on_readable, remote);
}

int pipewire_remote_init(struct pipewire_remote *remote, const struct pipewire_library *pw,
                         sd_event *loop, const struct pipewire_remote_events *events, void *data)
{
    int r;

    *remote = (struct pipewire_remote){
        .pw = pw, .events = events, .data = data, .manager = SPA_ID_INVALID};
    LIST_INIT(&remote->cameras);
    LIST_INIT(&remote->links);
    remote->loop = pw->loop_new(NULL);
    if (remote->loop == NULL)
        return -errno;
    pw_loop_enter(remote->loop);
    r = join_loops(remote, loop);
    if (r < 0)
        return r;
    remote->context = pw->context_new(
        remote->loop, pw->properties_new(PW_KEY_APP_NAME, "hostblob-media", NULL), 0);
    return remote->context != NULL ? 0 : -errno;
}

void pipewire_remote_finish(struct pipewire_remote *remote)
{
    if (remote->pw == NULL)
        return;
    disconnect(remote);
    if (remote->context != NULL)
        remote->pw->context_destroy(remote->context);
    remote->later = sd_event_source_disable_unref(remote->later);
    remote->source = sd_event_source_disable_unref(remote->source);
    if (remote->loop != NULL) {
        pw_loop_leave(remote->loop);
        remote->pw->loop_destroy(remote->loop);
    }
    remote->loop = NULL;
    remote->context = NULL;
}
