/* SPDX-License-Identifier: MIT */
#include "daemon/program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>
#include <systemd/sd-daemon.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/trace.h"
#include "base/units.h"
#include "daemon/control_socket.h"
#include "daemon/listener.h"
#include "daemon/report.h"
#include "daemon/self_check.h"
#include "daemon/settings.h"
#include "daemon/starter_process.h"
#include "daemon/upgrade.h"
#include "door/door.h"

#define PATIENCE_US UINT64_C(3700000000) /* for an upgrade, which has limits of its own */

/* What is served, in the starter and in the door. */
struct service {
    const struct program *program;
    const struct options *options;
    struct listener listener;
    struct control_socket control;
    uint64_t watchdog_us; /* 0: nobody wants signs of life */
    /* The door's alone. */
    sd_event *loop;
    struct door door;
};

/* QEMU's vhost-user conventions: type and features are for whoever picks a back-end; the rest says
 * what was built. */
static int print_capabilities(const struct program *program)
{
    struct json_object *root = json_object_new_object();
    struct json_object *features = json_object_new_array();
    const char *text;

    for (unsigned i = 0; program->capabilities[i] != NULL; i++)
        json_object_array_add(features, json_object_new_string(program->capabilities[i]));
    json_object_object_add(root, "type", json_object_new_string(program->type));
    json_object_object_add(root, "features", features);
    json_object_object_add(root, "version", json_object_new_string(HOSTBLOB_VERSION));
    text = json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY);
    puts(text);
    json_object_put(root);
    return ferror(stdout) || fflush(stdout) != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static struct sandbox_plan plan_of(const struct options *options, enum sandbox_role role)
{
    return (struct sandbox_plan){
        .role = role,
        .mode = options->sandbox,
        .log = options->sandbox_log,
    };
}

static int shut_worker(void *data, bool last, unsigned *layers)
{
    const struct sandbox_plan *plan = data;

    if (plan->early)
        return last ? sandbox_filter(plan, layers) : sandbox_enclose(plan, layers);
    return last ? sandbox_enter(plan, layers) : 0;
}

/* This process writes into the trace as well, if there is to be one. */
static void begin_trace(const struct program *program, const struct options *o, const char *role)
{
    char name[256];

    if (o->trace == NULL)
        return;
    snprintf(name, sizeof(name), "%s %s%s%s", program->options.name, role,
             o->socket_path != NULL ? " " : "", o->socket_path != NULL ? o->socket_path : "");
    trace_begin(o->trace, o->trace_limit, name);
}

static int run_worker(const struct program *program, const struct options *o)
{
    struct sandbox_plan plan = plan_of(o, SANDBOX_ROLES);
    struct worker_options options = {
        .link_fd = o->link_fd,
        .journal_fd = o->journal_fd,
        .arena_fd = o->arena_fd,
        .window_size = o->window,
        .exporter = o->exporter,
        .drm_node = program->drm_node != NULL ? *program->drm_node : NULL,
        .poll_us = o->poll,
        .create = program->create,
        .device_options = program->options.target,
        .quotas = program->options.quotas,
        .limits = o->limits,
        .shut = shut_worker,
        .shut_data = &plan,
    };

    log_init(program->options.name, "worker", o->log_level);
    /* A Ctrl-C reaches all; the door says when it is over, by hanging up. */
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    program->sandbox(program->options.target, &plan);
    begin_trace(program, o, "worker");
    return worker_run(&options);
}

/* Where the front-end comes from: systemd, an inherited descriptor, or a path. */
static int find_front_end(struct service *s)
{
    int passed = sd_listen_fds(true);

    if (passed > 0)
        return listener_init_fd(&s->listener, SD_LISTEN_FDS_START);
    if (s->options->fd >= 0)
        return listener_init_fd(&s->listener, s->options->fd);
    if (s->options->socket_path != NULL)
        return listener_init_path(&s->listener, s->options->socket_path, s->options->group);
    log_error("There is no socket to serve. Give --socket-path=PATH or --fd=N.");
    return -EINVAL;
}

