/* SPDX-License-Identifier: MIT */
#include "gpu/render_server.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/units.h"
#include "gpu/child_watch.h"
#include "gpu/render_environment.h"
#include "gpu/render_output.h"
#include "gpu/render_processes.h"
#include "gpu/render_relay.h"
#include "gpu/render_spawn.h"

#define YOUNG_NS UINT64_C(5000000000)
#define BACK_OFF_FIRST_US UINT64_C(50000)
#define BACK_OFF_MOST_US UINT64_C(5000000)
#define BACK_OFF_STEPS 8u
#define PATIENCE_US UINT64_C(200000) /* the library's, which all contexts share */
#define ACCURACY_US 1000u

struct render_server {
    sd_event *loop;
    struct render_server_options options;
    void (*context_lost)(void *data, uint32_t ctx_id);
    void *data;
    struct render_relay relay;
    struct render_processes processes;
    struct render_output output;
    struct child_watch child; /* the server that runs */
    pid_t pid;                /* of it; kept until its end has been seen to */
    uint64_t started_ns;
    unsigned starts, young_deaths;
    bool stopping; /* the end of the one that runs is wanted */
    sd_event_source *again;
    /* A socket for the loop to take, from whatever thread connects; -1: none. */
    atomic_int connecting;
    int knock; /* eventfd, owned */
    sd_event_source *knocked;
};

static void start(struct render_server *s);

static void lose_context(void *data, uint32_t ctx_id)
{
    struct render_server *s = data;
    s->context_lost(s->data, ctx_id);
}

static void on_created(void *data, uint32_t ctx_id)
{
    struct render_server *s = data;
    int ret = render_processes_add(&s->processes, s->pid, ctx_id);

    if (ret < 0)
        log_stranger("The render process of context %u is not found: it is not watched.", ctx_id);
    else
        log_debug("Context %u: render process %d.", ctx_id,
                  (int)render_processes_find(&s->processes, ctx_id));
}

static void on_destroyed(void *data, uint32_t ctx_id)
{
    struct render_server *s = data;
    render_processes_leave(&s->processes, ctx_id);
}

static void on_reset(void *data)
{
    struct render_server *s = data;
    render_processes_leave_all(&s->processes);
}

static void on_server_gone(void *data)
{
    struct render_server *s = data;

    /* Its end is told by the watch, and then another is started. */
    render_relay_drop_server(&s->relay, true);
    child_watch_kill(&s->child);
}

static void stop(struct render_server *s)
{
    sd_event_source_set_enabled(s->again, SD_EVENT_OFF);
    render_relay_drop_server(&s->relay, false);
    render_processes_leave_all(&s->processes);
    s->stopping = s->pid != 0;
    child_watch_kill(&s->child);
}

static void on_library_gone(void *data)
{
    struct render_server *s = data;

    log_info("The library has let go of the render server: it ends.");
    stop(s);
}

static const struct render_relay_handler relay_handler = {
    on_created, on_destroyed, on_reset, on_server_gone, on_library_gone,
};

/* How long to wait before the next start, microseconds: one that dies young is not hurried. */
static uint64_t back_off(struct render_server *s)
{
    uint64_t wait_us;

    s->young_deaths = units_now_ns() - s->started_ns < YOUNG_NS ? s->young_deaths + 1 : 0;
    if (s->young_deaths < 2)
        return 0;
    wait_us =
        BACK_OFF_FIRST_US << (s->young_deaths < BACK_OFF_STEPS ? s->young_deaths : BACK_OFF_STEPS);
    return wait_us < BACK_OFF_MOST_US ? wait_us : BACK_OFF_MOST_US;
}

static void start_in(struct render_server *s, uint64_t wait_us)
{
    render_relay_drop_server(&s->relay, wait_us <= PATIENCE_US);
    if (wait_us == 0) {
        start(s);
        return;
    }
    sd_event_source_set_time_relative(s->again, wait_us);
    sd_event_source_set_enabled(s->again, SD_EVENT_ONESHOT);
}

static void on_ended(void *data, const char *how)
{
    struct render_server *s = data;
    pid_t pid = s->pid;
    uint64_t wait_us;

    s->pid = 0;
    render_processes_sweep(&s->processes, pid);
    if (s->stopping) {
        s->stopping = false;
        start(s);
        return;
    }
    wait_us = back_off(s);
    log_error("The render server (pid %d) %s. Another is started in %u ms; the contexts that are "
              "there go on.",
              (int)pid, how, (unsigned)(wait_us / 1000));
    start_in(s, wait_us);
}

static int on_again(sd_event_source *source, uint64_t now, void *data)
{
    start(data);
    return 0;
}

/* A server with its end of a new socket pair. 0 or -errno. */
static int spawn(struct render_server *s)
{
    struct render_spawn how = {
        .program = s->options.program,
        .environment = s->options.environment,
        .output = s->output.in,
        .shut = s->options.shut,
    };
    int pair[2];
    pid_t pid;
    int ret;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    how.socket = pair[1];
    pid = render_spawn_start(&how);
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        return pid;
    }
    s->pid = pid;
    s->started_ns = units_now_ns();
    s->starts++;
    ret = child_watch_start(&s->child, s->loop, pid, on_ended, s);
    if (ret == 0)
        return render_relay_set_server(&s->relay, pair[0]);
    close(pair[0]); /* it ends when it sees that */
    s->pid = 0;
    return ret;
}

