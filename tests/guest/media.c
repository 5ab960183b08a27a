/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/virtio_config.h>

#include "media_case.h"
#include "media_driver.h"
#include "media_selftest.h"

/*
 * media: a virtio-media driver in user space, and V4L2 clients for it. Prints '@@ key=value' lines
 * and ends 0, or 1 after a sentence on standard error.
 */
static const char usage[] =
    "usage: media COMMAND [OPTION]...\n"
    "  info        config space, window, formats, sizes, rates\n"
    "  stream      capture and verify every frame\n"
    "  steady      the same until a file appears (--until FILE)\n"
    "  formats     a few frames of every format and size\n"
    "  buffers32   32 buffers, all in use\n"
    "  busy        two clients: who owns the queue\n"
    "  killed      clients killed while they stream\n"
    "  rounds      map, write at once, unmap, look again (--frames N rounds)\n"
    "  reset       the driver goes while a client streams, three times\n"
    "  ioctls      every ioctl, mappings, malformed commands\n"
    "  selftest    PCI and rings on a virtio-rng device (--virtio-id 4)\n"
    "  --format F --size WxH --fps N --frames N --buffers N\n"
    "  --save FILE        the middle frame's bytes; FILE.txt says what they are\n"
    "  --memory           verify copies of the frames in guest memory, not the window\n"
    "  --no-drops         a dropped frame is a failure\n"
    "  --sum-every N      sum each Nth frame only; stamps, times and numbers are checked of all\n"
    "  --virtio-id N      the id that the device is presented with (45)\n"
    "  --event-buffers N  post fewer than 16\n"
    "  --no-event-idx --no-indirect --small-pages   do without\n";

static const struct {
    const char *name;
    int (*run)(struct media_case *c);
    unsigned frames; /* when none are asked for */
} commands[] = {
    {"info", media_case_info, 0},
    {"stream", media_case_stream, 300},
    {"steady", media_case_steady, 0},
    {"formats", media_case_formats, 5},
    {"buffers32", media_case_buffers32, 128},
    {"busy", media_case_busy, 0},
    {"killed", media_case_killed, 0},
    {"ioctls", media_case_ioctls, 0},
    {"reset", media_case_fresh, 0},
    {"rounds", media_case_rounds, 0},
    {"selftest", NULL, 0},
};

#define ABANDONED_ROUNDS 3

static const struct option long_options[] = {
    {"format", required_argument, NULL, 'f'},
    {"size", required_argument, NULL, 's'},
    {"fps", required_argument, NULL, 'r'},
    {"frames", required_argument, NULL, 'n'},
    {"buffers", required_argument, NULL, 'b'},
    {"save", required_argument, NULL, 'o'},
    {"until", required_argument, NULL, 't'},
    {"memory", no_argument, NULL, 'm'},
    {"no-drops", no_argument, NULL, 'd'},
    {"virtio-id", required_argument, NULL, 'i'},
    {"event-buffers", required_argument, NULL, 'e'},
    {"no-event-idx", no_argument, NULL, 'x'},
    {"no-indirect", no_argument, NULL, 'y'},
    {"small-pages", no_argument, NULL, 'p'},
    {"sum-every", required_argument, NULL, 'u'},
    {NULL, 0, NULL, 0},
};

static bool number(const char *text, unsigned least, unsigned most, unsigned *to)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    if (!*text || *end || value < least || value > most)
        return false;
    *to = (unsigned)value;
    return true;
}

static bool take_option(int option, struct media_case *c, struct media_driver_options *o)
{
    char name[5] = "    ", tail;

    switch (option) {
    case 'f':
        if (!*optarg || strlen(optarg) > 4)
            return false;
        memcpy(name, optarg, strlen(optarg));
        c->ask.fourcc = v4l2_fourcc(name[0], name[1], name[2], name[3]);
        return true;
    case 's':
        return sscanf(optarg, "%ux%u%c", &c->ask.width, &c->ask.height, &tail) == 2;
    case 'r':
        return number(optarg, 1, 1000, &c->ask.fps);
    case 'n':
        return number(optarg, 1, 1000000, &c->frames);
    case 'b':
        return number(optarg, 1, MEDIA_STREAM_BUFFERS, &c->buffers);
    case 'u':
        return number(optarg, 1, 1000000, &c->ask.sum_every);
    case 'i':
        return number(optarg, 1, 63, &o->virtio_id);
    case 'e':
        return number(optarg, 1, MEDIA_DRIVER_EVENT_BUFFERS, &o->event_buffers);
    case 'o':
        c->save = optarg;
        return true;
    case 't':
        c->until = optarg;
        return true;
    case 'm':
        return c->ask.copy = true;
    case 'd':
        return c->no_drops = true;
    case 'x':
        o->features &= ~(1ull << VIRTIO_RING_F_EVENT_IDX);
        return true;
    case 'y':
        o->features &= ~(1ull << VIRTIO_RING_F_INDIRECT_DESC);
        return true;
    case 'p':
        return o->small_pages = true;
    default:
        return false;
    }
}

