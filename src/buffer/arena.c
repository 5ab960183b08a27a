/* SPDX-License-Identifier: MIT */
#include "buffer/arena.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/units.h"
#include "buffer/arena_bytes.h"
#include "buffer/mapped.h"

/* The bytes of a buffer that has no place. */
struct arena_parked {
    int fd;       /* owned */
    uint64_t key; /* of that, on the shelf; 0: it is not there */
    void *data;   /* mapped when somebody asks for them */
};

static struct arena_buffer *of_loan(struct range *loan)
{
    return (struct arena_buffer *)(void *)((char *)loan - offsetof(struct arena_buffer, loan));
}

static void *map_file(int fd, uint64_t size)
{
    void *data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);

    return data != MAP_FAILED ? data : NULL;
}

int arena_init(struct arena *arena, int fd, uint64_t size)
{
    uint64_t file_size;
    int ret = fd_file_size(fd, &file_size);

    *arena = (struct arena){.fd = -1};
    range_set_init(&arena->loans);
    if (ret == 0 && (size == 0 || size != file_size || (size & (units_page_size() - 1)) != 0))
        ret = -EINVAL;
    if (ret == 0) {
        arena->data = map_file(fd, size);
        ret = arena->data != NULL ? 0 : -errno;
    }
    if (ret < 0) {
        fd_close(&fd);
        return ret;
    }
    madvise(arena->data, size, MADV_DONTDUMP); /* the guest's bytes are no part of our crash */
    arena->fd = fd;
    arena->size = size;
    return 0;
}

void arena_finish(struct arena *arena)
{
    assert(arena->loans.count == 0);
    if (arena->data != NULL)
        munmap(arena->data, arena->size);
    arena->data = NULL;
    fd_close(&arena->fd);
}

int arena_punch_all(struct arena *arena)
{
    if (arena->loans.count > 0)
        return -EBUSY;
    return arena_bytes_punch(arena->fd, 0, arena->size);
}

/* The word of arena_track: 0, or one of these in the lowest bits of an offset, or of a key. */
#define WORD_PLACED 1u
#define WORD_PARKED 2u
#define WORD_SHIFT 2u

static void note(struct arena_buffer *buffer)
{
    uint64_t word = 0;

    if (buffer->placed)
        word = buffer->loan.start | WORD_PLACED;
    else if (buffer->parked != NULL)
        word = buffer->parked->key << WORD_SHIFT | WORD_PARKED;
    if (buffer->word != NULL)
        __atomic_store_n(buffer->word, word, __ATOMIC_RELEASE);
}

void arena_track(struct buffer *base, uint64_t *word)
{
    arena_buffer_of(base)->word = word;
    note(arena_buffer_of(base));
}

static void parked_close(struct arena_buffer *buffer)
{
    struct arena_parked *parked = buffer->parked;

    if (parked == NULL)
        return;
    if (parked->data != NULL)
        munmap(parked->data, buffer->base.size);
    fd_close(&parked->fd);
    shelf_drop(buffer->arena->shelf, parked->key);
    free(parked);
    buffer->parked = NULL;
}

/* Where the bytes of a buffer without a place are from now on: its descriptor is yet to be had.
 * NULL: no memory. */
static struct arena_parked *parked_begin(struct arena_buffer *buffer)
{
    struct arena_parked *parked = malloc(sizeof(*parked));

    if (parked != NULL)
        *parked = (struct arena_parked){.fd = -1};
    buffer->parked = parked;
    return parked;
}

/* Gives a buffer without a place a memfd for its bytes, unless it has one. */
static int parked_open(struct arena_buffer *buffer)
{
    struct arena_parked *parked = buffer->parked;

    if (parked != NULL)
        return 0;
    parked = parked_begin(buffer);
    if (parked == NULL)
        return -ENOMEM;
    parked->fd = fd_memfd("hostblob-parked", buffer->base.size);
    if (parked->fd < 0) {
        int ret = parked->fd;

        parked_close(buffer);
        return ret;
    }
    parked->key = shelf_put(buffer->arena->shelf, parked->fd);
    return 0;
}