static void start(struct render_server *s)
{
    int ret;

    if (s->pid != 0 || s->relay.library_fd < 0)
        return;
    ret = spawn(s);
    if (ret == 0) {
        log_info("The render server is started: %s, pid %d.", s->options.program, (int)s->pid);
        return;
    }
    log_error("The render server cannot be started: %s. Trying again.", strerror(-ret));
    if (s->pid != 0)
        child_watch_kill(&s->child);
    else
        start_in(s, BACK_OFF_MOST_US);
}

/* A library has connected. */
static int on_knock(sd_event_source *source, int fd, uint32_t events, void *data)
{
    struct render_server *s = data;
    eventfd_t count;
    int library;
    int ret;

    if (eventfd_read(fd, &count) < 0)
        return 0;
    library = atomic_exchange(&s->connecting, -1);
    if (library < 0)
        return 0;
    if (s->relay.library_fd >= 0)
        stop(s);
    ret = render_relay_set_library(&s->relay, library);
    if (ret < 0)
        log_error("The library cannot be heard: %s.", strerror(-ret));
    else if (s->stopping)
        render_relay_drop_server(&s->relay, true); /* the next one comes after its end */
    else
        start(s);
    return 0;
}

int render_server_connect(struct render_server *s)
{
    int pair[2];
    int last;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    last = atomic_exchange(&s->connecting, pair[0]);
    if (last >= 0)
        close(last);
    eventfd_write(s->knock, 1);
    return pair[1];
}

static int add_sources(struct render_server *s)
{
    int ret = sd_event_add_io(s->loop, &s->knocked, s->knock, EPOLLIN, on_knock, s);

    if (ret >= 0)
        ret = sd_event_add_time_relative(s->loop, &s->again, CLOCK_MONOTONIC, 0, ACCURACY_US,
                                         on_again, s);
    if (ret >= 0)
        ret = sd_event_source_set_enabled(s->again, SD_EVENT_OFF);
    return ret;
}

struct render_server *render_server_create(sd_event *loop,
                                           const struct render_server_options *options,
                                           void (*context_lost)(void *data, uint32_t ctx_id),
                                           void *data)
{
    struct render_server *s;
    const char *program = options->program ? options->program : render_spawn_program();
    int ret;

    if (program == NULL) {
        errno = ENOENT;
        return NULL;
    }
    s = calloc(1, sizeof(*s));
    if (s == NULL)
        return NULL;
    s->loop = loop;
    s->options = *options;
    s->options.program = program;
    if (s->options.environment == NULL)
        s->options.environment = render_environment();
    s->context_lost = context_lost;
    s->data = data;
    atomic_init(&s->connecting, -1);
    render_relay_init(&s->relay, loop, &relay_handler, s);
    render_processes_init(&s->processes, loop, lose_context, s);
    ret = render_output_init(&s->output, loop);
    if (ret < 0)
        log_warning("What the render server prints is not in the log: %s.", strerror(-ret));
    child_watch_init(&s->child);
    s->knock = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    ret = s->knock < 0 ? -errno : add_sources(s);
    if (ret < 0) {
        render_server_destroy(s);
        errno = -ret;
        return NULL;
    }
    return s;
}

void render_server_destroy(struct render_server *s)
{
    int connecting;

    if (s == NULL)
        return;
    child_watch_finish(&s->child);
    render_processes_finish(&s->processes);
    if (s->pid != 0)
        render_processes_sweep(&s->processes, s->pid);
    render_processes_finish(&s->processes);
    render_relay_finish(&s->relay);
    render_output_finish(&s->output);
    s->knocked = sd_event_source_disable_unref(s->knocked);
    s->again = sd_event_source_disable_unref(s->again);
    connecting = atomic_exchange(&s->connecting, -1);
    fd_close(&connecting);
    fd_close(&s->knock);
    free(s);
}

bool render_server_suspect(const struct render_server *s, uint32_t ctx_id,
                           struct render_suspect *suspect)
{
    /* Nothing else is said to the server that would be waited for. */
    if (s->relay.creating && s->pid != 0) {
        *suspect = (struct render_suspect){.pid = s->pid};
        return true;
    }
    *suspect = (struct render_suspect){
        .pid = render_processes_find(&s->processes, ctx_id),
        .ctx_id = ctx_id,
    };
    return suspect->pid != 0;
}

bool render_server_next(const struct render_server *s, uint32_t ctx_id,
                        struct render_suspect *suspect)
{
    ctx_id = render_processes_next(&s->processes, ctx_id);
    *suspect = (struct render_suspect){
        .pid = render_processes_find(&s->processes, ctx_id),
        .ctx_id = ctx_id,
    };
    return ctx_id != 0;
}

void render_server_kill(struct render_server *s, const struct render_suspect *suspect)
{
    if (suspect->ctx_id == 0 && suspect->pid == s->pid)
        child_watch_kill(&s->child);
    else if (suspect->ctx_id != 0 &&
             render_processes_find(&s->processes, suspect->ctx_id) == suspect->pid)
        render_processes_kill(&s->processes, suspect->ctx_id);
}

unsigned render_server_starts(const struct render_server *s)
{
    return s->starts;
}
