/* SPDX-License-Identifier: MIT */
#include "journal/death_count.h"

bool death_count_init(struct death_count *count, struct store *store, uint32_t kind,
                      const struct journal_running *running, uint64_t life)
{
    struct death_note *note = &count->note;

    *count = (struct death_count){.record = 0};
    if (store_next(store, kind, &count->record) &&
        !store_read_whole(store, count->record, note, sizeof(*note)))
        *note = (struct death_note){0};
    if (running == NULL || life <= 1 || running->tag == 0 || running->life == note->life)
        return false;
    note->count = running->tag == note->tag ? note->count + 1 : 1;
    note->tag = running->tag;
    note->life = running->life;
    store_replace(store, kind, 0, note, sizeof(*note), &count->record);
    store_commit(store);
    return true;
}

const char *death_count_verdict(const struct death_count *count)
{
    return count->note.count < DEATH_COUNT_MAX
               ? "it is carried out once more"
               : "it is answered with an error now, for it was not the first";
}

bool death_count_is_poison(const struct death_count *count, uint64_t tag)
{
    return tag != 0 && tag == count->note.tag && count->note.count >= DEATH_COUNT_MAX;
}
