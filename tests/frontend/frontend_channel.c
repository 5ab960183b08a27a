/* SPDX-License-Identifier: MIT */
#include "tests/frontend/frontend.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

/* What a served request came as. */
struct asked {
    struct vhost_user_message message;
    struct fd_list fds;
};

void frontend_violate(struct frontend *frontend, const char *format, ...)
{
    va_list args;

    if (frontend->counts.violations++ > 0)
        return;
    va_start(args, format);
    vsnprintf(frontend->violation, sizeof(frontend->violation), format, args);
    va_end(args);
}

static bool is_qemu(const struct frontend *frontend)
{
    return frontend->plan.habit == HABIT_QEMU;
}

static bool is_libkrun(const struct frontend *frontend)
{
    return frontend->plan.habit == HABIT_LIBKRUN;
}

/* crosvm stops the whole VM over one request that it cannot carry out. */
static void die(struct frontend *frontend)
{
    if (frontend->plan.habit != HABIT_CROSVM)
        return;
    frontend->dead = true;
    fd_close(&frontend->channel);
    fd_close(&frontend->socket);
}

static int64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000ll + now.tv_nsec / 1000;
}

static int read_all(int socket, void *to, size_t size, struct fd_list *fds)
{
    for (size_t have = 0; have < size;) {
        struct pollfd readable = {.fd = socket, .events = POLLIN};
        ssize_t r;

        if (poll(&readable, 1, FRONTEND_PATIENCE) <= 0)
            return -ETIMEDOUT;
        r = fd_receive(socket, (char *)to + have, size - have, fds);
        if (r <= 0)
            return r == 0 ? -ECONNRESET : (int)r;
        have += (size_t)r;
    }
    return 0;
}

static void answer_raw(struct frontend *frontend, const void *bytes, size_t size, int fd)
{
    /* A back-end that has gone is seen when its channel is read. */
    fd_send(frontend->channel, bytes, size, &fd, fd >= 0);
}

static void answer(struct frontend *frontend, const struct asked *asked, uint64_t value)
{
    struct {
        struct vhost_user_header header;
        uint64_t value;
    } __attribute__((packed)) reply = {
        {asked->message.header.request, VHOST_USER_VERSION | VHOST_USER_FLAG_REPLY, sizeof(value)},
        value,
    };

    if (asked->message.header.flags & VHOST_USER_FLAG_NEED_REPLY)
        answer_raw(frontend, &reply, sizeof(reply), -1);
}

/* Answers wrongly. The request is not carried out. */
static void answer_spoilt(struct frontend *frontend, const struct asked *asked, enum spoil spoil)
{
    struct {
        struct vhost_user_header header;
        uint64_t value;
    } __attribute__((packed)) reply = {
        {asked->message.header.request, VHOST_USER_VERSION | VHOST_USER_FLAG_REPLY, 8},
        0,
    };
    size_t size = sizeof(reply);

    switch (spoil) {
    case SPOIL_NOTHING:
    case SPOIL_TWICE:
    case SPOIL_SILENT:
        return;
    case SPOIL_REFUSE:
        answer(frontend, asked, 1);
        return;
    case SPOIL_CLOSE:
        fd_close(&frontend->channel);
        return;
    case SPOIL_REQUEST:
        reply.header.request += 1;
        break;
    case SPOIL_SIZE:
        reply.header.size = 4;
        size -= 4;
        break;
    case SPOIL_FDS:
        break;
    case SPOIL_GARBAGE:
        memset(&reply, 0xa5, sizeof(reply));
        break;
    case SPOIL_FLAGS:
        reply.header.flags = VHOST_USER_VERSION;
        break;
    }
    answer_raw(frontend, &reply, size, spoil == SPOIL_FDS ? frontend->ram.fd : -1);
}

/* Whether this SHMEM request is the one to spoil; if so it is done with. */
static bool spoil(struct frontend *frontend, const struct asked *asked)
{
    struct frontend_mischief *mischief = &frontend->mischief;
    enum spoil how = mischief->spoil;

    if (how == SPOIL_NOTHING)
        return false;
    if (mischief->spoil_at > 1) {
        mischief->spoil_at--;
        return false;
    }
    if (mischief->spoil_times == 0)
        mischief->spoil = SPOIL_NOTHING;
    else
        mischief->spoil_times--;
    if (how == SPOIL_TWICE) {
        answer(frontend, asked, 0);
        return false;
    }
    answer_spoilt(frontend, asked, how);
    return true;
}

