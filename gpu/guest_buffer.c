/* SPDX-License-Identifier: MIT */
#include "gpu/guest_buffer.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/units.h"

#define DEVICE "/dev/udmabuf"

/* Opened at each use: nobody has to close it, and it is not often. Says once what comes of it. */
static int open_device(void)
{
    static bool said;
    int fd = open(DEVICE, O_RDWR | O_CLOEXEC);

    if (!said)
        log_info(fd >= 0 ? "Guest pages are shown in place, as dmabufs of " DEVICE "."
                         : "Guest pages are copied to be shown: " DEVICE " cannot be used: %m.");
    said = true;
    return fd;
}

static bool is_whole(const struct buffer_piece *piece)
{
    uint64_t page = units_page_size();

    return piece->size != 0 && piece->offset % page == 0 && piece->size % page == 0;
}

/* Writes the places of the pins, neighbours joined. Returns how many; 0 when there can be none. */
static unsigned find_pieces(const struct guest_memory *memory, const struct guest_pins *pins,
                            struct buffer_piece pieces[static BUFFER_MAX_PIECES])
{
    unsigned count = 0;

    for (unsigned i = 0; i < pins->count; i++) {
        struct buffer_piece piece = {.size = pins->iov[i].iov_len};
        struct buffer_piece *last = count > 0 ? &pieces[count - 1] : NULL;

        piece.fd = guest_memory_file(memory, pins->iov[i].iov_base, piece.size, &piece.offset);
        if (piece.fd < 0 || !is_whole(&piece))
            return 0;
        if (last != NULL && last->fd == piece.fd && last->offset + last->size == piece.offset)
            last->size += piece.size;
        else if (count < BUFFER_MAX_PIECES)
            pieces[count++] = piece;
        else
            return 0;
    }
    return count;
}

struct buffer *guest_buffer_create(const struct guest_memory *memory, const struct guest_pins *pins)
{
    struct buffer_piece *pieces = calloc(BUFFER_MAX_PIECES, sizeof(*pieces));
    unsigned count = pieces != NULL ? find_pieces(memory, pins, pieces) : 0;
    int device = count > 0 ? open_device() : -1;
    struct buffer *buffer = NULL;

    if (device >= 0) {
        buffer = buffer_udmabuf_list_create(device, pieces, count);
        if (buffer == NULL)
            log_stranger("%u pieces of guest memory make no dmabuf: %m", count);
        close(device);
    }
    free(pieces);
    return buffer;
}
