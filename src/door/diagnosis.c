/* SPDX-License-Identifier: MIT */
#include "door/diagnosis.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/units.h"
#include "protocol/feature_names.h"
#include "protocol/vhost_user.h"

#define BIT(name) VHOST_USER_BIT(VHOST_USER_PROTOCOL_F_##name)
#define OLD_SHMEM (BIT(OLD_SHMEM_20) | BIT(OLD_SHMEM_21))
#define FIRST_OF_RING 24u /* virtio feature bits below are the device's own, as are 50 to 63 */

static bool took(const struct diagnosis_facts *f, uint64_t bits)
{
    return (f->protocol_features & bits) == bits;
}

/* Only QEMU takes SHARED_OBJECT for these devices. */
static bool is_qemu(const struct diagnosis_facts *f)
{
    return took(f, BIT(SHARED_OBJECT));
}

/* ---- the conditions ---- */

static bool old_draft(const struct diagnosis_facts *f)
{
    return !took(f, BIT(SHMEM)) && (f->protocol_features & OLD_SHMEM) != 0;
}

static bool no_shmem(const struct diagnosis_facts *f)
{
    return (f->protocol_features & (BIT(SHMEM) | OLD_SHMEM)) == 0;
}

static bool no_reply_ack(const struct diagnosis_facts *f)
{
    return took(f, BIT(SHMEM)) && !took(f, BIT(REPLY_ACK)) && !f->mute;
}

static bool no_backend_req(const struct diagnosis_facts *f)
{
    return took(f, BIT(SHMEM)) && !took(f, BIT(BACKEND_REQ));
}

static bool no_channel(const struct diagnosis_facts *f)
{
    return took(f, BIT(SHMEM) | BIT(BACKEND_REQ)) && !f->channel;
}

static bool mute(const struct diagnosis_facts *f)
{
    return f->mute && f->window_size <= DIAGNOSIS_MUTE_WINDOW;
}

static bool mute_and_large(const struct diagnosis_facts *f)
{
    return f->mute && f->window_size > DIAGNOSIS_MUTE_WINDOW;
}

static bool never_asked(const struct diagnosis_facts *f)
{
    return took(f, BIT(SHMEM) | BIT(BACKEND_REQ) | BIT(REPLY_ACK)) && !f->window_usable;
}

static bool mem_slots(const struct diagnosis_facts *f)
{
    return is_qemu(f) && took(f, BIT(CONFIGURE_MEM_SLOTS));
}

static bool few_slots(const struct diagnosis_facts *f)
{
    return is_qemu(f) && !took(f, BIT(CONFIGURE_MEM_SLOTS)) && f->window_usable && !f->arena;
}

static bool few_queues(const struct diagnosis_facts *f)
{
    return is_qemu(f) && f->called > 0 && f->called < f->queues;
}

static const struct diagnosis_queue *queue_of(const struct diagnosis_facts *f, unsigned index)
{
    const struct diagnosis_queue *queue = f->kind != NULL ? f->kind->queues : NULL;

    for (unsigned i = 0; queue != NULL && queue->name != NULL; queue++, i++)
        if (i == index)
            return queue;
    return NULL;
}

/* The first that is too small; NULL: none is. */
static const struct diagnosis_queue *small_queue_of(const struct diagnosis_facts *f,
                                                    unsigned *index)
{
    for (unsigned i = 0; i < f->queues && i < JOURNAL_RINGS; i++) {
        const struct diagnosis_queue *queue = queue_of(f, i);

        *index = i;
        if (queue != NULL && f->sizes[i] != 0 && f->sizes[i] < queue->least)
            return queue;
    }
    return NULL;
}

static bool small_queue(const struct diagnosis_facts *f)
{
    unsigned index;

    return small_queue_of(f, &index) != NULL;
}

/* crosvm and libkrun have no other memory than one that can be shared. */
static bool no_memory(const struct diagnosis_facts *f)
{
    return is_qemu(f) && f->regions == 0;
}

static bool empty_memory(const struct diagnosis_facts *f)
{
    return f->regions > 0 && f->memory_empty;
}

static bool outside(const struct diagnosis_facts *f)
{
    return f->regions > 0 && f->outside;
}

/* ---- the table ---- */

