/* SPDX-License-Identifier: MIT */
#include "journal/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#define MAGIC UINT64_C(0x45524f5453424848) /* "HHBSTORE" */
/* The kinds of the store's own records. */
#define CHANGE (STORE_KINDS + 1) /* to be carried out */
#define ANSWER (STORE_KINDS + 2) /* carried out; the request is not over */

/* A change as a record begins with this; its words, its changes and the answer's bytes follow. Most
 * are a word and an answer of a few bytes, which are one cell. */
struct change_head {
    uint64_t tag; /* as in struct store_answer */
    uint32_t type;
    uint8_t answer_size;
    uint8_t count;
    uint8_t word_count;
    uint8_t pad;
};

#define CHANGE_MOST                                                                                \
    (sizeof(struct change_head) +                                                                  \
     STORE_MAX_CHANGES * (sizeof(struct store_change) + sizeof(struct store_word)) +               \
     STORE_MAX_ANSWER)

/* One that is put together, or read. */
struct change {
    struct change_head head;
    uint8_t bytes[CHANGE_MOST - sizeof(struct change_head)];
};

_Static_assert(sizeof(struct store_cell) == 64, "cells do not cross pages, nor lines of a cache");
_Static_assert(STORE_MAX_CHANGES <= UINT8_MAX && STORE_MAX_ANSWER <= UINT8_MAX, "they are counted");
_Static_assert(sizeof(struct store_head) <= sizeof(struct store_cell), "the head is cell 0");

static struct store_head *head_of(const struct store *store)
{
    return (struct store_head *)(void *)store->cells;
}

static struct store_cell *cell_at(const struct store *store, uint32_t index)
{
    return &store->cells[index];
}

/* Stores in the order of the program, as someone sees them who looks after a death. */
static void set(uint32_t *at, uint32_t value)
{
    __atomic_store_n(at, value, __ATOMIC_RELEASE);
}

static uint32_t get(const uint32_t *at)
{
    return __atomic_load_n(at, __ATOMIC_ACQUIRE);
}

/* ---- cells ---- */

static void forget_free(struct store *store)
{
    store->epoch = get(&head_of(store)->epoch);
    store->free = 0;
    store->count = store->word_count = 0;
}

/* Whoever holds the other end may have forgotten all. */
static inline void keep_up(struct store *store)
{
    if (store->epoch != get(&head_of(store)->epoch))
        forget_free(store);
}

/* A cell with kind 0. 0: there is none. */
static inline uint32_t cell_take(struct store *store)
{
    struct store_head *head = head_of(store);
    uint32_t index = store->free;

    if (index != 0) {
        store->free = cell_at(store, index)->next;
        return index;
    }
    index = head->high;
    if (index >= STORE_CELLS)
        return 0;
    set(&cell_at(store, index)->kind, 0); /* before it is looked at */
    set(&head->high, index + 1);
    return index;
}

/* The same, the only one so far of a record that is not valid yet. */
static inline uint32_t cell_new(struct store *store, uint32_t id, size_t size)
{
    uint32_t index = cell_take(store);
    struct store_cell *cell = cell_at(store, index);

    if (index == 0)
        return 0;
    cell->size = (uint32_t)size;
    cell->next = 0;
    cell->id = id;
    return index;
}

/* The cells of a record that is not valid are free again. */
static inline void chain_free(struct store *store, uint32_t index)
{
    while (index != 0) {
        uint32_t next = cell_at(store, index)->next;

        cell_at(store, index)->next = store->free;
        store->free = index;
        index = next;
    }
}

/* Writes a record that is not valid yet. 0: no room. */
static uint32_t chain_write(struct store *store, uint32_t id, const void *bytes, size_t size)
{
    const uint8_t *from = bytes;
    uint32_t first = 0, last = 0;
    size_t left = size;

    do {
        uint32_t index = cell_new(store, id, size);
        size_t n = left < STORE_CELL_BYTES ? left : STORE_CELL_BYTES;

        if (index == 0) {
            chain_free(store, first);
            return 0;
        }
        memcpy(cell_at(store, index)->bytes, from, n);
        if (last != 0)
            cell_at(store, last)->next = index;
        else
            first = index;
        last = index;
        from += n;
        left -= n;
    } while (left > 0);
    return first;
}