/* What both front-ends take for granted of a SHMEM request. */
static void check_form(struct frontend *frontend, const struct asked *asked, unsigned fds)
{
    const struct vhost_user_header *header = &asked->message.header;
    const struct vhost_user_mmap *map = &asked->message.mmap;
    static const uint8_t zeros[sizeof(map->pad)];
    bool wants_answer = (header->flags & VHOST_USER_FLAG_NEED_REPLY) != 0;
    int more = 0, follower = is_libkrun(frontend) ? VHOST_USER_HEADER_SIZE : 0;

    if (header->size != sizeof(*map))
        frontend_violate(frontend, "SHMEM request of %u bytes", header->size);
    if (asked->fds.count != fds)
        frontend_violate(frontend, "SHMEM request with %u descriptors", asked->fds.count);
    if (!wants_answer && !is_libkrun(frontend))
        frontend_violate(frontend,
                         "SHMEM request that wants no answer: nobody knows when it works");
    if (wants_answer && is_libkrun(frontend))
        frontend_violate(frontend, "SHMEM request that wants an answer: there is none");
    if (memcmp(map->pad, zeros, sizeof(zeros)) != 0)
        frontend_violate(frontend, "SHMEM request with padding that is not 0");
    if (ioctl(frontend->channel, FIONREAD, &more) == 0 && more > follower)
        frontend_violate(frontend, "two SHMEM requests at once");
}

/* A request that cannot be carried out. */
static void refuse(struct frontend *frontend, const struct asked *asked, const char *reason)
{
    const struct vhost_user_mmap *map = &asked->message.mmap;

    frontend->counts.refused++;
    if (!is_qemu(frontend))
        frontend_violate(frontend, "%s of 0x%llx+0x%llx refused (%s): the VM is of no use now",
                         asked->message.header.request == VHOST_USER_BACKEND_SHMEM_MAP ? "MAP"
                                                                                       : "UNMAP",
                         (unsigned long long)map->shm_offset, (unsigned long long)map->len, reason);
    answer(frontend, asked, is_qemu(frontend) ? 1 : (uint64_t)-EINVAL);
    die(frontend);
}

/* Tells the other devices' memory map, as QEMU does after each change. */
static void echo(struct frontend *frontend)
{
    int r = 0;

    if (!is_qemu(frontend))
        return;
    if (frontend->running == 0 || frontend->mischief.no_tables)
        frontend->table_stale = true;
    else
        r = frontend_tell_memory(frontend);
    if (r == -ETIMEDOUT)
        frontend_violate(frontend, "no ack of a memory table: QEMU hangs");
}

static void serve_map(struct frontend *frontend, const struct asked *asked)
{
    const struct frontend_mischief *mischief = &frontend->mischief;
    int fd = asked->fds.count > 0 ? asked->fds.fds[0] : -1;
    const char *reason = guest_window_check_map(&frontend->window, &asked->message.mmap, fd);
    struct guest_window_mapping *mapping;
    int64_t end;

    if (reason != NULL) {
        refuse(frontend, asked, reason);
        return;
    }
    mapping = guest_window_add(&frontend->window, &asked->message.mmap, fd);
    if (is_qemu(frontend))
        answer(frontend, asked, 0);
    end = now_us() + mischief->commit_us;
    while (mischief->commit_us > 0 && now_us() < end)
        if (mischief->before_commit != NULL)
            mischief->before_commit(frontend, mischief->data);
    if (guest_window_commit(&frontend->window, mapping) < 0)
        frontend_violate(frontend, "what SHMEM_MAP brought cannot be mapped");
    if (!is_qemu(frontend))
        answer(frontend, asked, 0);
    echo(frontend);
}

static void serve_unmap(struct frontend *frontend, const struct asked *asked)
{
    struct guest_window_mapping *mapping =
        guest_window_find(&frontend->window, &asked->message.mmap);

    if (mapping == NULL) {
        refuse(frontend, asked, "no such mapping");
        return;
    }
    if (is_qemu(frontend))
        answer(frontend, asked, 0);
    frontend_forget_mapping(frontend, mapping);
    guest_window_remove(&frontend->window, mapping);
    if (!is_qemu(frontend))
        answer(frontend, asked, 0);
    echo(frontend);
}

static void serve_shmem(struct frontend *frontend, const struct asked *asked)
{
    struct frontend_mischief *mischief = &frontend->mischief;
    void (*before_answer)(struct frontend *, void *) = mischief->before_answer;
    bool map = asked->message.header.request == VHOST_USER_BACKEND_SHMEM_MAP;

    frontend->counts.maps += map;
    frontend->counts.unmaps += !map;
    check_form(frontend, asked, map);
    frontend->followed = is_libkrun(frontend);
    if (frontend->running == 0) {
        frontend_violate(frontend, "SHMEM request while no ring runs: QEMU crashes");
        answer(frontend, asked, 1);
        return;
    }
    mischief->before_answer = NULL;
    if (before_answer != NULL)
        before_answer(frontend, mischief->data);
    if (mischief->answer_us > 0)
        usleep(mischief->answer_us);
    if (spoil(frontend, asked))
        return;
    if (map)
        serve_map(frontend, asked);
    else
        serve_unmap(frontend, asked);
}

/* A request that was begun, and withdrawn when the rings stopped: QEMU ignores what it does not
 * know. */
static bool withdrawn(const struct vhost_user_header *header)
{
    return (header->request & VHOST_USER_BACKEND_WITHDRAWN) == VHOST_USER_BACKEND_WITHDRAWN &&
           header->flags == VHOST_USER_VERSION && header->size == 0;
}