/* The same with the memfd that a worker before us left under 'key'. */
static int parked_restore(struct arena_buffer *buffer, uint64_t key)
{
    struct arena_parked *parked = parked_begin(buffer);
    uint64_t file_size = 0;
    int ret;

    if (parked == NULL)
        return -ENOMEM;
    parked->fd = shelf_take(buffer->arena->shelf, key);
    if (parked->fd < 0)
        return -ENOENT;
    parked->key = key;
    ret = fd_file_size(parked->fd, &file_size);
    return ret == 0 && file_size != buffer->base.size ? -EINVAL : ret;
}

/* Takes the buffer's place away, and the bytes there. */
static void give_back(struct arena_buffer *buffer)
{
    arena_bytes_punch(buffer->arena->fd, buffer->loan.start, buffer->loan.size);
    range_set_remove(&buffer->arena->loans, &buffer->loan);
    buffer->placed = false;
    buffer->pinned = false;
}

/* Moves the bytes of a placed buffer to a memfd of its own. On error it stays where it is. */
static int park(struct arena_buffer *buffer)
{
    struct arena *arena = buffer->arena;
    uint64_t first = buffer->loan.start;
    uint64_t end = first + buffer->loan.size;
    uint64_t at = first;
    uint64_t extent_end;
    int ret = 0;

    while (ret == 0 && arena_bytes_next(arena->fd, &at, end, &extent_end)) {
        ret = parked_open(buffer);
        if (ret == 0)
            ret =
                arena_bytes_out(buffer->parked->fd, arena->data + at, at - first, extent_end - at);
        at = extent_end;
    }
    if (ret < 0) {
        parked_close(buffer);
        return ret;
    }
    buffer->placed = false;
    note(buffer);
    give_back(buffer);
    return 0;
}

/* Moves the bytes of a parked buffer to its place. */
static int unpark(struct arena_buffer *buffer)
{
    uint8_t *to = buffer->arena->data + buffer->loan.start;
    uint64_t at = 0;
    uint64_t extent_end;
    int fd, ret = 0;

    if (buffer->parked == NULL)
        return 0;
    fd = buffer->parked->fd;
    while (ret == 0 && arena_bytes_next(fd, &at, buffer->base.size, &extent_end)) {
        ret = arena_bytes_in(fd, to + at, at, extent_end - at);
        at = extent_end;
    }
    return ret;
}

static void *arena_data(struct buffer *base)
{
    struct arena_buffer *buffer = arena_buffer_of(base);
    int ret;

    if (buffer->placed)
        return buffer->arena->data + buffer->loan.start;
    if (buffer->parked == NULL) {
        ret = parked_open(buffer);
        if (ret < 0) {
            errno = -ret;
            return NULL;
        }
        note(buffer);
    }
    if (buffer->parked->data == NULL)
        buffer->parked->data = map_file(buffer->parked->fd, base->size);
    return buffer->parked->data;
}

static void arena_destroy(struct buffer *base)
{
    struct arena_buffer *buffer = arena_buffer_of(base);

    if (buffer->placed)
        give_back(buffer);
    parked_close(buffer);
    free(buffer);
}

static const struct buffer_impl arena_impl = {
    .data = arena_data,
    .destroy = arena_destroy,
};

struct buffer *arena_buffer_create(struct arena *arena, uint64_t size)
{
    struct arena_buffer *buffer;

    if (size == 0 || !units_round_up(size, units_page_size(), &size) || size > INT64_MAX) {
        errno = size == 0 ? EINVAL : EFBIG;
        return NULL;
    }
    buffer = calloc(1, sizeof(*buffer));
    if (buffer == NULL)
        return NULL;
    *buffer = (struct arena_buffer){
        .base = {.impl = &arena_impl, .kind = BUFFER_ARENA, .size = size, .fd = -1},
        .arena = arena,
        .slot = -1,
    };
    return &buffer->base;
}

