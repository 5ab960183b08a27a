/* SPDX-License-Identifier: MIT */
#include "door/session_diagnosis.h"

#include <sys/stat.h>
#include <time.h>

#include "base/log.h"

#define PATIENCE_US UINT64_C(1000000) /* QEMU sends what is awaited within milliseconds */

/* ---- the facts ---- */

/* Whether anything was ever written to what is behind guest memory. What is no file is believed. */
static bool memory_is_empty(const struct front_memory *memory)
{
    struct stat st;

    for (unsigned i = 0; i < memory->count; i++)
        if (fstat(memory->fds[i], &st) < 0 || !S_ISREG(st.st_mode) || st.st_blocks != 0)
            return false;
    return memory->count > 0;
}

static bool holds(const struct front_memory *memory, uint64_t user)
{
    for (unsigned i = 0; i < memory->count; i++)
        if (user - memory->regions[i].user < memory->regions[i].size)
            return true;
    return false;
}

static bool ring_is_outside(const struct front_memory *memory, const struct ring *ring)
{
    return ring->has_addresses && ring->size > 0 &&
           !(holds(memory, ring->desc) && holds(memory, ring->avail) && holds(memory, ring->used));
}

static void ring_facts(const struct session *s, struct diagnosis_facts *facts)
{
    facts->queues = s->lent.facts->queues;
    for (unsigned i = 0; i < facts->queues && i < JOURNAL_RINGS; i++) {
        facts->sizes[i] = s->rings[i].size;
        facts->called += s->rings[i].call >= 0;
        facts->outside = facts->outside || ring_is_outside(&s->memory, &s->rings[i]);
    }
}

void session_diagnosis_facts(const struct session *s, struct diagnosis_facts *facts)
{
    *facts = (struct diagnosis_facts){
        .stage = s->diagnosis.stage,
        .kind = s->lent.kind,
        .features = s->features,
        .protocol_features = s->protocol_features,
        .window_size = s->lent.window_size,
        .window_usable = s->window.writable,
        .arena = s->lent.arena_fd >= 0,
        .mute = s->window.channel.mute,
        .channel = back_channel_attached(&s->window.channel),
        .regions = s->memory.count,
        .memory_empty = memory_is_empty(&s->memory),
    };
    for (unsigned i = 0; i < s->memory.count; i++)
        facts->bytes += s->memory.regions[i].size;
    ring_facts(s, facts);
}

/* ---- what is said ---- */

static void say_trap(const struct diagnosis_row *row, const struct diagnosis_facts *facts)
{
    static struct log_limit limit;
    char text[DIAGNOSIS_TEXT];

    diagnosis_tell(row, facts, text);
    if (!row->harmless)
        log_stranger("%s", text);
    else if (log_limit_allows(&limit))
        log_info("%s", text);
}

static void say_new_traps(struct session *s, const struct diagnosis_facts *facts)
{
    uint32_t fresh = diagnosis_traps(facts) & ~s->diagnosis.said;

    s->diagnosis.said |= fresh;
    for (unsigned i = 0; fresh != 0; i++, fresh >>= 1)
        if (fresh & 1)
            say_trap(diagnosis_row(i), facts);
}

static void say_negotiated(struct session *s, const struct diagnosis_facts *facts)
{
    static struct log_limit limit;
    char text[DIAGNOSIS_TEXT];

    s->diagnosis.described = true;
    if (!log_limit_allows(&limit))
        return;
    diagnosis_describe(facts, text);
    log_info("The front-end took: %s.", text);
}

/* ---- when ---- */

static void look(struct session *s)
{
    struct diagnosis_facts facts;

    session_diagnosis_facts(s, &facts);
    if (facts.stage == DIAGNOSIS_RUNS && !s->diagnosis.described &&
        (s->diagnosis.late || session_rings_started(s) == facts.queues))
        say_negotiated(s, &facts);
    if (facts.stage != DIAGNOSIS_RUNS || s->diagnosis.described || facts.outside)
        say_new_traps(s, &facts);
}

/* Memory did not come, or not every ring. */
static int on_patience(sd_event_source *source, uint64_t now, void *data)
{
    struct session *s = data;

    s->diagnosis.late = true;
    session_diagnosis_reach(s, DIAGNOSIS_PATIENT);
    return 0;
}

/* Without a timer nothing is said of what does not come. */
static void be_patient(struct session *s)
{
    struct session_diagnosis *d = &s->diagnosis;

    if (d->described)
        return;
    if (d->patience == NULL &&
        sd_event_add_time_relative(s->lent.loop, &d->patience, CLOCK_MONOTONIC, PATIENCE_US, 0,
                                   on_patience, s) < 0)
        return;
    sd_event_source_set_time_relative(d->patience, PATIENCE_US);
    sd_event_source_set_enabled(d->patience, SD_EVENT_ONESHOT);
}

void session_diagnosis_reach(struct session *s, enum diagnosis_stage stage)
{
    bool first = stage == DIAGNOSIS_RUNS && s->diagnosis.stage != DIAGNOSIS_RUNS;

    if (stage > s->diagnosis.stage)
        s->diagnosis.stage = stage;
    if (first) {
        s->diagnosis.late = false;
        be_patient(s);
    }
    look(s);
    if (s->diagnosis.described)
        session_diagnosis_finish(s);
}

void session_diagnosis_driver(struct session *s)
{
    if (s->memory.count == 0 && session_rings_started(s) == 0)
        be_patient(s);
}

void session_diagnosis_known(struct session *s)
{
    struct diagnosis_facts facts;

    s->diagnosis.stage = session_rings_started(s) > 0 ? DIAGNOSIS_RUNS : DIAGNOSIS_NEGOTIATED;
    s->diagnosis.described = session_rings_started(s) > 0;
    session_diagnosis_facts(s, &facts);
    s->diagnosis.said = diagnosis_traps(&facts);
}

void session_diagnosis_finish(struct session *s)
{
    s->diagnosis.patience = sd_event_source_disable_unref(s->diagnosis.patience);
}
