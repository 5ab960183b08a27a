/* SPDX-License-Identifier: MIT */
/*
 * What makes facts valid: the answer of the command that they come from, or a stream's next step.
 */
#include "media/estate_parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "media/media.h"

bool estate_is_told(const struct estate *estate)
{
    return estate != NULL && estate->store != NULL && !estate->muted;
}

void estate_put_word(struct estate *estate, uint32_t handle, uint64_t value)
{
    if (handle != 0)
        __atomic_store_n(store_word(estate->store, handle, 0), value, __ATOMIC_RELEASE);
}

void estate_commit(struct estate *estate)
{
    if (store_is_changed(estate->store))
        store_commit(estate->store);
    shelf_drops_carry_out(&estate->drops);
}

void estate_settle(struct estate *estate)
{
    if (estate_is_told(estate) && !estate->running)
        estate_commit(estate);
}

void estate_sends(struct estate *estate, const struct event *event, const struct chain *chain)
{
    if (!estate_is_told(estate))
        return;
    estate_put_word(estate, event->record, chain->tag);
    estate_commit(estate);
}

void estate_runs(struct estate *estate, const struct chain *chain, uint32_t type, uint32_t session)
{
    const struct device_host *host = estate->media->device.host;
    const struct journal_running what = {
        .tag = chain->tag,
        .life = host->life,
        .type = type,
        .context = session,
    };

    estate->running = true;
    journal_runs(host->running, &what);
}

void estate_rests(struct estate *estate)
{
    estate->running = false;
    journal_runs(estate->media->device.host->running, NULL);
}

uint32_t estate_answer(struct estate *estate, const struct chain *chain, const void *reply,
                       size_t size)
{
    struct estate_answer head = {chain->tag, size};
    uint32_t record = 0;
    uint8_t *bytes;

    if (!estate_is_told(estate) || !store_is_changed(estate->store))
        return 0;
    bytes = chain->tag != 0 ? malloc(sizeof(head) + size) : NULL;
    if (bytes != NULL) {
        memcpy(bytes, &head, sizeof(head));
        memcpy(bytes + sizeof(head), reply, size);
        record = store_put(estate->store, ESTATE_ANSWER, 0, bytes, sizeof(head) + size);
        free(bytes);
    }
    estate_commit(estate);
    return record;
}

void estate_over(struct estate *estate, uint32_t record)
{
    if (record == 0 || !estate_is_told(estate))
        return;
    store_erase(estate->store, &record);
    estate_commit(estate);
}

uint32_t estate_recall(const struct estate *estate, const struct chain *chain, void *reply,
                       size_t room, size_t *size)
{
    struct estate_answer head;
    uint32_t handle = 0;

    if (!estate_is_told(estate) || !chain->again || chain->tag == 0)
        return 0;
    while (store_next(estate->store, ESTATE_ANSWER, &handle)) {
        size_t whole = store_size(estate->store, handle);
        uint8_t *bytes;

        if (store_read(estate->store, handle, &head, sizeof(head)) != sizeof(head) ||
            head.tag != chain->tag || head.size > room || whole != sizeof(head) + head.size)
            continue;
        bytes = malloc(whole);
        if (bytes == NULL)
            return 0;
        store_read(estate->store, handle, bytes, whole);
        memcpy(reply, bytes + sizeof(head), head.size);
        free(bytes);
        *size = head.size;
        return handle;
    }
    return 0;
}

bool estate_is_poison(const struct estate *estate, const struct chain *chain)
{
    return death_count_is_poison(&estate->deaths, chain->again ? chain->tag : 0);
}

/* ---- life ---- */

static void count_deaths(struct estate *estate)
{
    const struct device_host *host = estate->media->device.host;
    const struct journal_running *running = host->running;

    if (death_count_init(&estate->deaths, estate->store, ESTATE_DEATH, running, host->life))
        log_error("The worker before this one died in command %u, ioctl %u, of session %u; %s.",
                  running->type & 0xff, running->type >> 8, running->context,
                  death_count_verdict(&estate->deaths));
}

void estate_init(struct estate *estate, struct media *media)
{
    const struct device_host *host = media->device.host;

    *estate = (struct estate){.media = media, .store = host->store, .shelf = host->shelf};
    if (estate->store == NULL)
        return;
    shelf_drops_init(&estate->drops, estate->shelf);
    estate->epoch = estate->store->epoch;
    count_deaths(estate);
    estate->muted = true; /* until a driver begins, or goes on */
}

void estate_mute(struct estate *estate)
{
    estate->muted = true;
}

void estate_begin(struct estate *estate)
{
    /* Before the first driver: another worker's may go on. */
    if (estate->store == NULL || estate->store->epoch == estate->epoch)
        return;
    *estate = (struct estate){.media = estate->media,
                              .store = estate->store,
                              .shelf = estate->shelf,
                              .epoch = estate->store->epoch};
    shelf_drops_init(&estate->drops, estate->shelf);
}
