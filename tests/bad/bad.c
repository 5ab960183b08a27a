/* SPDX-License-Identifier: MIT */
#include "bad.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define MOST_FDS 64u

static struct unharmed before;

void bad_start(struct story *s)
{
    story_start(s, NULL);
    unharmed_take(&before, s);
}

void bad_note(struct story *s)
{
    unharmed_take(&before, s);
}

void bad_join(struct story *s, bool start)
{
    struct frontend_plan plan;

    subject_forget();
    frontend_plan_init(&plan, s->cast.habit);
    story_connect(s, &plan);
    assert_int_equal(frontend_negotiate(&s->frontend), 0);
    if (start)
        assert_int_equal(frontend_start(&s->frontend), 0);
}

int bad_send(struct story *s, const struct bad_message *message)
{
    static uint8_t bytes[VHOST_USER_HEADER_SIZE + 65536];
    struct vhost_user_header header = {
        .request = message->request,
        .flags = message->flags & BAD_FLAGS ? message->flags & ~BAD_FLAGS
                                            : message->flags | VHOST_USER_VERSION,
        .size = message->size,
    };
    uint32_t sent = message->sent == BAD_ALL ? message->size : message->sent;
    int fds[MOST_FDS];

    memset(bytes, 0, sizeof(bytes));
    memcpy(bytes, &header, sizeof(header));
    if (message->payload != NULL)
        memcpy(bytes + sizeof(header), message->payload, sent);
    for (unsigned i = 0; i < message->fds; i++)
        fds[i] = s->frontend.ram.fd;
    return frontend_send_raw(&s->frontend, bytes, sizeof(header) + sent, fds, message->fds);
}

void bad_expect(struct story *s, const struct bad_message *message, enum bad_end end)
{
    struct bad_message asking = *message;
    struct vhost_user_message answer;
    int r;

    if (end != BAD_CLOSED)
        asking.flags |= VHOST_USER_FLAG_NEED_REPLY;
    r = bad_send(s, &asking);
    if (end == BAD_CLOSED) {
        /* It may hang up before it has read everything. */
        assert_true(r == 0 || r == -ECONNRESET || r == -EAGAIN);
        r = frontend_await_close(&s->frontend, 5000);
        if (r != 0)
            fail_msg("the connection goes on after %s (request %u, size %u, %u descriptors)",
                     vhost_user_request_name(message->request), message->request, message->size,
                     message->fds);
        return;
    }
    assert_int_equal(r, 0);
    r = frontend_receive(&s->frontend, message->request, &answer);
    if (r != 0)
        fail_msg("%s: the answer to request %u is %d", vhost_user_request_name(message->request),
                 message->request, r);
    assert_int_equal(answer.header.size, 8);
    assert_int_equal(answer.u64 != 0, end == BAD_REFUSED);
}

static unsigned long cpu_ticks(pid_t pid)
{
    char path[32];
    unsigned long user = 0, system = 0;
    FILE *stat;

    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    if (pid == 0)
        return 0;
    stat = fopen(path, "r");
    assert_non_null(stat);
    assert_int_equal(fscanf(stat,
                            "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
                            &user, &system),
                     2);
    fclose(stat);
    return user + system;
}

unsigned long bad_busy_ticks(pid_t one, pid_t other, unsigned ms)
{
    unsigned long begun = cpu_ticks(one) + cpu_ticks(other);
    clock_t end = clock() + (clock_t)ms * (CLOCKS_PER_SEC / 1000);

    while (clock() < end) {
    }
    return cpu_ticks(one) + cpu_ticks(other) - begun;
}

void bad_told_counter(struct story *s, const char *counter)
{
    unharmed_counted(&before, s, counter);
}

void bad_told(struct story *s, const char *counter, const char *words)
{
    unharmed_said(s, words);
    unharmed_counted(&before, s, counter);
}

void bad_afterwards(struct story *s)
{
    if (s->joined)
        story_leave(s);
    unharmed_check(&before, s);
    story_join(s);
    subject_bind(s);
    assert_true(subject_map(s));
    subject_verify(s);
    story_leave(s);
}
