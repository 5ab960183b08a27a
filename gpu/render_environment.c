/* SPDX-License-Identifier: MIT */
#include "gpu/render_environment.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

#define LAYER "VK_LAYER_HOSTBLOB_memory"
#define MANIFEST "VkLayer_hostblob.json"
#define LIBRARY "libVkLayer_hostblob.so"
#define BESIDE "/gpu/vulkan_layer" /* in the build directory */

static bool has_file(const char *folder, const char *name)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof(path), "%s/%s", folder, name);

    return n > 0 && (size_t)n < sizeof(path) && access(path, R_OK) == 0;
}

static bool has_layer(const char *folder)
{
    return has_file(folder, MANIFEST) && has_file(folder, LIBRARY);
}

/* The folder beside this program, in 'path'. */
static bool find_beside(char path[PATH_MAX])
{
    ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - sizeof(BESIDE));
    char *slash;

    if (n < 0)
        return false;
    path[n] = '\0';
    slash = strrchr(path, '/');
    if (slash == NULL)
        return false;
    memcpy(slash, BESIDE, sizeof(BESIDE));
    return has_layer(path);
}

static const char *find_layer(void)
{
    static char beside[PATH_MAX];
    const char *told = getenv("HOSTBLOB_VULKAN_LAYER");

    if (told != NULL && *told == '\0')
        return NULL;
    if (told != NULL) {
        if (has_layer(told))
            return told;
        log_warning("There are no " MANIFEST " and " LIBRARY " in %s.", told);
        return NULL;
    }
    if (find_beside(beside))
        return beside;
    if (has_layer(HOSTBLOB_LAYER_DIR))
        return HOSTBLOB_LAYER_DIR;
    log_warning("The Vulkan layer is found neither beside this program nor in " HOSTBLOB_LAYER_DIR
                ": guests cannot map all of their memory, nor share it.");
    return NULL;
}

const char *render_environment_layer(void)
{
    static const char *layer;
    static bool looked;

    if (!looked)
        layer = find_layer();
    looked = true;
    return layer;
}

/* "NAME=value", with what is there already before it; NULL: no memory. */
static char *extend(const char *name, const char *value)
{
    const char *old = getenv(name);
    char *text;

    if (old == NULL || *old == '\0') {
        if (asprintf(&text, "%s=%s", name, value) < 0)
            return NULL;
    } else if (asprintf(&text, "%s=%s:%s", name, old, value) < 0) {
        return NULL;
    }
    return text;
}

const char *const *render_environment(void)
{
    static const char *list[3];
    const char *layer = render_environment_layer();

    if (list[0] != NULL || layer == NULL)
        return list;
    list[1] = extend("VK_INSTANCE_LAYERS", LAYER);
    if (list[1] != NULL)
        list[0] = extend("VK_ADD_LAYER_PATH", layer);
    return list;
}

void render_environment_apply(void)
{
    for (const char *const *text = render_environment(); *text != NULL; text++)
        putenv((char *)(uintptr_t)*text);
}
