/* SPDX-License-Identifier: MIT */
#include "daemon/sandbox.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/log.h"
#include "base/trial.h"
#include "daemon/sandbox_parts.h"

#define TEXT 256u
#define TRY_SECONDS 10u

static const struct {
    const char *name;
    enum sandbox_layer layer;
    int (*build)(const struct sandbox_plan *plan, const char **what);
    const char *remedy; /* what a person may do where it cannot be built */
} layers[SANDBOX_LAYERS] = {
    {"limits", SANDBOX_LIMITS, sandbox_limits, "look at ulimit -a"},
    {"namespaces", SANDBOX_NAMESPACES, sandbox_namespaces,
     "permit user namespaces (sysctl user.max_user_namespaces, or the container's own settings; a "
     "chroot has none)"},
    {"root", SANDBOX_ROOT, sandbox_root, "permit mounts in a user namespace, with Linux 5.12"},
    {"landlock", SANDBOX_LANDLOCK, sandbox_landlock,
     "start Linux (5.13 or newer) with landlock among its lsm="},
    {"privileges", SANDBOX_PRIVILEGES, sandbox_privileges, "look at what started this program"},
    {"seccomp", SANDBOX_SECCOMP, sandbox_seccomp, "build Linux with CONFIG_SECCOMP_FILTER"},
};

static const char *const role_names[SANDBOX_ROLES] = {
    [SANDBOX_STARTER] = "starter",
    [SANDBOX_STARTER_VENUS] = "starter of a Vulkan worker",
    [SANDBOX_DOOR] = "door",
    [SANDBOX_GPU_MEMORY] = "gpu worker",
    [SANDBOX_GPU_PICTURES] = "gpu worker that keeps pictures",
    [SANDBOX_GPU_3D] = "OpenGL worker",
    [SANDBOX_GPU_VENUS] = "Vulkan worker",
    [SANDBOX_RENDER_SERVER] = "render server",
    [SANDBOX_MEDIA] = "media worker",
    [SANDBOX_MEDIA_FILE] = "file worker",
    [SANDBOX_MEDIA_V4L2] = "v4l2 worker",
    [SANDBOX_OPENER] = "opener",
    [SANDBOX_MEDIA_PIPEWIRE] = "pipewire worker",
};

int sandbox_mode_parse(const char *text, enum sandbox_mode *mode)
{
    static const char *const names[] = {"auto", "strict", "none"};

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(text, names[i]) == 0) {
            *mode = (enum sandbox_mode)i;
            return 0;
        }
    return -EINVAL;
}

const char *sandbox_role_name(enum sandbox_role role)
{
    return role_names[role];
}

void sandbox_describe(unsigned set, char *text, size_t size)
{
    size_t used = 0;

    snprintf(text, size, "none");
    for (unsigned i = 0; i < SANDBOX_LAYERS; i++)
        if ((set & layers[i].layer) != 0 && used < size)
            used += (size_t)snprintf(text + used, size - used, "%s%s", used > 0 ? " " : "",
                                     layers[i].name);
}

void sandbox_allow(struct sandbox_plan *plan, const char *path, unsigned access)
{
    if (plan->path_count == SANDBOX_PATHS || path[0] != '/') {
        log_warning("The sandbox leaves out %s: %s.", path,
                    path[0] != '/' ? "it is no absolute path" : "there is no room for it");
        return;
    }
    plan->paths[plan->path_count++] = (struct sandbox_path){path, access};
}

