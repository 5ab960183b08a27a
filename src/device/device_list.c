/* SPDX-License-Identifier: MIT */
#include "device/device_list.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "protocol/link.h"

#define END_ROOM 32u /* for what stands behind the last item */

void device_list_init(struct device_list *list, const char *name, int fd)
{
    *list = (struct device_list){
        .room = (fd >= 0 ? DEVICE_LIST_FILE : LINK_MAX_TEXT) - END_ROOM,
        .fd = fd,
    };
    json_text_init(&list->text);
    json_text_open(&list->text, NULL, '{');
    json_text_open(&list->text, name, '[');
}

struct json_text *device_list_open(struct device_list *list)
{
    if (list->left_out > 0) {
        list->left_out++;
        return NULL;
    }
    list->mark = json_text_mark(&list->text);
    json_text_open(&list->text, NULL, '{');
    return &list->text;
}

void device_list_close(struct device_list *list)
{
    json_text_close(&list->text, '}');
    if (list->text.used <= list->room)
        return;
    json_text_cut(&list->text, list->mark);
    list->left_out = 1;
}

/* Only memory takes it at once: on a disk, or a network, the guest would wait. */
static bool is_memory(int fd)
{
    return fcntl(fd, F_GET_SEALS) >= 0;
}

static void give(int fd, char *text, device_answer *answer, void *data)
{
    int r;

    if (text == NULL) {
        answer(data, -ENOMEM, "there is no memory for the list");
    } else if (fd < 0) {
        text[strlen(text) - 1] = '\0'; /* the line's end */
        answer(data, 0, text);
    } else if (!is_memory(fd)) {
        answer(data, -EINVAL, "the list goes to memory (a memfd), and to no other file");
    } else {
        r = fd_write_all(fd, text, strlen(text));
        answer(data, r, r < 0 ? strerror(-r) : "");
    }
}

void device_list_answer(struct device_list *list, device_answer *answer, void *data)
{
    char *text;

    json_text_close(&list->text, ']');
    json_text_number(&list->text, "left_out", list->left_out);
    json_text_close(&list->text, '}');
    text = json_text_finish(&list->text);
    give(list->fd, text, answer, data);
    free(text);
    fd_close(&list->fd);
}