#define NO_BUFFERS "buffers cannot be mapped into the guest"
#define SHARE                                                                                      \
    "Give QEMU '-object memory-backend-memfd,id=mem,size=...,share=on -machine "                   \
    "memory-backend=mem'"

static const struct diagnosis_row rows[] = {
    {"shmem-draft", false, DIAGNOSIS_NEGOTIATED, old_draft,
     "The front-end speaks an old draft of SHMEM (bit 20 or 21, not 22): " NO_BUFFERS
     ". QEMU 11.0 or newer is needed."},
    {"no-shmem", false, DIAGNOSIS_NEGOTIATED, no_shmem,
     "The front-end does not know SHMEM (bit 22): " NO_BUFFERS
     ". QEMU 11.0 or newer is needed, with vhost-user-test-device-pci; or crosvm."},
    {"no-reply-ack", false, DIAGNOSIS_NEGOTIATED, no_reply_ack,
     "The front-end took SHMEM without REPLY_ACK: it would never say when a buffer is there, "
     "so " NO_BUFFERS ". A newer front-end is needed."},
    {"no-backend-req", false, DIAGNOSIS_NEGOTIATED, no_backend_req,
     "The front-end took SHMEM without BACKEND_REQ, over which it is asked: " NO_BUFFERS
     ". A newer front-end is needed."},
    {"mute", true, DIAGNOSIS_NEGOTIATED, mute,
     "The front-end gives no answers to SHMEM requests, as libkrun does: a buffer counts as mapped "
     "when the front-end has read what follows its request."},
    {"mute-window", false, DIAGNOSIS_NEGOTIATED, mute_and_large,
     "The front-end gives no answers to SHMEM requests, as libkrun does, whose window is 4 GiB: "
     "with --window=4G or less buffers could be mapped."},
    {"mem-slots", false, DIAGNOSIS_NEGOTIATED, mem_slots,
     "The front-end took CONFIGURE_MEM_SLOTS: QEMU 11.1 dies with it when the guest is reset after "
     "a pause with buffers mapped, and aborts when there are 512 memory regions. Without "
     "--mem-slots it does neither."},
    {"few-queues", false, DIAGNOSIS_ASKED, few_queues,
     "The front-end has fewer queues than the device: the guest's driver will not find them all, "
     "and fails. Give vhost-user-test-device-pci num_vqs=2."},
    {"memory-not-shared", false, DIAGNOSIS_PATIENT, no_memory,
     "A driver is there, but the front-end shares no memory of the guest: its RAM cannot be "
     "shared, and the driver will wait in vain. " SHARE "."},
    {"no-channel", false, DIAGNOSIS_RUNS, no_channel,
     "The front-end took SHMEM and BACKEND_REQ, but there is no back-end channel: " NO_BUFFERS "."},
    {"window-not-asked", false, DIAGNOSIS_RUNS, never_asked,
     "The front-end took SHMEM but never asked for the window's size: it has none, and " NO_BUFFERS
     ". With QEMU it is vhost-user-test-device-pci that has one; vhost-user-gpu-pci has not."},
    {"few-slots", true, DIAGNOSIS_RUNS, few_slots,
     "Buffers are mapped one by one: with more than 6 at a time QEMU's log fills with errors of "
     "memory tables, and after a pause of the VM the device does not come back. --mem-slots "
     "avoids that, but see --help."},
    {"small-queue", false, DIAGNOSIS_RUNS, small_queue, NULL},
    {"memory-private", false, DIAGNOSIS_RUNS, empty_memory,
     "Nothing is in the memory that the front-end shares, not even the queues: its guest's RAM is "
     "a private copy, and the driver will wait in vain. " SHARE "."},
    {"memory-partial", false, DIAGNOSIS_RUNS, outside,
     "A queue lies outside the memory that the front-end shares: part of the guest's RAM cannot "
     "be shared, and the device does not start. " SHARE ", for each NUMA node."},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

const struct diagnosis_row *diagnosis_row(unsigned index)
{
    return index < ROWS ? &rows[index] : NULL;
}

uint32_t diagnosis_traps(const struct diagnosis_facts *facts)
{
    uint32_t traps = 0;

    _Static_assert(ROWS <= 32, "a bit for each row");
    for (unsigned i = 0; i < ROWS; i++)
        if (facts->stage >= rows[i].stage && rows[i].applies(facts))
            traps |= UINT32_C(1) << i;
    return traps;
}

void diagnosis_tell(const struct diagnosis_row *row, const struct diagnosis_facts *facts,
                    char text[static DIAGNOSIS_TEXT])
{
    const struct diagnosis_queue *queue;
    unsigned index;

    if (row->sentence != NULL) {
        snprintf(text, DIAGNOSIS_TEXT, "%s", row->sentence);
        return;
    }
    queue = small_queue_of(facts, &index);
    snprintf(text, DIAGNOSIS_TEXT,
             "Queue %u (%s) has only %u entries: %s. Give the front-end's device %u or more (QEMU: "
             "vq_size=%u; crosvm: max-queue-size=%u).",
             index, queue != NULL ? queue->name : "?", facts->sizes[index],
             queue != NULL ? queue->why : "?", queue != NULL ? queue->least : 0,
             queue != NULL ? queue->least : 0, queue != NULL ? queue->least : 0);
}

/* ---- what was negotiated ---- */

const char *diagnosis_feature(const struct diagnosis_kind *kind, unsigned bit,
                              char room[static DIAGNOSIS_NAME])
{
    const char *name = feature_names_ring(bit);

    for (unsigned i = 0; kind != NULL && bit < FIRST_OF_RING && kind->features[i] != NULL; i++)
        if (i == bit)
            name = kind->features[i];
    if (name == NULL)
        snprintf(room, DIAGNOSIS_NAME, "bit %u", bit);
    return name != NULL ? name : room;
}

const char *diagnosis_protocol_feature(unsigned bit, char room[static DIAGNOSIS_NAME])
{
    const char *name = feature_names_protocol(bit);

    if (name == NULL)
        snprintf(room, DIAGNOSIS_NAME, "bit %u", bit);
    return name != NULL ? name : room;
}

struct sentence {
    char *text;
    size_t used;
};

/* What does not fit is cut off. */
static void __attribute__((format(printf, 2, 3))) add(struct sentence *s, const char *format, ...)
{
    size_t room = DIAGNOSIS_TEXT - s->used;
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(s->text + s->used, room, format, args);
    va_end(args);
    if (n > 0)
        s->used += (size_t)n < room ? (size_t)n : room - 1;
}

/* The names of those bits of 'set' that lie in 'mask'. */
static void add_features(struct sentence *s, const struct diagnosis_facts *f, const char *what,
                         uint64_t mask)
{
    char room[DIAGNOSIS_NAME];

    add(s, "%s", what);
    for (unsigned bit = 0; bit < 64; bit++)
        if ((f->features & mask) >> bit & 1)
            add(s, " %s", diagnosis_feature(f->kind, bit, room));
    if ((f->features & mask) == 0)
        add(s, " none");
}

static void add_protocol(struct sentence *s, uint64_t features)
{
    char room[DIAGNOSIS_NAME];

    add(s, "; protocol");
    for (unsigned bit = 0; bit < 64; bit++)
        if (features >> bit & 1)
            add(s, " %s", diagnosis_protocol_feature(bit, room));
    if (features == 0)
        add(s, " none");
}

static void add_queues(struct sentence *s, const struct diagnosis_facts *f)
{
    add(s, "; %u queues of", f->queues);
    for (unsigned i = 0; i < f->queues && i < JOURNAL_RINGS; i++)
        add(s, " %u", f->sizes[i]);
    add(s, " entries");
}

void diagnosis_describe(const struct diagnosis_facts *f, char text[static DIAGNOSIS_TEXT])
{
    const uint64_t ring = ((UINT64_C(1) << 26) - 1) << FIRST_OF_RING;
    struct sentence s = {text, 0};
    char size[24];

    add_features(&s, f, "device features", ~ring);
    add_features(&s, f, "; ring", ring & ~VHOST_USER_BIT(VHOST_USER_F_PROTOCOL_FEATURES));
    add_protocol(&s, f->protocol_features);
    add_queues(&s, f);
    units_format_size(f->window_size, size);
    add(&s, "; window of %s%s", size, f->window_usable ? "" : " unused");
    add(&s, "; %s back-end channel", f->channel ? "a" : "no");
    units_format_size(f->bytes, size);
    add(&s, "; guest memory of %s in %u region%s", size, f->regions, f->regions == 1 ? "" : "s");
}