/* ---- changes ---- */

static struct store_word *words_of(struct change *change)
{
    return (struct store_word *)(void *)change->bytes;
}

static struct store_change *changes_of(struct change *change)
{
    return (struct store_change *)(void *)(words_of(change) + change->head.word_count);
}

static void *answer_of(struct change *change)
{
    return changes_of(change) + change->head.count;
}

static inline size_t change_size(size_t word_count, size_t count, size_t answer_size)
{
    return sizeof(struct change_head) + word_count * sizeof(struct store_word) +
           count * sizeof(struct store_change) + answer_size;
}

static inline void carry_out(struct store_cell *cells, const struct store_change *changes,
                             unsigned count, const struct store_word *words, unsigned word_count)
{
    for (const struct store_word *word = words; word < words + word_count; word++)
        __atomic_store_n((uint64_t *)(void *)(cells[word->cell].bytes + word->at), word->value,
                         __ATOMIC_RELEASE);
    for (const struct store_change *change = changes; change < changes + count; change++)
        set(&cells[change->cell].kind, change->kind);
}

static void free_erased(struct store *store, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (store->changes[i].kind == 0)
            chain_free(store, store->changes[i].cell);
}

/* Puts together what is to be carried out, at 'change', which has room for it. */
static inline void change_fill(const struct store *store, const struct store_answer *answer,
                               struct change *change)
{
    struct store_word *words = words_of(change);
    struct store_change *changes;

    change->head = (struct change_head){
        .tag = answer->tag,
        .type = answer->type,
        .answer_size = (uint8_t)answer->size,
        .count = (uint8_t)store->count,
        .word_count = (uint8_t)store->word_count,
    };
    for (unsigned i = 0; i < store->word_count; i++)
        *words++ = store->words[i];
    changes = (struct store_change *)(void *)words;
    for (unsigned i = 0; i < store->count; i++)
        *changes++ = store->changes[i];
    if (answer->size > 0)
        memcpy(changes, answer->bytes, answer->size);
}

static __attribute__((noinline)) uint32_t
change_write_long(struct store *store, const struct store_answer *answer, size_t size)
{
    struct change change;

    change_fill(store, answer, &change);
    return chain_write(store, 0, &change, size);
}

/* The record of what is to be carried out, not valid yet. 0: no room. */
static inline uint32_t change_write(struct store *store, const struct store_answer *answer)
{
    size_t size = change_size(store->word_count, store->count, answer->size);
    uint32_t index;

    if (size > STORE_CELL_BYTES)
        return change_write_long(store, answer, size);
    index = cell_new(store, 0, size);
    if (index != 0)
        change_fill(store, answer, (struct change *)(void *)cell_at(store, index)->bytes);
    return index;
}

/* Any change; 'answer' has no tag if there is none. */
static __attribute__((noinline)) uint32_t commit_all(struct store *store,
                                                     const struct store_answer *answer)
{
    struct store_cell *cells = store->cells;
    bool told = answer->tag != 0;
    unsigned changes = store->count + store->word_count;
    uint32_t index = 0;

    if (told || changes > 1)
        index = change_write(store, answer);
    if (index != 0 && changes > 0)
        set(&cells[index].kind, CHANGE);
    carry_out(cells, store->changes, store->count, store->words, store->word_count);
    if (index != 0)
        set(&cells[index].kind, told ? ANSWER : 0);
    free_erased(store, store->count);
    store->count = store->word_count = 0;
    if (told || index == 0)
        return index;
    chain_free(store, index);
    return 0;
}

void store_commit(struct store *store)
{
    static const struct store_answer none;

    keep_up(store);
    commit_all(store, &none);
}