static unsigned find_object(const struct frontend *frontend, const uint8_t *uuid)
{
    unsigned i = 0;

    while (i < frontend->objects && memcmp(frontend->uuids[i], uuid, 16) != 0)
        i++;
    return i;
}

/* A UUID that is there already is refused, and so is the end of one that is not. */
static void serve_object(struct frontend *frontend, const struct asked *asked)
{
    const uint8_t *uuid = asked->message.uuid;
    bool add = asked->message.header.request == VHOST_USER_BACKEND_SHARED_OBJECT_ADD;
    unsigned at = find_object(frontend, uuid);
    bool there = at < frontend->objects;

    if (!(frontend->protocol & VHOST_USER_BIT(VHOST_USER_PROTOCOL_F_SHARED_OBJECT)))
        frontend_violate(frontend, "SHARED_OBJECT requests were not negotiated");
    if (asked->message.header.size != 16 || asked->fds.count != 0)
        frontend_violate(frontend, "SHARED_OBJECT request of %u bytes with %u descriptors",
                         asked->message.header.size, asked->fds.count);
    if (add && (there || at == FRONTEND_MOST_OBJECTS))
        frontend_violate(frontend, "SHARED_OBJECT_ADD of what is there, or too much");
    else if (add)
        memcpy(frontend->uuids[frontend->objects++], uuid, 16);
    else if (there)
        memcpy(frontend->uuids[at], frontend->uuids[--frontend->objects], 16);
    frontend->counts.adds += add;
    frontend->counts.removes += !add && there;
    frontend->counts.barriers += !add && !there;
    answer(frontend, asked, add == there);
}

/* Not SHMEM. */
static void serve_other(struct frontend *frontend, const struct asked *asked)
{
    switch (asked->message.header.request) {
    case VHOST_USER_BACKEND_SHARED_OBJECT_ADD:
    case VHOST_USER_BACKEND_SHARED_OBJECT_REMOVE:
        serve_object(frontend, asked);
        break;
    case VHOST_USER_BACKEND_CONFIG_CHANGE:
        frontend->counts.barriers += frontend->followed;
        frontend->counts.config_changes += !frontend->followed;
        frontend->followed = false;
        answer(frontend, asked, 0);
        break;
    default:
        if (is_qemu(frontend) && withdrawn(&asked->message.header)) {
            frontend->counts.withdrawn++;
            break;
        }
        frontend_violate(frontend, "unknown request %u on the back-end channel",
                         asked->message.header.request);
        answer(frontend, asked, 1);
        die(frontend);
    }
}

int frontend_serve(struct frontend *frontend)
{
    struct asked asked = {0};
    struct vhost_user_header *header = &asked.message.header;
    int r = read_all(frontend->channel, header, VHOST_USER_HEADER_SIZE, &asked.fds);

    if (r == 0 && header->size > VHOST_USER_MAX_PAYLOAD)
        r = -EBADMSG;
    if (r == 0)
        r = read_all(frontend->channel, asked.message.bytes, header->size, &asked.fds);
    if (r < 0) {
        if (r != -ECONNRESET)
            frontend_violate(frontend, "no whole message on the back-end channel: %d", r);
        fd_close(&frontend->channel);
    } else if (header->request == VHOST_USER_BACKEND_SHMEM_MAP ||
               header->request == VHOST_USER_BACKEND_SHMEM_UNMAP) {
        serve_shmem(frontend, &asked);
    } else {
        serve_other(frontend, &asked);
    }
    fd_list_finish(&asked.fds);
    return r;
}

int frontend_pump(struct frontend *frontend, int wake, int milliseconds)
{
    int64_t end = now_us() + milliseconds * 1000ll;

    for (;;) {
        /* Others than QEMU read requests only while the device is active. */
        bool deaf = frontend->mischief.deaf || (!is_qemu(frontend) && frontend->running == 0);
        int64_t left = (end - now_us()) / 1000;
        struct pollfd polled[] = {
            {.fd = deaf ? -1 : frontend->channel, .events = POLLIN},
            {.fd = wake, .events = POLLIN},
            {.fd = frontend->socket == wake ? -1 : frontend->socket, .events = POLLIN},
        };
        int ready = poll(polled, 3, left > 0 ? (int)left : 0);

        if (ready < 0 && errno != EINTR)
            return -errno;
        if (polled[0].revents != 0)
            frontend_serve(frontend);
        if (frontend->dead)
            return -ECONNRESET;
        if (polled[1].revents != 0)
            return 0;
        if (polled[2].revents & (POLLHUP | POLLERR))
            return -ECONNRESET;
        if (polled[2].revents & POLLIN) {
            frontend_violate(frontend, "a message on the main socket that nobody asked for");
            return -EBADMSG;
        }
        if (ready == 0 && left <= 0)
            return wake >= 0 ? -ETIMEDOUT : 0;
    }
}