static void describe(struct media_driver *driver, struct media_case *c)
{
    struct virtio_media_config config = {0};

    media_pci_read_config(&driver->pci, 0, &config, sizeof(config));
    c->place.caps = config.device_caps;
    c->device_type = config.device_type;
    memcpy(c->card, config.card, sizeof(config.card));
    if (!driver->shm)
        return;
    media_pci_bar_path(&driver->pci, driver->shm->bar, c->place.bar_path,
                       sizeof(c->place.bar_path));
    c->place.bar_offset = driver->shm->offset;
    c->place.region = driver->shm->length;
}

/* The device must be reset before our memory goes, or it writes into what is no longer ours. */
static void on_signal(int number)
{
    (void)number;
    media_driver_stop = 1;
}

/* Starts the case beside the driver, and is the driver until all its sockets are closed. */
static int run_case(struct media_driver *driver, struct media_case *c,
                    int (*run)(struct media_case *c))
{
    int status = 0;
    pid_t pid;

    for (unsigned i = 0; i < MEDIA_CASE_SOCKETS; i++) {
        int pair[2];

        if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair)) {
            fprintf(stderr, "media: socketpair: %s\n", strerror(errno));
            return 1;
        }
        driver->peers[i].fd = pair[0];
        c->sockets[i] = pair[1];
    }
    fflush(stdout);
    pid = fork();
    if (!pid) {
        for (unsigned i = 0; i < MEDIA_CASE_SOCKETS; i++)
            close(driver->peers[i].fd);
        signal(SIGTERM, SIG_DFL);
        signal(SIGINT, SIG_DFL);
        exit(run(c));
    }
    media_case_close_sockets(c, MEDIA_CASE_SOCKETS);
    if (pid > 0)
        media_driver_serve(driver);
    if (pid > 0 && media_driver_stop)
        kill(pid, SIGKILL);
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) {
        fprintf(stderr, "media: %s\n",
                media_driver_stop ? "stopped by a signal" : "the client has crashed");
        return 1;
    }
    return WEXITSTATUS(status);
}

static int report(struct media_driver *driver, int rc)
{
    printf("@@ commands=%llu events=%llu kicks=%llu indirect=%llu slowest_command_us=%llu "
           "features=%#llx faults=%llu\n",
           (unsigned long long)driver->command_count, (unsigned long long)driver->event_total,
           (unsigned long long)(driver->commands.kicks + driver->events.kicks),
           (unsigned long long)driver->commands.indirects,
           (unsigned long long)driver->slowest / 1000, (unsigned long long)driver->pci.features,
           (unsigned long long)driver->faults);
    if (driver->faults) {
        fprintf(stderr, "media: the device did %llu things wrong\n",
                (unsigned long long)driver->faults);
        rc = 1;
    }
    return rc;
}

static int serve(struct media_case *c, const struct media_driver_options *options,
                 int (*run)(struct media_case *c), bool careless)
{
    static struct media_driver driver;
    int rc;

    if (media_driver_init(&driver, options))
        return 1;
    driver.careless = careless;
    describe(&driver, c);
    rc = run_case(&driver, c, run);
    rc = report(&driver, rc);
    if (media_driver_finish(&driver))
        rc = 1;
    printf("@@ result=%s\n", rc ? "fail" : "pass");
    return rc;
}

/* Leaves the device busy, without a word, before each run; its reset must clean up. */
static int serve_after_reset(struct media_case *c, const struct media_driver_options *options)
{
    int rc = 0;

    for (unsigned i = 0; i < ABANDONED_ROUNDS && !rc; i++) {
        rc = serve(c, options, media_case_abandon, true);
        if (!rc)
            rc = serve(c, options, media_case_fresh, false);
    }
    return rc;
}

int main(int argc, char **argv)
{
    struct media_driver_options options = {
        .virtio_id = 45,
        .event_buffers = MEDIA_DRIVER_EVENT_BUFFERS,
        .features = 1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_RING_F_EVENT_IDX |
                    1ull << VIRTIO_RING_F_INDIRECT_DESC,
    };
    static struct media_case c = {
        .ask = {.fourcc = V4L2_PIX_FMT_NV12, .width = 640, .height = 480, .fps = 30},
        .buffers = 4,
    };
    int option;

    setvbuf(stdout, NULL, _IOLBF, 0); /* who is killed has said what it said */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        if (!take_option(option, &c, &options)) {
            fprintf(stderr, "media: an option or its value is wrong\n%s", usage);
            return 1;
        }
    }
    for (unsigned i = 0; optind + 1 == argc && i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(argv[optind], commands[i].name))
            continue;
        if (!c.frames)
            c.frames = commands[i].frames;
        if (!commands[i].run)
            return media_selftest(&options);
        if (commands[i].run == media_case_fresh)
            return serve_after_reset(&c, &options);
        return serve(&c, &options, commands[i].run, false);
    }
    fputs(usage, stderr);
    return 1;
}