static __attribute__((noinline)) uint32_t
commit_answer(struct store *store, uint64_t tag, uint32_t type, const void *bytes, uint32_t size)
{
    return commit_all(store, &(struct store_answer){tag, type, size, bytes});
}

/* What a mapping comes to is quick: one word, and an answer of at most one. */
struct small_change {
    struct change_head head;
    struct store_word word;
    uint64_t answer;
};

_Static_assert(sizeof(struct small_change) <= STORE_CELL_BYTES, "it is one cell");

static bool is_small(const struct store *store, uint32_t answer_size)
{
    return store->count == 0 && store->word_count == 1 &&
           (answer_size == 0 || answer_size == sizeof(uint64_t));
}

uint32_t store_commit_answer(struct store *store, uint64_t tag, uint32_t type, const void *bytes,
                             uint32_t size)
{
    const struct store_word *word = store->words;
    struct small_change *change;
    struct store_cell *cell;
    uint32_t index;

    keep_up(store);
    index = tag != 0 && is_small(store, size) ? cell_new(store, 0, change_size(1, 0, size)) : 0;
    if (index == 0)
        return commit_answer(store, tag, type, bytes, size);
    cell = cell_at(store, index);
    change = (struct small_change *)(void *)cell->bytes;
    change->head = (struct change_head){tag, type, (uint8_t)size, 0, 1, 0};
    change->word = *word;
    if (size > 0)
        memcpy(&change->answer, bytes, sizeof(change->answer));
    set(&cell->kind, CHANGE);
    carry_out(store->cells, NULL, 0, word, 1);
    set(&cell->kind, ANSWER);
    store->word_count = 0;
    return index;
}

static void change_add(struct store *store, uint32_t cell, uint32_t kind)
{
    if (store->count == STORE_MAX_CHANGES)
        store_commit(store);
    store->changes[store->count++] = (struct store_change){cell, kind};
}

uint32_t store_put(struct store *store, uint32_t kind, uint32_t id, const void *bytes, size_t size)
{
    static struct log_limit limit;
    uint32_t index;

    keep_up(store);
    index = size <= UINT32_MAX ? chain_write(store, id, bytes, size) : 0;
    if (index != 0)
        change_add(store, index, kind);
    else if (log_limit_allows(&limit))
        log_warning("The journal is full: what comes now is lost if the worker dies.");
    return index;
}

/* What is to become of the record, or NULL. */
static inline struct store_change *change_of(struct store *store, uint32_t index)
{
    for (unsigned i = 0; i < store->count; i++)
        if (store->changes[i].cell == index)
            return &store->changes[i];
    return NULL;
}

static void drop_words(struct store *store, uint32_t index)
{
    for (unsigned i = store->word_count; i-- > 0;)
        if (store->words[i].cell == index)
            store->words[i] = store->words[--store->word_count];
}

void store_erase(struct store *store, uint32_t *handle)
{
    uint32_t index = *handle;
    struct store_change *change;

    *handle = 0;
    keep_up(store);
    if (index == 0 || index >= head_of(store)->high)
        return;
    change = change_of(store, index);
    if (change == NULL) {
        drop_words(store, index);
        change_add(store, index, 0);
        return;
    }
    *change = store->changes[--store->count]; /* it has never been valid */
    chain_free(store, index);
}

void store_replace(struct store *store, uint32_t kind, uint32_t id, const void *bytes, size_t size,
                   uint32_t *handle)
{
    store_erase(store, handle);
    *handle = store_put(store, kind, id, bytes, size);
}

void store_answered(struct store *store, uint32_t *handle)
{
    uint32_t index = *handle;

    *handle = 0;
    keep_up(store);
    if (index == 0 || index >= head_of(store)->high)
        return;
    set(&cell_at(store, index)->kind, 0);
    chain_free(store, index);
}

