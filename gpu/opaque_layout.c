/* SPDX-License-Identifier: MIT */
#include "gpu/opaque_layout.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/units.h"

#define LIMIT_MS 10000u

static void refuse(struct opaque_layout *layout, const char *why)
{
    layout->state = OPAQUE_LAYOUT_REFUSED;
    snprintf(layout->why, sizeof(layout->why), "%s", why);
}

void opaque_layout_learn(struct opaque_layout *layout, const struct probe *probe)
{
    struct json_object *value;

    if (!probe->ok) {
        refuse(layout, probe->why);
        return;
    }
    if (!json_object_object_get_ex(probe->report, "opaque_offset", &value)) {
        if (json_object_object_get_ex(probe->report, "opaque_why", &value))
            refuse(layout, json_object_get_string(value));
        else
            refuse(layout, "the self-test has not found where the bytes are");
        return;
    }
    layout->state = OPAQUE_LAYOUT_PROVEN;
    layout->offset = json_object_get_uint64(value);
}

void opaque_layout_find(struct opaque_layout *layout, char *const *argv)
{
    struct probe probe;

    if (layout->state != OPAQUE_LAYOUT_UNKNOWN)
        return;
    probe_start(&probe, "vulkan", argv);
    probe_wait(&probe, 1, LIMIT_MS);
    opaque_layout_learn(layout, &probe);
    probe_finish(&probe);
    if (layout->state == OPAQUE_LAYOUT_PROVEN)
        log_info("Opaque memory of Vulkan is mapped at offset %llu of its file: a self-test has "
                 "found it there.",
                 (unsigned long long)layout->offset);
    else
        log_warning("Opaque memory of Vulkan is not mapped: %s.", layout->why);
}

/* Mesa's header begins with the size of the file as it was asked for, and the offset. */
static bool header_agrees(int fd, uint64_t offset, uint64_t file_size)
{
    uint64_t header[2];

    return pread(fd, header, sizeof(header), 0) == sizeof(header) && header[1] == offset &&
           header[0] > offset && header[0] <= file_size;
}

static int fail(char why[PROBE_WHY], const char *reason)
{
    snprintf(why, PROBE_WHY, "%s", reason);
    return -EOPNOTSUPP;
}

int opaque_layout_offset(const struct opaque_layout *layout, int fd, uint64_t size,
                         uint64_t *offset, char why[PROBE_WHY])
{
    struct stat st;
    uint64_t file_size;

    if (layout->state == OPAQUE_LAYOUT_UNKNOWN)
        return fail(why, "nobody has looked where the bytes are");
    if (layout->state == OPAQUE_LAYOUT_REFUSED)
        return fail(why, layout->why);
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return fail(why, "its descriptor is no file, as that of the self-test was");
    file_size = (uint64_t)st.st_size;
    if (layout->offset > 0 && !header_agrees(fd, layout->offset, file_size))
        return fail(why, "its file does not begin as that of the self-test did");
    if (file_size < layout->offset || file_size - layout->offset < size) {
        snprintf(why, PROBE_WHY,
                 "its file has %llu bytes, and the mapping would need %llu: virglrenderer before "
                 "1.3 does not ask for whole pages",
                 (unsigned long long)file_size, (unsigned long long)(layout->offset + size));
        return -EOPNOTSUPP;
    }
    *offset = layout->offset;
    return 0;
}
