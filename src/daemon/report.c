/* SPDX-License-Identifier: MIT */
#include "daemon/report.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include "base/json_text.h"
#include "base/log.h"
#include "base/units.h"
#include "buffer/buffer.h"
#include "daemon/sandbox.h"
#include "door/session_diagnosis.h"

static void put_text(struct json_text *to, const char *key, const char *value)
{
    json_text_string(to, key, value);
}

static void put_number(struct json_text *to, const char *key, uint64_t value)
{
    json_text_number(to, key, value);
}

/* What the descriptor is, as the door sees it: it has not made it. */
static const char *fd_kind(int fd)
{
    struct statfs fs;

    if (fcntl(fd, F_GET_SEALS) >= 0)
        return "memfd";
    return fstatfs(fd, &fs) == 0 && (uint32_t)fs.f_type == DMA_BUF_MAGIC ? "dmabuf" : "file";
}

static void put_age(struct json_text *to, uint64_t since_ns, uint64_t now_ns)
{
    put_number(to, "age_ms",
               since_ns != 0 && now_ns > since_ns ? (now_ns - since_ns) / 1000000 : 0);
}

static void put_mapping(struct json_text *to, const struct shm_mapping *m, uint8_t shmid,
                        bool arena, uint64_t now_ns)
{
    json_text_open(to, NULL, '{');
    put_number(to, "shmid", shmid);
    put_number(to, "shm_offset", m->range.start);
    put_number(to, "size", m->range.size);
    put_number(to, "fd_offset", m->fd_offset);
    put_text(to, "fd_kind", fd_kind(m->fd));
    put_text(to, "state", shm_state_name(m->state));
    json_text_boolean(to, "orphan", m->orphan);
    put_age(to, m->since_ns, now_ns);
    if (arena)
        put_text(to, "name", "arena");
    else
        put_number(to, "id", m->id);
    json_text_close(to, '}');
}

static void put_ledger(struct json_text *to, const struct session *session)
{
    struct shm_mapping *m = session != NULL ? shm_ledger_first(&session->window.ledger) : NULL;
    uint64_t now_ns = units_now_ns();

    json_text_open(to, "ledger", '[');
    for (; m != NULL; m = shm_ledger_next(m))
        put_mapping(to, m, session->window.ledger.region.shmid, session->window.arena_fd >= 0,
                    now_ns);
    json_text_close(to, ']');
}

static void put_counter(void *data, const char *name, uint64_t value)
{
    put_number(data, name, value);
}

/* The worker wrote it, and is not trusted. */
static const char *kind_name(uint32_t kind)
{
    return kind <= BUFFER_GUEST ? buffer_kind_name((enum buffer_kind)kind) : "?";
}

/* "context 3": whose the buffer is, if it is somebody's. */
static void put_owner(struct json_text *to, const char *owner, uint32_t id)
{
    char text[48];

    if (owner == NULL || id == 0)
        return;
    snprintf(text, sizeof(text), "%s %u", owner, id);
    put_text(to, "owner", text);
}

static void put_loans(struct json_text *to, const struct journal *journal, const char *owner)
{
    uint64_t now_ns = units_now_ns();
    struct journal_loan loan;
    uint32_t slot = 0;

    json_text_open(to, "loans", '[');
    while (journal_loan_next(journal, &slot, &loan)) {
        json_text_open(to, NULL, '{');
        put_number(to, "offset", loan.offset);
        put_number(to, "size", loan.size);
        put_number(to, "id", loan.id);
        put_text(to, "kind", kind_name(loan.kind));
        put_owner(to, owner, loan.owner);
        put_age(to, loan.since_ns, now_ns);
        json_text_close(to, '}');
    }
    json_text_close(to, ']');
}

static void put_device(struct json_text *device, const struct journal *journal, const char *owner)
{
    const struct device_census *census = &journal->page->census;

    json_text_open(device, "device", '{');
    put_number(device, "resources", census->resources);
    put_number(device, "contexts", census->contexts);
    put_number(device, "mortal_contexts", census->mortal);
    put_number(device, "sessions", census->sessions);
    put_number(device, "mapped", census->mapped);
    put_number(device, "bytes", census->bytes);
    put_loans(device, journal, owner);
    json_text_close(device, '}');
}

/* Only the buckets that something is in; the last of all has no upper end. */
static void put_histogram(struct json_text *to, const char *name, const struct histogram *from)
{
    struct histogram h;
    uint64_t count = histogram_read(from, &h);

    json_text_open(to, name, '{');
    put_number(to, "count", count);
    put_number(to, "sum_ns", h.sum_ns);
    json_text_open(to, "buckets", '[');
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        if (h.buckets[i] == 0)
            continue;
        json_text_open(to, NULL, '{');
        if (histogram_below_us(i) != 0)
            put_number(to, "below_us", histogram_below_us(i));
        put_number(to, "count", h.buckets[i]);
        json_text_close(to, '}');
    }
    json_text_close(to, ']');
    json_text_close(to, '}');
}

static void put_latencies(struct json_text *to, const struct journal_latencies *latencies)
{
    json_text_open(to, "latencies", '{');
    put_histogram(to, "map", &latencies->map);
    put_histogram(to, "unmap", &latencies->unmap);
    json_text_close(to, '}');
}

static void put_settings(struct json_text *to, const struct journal_settings *settings,
                         const struct options *options)
{
    json_text_open(to, "settings", '{');
    put_text(to, "log-level", log_level_name(log_level()));
    put_number(to, "poll", settings->poll > 0 ? settings->poll - 1 : options->poll);
    json_text_close(to, '}');
}