static char *on_report(void *data)
{
    struct service *s = data;
    return report_create(&s->door, &s->program->options, s->options);
}

/* The journal has it for the workers to come; the one that runs is to look there. */
static int set(struct service *s, const char *line, control_done *done, void *client)
{
    struct journal_settings *settings = &s->door.journal.page->settings;
    char why[SETTINGS_TEXT];
    int r = settings_take(settings, &s->program->options, line, why);

    if (r < 0) {
        done(client, r, why);
        return 0;
    }
    settings_apply(settings);
    log_info("From now on %s, as a person asked.", strchr(line, ' ') + 1);
    r = errands_ask(&s->door.errands, LINK_LINE_SETTINGS, -1, done, client);
    if (r == -ENOTCONN)
        done(client, 0, "");
    return r == -ENOTCONN ? 0 : r;
}

static int on_command(void *data, const char *line, int fd, control_done *done, void *client)
{
    struct service *s = data;

    if (hand_over_is(line))
        return hand_over_ask(&s->door.hand_over, line, done, client);
    if (settings_is(line))
        return set(s, line, done, client);
    return errands_ask(&s->door.errands, line, fd, done, client);
}

static void on_forget(void *data, void *client)
{
    struct service *s = data;
    errands_forget(&s->door.errands, client);
    hand_over_forget(&s->door.hand_over, client);
}

static uint64_t on_patience(void *data, const char *line)
{
    return hand_over_is(line) ? PATIENCE_US : 0;
}

static const struct control_handler control_handler = {on_report, on_command, on_forget,
                                                       on_patience};

static void on_status(void *data, const char *text)
{
    struct service *s = data;
    starter_say(&s->door.starter, STARTER_STATUS, text);
}

static void on_ready(void *data)
{
    struct service *s = data;
    char size[24];

    units_format_size(s->options->window, size);
    log_info("Ready: window of %s, %s.", size,
             s->options->arena ? "own buffers in the arena" : "each buffer mapped by itself");
    starter_say(&s->door.starter, STARTER_STATUS, "waiting for a front-end");
    starter_say(&s->door.starter, STARTER_READY, NULL);
}

/* ---- upgrades ---- */

static void on_given(void *data)
{
    struct service *s = data;
    control_socket_close(&s->control);
}

static bool is_asked(void *data)
{
    struct service *s = data;
    return control_socket_busy(&s->control);
}

static int serve_people(struct service *s)
{
    s->door.control_fd = s->control.fd;
    if (s->control.fd < 0)
        return 0;
    return control_socket_serve(&s->control, s->loop, &control_handler, s);
}

static void on_taken(void *data, int control_fd)
{
    struct service *s = data;

    settings_apply(&s->door.journal.page->settings);
    control_socket_adopt(&s->control, control_fd);
    if (serve_people(s) < 0)
        log_error("Nobody can ask at the control socket any more.");
}

static const struct door_handler door_handler = {on_status, on_ready, on_given, is_asked, on_taken};

/* ---- the door ---- */

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *si, void *data)
{
    log_info("Ending, as asked by signal %u.", si->ssi_signo);
    return sd_event_exit(sd_event_source_get_event(source), 0);
}

/* The starter has blocked it, and hands it on; Ctrl-C is the starter's too. */
static int take_signals(sd_event *loop)
{
    int r;

    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    r = sd_event_add_signal(loop, NULL, SIGTERM, on_signal, NULL);
    return r;
}

static int on_turn(sd_event_source *source, void *data)
{
    trace_flush();
    return 0;
}

/* Before it is shut in. */
static int trace_door(struct service *s)
{
    begin_trace(s->program, s->options, "door");
    return TRACE_ON() ? sd_event_add_post(s->loop, NULL, on_turn, NULL) : 0;
}

/* Everything that is opened is open already. 'channel' is to the door that this one takes over
 * from; -1: there is none. */
