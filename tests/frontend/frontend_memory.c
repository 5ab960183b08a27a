/* SPDX-License-Identifier: MIT */
#include "tests/frontend/frontend.h"

#include <errno.h>

/* QEMU sends no table with more regions. */
#define QEMU_REGIONS 8u

static bool is_qemu(const struct frontend *frontend)
{
    return frontend->plan.habit == HABIT_QEMU;
}

static struct vhost_user_region mapping_region(const struct frontend *frontend,
                                               const struct guest_window_mapping *mapping)
{
    return (struct vhost_user_region){
        .gpa = FRONTEND_WINDOW_GPA + mapping->shm_offset,
        .size = mapping->size,
        .user = (uint64_t)(uintptr_t)(frontend->window.base + mapping->shm_offset),
        .mmap_offset = mapping->fd_offset,
    };
}

static int send_table(struct frontend *frontend)
{
    struct vhost_user_mem_table table = {.count = GUEST_RAM_REGIONS};
    int fds[VHOST_USER_MAX_REGIONS];

    for (unsigned i = 0; i < GUEST_RAM_REGIONS; i++) {
        guest_ram_region(&frontend->ram, i, &table.regions[i]);
        fds[i] = frontend->ram.fd;
    }
    for (const struct guest_window_mapping *m = frontend->window.mappings; m != NULL; m = m->next) {
        if (!is_qemu(frontend) || !m->committed)
            continue;
        /* QEMU prints "No buffer space available" and leaves the back-end what it has. */
        if (table.count == QEMU_REGIONS)
            return 0;
        fds[table.count] = m->fd;
        table.regions[table.count++] = mapping_region(frontend, m);
    }
    frontend->counts.tables++;
    return frontend_tell(frontend, VHOST_USER_SET_MEM_TABLE, &table,
                         8 + table.count * (uint32_t)sizeof(table.regions[0]), fds, table.count,
                         is_qemu(frontend));
}

static int tell_region(struct frontend *frontend, uint32_t request,
                       const struct vhost_user_region *region, int fd)
{
    struct vhost_user_mem_reg payload = {.region = *region};

    frontend->counts.tables++;
    return frontend_tell(frontend, request, &payload, sizeof(payload), &fd,
                         request == VHOST_USER_ADD_MEM_REG, true);
}

static int add_regions(struct frontend *frontend)
{
    int r = 0;

    for (unsigned i = 0; r == 0 && !frontend->ram_told && i < GUEST_RAM_REGIONS; i++) {
        struct vhost_user_region region;

        guest_ram_region(&frontend->ram, i, &region);
        r = tell_region(frontend, VHOST_USER_ADD_MEM_REG, &region, frontend->ram.fd);
    }
    frontend->ram_told = true;
    for (struct guest_window_mapping *m = frontend->window.mappings; r == 0 && m != NULL;
         m = m->next) {
        struct vhost_user_region region = mapping_region(frontend, m);

        if (!m->committed || m->told)
            continue;
        m->told = true;
        r = tell_region(frontend, VHOST_USER_ADD_MEM_REG, &region, m->fd);
    }
    return r;
}

int frontend_tell_memory(struct frontend *frontend)
{
    frontend->table_stale = false;
    if (frontend->protocol & VHOST_USER_BIT(VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS))
        return add_regions(frontend);
    return send_table(frontend);
}

int frontend_forget_mapping(struct frontend *frontend, struct guest_window_mapping *mapping)
{
    struct vhost_user_region region = mapping_region(frontend, mapping);

    if (!mapping->told)
        return 0;
    mapping->told = false;
    return tell_region(frontend, VHOST_USER_REM_MEM_REG, &region, mapping->fd);
}