/* The word in question, or where one more goes. */
static inline struct store_word *word_of(struct store *store, uint32_t handle, size_t at)
{
    unsigned i = 0;

    while (i < store->word_count && (store->words[i].cell != handle || store->words[i].at != at))
        i++;
    if (i == STORE_MAX_CHANGES) {
        store_commit(store);
        i = 0;
    }
    if (i == store->word_count)
        store->word_count++;
    return &store->words[i];
}

static __attribute__((noinline)) void set_besides(struct store *store, uint32_t handle, size_t at,
                                                  uint64_t value)
{
    const struct store_change *change = change_of(store, handle);

    if (change == NULL)
        *word_of(store, handle, at) = (struct store_word){handle, (uint32_t)at, value};
    else if (change->kind != 0) /* it is not valid yet */
        *store_word(store, handle, at) = value;
}

void store_set(struct store *store, uint32_t handle, size_t at, uint64_t value)
{
    keep_up(store);
    if (handle == 0 || handle >= head_of(store)->high)
        return;
    if (store_is_changed(store)) {
        set_besides(store, handle, at, value);
        return;
    }
    store->words[0] = (struct store_word){handle, (uint32_t)at, value};
    store->word_count = 1;
}

/* ---- reading ---- */

bool store_next(const struct store *store, uint32_t kind, uint32_t *handle)
{
    uint32_t high = get(&head_of(store)->high);

    for (uint32_t i = *handle + 1; i < high && i < STORE_CELLS; i++) {
        if (get(&cell_at(store, i)->kind) != kind)
            continue;
        *handle = i;
        return true;
    }
    return false;
}

uint32_t store_id(const struct store *store, uint32_t handle)
{
    return cell_at(store, handle)->id;
}

size_t store_size(const struct store *store, uint32_t handle)
{
    return cell_at(store, handle)->size;
}

size_t store_read(const struct store *store, uint32_t handle, void *to, size_t size)
{
    size_t whole = store_size(store, handle);
    size_t left = size < whole ? size : whole;
    size_t copied = 0;

    for (uint32_t i = handle; left > 0 && i != 0; i = cell_at(store, i)->next) {
        size_t n = left < STORE_CELL_BYTES ? left : STORE_CELL_BYTES;

        memcpy((uint8_t *)to + copied, cell_at(store, i)->bytes, n);
        copied += n;
        left -= n;
    }
    return copied;
}

bool store_read_whole(const struct store *store, uint32_t handle, void *to, size_t size)
{
    return store_size(store, handle) == size && store_read(store, handle, to, size) == size;
}

/* Copies a change, or what is left of one. False when its size is not what it says. */
static bool change_read(const struct store *store, uint32_t index, struct change *change)
{
    const struct change_head *head = &change->head;
    size_t size = store_read(store, index, change, sizeof(*change));

    return size >= sizeof(*head) && head->count <= STORE_MAX_CHANGES &&
           head->word_count <= STORE_MAX_CHANGES && head->answer_size <= STORE_MAX_ANSWER &&
           size == change_size(head->word_count, head->count, head->answer_size) &&
           store_size(store, index) == size;
}

uint32_t store_find_answer(const struct store *store, uint64_t tag, struct store_answer *answer,
                           uint8_t bytes[static STORE_MAX_ANSWER])
{
    struct change change;
    uint32_t handle = 0;

    while (store_next(store, ANSWER, &handle)) {
        if (!change_read(store, handle, &change) || change.head.tag != tag)
            continue;
        memcpy(bytes, answer_of(&change), change.head.answer_size);
        *answer = (struct store_answer){tag, change.head.type, change.head.answer_size, bytes};
        return handle;
    }
    return 0;
}

/* ---- taking over ---- */

/* Enters the cells of a record in 'seen'. False when it is damaged: it is longer or shorter than it
 * says, leaves the memory, or runs into itself or another. */
