/* SPDX-License-Identifier: MIT */
#include "daemon/report.h"

#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "base/units.h"
#include "buffer/buffer.h"
#include "daemon/sandbox.h"

static void put_text(struct json_object *to, const char *key, const char *value)
{
    json_object_object_add(to, key, json_object_new_string(value));
}

static void put_number(struct json_object *to, const char *key, uint64_t value)
{
    json_object_object_add(to, key, json_object_new_uint64(value));
}

static struct json_object *put_object(struct json_object *to, const char *key)
{
    struct json_object *object = json_object_new_object();
    json_object_object_add(to, key, object);
    return object;
}

static void put_mapping(struct json_object *array, const struct shm_mapping *m, bool arena)
{
    struct json_object *o = json_object_new_object();

    put_number(o, "shm_offset", m->range.start);
    put_number(o, "size", m->range.size);
    put_text(o, "state", shm_state_name(m->state));
    if (arena)
        put_text(o, "name", "arena");
    else
        put_number(o, "id", m->id);
    json_object_array_add(array, o);
}

static void put_ledger(struct json_object *root, const struct session *session)
{
    struct json_object *array = json_object_new_array();
    struct shm_mapping *m = session != NULL ? shm_ledger_first(&session->window.ledger) : NULL;

    for (; m != NULL; m = shm_ledger_next(m))
        put_mapping(array, m, session->window.arena_fd >= 0);
    json_object_object_add(root, "ledger", array);
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

static void put_device(struct json_object *root, const struct journal *journal)
{
    const struct device_census *census = &journal->page->census;
    struct json_object *device = put_object(root, "device");
    struct json_object *loans = json_object_new_array();
    struct journal_loan loan;
    uint32_t slot = 0;

    put_number(device, "resources", census->resources);
    put_number(device, "contexts", census->contexts);
    put_number(device, "mortal_contexts", census->mortal);
    put_number(device, "sessions", census->sessions);
    put_number(device, "mapped", census->mapped);
    put_number(device, "bytes", census->bytes);
    while (journal_loan_next(journal, &slot, &loan)) {
        struct json_object *o = json_object_new_object();
        put_number(o, "offset", loan.offset);
        put_number(o, "size", loan.size);
        put_number(o, "id", loan.id);
        put_text(o, "kind", kind_name(loan.kind));
        json_object_array_add(loans, o);
    }
    json_object_object_add(device, "loans", loans);
}

/* What the VM's other devices may have. */
static void put_shared(struct json_object *root, const struct session *session)
{
    put_number(root, "shared_objects", session != NULL ? session->objects.count : 0);
}

static void put_sandbox(struct json_object *to, unsigned layers)
{
    char text[128];

    sandbox_describe(layers, text, sizeof(text));
    put_text(to, "sandbox", text);
}

static void put_processes(struct json_object *root, const struct door *door)
{
    struct json_object *o = put_object(root, "worker");

    put_number(o, "pid", (uint64_t)door->keeper.pid);
    put_number(o, "starts", door->keeper.starts);
    put_number(o, "ready", door->keeper.ready);
    put_sandbox(o, door->known ? door->facts.sandbox : 0);
    o = put_object(root, "door");
    put_number(o, "pid", (uint64_t)getpid());
    put_sandbox(o, door->layers);
    o = put_object(root, "starter");
    put_number(o, "pid", (uint64_t)getppid());
    put_sandbox(o, door->starter.layers);
}

char *report_create(const struct door *door, const char *program)
{
    struct json_object *root = json_object_new_object();
    struct json_object *o;
    char *text = NULL;

    if (root == NULL)
        return NULL;
    put_text(root, "program", program);
    put_text(root, "version", HOSTBLOB_VERSION);
    put_text(root, "front_end", door->session != NULL ? "connected" : "none");
    put_number(root, "rings_started",
               door->session != NULL ? session_rings_started(door->session) : 0);
    put_text(root, "mapping_mode", door->arena_fd >= 0 ? "arena" : "single");
    o = put_object(root, "region");
    put_number(o, "shmid", door->facts.shmid);
    put_number(o, "size", door->options.window_size);
    put_ledger(root, door->session);
    put_shared(root, door->session);
    stats_each(&door->journal.page->stats, put_counter, put_object(root, "counters"));
    put_device(root, &door->journal);
    put_processes(root, door);
    text = strdup(json_object_to_json_string_ext(root, JSON_C_TO_STRING_PLAIN));
    json_object_put(root);
    return text;
}
