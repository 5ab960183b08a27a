/* SPDX-License-Identifier: MIT */
#include "worker/worker_shelf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/fd.h"
#include "base/log.h"
#include "protocol/link.h"

static struct worker_shelf *of(struct shelf *base)
{
    return (struct worker_shelf *)(void *)base; /* it comes first */
}

/* Waits for the door, if it has to: it reads as soon as it runs, and never waits for a worker. */
static int say(struct worker_shelf *shelf, uint32_t type, uint64_t key, int fd)
{
    uint32_t size = link_size(type);
    struct link_message m;
    ssize_t n;

    link_begin(&m, type);
    m.shelf_key.key = key;
    n = fd_send(shelf->link_fd, &m, size, &fd, fd >= 0);
    return n == (ssize_t)size ? 0 : n < 0 ? (int)n : -EIO;
}

static uint64_t put(struct shelf *base, int fd)
{
    struct worker_shelf *shelf = of(base);
    int r =
        shelf->count < shelf->most ? say(shelf, LINK_SHELF_PUT, shelf->last_key + 1, fd) : -EMFILE;

    if (r < 0) {
        log_stranger("Memory of the guest cannot be left with the door (%s): its bytes are lost if "
                     "this worker dies.",
                     strerror(-r));
        return 0;
    }
    shelf->count++;
    return ++shelf->last_key;
}

static void drop(struct shelf *base, uint64_t key)
{
    struct worker_shelf *shelf = of(base);

    if (key == 0 || say(shelf, LINK_SHELF_DROP, key, -1) < 0)
        return;
    if (shelf->count > 0)
        shelf->count--;
}

static int compare(const void *a, const void *b)
{
    const struct worker_shelf_item *first = a;
    const struct worker_shelf_item *second = b;

    return (first->key > second->key) - (first->key < second->key);
}

static int take(struct shelf *base, uint64_t key)
{
    struct worker_shelf *shelf = of(base);
    const struct worker_shelf_item wanted = {.key = key};
    struct worker_shelf_item *item = NULL;
    int fd;

    if (shelf->item_count > 0)
        item = bsearch(&wanted, shelf->items, shelf->item_count, sizeof(wanted), compare);
    if (item == NULL || item->fd < 0)
        return -ENOENT;
    fd = item->fd;
    item->fd = -1;
    return fd;
}

/* ---- what workers before us left ---- */

static void forget_items(struct worker_shelf *shelf)
{
    for (unsigned i = 0; i < shelf->item_count; i++)
        fd_close(&shelf->items[i].fd);
    free(shelf->items);
    shelf->items = NULL;
    shelf->item_count = 0;
}

static int enter(struct worker_shelf *shelf, const struct link_shelf *given, struct fd_list *fds)
{
    struct worker_shelf_item *more =
        reallocarray(shelf->items, shelf->item_count + given->count, sizeof(*more));

    if (more == NULL)
        return -ENOMEM;
    shelf->items = more;
    for (unsigned i = 0; i < given->count; i++) {
        more[shelf->item_count++] =
            (struct worker_shelf_item){given->keys[i], fd_list_take(fds, i)};
        shelf->last_key = given->keys[i];
    }
    shelf->count = shelf->item_count;
    return 0;
}

/* The next batch; waits for it, as the door waits for our hello. Returns how many there were, or
 * -errno. */
static int fetch(struct worker_shelf *shelf)
{
    struct link_message m;
    struct fd_list fds = {0};
    ssize_t n;
    int r = say(shelf, LINK_SHELF_ASK, shelf->last_key, -1);

    if (r < 0)
        return r;
    n = fd_receive(shelf->link_fd, &m, sizeof(m), &fds);
    if (n <= 0)
        return n < 0 ? (int)n : -ENOTCONN;
    if (link_check(&m, (uint32_t)n, fds.count, LINK_DOOR) != NULL || m.type != LINK_SHELF_GIVE ||
        m.shelf.count != fds.count)
        r = -EPROTO;
    else if (fds.count > 0)
        r = enter(shelf, &m.shelf, &fds);
    fd_list_finish(&fds);
    return r < 0 ? r : (int)m.shelf.count;
}

int worker_shelf_init(struct worker_shelf *shelf, int link_fd)
{
    struct rlimit limit = {.rlim_cur = 1024};
    int r;

    getrlimit(RLIMIT_NOFILE, &limit);
    *shelf = (struct worker_shelf){
        .base = {.put = put, .drop = drop, .take = take},
        .link_fd = link_fd,
        /* The door has as many descriptors as we, and another for each buffer that is mapped by
         * itself. */
        .most = limit.rlim_cur > UINT32_MAX ? UINT32_MAX / 2 : (unsigned)limit.rlim_cur / 2,
    };
    do {
        r = fetch(shelf);
    } while (r > 0);
    if (r < 0)
        forget_items(shelf);
    return r;
}

void worker_shelf_finish(struct worker_shelf *shelf)
{
    forget_items(shelf);
}

void worker_shelf_settle(struct worker_shelf *shelf)
{
    for (unsigned i = 0; i < shelf->item_count; i++)
        if (shelf->items[i].fd >= 0)
            drop(&shelf->base, shelf->items[i].key);
    forget_items(shelf);
}

void worker_shelf_clear(struct worker_shelf *shelf)
{
    forget_items(shelf);
    if (shelf->count > 0)
        say(shelf, LINK_SHELF_DROP, 0, -1);
    shelf->count = 0;
}
