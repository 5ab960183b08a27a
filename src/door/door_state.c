/* SPDX-License-Identifier: MIT */
#include "door/door_state.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"

struct rule {
    const char *name;
    uint16_t version;
    uint32_t payload; /* bytes, exactly */
    uint8_t min_fds, max_fds;
    enum door_state_end from;
};

static const struct rule rules[DOOR_STATE_KINDS] = {
    [DOOR_STATE_OFFER] = {"OFFER", 1, sizeof(struct door_state_offer), 0, 0, DOOR_STATE_GIVER},
    [DOOR_STATE_HOUSE] = {"HOUSE", 1, sizeof(struct door_state_house), 1, 4, DOOR_STATE_GIVER},
    [DOOR_STATE_SESSION] = {"SESSION", 1, sizeof(struct door_state_session), 1, 3,
                            DOOR_STATE_GIVER},
    [DOOR_STATE_REGION] = {"REGION", 1, sizeof(struct door_state_region), 1, 1, DOOR_STATE_GIVER},
    [DOOR_STATE_RING] = {"RING", 1, sizeof(struct door_state_ring), 0, 3, DOOR_STATE_GIVER},
    [DOOR_STATE_MAPPING] = {"MAPPING", 1, sizeof(struct door_state_mapping), 1, 1,
                            DOOR_STATE_GIVER},
    [DOOR_STATE_OBJECT] = {"OBJECT", 1, sizeof(struct door_state_object), 0, 1, DOOR_STATE_GIVER},
    [DOOR_STATE_SHELF] = {"SHELF", 1, sizeof(struct link_shelf), 1, LINK_SHELF_BATCH,
                          DOOR_STATE_GIVER},
    [DOOR_STATE_END] = {"END", 1, 0, 0, 0, DOOR_STATE_GIVER},
    [DOOR_STATE_ACCEPTED] = {"ACCEPTED", 1, 0, 0, 0, DOOR_STATE_TAKER},
    [DOOR_STATE_REFUSED] = {"REFUSED", 1, sizeof(struct door_state_text), 0, 0, DOOR_STATE_TAKER},
    [DOOR_STATE_TAKEN] = {"TAKEN", 1, 0, 0, 0, DOOR_STATE_TAKER},
    [DOOR_STATE_RUNS] = {"RUNS", 1, 0, 0, 0, DOOR_STATE_TAKER},
};

_Static_assert(LINK_SHELF_BATCH <= FD_LIST_MAX, "a batch of the shelf is one packet");

void door_state_init(struct door_state *record, enum door_state_kind kind)
{
    memset(record, 0, sizeof(*record));
    record->kind = (uint16_t)kind;
    record->version = rules[kind].version;
    record->size = DOOR_STATE_HEADER + rules[kind].payload;
}

const char *door_state_check(const struct door_state *record, uint32_t size, unsigned fds,
                             enum door_state_end from)
{
    static char why[128];
    const struct rule *rule;

    if (size < DOOR_STATE_HEADER)
        return "a record of the state is cut short";
    if (record->kind == 0 || record->kind >= DOOR_STATE_KINDS)
        return "a record of the state is of an unknown kind";
    rule = &rules[record->kind];
    if (record->version != rule->version) {
        snprintf(why, sizeof(why),
                 "the state's record %s has version %u, and this program knows %u", rule->name,
                 record->version, rule->version);
        return why;
    }
    if (record->size != size || size != DOOR_STATE_HEADER + rule->payload || fds < rule->min_fds ||
        fds > rule->max_fds || rule->from != from) {
        snprintf(why, sizeof(why), "the state's record %s has the wrong %s", rule->name,
                 rule->from != from ? "sender"
                 : record->size != size || size != DOOR_STATE_HEADER + rule->payload
                     ? "size"
                     : "number of descriptors");
        return why;
    }
    return NULL;
}
