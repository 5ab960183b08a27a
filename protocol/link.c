/* SPDX-License-Identifier: MIT */
#include "protocol/link.h"

#include <stddef.h>
#include <string.h>

#define ROW(name, type, min, max, end)                                                             \
    [LINK_##name] = {#name, sizeof(((struct link_message *)NULL)->type), min, max, LINK_##end}
#define BARE(name, end) [LINK_##name] = {#name, 0, 0, 0, LINK_##end}

/* clang-format off */
static const struct link_rule rules[LINK_TYPES] = {
    /*  message         payload     fds                    from */
    ROW(FEATURES,       features,   0, 0,                  DOOR),
    ROW(MEM_TABLE,      mem_table,  0, LINK_MAX_REGIONS,   DOOR),
    ROW(RING_START,     ring_start, 0, 2,                  DOOR),
    ROW(RING_ENABLE,    ring,       0, 0,                  DOOR),
    ROW(RING_CALL,      ring,       0, 1,                  DOOR),
    ROW(RING_STOP,      ring,       0, 0,                  DOOR),
    BARE(RESET,                                            DOOR),
    ROW(CONFIG_WRITE,   config,     0, 0,                  DOOR),
    ROW(WINDOW,         window,     0, 0,                  DOOR),
    ROW(SHM_DONE,       shm,        0, 0,                  DOOR),
    [LINK_DISPLAY] = {"DISPLAY", 0, 1, 1, LINK_DOOR},
    ROW(COMMAND,        command,    0, 1,                  DOOR),
    ROW(OBJECT_FOUND,   object,     0, 1,                  DOOR),
    ROW(SHELF_GIVE,     shelf,      0, LINK_SHELF_BATCH,   DOOR),
    ROW(HELLO,          hello,      0, 0,                  WORKER),
    ROW(ACK,            ack,        0, 0,                  WORKER),
    ROW(SHM_MAP,        shm,        1, 1,                  WORKER),
    ROW(SHM_UNMAP,      shm,        0, 0,                  WORKER),
    ROW(CONFIG_CHANGED, config,     0, 0,                  WORKER),
    ROW(COMMAND_DONE,   command_done, 0, 0,                WORKER),
    ROW(OBJECT_ADD,     object,     1, 1,                  WORKER),
    ROW(OBJECT_REMOVE,  object,     0, 0,                  WORKER),
    ROW(OBJECT_LOOKUP,  object,     0, 0,                  WORKER),
    ROW(SHELF_ASK,      shelf_key,  0, 0,                  WORKER),
    ROW(SHELF_PUT,      shelf_key,  1, 1,                  WORKER),
    ROW(SHELF_DROP,     shelf_key,  0, 0,                  WORKER),
};
/* clang-format on */

const struct link_rule *link_rule(uint32_t type)
{
    if (type >= LINK_TYPES || rules[type].name == NULL)
        return NULL;
    return &rules[type];
}

uint32_t link_size(uint32_t type)
{
    const struct link_rule *rule = link_rule(type);
    return rule != NULL ? LINK_HEADER_SIZE + rule->payload : 0;
}

void link_begin(struct link_message *message, uint32_t type)
{
    memset(message, 0, link_size(type));
    message->type = type;
}

const char *link_check(const struct link_message *message, uint32_t size, unsigned fds,
                       enum link_end from)
{
    const struct link_rule *rule;

    if (size < LINK_HEADER_SIZE)
        return "it is shorter than its header";
    rule = link_rule(message->type);
    if (rule == NULL)
        return "there is no such message";
    if (rule->from != from)
        return "it comes from the wrong end";
    if (size != link_size(message->type))
        return "it has the wrong size";
    if (fds < rule->min_fds || fds > rule->max_fds)
        return "it carries the wrong number of descriptors";
    return NULL;
}
