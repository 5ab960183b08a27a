/* SPDX-License-Identifier: MIT */
#include "media_client.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

int media_client_init(struct media_client *client, int fd, const struct media_place *place)
{
    client->fd = fd;
    client->bar_offset = place->bar_offset;
    client->region = place->region;
    client->bar_fd = open(place->bar_path, O_RDWR | O_CLOEXEC);
    if (client->bar_fd < 0) {
        int rc = -errno;

        close(fd);
        return rc;
    }
    return 0;
}

void media_client_finish(struct media_client *client)
{
    close(client->fd);
    close(client->bar_fd);
}

/* The answer's result; only the RPC's own fault is told apart, as -EPIPE. */
static int ask(struct media_client *client, struct media_rpc *rpc)
{
    ssize_t n;

    if (send(client->fd, rpc, MEDIA_RPC_HEADER + rpc->size, MSG_NOSIGNAL) < 0)
        return -EPIPE;
    n = recv(client->fd, rpc, sizeof(*rpc), 0);
    if (n < (ssize_t)MEDIA_RPC_HEADER || (size_t)n != MEDIA_RPC_HEADER + rpc->size)
        return -EPIPE;
    return rpc->result;
}

static void prepare(struct media_rpc *rpc, uint32_t op, uint32_t session)
{
    memset(rpc, 0, MEDIA_RPC_HEADER);
    rpc->op = op;
    rpc->session = session;
}

int media_client_open(struct media_client *client, uint32_t *session)
{
    struct media_rpc rpc;
    int rc;

    prepare(&rpc, MEDIA_RPC_OPEN, 0);
    rc = ask(client, &rpc);
    if (!rc)
        *session = rpc.session;
    return rc;
}

int media_client_close(struct media_client *client, uint32_t session)
{
    struct media_rpc rpc;

    prepare(&rpc, MEDIA_RPC_CLOSE, session);
    return ask(client, &rpc);
}

int media_client_ioctl(struct media_client *client, uint32_t session, uint32_t code, void *payload,
                       size_t size)
{
    struct media_rpc rpc;
    int rc;

    if (size > MEDIA_RPC_PAYLOAD)
        return -E2BIG;
    prepare(&rpc, MEDIA_RPC_IOCTL, session);
    rpc.code = code;
    rpc.size = (uint32_t)size;
    memcpy(rpc.payload, payload, size);
    rc = ask(client, &rpc);
    if (rc != -EPIPE && rpc.size == size)
        memcpy(payload, rpc.payload, size);
    return rc;
}

int media_client_mmap(struct media_client *client, uint32_t session, uint32_t mem_offset,
                      struct media_window *window)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    struct media_rpc rpc;
    void *at;
    int rc;

    prepare(&rpc, MEDIA_RPC_MMAP, session);
    rpc.code = mem_offset;
    rc = ask(client, &rpc);
    if (rc)
        return rc;
    window->offset = rpc.offset;
    window->length = rpc.length;
    window->mapped = (rpc.length + page - 1) & ~(page - 1);
    at = mmap(NULL, window->mapped, PROT_READ | PROT_WRITE, MAP_SHARED, client->bar_fd,
              (off_t)(client->bar_offset + rpc.offset));
    if (at == MAP_FAILED) {
        rc = -errno;
        window->at = NULL;
        media_client_munmap(client, window);
        return rc;
    }
    window->at = at;
    return 0;
}

int media_client_munmap(struct media_client *client, struct media_window *window)
{
    struct media_rpc rpc;

    if (window->at)
        munmap(window->at, window->mapped);
    window->at = NULL;
    prepare(&rpc, MEDIA_RPC_MUNMAP, 0);
    rpc.offset = window->offset;
    return ask(client, &rpc);
}

int media_client_dqbuf(struct media_client *client, uint32_t session, unsigned ms,
                       struct media_frame_info *info)
{
    struct media_rpc rpc;
    int rc;

    prepare(&rpc, MEDIA_RPC_DQBUF, session);
    rpc.code = ms;
    rc = ask(client, &rpc);
    if (rc)
        return rc;
    if (rpc.size != sizeof(*info))
        return -EPROTO;
    memcpy(info, rpc.payload, sizeof(*info));
    return 0;
}

int media_client_raw(struct media_client *client, const void *request, size_t size, void *answer,
                     size_t room)
{
    struct media_rpc rpc;
    int rc;

    if (size > MEDIA_RPC_PAYLOAD || room > MEDIA_RPC_PAYLOAD)
        return -E2BIG;
    prepare(&rpc, MEDIA_RPC_RAW, 0);
    rpc.code = (uint32_t)room;
    rpc.size = (uint32_t)size;
    memcpy(rpc.payload, request, size);
    rc = ask(client, &rpc);
    if (rc)
        return rc;
    memcpy(answer, rpc.payload, room);
    return (int)rpc.used;
}

int media_client_state(struct media_client *client, struct media_state *state)
{
    struct media_rpc rpc;
    int rc;

    prepare(&rpc, MEDIA_RPC_STATE, 0);
    rc = ask(client, &rpc);
    if (!rc)
        memcpy(state, rpc.payload, sizeof(*state));
    return rc;
}
