/* SPDX-License-Identifier: MIT */
#include "door/door_shelf.h"

#include <stdlib.h>

#include "base/log.h"

struct door_shelf_item {
    RB_ENTRY(door_shelf_item) entry; // door_shelf::items
    uint64_t key;
    int fd; /* owned */
};

static int item_order(const struct door_shelf_item *a, const struct door_shelf_item *b)
{
    return (a->key > b->key) - (a->key < b->key);
}

RB_PROTOTYPE(door_shelf_tree, door_shelf_item, entry, item_order);
RB_GENERATE(door_shelf_tree, door_shelf_item, entry, item_order);

void door_shelf_init(struct door_shelf *shelf)
{
    *shelf = (struct door_shelf){.count = 0};
    RB_INIT(&shelf->items);
}

static void item_drop(struct door_shelf *shelf, struct door_shelf_item *item)
{
    RB_REMOVE(door_shelf_tree, &shelf->items, item);
    shelf->count--;
    fd_close(&item->fd);
    free(item);
}

void door_shelf_clear(struct door_shelf *shelf)
{
    struct door_shelf_item *item;

    while ((item = RB_MIN(door_shelf_tree, &shelf->items)) != NULL)
        item_drop(shelf, item);
}

static void put(struct door_shelf *shelf, uint64_t key, int fd)
{
    struct door_shelf_item *item = fd_leaves_room(fd) ? calloc(1, sizeof(*item)) : NULL;

    if (item != NULL) {
        item->key = key;
        item->fd = fd;
        if (RB_INSERT(door_shelf_tree, &shelf->items, item) == NULL) {
            shelf->count++;
            return;
        }
        free(item);
    }
    log_stranger("Memory of the guest cannot be kept for another worker: its bytes are lost if "
                 "this one dies.");
    fd_close(&fd);
}

void door_shelf_take(struct door_shelf *shelf, const struct link_message *message,
                     struct fd_list *fds)
{
    struct door_shelf_item wanted = {.key = message->shelf_key.key};
    struct door_shelf_item *item;

    if (message->type == LINK_SHELF_PUT) {
        put(shelf, wanted.key, fd_list_take(fds, 0));
    } else if (wanted.key == 0) {
        door_shelf_clear(shelf);
    } else {
        item = RB_FIND(door_shelf_tree, &shelf->items, &wanted);
        if (item != NULL)
            item_drop(shelf, item);
    }
}

unsigned door_shelf_give(struct door_shelf *shelf, const struct link_message *ask,
                         struct link_message *give, int fds[static LINK_SHELF_BATCH])
{
    struct door_shelf_item from = {.key = ask->shelf_key.key + 1};
    struct door_shelf_item *item = RB_NFIND(door_shelf_tree, &shelf->items, &from);
    unsigned count = 0;

    *give = (struct link_message){.type = LINK_SHELF_GIVE};
    for (; item != NULL && count < LINK_SHELF_BATCH && from.key != 0;
         item = RB_NEXT(door_shelf_tree, &shelf->items, item)) {
        give->shelf.keys[count] = item->key;
        fds[count++] = item->fd;
    }
    give->shelf.count = count;
    return count;
}