static int door_begin(struct service *s, int starter_fd, int channel)
{
    struct door_options options = {
        .program = s->program->options.name,
        .kind = s->program->kind,
        .window_size = s->options->window,
        .arena = s->options->arena,
        .mem_slots = s->options->mem_slots,
        .answer_limit_us = s->options->answer_limit * UINT64_C(1000000),
        .starter_fd = starter_fd,
        .watchdog_us = s->watchdog_us,
    };
    const struct sandbox_plan plan = plan_of(s->options, SANDBOX_DOOR);
    bool listening = s->listener.listening;
    int r = channel >= 0 ? door_init_beside(&s->door, s->loop, &options, channel, &door_handler, s)
                         : door_init(&s->door, s->loop, &options, &door_handler, s);

    if (r < 0)
        return r;
    r = serve_people(s);
    if (r >= 0)
        r = take_signals(s->loop);
    if (r >= 0)
        r = trace_door(s);
    if (r >= 0 && channel < 0)
        r = door_serve(&s->door, listener_take(&s->listener), listening);
    if (r >= 0)
        r = sandbox_enter(&plan, &s->door.layers);
    if (r >= 0) {
        r = sd_event_loop(s->loop);
        starter_say(&s->door.starter, STARTER_STOPPING, NULL);
    }
    if (r < 0)
        log_error("The device cannot be served: %s.", strerror(-r));
    control_socket_finish(&s->control);
    door_finish(&s->door);
    trace_end();
    return r;
}

/* The life of the door's process. */
static int run_door(void *data, int starter_fd)
{
    struct service *s = data;
    int r = sd_event_new(&s->loop);

    if (r >= 0)
        r = door_begin(s, starter_fd, -1);
    else
        log_error("The door has no loop: %s.", strerror(-r));
    sd_event_unref(s->loop);
    return r < 0 ? EXIT_FAILURE : r;
}

/* The door has the sockets now; their names are the starter's to remove. */
static int settle(void *data, unsigned inherited)
{
    struct service *s = data;
    struct sandbox_plan plan = plan_of(s->options, SANDBOX_STARTER);
    int front_end = listener_take(&s->listener);
    unsigned layers = 0;
    int r;

    fd_close(&front_end);
    fd_close(&s->control.fd);
    sandbox_renew(inherited);
    if (inherited != 0)
        return (int)inherited;
    if (s->options->sandbox == SANDBOX_NONE)
        log_warning("--sandbox=none: a guest that takes over this device has all rights of its "
                    "user.");
    s->program->sandbox(s->program->options.target, &plan);
    r = sandbox_enter(&plan, &layers);
    return r < 0 ? r : (int)layers;
}

/* Memory of others is mapped piece by piece: then all is. */
static void do_without_arena(struct options *options)
{
    if (options->arena_asked)
        log_warning("--mapping=arena is left out: this device maps memory that is not its own.");
    options->arena = false;
}

/* What the worker is told besides this program's own words: what was settled here, as in 'options'.
 */
static int prepare(const struct program *program, struct options *options, char **argv,
                   struct house_words *words)
{
    _Static_assert(PROGRAM_WORD <= sizeof(words->word), "a word for the worker has its place");
    int r = 0;

    if (program->prepare != NULL)
        r = program->prepare(program->options.target, argv, words->word, &words->foreign);
    if (r < 0)
        return r;
    if (words->foreign && options->arena)
        do_without_arena(options);
    return 0;
}

static int open_sockets(struct service *s)
{
    int r = find_front_end(s);

    if (r >= 0 && s->options->control_path != NULL)
        r = control_socket_open(&s->control, s->options->control_path);
    return r;
}

/* What the program before this one made is ours now. */
static void inherit(void *data, unsigned made)
{
    struct service *s = data;

    if ((made & UPGRADE_MADE_SOCKET) != 0)
        listener_inherit(&s->listener, s->options->socket_path);
    if ((made & UPGRADE_MADE_CONTROL) != 0)
        listener_inherit(&s->control.listener, s->options->control_path);
}