static bool chain_good(const struct store *store, uint32_t index, uint8_t *seen)
{
    uint64_t left = cell_at(store, index)->size;
    uint32_t high = head_of(store)->high;

    for (bool first = true; index != 0; first = false) {
        const struct store_cell *cell;

        if (index >= high || (left == 0 && !first) || seen[index])
            return false;
        cell = cell_at(store, index);
        if (!first && cell->kind != 0)
            return false;
        seen[index] = 1;
        left -= left < STORE_CELL_BYTES ? left : STORE_CELL_BYTES;
        index = cell->next;
    }
    return left == 0;
}

/* Whether another record than the change may begin there. */
static bool may_change(const struct store *store, uint32_t cell, uint32_t index)
{
    return cell != 0 && cell != index && cell < head_of(store)->high;
}

static bool change_good(const struct store *store, struct change *change, uint32_t index)
{
    const struct store_change *changes = changes_of(change);
    const struct store_word *words = words_of(change);

    for (uint32_t i = 0; i < change->head.count; i++)
        if (!may_change(store, changes[i].cell, index) || changes[i].kind >= STORE_KINDS)
            return false;
    for (uint32_t i = 0; i < change->head.word_count; i++)
        if (!may_change(store, words[i].cell, index) || words[i].at % sizeof(uint64_t) != 0 ||
            words[i].at > STORE_CELL_BYTES - sizeof(uint64_t))
            return false;
    return true;
}

/* Carries out a change that was cut short. */
static void finish_change(struct store *store, uint32_t index)
{
    struct change change;
    bool good = change_read(store, index, &change) && change_good(store, &change, index);

    if (good)
        carry_out(store->cells, changes_of(&change), change.head.count, words_of(&change),
                  change.head.word_count);
    else
        log_stranger("A change in the journal is damaged, and is left out.");
    set(&cell_at(store, index)->kind, good && change.head.tag != 0 ? ANSWER : 0);
}

static void finish_changes(struct store *store, uint8_t *seen)
{
    uint32_t index = 0;

    while (store_next(store, CHANGE, &index)) {
        if (chain_good(store, index, seen))
            finish_change(store, index);
        else
            set(&cell_at(store, index)->kind, 0);
    }
}

static void find_free(struct store *store, uint8_t *seen)
{
    uint32_t high = head_of(store)->high;

    memset(seen, 0, high);
    for (uint32_t i = 1; i < high; i++) {
        if (cell_at(store, i)->kind == 0 || chain_good(store, i, seen))
            continue;
        log_stranger("A record of the journal is damaged, and is left out.");
        set(&cell_at(store, i)->kind, 0);
    }
    for (uint32_t i = high - 1; i > 0; i--) {
        if (seen[i])
            continue;
        set(&cell_at(store, i)->kind, 0);
        cell_at(store, i)->next = store->free;
        store->free = i;
    }
}

static bool is_ours(const struct store *store)
{
    const struct store_head *head = head_of(store);

    return head->magic == MAGIC && head->version == STORE_VERSION && head->high > 0 &&
           head->high <= STORE_CELLS;
}

int store_adopt(struct store *store, void *memory)
{
    *store = (struct store){.cells = memory};
    if (!is_ours(store))
        return -EPROTO;
    forget_free(store);
    return 0;
}

int store_attach(struct store *store, void *memory)
{
    uint8_t *seen;

    *store = (struct store){.cells = memory};
    if (!is_ours(store))
        return -EPROTO;
    seen = calloc(1, head_of(store)->high);
    if (seen == NULL)
        return -ENOMEM;
    forget_free(store);
    finish_changes(store, seen);
    find_free(store, seen);
    free(seen);
    return 0;
}

void store_create(struct store *store, void *memory)
{
    *store = (struct store){.cells = memory};
    head_of(store)->version = STORE_VERSION;
    head_of(store)->high = 1;
    head_of(store)->magic = MAGIC;
    forget_free(store);
}

void store_clear(struct store *store)
{
    struct store_head *head = head_of(store);

    set(&head->high, 1);
    set(&head->epoch, head->epoch + 1);
    forget_free(store);
}