/* What the guest has of what it may have. Before the first worker there are no limits yet. */
static void put_limits(struct json_text *to, const struct journal *journal,
                       const struct quota_row *rows)
{
    json_text_open(to, "limits", '{');
    for (unsigned i = 0; rows[i].name != NULL; i++) {
        const struct quota_numbers *quota = &journal->page->quotas[i];

        json_text_open(to, rows[i].name, '{');
        put_text(to, "unit", rows[i].bytes ? "bytes" : "pieces");
        put_number(to, "used", __atomic_load_n(&quota->used, __ATOMIC_RELAXED));
        put_number(to, "peak", __atomic_load_n(&quota->peak, __ATOMIC_RELAXED));
        put_number(to, "limit", __atomic_load_n(&quota->limit, __ATOMIC_RELAXED));
        put_number(to, "refused", __atomic_load_n(&quota->refused, __ATOMIC_RELAXED));
        put_text(to, "answer", rows[i].answer);
        json_text_close(to, '}');
    }
    json_text_close(to, '}');
}

/* What the VM's other devices may have. */
static void put_shared(struct json_text *root, const struct session *session)
{
    put_number(root, "shared_objects", session != NULL ? session->objects.count : 0);
}

static void put_sandbox(struct json_text *to, unsigned layers)
{
    char text[128];

    sandbox_describe(layers, text, sizeof(text));
    put_text(to, "sandbox", text);
}

static void put_processes(struct json_text *to, const struct door *door)
{
    json_text_open(to, "worker", '{');
    put_number(to, "pid", (uint64_t)door->keeper.pid);
    put_number(to, "starts", door->keeper.starts);
    put_number(to, "ready", door->keeper.ready);
    put_sandbox(to, door->known ? door->facts.sandbox : 0);
    json_text_close(to, '}');
    json_text_open(to, "door", '{');
    put_number(to, "pid", (uint64_t)getpid());
    put_sandbox(to, door->layers);
    json_text_close(to, '}');
    json_text_open(to, "starter", '{');
    put_number(to, "pid", (uint64_t)getppid());
    put_sandbox(to, door->starter.layers);
    json_text_close(to, '}');
}

static void put_region(struct json_text *to, const struct door *door)
{
    json_text_open(to, "region", '{');
    put_number(to, "shmid", door->facts.shmid);
    put_number(to, "size", door->options.window_size);
    json_text_close(to, '}');
}

/* The bits of 'set' by name; 'kind' is of the device whose features they are. */
static void put_features(struct json_text *to, const char *key, uint64_t set, bool protocol,
                         const struct diagnosis_kind *kind)
{
    char room[DIAGNOSIS_NAME];

    json_text_open(to, key, '[');
    for (unsigned bit = 0; bit < 64; bit++)
        if (set >> bit & 1)
            put_text(to, NULL,
                     protocol ? diagnosis_protocol_feature(bit, room)
                              : diagnosis_feature(kind, bit, room));
    json_text_close(to, ']');
}

static void put_traps(struct json_text *to, const struct diagnosis_facts *facts, uint32_t traps)
{
    const struct diagnosis_row *row;
    char text[DIAGNOSIS_TEXT];

    json_text_open(to, "traps", '[');
    for (unsigned i = 0; (row = diagnosis_row(i)) != NULL; i++) {
        if ((traps >> i & 1) == 0)
            continue;
        diagnosis_tell(row, facts, text);
        json_text_open(to, NULL, '{');
        put_text(to, "name", row->name);
        json_text_boolean(to, "harmless", row->harmless);
        put_text(to, "text", text);
        json_text_close(to, '}');
    }
    json_text_close(to, ']');
}

/* What was negotiated, and what is wrong with it. */
static void put_negotiated(struct json_text *to, const struct session *session)
{
    struct diagnosis_facts facts;

    if (session == NULL)
        return;
    session_diagnosis_facts(session, &facts);
    json_text_open(to, "negotiated", '{');
    put_features(to, "features", facts.features, false, facts.kind);
    put_features(to, "protocol_features", facts.protocol_features, true, NULL);
    json_text_open(to, "queues", '[');
    for (unsigned i = 0; i < facts.queues && i < JOURNAL_RINGS; i++)
        put_number(to, NULL, facts.sizes[i]);
    json_text_close(to, ']');
    json_text_boolean(to, "window_usable", facts.window_usable);
    json_text_boolean(to, "back_end_channel", facts.channel);
    put_number(to, "memory_regions", facts.regions);
    put_number(to, "memory_bytes", facts.bytes);
    put_traps(to, &facts, session->diagnosis.said);
    json_text_close(to, '}');
}

char *report_create(const struct door *door, const struct options_program *program,
                    const struct options *options)
{
    struct json_text text;

    json_text_init(&text);
    json_text_open(&text, NULL, '{');
    put_number(&text, "format", REPORT_FORMAT);
    put_text(&text, "program", program->name);
    put_text(&text, "version", HOSTBLOB_VERSION);
    put_text(&text, "front_end", door->session != NULL ? "connected" : "none");
    put_number(&text, "rings_started",
               door->session != NULL ? session_rings_started(door->session) : 0);
    put_text(&text, "mapping_mode", door->arena_fd >= 0 ? "arena" : "single");
    put_region(&text, door);
    put_negotiated(&text, door->session);
    put_ledger(&text, door->session);
    put_shared(&text, door->session);
    json_text_open(&text, "counters", '{');
    stats_each(&door->journal.page->stats, put_counter, &text);
    json_text_close(&text, '}');
    put_latencies(&text, &door->journal.page->latencies);
    put_settings(&text, &door->journal.page->settings, options);
    put_device(&text, &door->journal, program->owner);
    put_limits(&text, &door->journal, program->quotas);
    put_processes(&text, door);
    json_text_close(&text, '}');
    return json_text_finish(&text);
}