/* Whether the buffer can be where 'word' says, and puts it there. 0 or -errno. */
static int restore(struct arena_buffer *buffer, uint64_t word)
{
    struct arena *arena = buffer->arena;
    uint64_t offset = word & ~(uint64_t)WORD_PLACED;
    uint64_t size = buffer->base.size;
    int ret = 0;

    if ((word & WORD_PLACED) != 0) {
        if ((offset & (units_page_size() - 1)) != 0 || offset > arena->size ||
            size > arena->size - offset)
            return -EINVAL;
        buffer->loan = (struct range){.start = offset, .size = size};
        ret = range_set_add(&arena->loans, &buffer->loan);
        buffer->placed = ret == 0;
    } else if ((word & WORD_PARKED) != 0) {
        ret = parked_restore(buffer, word >> WORD_SHIFT);
    }
    return ret;
}

uint64_t arena_word(uint64_t offset)
{
    return offset | WORD_PLACED;
}

struct buffer *arena_buffer_restore(struct arena *arena, uint64_t size, uint64_t word)
{
    struct buffer *buffer = arena_buffer_create(arena, size);
    int ret = buffer != NULL ? restore(arena_buffer_of(buffer), word) : 0;

    if (ret < 0) {
        buffer_destroy(buffer);
        errno = -ret;
        return NULL;
    }
    return buffer;
}

void arena_punch_gaps(struct arena *arena)
{
    struct range *loan;
    uint64_t at = 0;

    for (loan = range_set_first(&arena->loans); loan != NULL; loan = range_set_next(loan)) {
        if (loan->start > at)
            arena_bytes_punch(arena->fd, at, loan->start - at);
        at = loan->start + loan->size;
    }
    if (at < arena->size)
        arena_bytes_punch(arena->fd, at, arena->size - at);
}

/* Sends away whoever has a place in [offset, offset + size). -EEXIST, and nobody moves, if one is
 * pinned. */
static int make_room(struct arena *arena, uint64_t offset, uint64_t size)
{
    struct range *loan;
    int ret = 0;

    for (loan = range_set_overlap(&arena->loans, offset, size);
         loan != NULL && loan->start < offset + size; loan = range_set_next(loan)) {
        if (of_loan(loan)->pinned)
            return -EEXIST;
    }
    while (ret == 0 && (loan = range_set_overlap(&arena->loans, offset, size)) != NULL)
        ret = park(of_loan(loan));
    return ret;
}

/* Gives a parked buffer a place that is free. */
static int settle(struct arena_buffer *buffer, uint64_t offset)
{
    struct arena *arena = buffer->arena;
    /* The guest can write into every byte of its window, also where nothing was lent. */
    int ret = arena_bytes_punch(arena->fd, offset, buffer->base.size);

    if (ret < 0)
        return ret;
    buffer->loan = (struct range){.start = offset, .size = buffer->base.size};
    ret = range_set_add(&arena->loans, &buffer->loan);
    if (ret < 0)
        return ret;
    buffer->placed = true;
    ret = unpark(buffer);
    if (ret < 0) {
        give_back(buffer);
        return ret;
    }
    note(buffer);
    parked_close(buffer);
    return 0;
}

int arena_move(struct arena *arena, struct buffer *base, uint64_t offset)
{
    struct arena_buffer *buffer = arena_buffer_of(base);
    int ret = 0;

    if (base->kind != BUFFER_ARENA || buffer->arena != arena ||
        (offset & (units_page_size() - 1)) != 0 || offset > arena->size ||
        base->size > arena->size - offset)
        return -EINVAL;
    if (buffer->pinned)
        return -EBUSY;
    ret = make_room(arena, offset, base->size); /* may send away the buffer itself */
    if (ret == 0 && buffer->placed)
        ret = park(buffer);
    if (ret == 0)
        ret = settle(buffer, offset);
    buffer->pinned = ret == 0;
    return ret;
}

void arena_each_loan(const struct arena *arena,
                     void (*each)(void *data, struct buffer *buffer, uint64_t offset), void *data)
{
    struct range *loan;

    for (loan = range_set_first(&arena->loans); loan != NULL; loan = range_set_next(loan))
        each(data, &of_loan(loan)->base, loan->start);
}