void sandbox_allow_system(struct sandbox_plan *plan)
{
    static const char *const folders[] = {"/usr", "/lib", "/lib64", "/etc", "/sys", "/proc"};

    for (unsigned i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
        sandbox_allow(plan, folders[i], SANDBOX_READ);
    sandbox_allow(plan, "/dev/null", SANDBOX_READ | SANDBOX_WRITE);
    sandbox_allow(plan, "/dev/urandom", SANDBOX_READ);
}

/* What the role has at all. */
static unsigned wanted(enum sandbox_role role)
{
    const unsigned all = (1u << SANDBOX_LAYERS) - 1;

    if (role == SANDBOX_STARTER || role == SANDBOX_STARTER_VENUS)
        return all & ~(unsigned)(SANDBOX_NAMESPACES | SANDBOX_ROOT | SANDBOX_LANDLOCK);
    return all;
}

#ifdef HOSTBLOB_INSTRUMENTED
static const bool instrumented = true;
#else
static const bool instrumented = false;
#endif

/* Notes what could not be had: "root (mount: Operation not permitted)". */
static void note(char text[TEXT], unsigned i, const char *what, int error)
{
    size_t used = strlen(text);

    snprintf(text + used, TEXT - used, "%s%s (%s: %s)", used > 0 ? ", " : "", layers[i].name, what,
             strerror(-error));
}

static int refuse(const struct sandbox_plan *plan, unsigned i, const char *what, int error)
{
    log_error("The sandbox of the %s cannot be built: %s (%s: %s). To have it, %s; --sandbox=auto "
              "goes on without.",
              role_names[plan->role], layers[i].name, what, strerror(-error), layers[i].remedy);
    return error;
}

/* A host that permits it and has no room for it now: nobody wants to go without for that. */
static bool is_short(int error)
{
    return error == -ENOMEM || error == -EMFILE || error == -ENFILE;
}

static int refuse_short(const struct sandbox_plan *plan, unsigned i, const char *what, int error)
{
    log_error("The sandbox of the %s cannot be built now: %s (%s: %s).", role_names[plan->role],
              layers[i].name, what, strerror(-error));
    return error;
}

/* Builds those of 'set', in their order. */
static int build(const struct sandbox_plan *plan, unsigned set, unsigned *built)
{
    char given_up[TEXT] = "";

    set &= wanted(plan->role);
    if (instrumented && plan->mode == SANDBOX_AUTO) {
        if ((set & SANDBOX_SECCOMP) != 0)
            log_warning("The sandbox of the %s is left out: this build is instrumented.",
                        role_names[plan->role]);
        set &= SANDBOX_LIMITS;
    }
    for (unsigned i = 0; i < SANDBOX_LAYERS; i++) {
        const char *what = layers[i].name;
        int r;

        if ((set & layers[i].layer) == 0)
            continue;
        /* An empty root is made in a namespace of one's own, or everybody would have it. */
        if (layers[i].layer == SANDBOX_ROOT && (*built & SANDBOX_NAMESPACES) == 0) {
            what = "without namespaces";
            r = -EPERM;
        } else if (instrumented && layers[i].layer != SANDBOX_LIMITS) {
            what = "this build is instrumented";
            r = -ENOTSUP;
        } else {
            r = layers[i].build(plan, &what);
        }
        if (r == 0)
            *built |= layers[i].layer;
        else if (is_short(r))
            return refuse_short(plan, i, what, r);
        else if (plan->mode == SANDBOX_STRICT)
            return refuse(plan, i, what, r);
        else
            note(given_up, i, what, r);
    }
    if (given_up[0] != '\0')
        log_warning("The sandbox of the %s does without %s.", role_names[plan->role], given_up);
    return 0;
}

int sandbox_enclose(const struct sandbox_plan *plan, unsigned *built)
{
    int parent_end = 0, r;

    if (plan->mode == SANDBOX_NONE)
        return 0;
    prctl(PR_GET_PDEATHSIG, &parent_end);
    r = build(plan, ~(unsigned)SANDBOX_SECCOMP, built);
    /* A change of capabilities may have undone it. */
    if (parent_end != 0)
        prctl(PR_SET_PDEATHSIG, parent_end);
    return r;
}

int sandbox_filter(const struct sandbox_plan *plan, unsigned *built)
{
    return plan->mode == SANDBOX_NONE ? 0 : build(plan, SANDBOX_SECCOMP, built);
}

int sandbox_enter(const struct sandbox_plan *plan, unsigned *built)
{
    int r = sandbox_enclose(plan, built);

    return r < 0 ? r : sandbox_filter(plan, built);
}

void sandbox_renew(unsigned built)
{
    if ((built & SANDBOX_PRIVILEGES) != 0)
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

void sandbox_child_prepare(const struct sandbox_plan *plan)
{
    if (plan->mode != SANDBOX_NONE && !instrumented)
        sandbox_seccomp_child();
}

/* ---- what there is here ---- */

static int try_layer(void *data, char *text, size_t size)
{
    const struct sandbox_plan plan = {.role = SANDBOX_DOOR}, starter = {.role = SANDBOX_STARTER};
    const unsigned i = *(const unsigned *)data;
    const char *what = layers[i].name;
    int r = 0;

    /* As a worker, which a starter without privileges has started. */
    if (layers[i].layer == SANDBOX_NAMESPACES || layers[i].layer == SANDBOX_ROOT ||
        layers[i].layer == SANDBOX_SECCOMP)
        r = sandbox_privileges(&starter, &what);
    if (r == 0 && layers[i].layer == SANDBOX_ROOT)
        r = sandbox_namespaces(&plan, &what);
    if (r == 0)
        r = layers[i].build(&plan, &what);
    if (r < 0)
        snprintf(text, size, "%s: %s; to have it, %s", what, strerror(-r), layers[i].remedy);
    return r;
}

const char *sandbox_try(unsigned index, bool *works, char *text, size_t size)
{
    if (index >= SANDBOX_LAYERS)
        return NULL;
    text[0] = '\0';
    if (instrumented && layers[index].layer != SANDBOX_LIMITS) {
        *works = false;
        snprintf(text, size, "this build is instrumented");
    } else {
        *works = trial_run(try_layer, &index, TRY_SECONDS, text, size) == 0;
    }
    return layers[index].name;
}