static unsigned made_by(const struct service *s)
{
    return (s->listener.path != NULL ? UPGRADE_MADE_SOCKET : 0) |
           (s->control.listener.path != NULL ? UPGRADE_MADE_CONTROL : 0);
}

/* The life of the starter, from the beginning of the device or from an upgrade on. */
static int run_device(const struct program *program, struct options *options, char **argv)
{
    struct service s = {.program = program, .options = options, .listener.fd = -1};
    struct starter_process starter = {
        .argv = argv,
        .resume_fd = options->starter_fd,
        .control_path = options->control_path,
        .door = run_door,
        .settle = settle,
        .inherit = inherit,
        .data = &s,
    };
    bool begins = options->starter_fd < 0;
    int status = EXIT_FAILURE;

    log_init(program->options.name, NULL, options->log_level);
    if (begins && options->trace != NULL && trace_make(options->trace) < 0)
        return EXIT_FAILURE;
    if (begins && prepare(program, options, argv, &starter.words) < 0)
        return EXIT_FAILURE;
    control_socket_clear(&s.control);
    sd_watchdog_enabled(false, &s.watchdog_us);
    if (!begins || open_sockets(&s) >= 0) {
        starter.made = made_by(&s);
        status = starter_process_run(&starter);
    }
    control_socket_finish(&s.control);
    listener_finish(&s.listener);
    return status;
}

/* The life of a door beside that of another program, which is to be upgraded to this one. */
static int run_beside(const struct program *program, const struct options *options)
{
    struct service s = {.program = program, .options = options, .listener.fd = -1};
    struct starter line = {.fd = options->upgrade_line};
    int r;

    log_init(program->options.name, NULL, options->log_level);
    if (fcntl(options->upgrade_line, F_SETFD, FD_CLOEXEC) < 0 ||
        fcntl(options->upgrade_channel, F_SETFD, FD_CLOEXEC) < 0)
        return EXIT_FAILURE;
    control_socket_clear(&s.control);
    r = starter_speaks(&line);
    if (r >= 0)
        r = sd_event_new(&s.loop);
    if (r >= 0)
        r = door_begin(&s, options->upgrade_line, options->upgrade_channel);
    sd_event_unref(s.loop);
    return r < 0 ? EXIT_FAILURE : r;
}

/* An upgrade puts a word behind the command line, which is not the person's. */
static int run_one(const struct program *program, struct options *options, int argc, char **argv)
{
    if (options->is_worker)
        return run_worker(program, options);
    if (options->upgrade_line >= 0)
        return run_beside(program, options);
    if (options->starter_fd >= 0)
        argv[argc - 1] = NULL;
    return run_device(program, options, argv);
}

/* What is asked for besides serving a front-end. -1: nothing. */
static int run_other(const struct program *program, const struct options *options, char **argv)
{
    const void *target = program->options.target;

    if (options->check_options)
        return EXIT_SUCCESS;
    if (options->print_options)
        return options_print(&program->options);
    if (options->print_capabilities)
        return print_capabilities(program);
    if (options->probe == NULL && !options->check)
        return -1;
    log_init(program->options.name, options->probe, options->log_level);
    if (options->probe != NULL)
        return program->probe != NULL ? program->probe(options->probe, target) : EXIT_FAILURE;
    return self_check(program, options, argv);
}

int program_main(const struct program *program, int argc, char **argv)
{
    struct options options;
    int status;

    /* A file that may not become so large is an error of the call that writes it, and no end. */
    signal(SIGXFSZ, SIG_IGN);
    switch (options_parse(&options, &program->options, argc, argv)) {
    case OPTIONS_DONE:
        return EXIT_SUCCESS;
    case OPTIONS_WRONG:
        return 2;
    case OPTIONS_RUN:
        break;
    }
    status = run_other(program, &options, argv);
    if (status >= 0)
        return status;
    fd_raise_limit();
    return run_one(program, &options, argc, argv);
}
