/* SPDX-License-Identifier: MIT */
#include "gpu/guest_buffer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/units.h"

#define DEVICE "/dev/udmabuf"

static int device = -1;
static int reason; /* why there is none: an errno */

void guest_buffer_prepare(void)
{
    if (device >= 0)
        return;
    device = open(DEVICE, O_RDWR | O_CLOEXEC);
    reason = errno;
}

void guest_buffer_finish(void)
{
    fd_close(&device);
}

/* Says once what comes of it, when it matters. */
static bool has_device(void)
{
    static bool said;

    if (!said && device >= 0)
        log_info("Guest pages are shown in place, as dmabufs of " DEVICE ".");
    else if (!said)
        log_info("Guest pages are copied to be shown: " DEVICE " cannot be used: %s.",
                 strerror(reason));
    said = true;
    return device >= 0;
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
    struct buffer *buffer = NULL;

    if (count > 0 && has_device()) {
        buffer = buffer_udmabuf_list_create(device, pieces, count);
        if (buffer == NULL)
            log_stranger("%u pieces of guest memory make no dmabuf: %m", count);
    }
    free(pieces);
    return buffer;
}
