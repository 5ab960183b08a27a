/* SPDX-License-Identifier: MIT */
#include "starter_world.h"

#include <sys/mman.h>

#include "daemon/starter_process.h"
#include "daemon/upgrade.h"
#include "fuzz.h"
#include "protocol/cursor.h"

/*
 * Strangers in the places of both doors that the starter speaks with, which stands outside of every
 * wall: the device's, and the one of an upgrade. Children die at any time, and the starter becomes
 * another program, or fails to. Whatever comes: it starts and kills nobody but its two doors and
 * their workers, with the command line that it was given; no program inherits more than its part;
 * the device changes doors only when the other has it all; systemd hears the device's door alone,
 * one line at a time; and in the end all children are dead and no descriptor is left.
 */
#define STEPS 400u
#define LINES 1024u /* more than there can be */

static char word_0[] = "/proc/self/exe", word_1[] = "--fuzz", nothing[] = "/no/such/program";
static char *words[] = {word_0, word_1, NULL};

static struct {
    struct reader r;
    unsigned steps, idle;
    uint8_t setup;
    bool settled;
    bool before[WORLD_FDS];                         /* what was open when it began */
    bool speaks[LINES], holds[LINES], gives[LINES]; /* by the door's name: it has said so */
    int resume_fd, line;                            /* as the new program finds them */
} f;

/* ---- what the doors say ---- */

static int some_fd(uint8_t kind)
{
    int fd = kind % 2 != 0 ? eventfd(0, EFD_CLOEXEC) : open("/dev/null", O_RDONLY | O_CLOEXEC);
    int high = world_raise(fd);

    close(fd);
    return high;
}

static void note(unsigned name, const struct starter_message *m)
{
    f.speaks[name] |= m->type == STARTER_SPEAKS && m->status == (int)STARTER_VERSION;
    f.holds[name] |= m->type == STARTER_HOLDS && f.speaks[name];
    f.gives[name] |= m->type == STARTER_GIVEN;
}

static void send_message(unsigned end, const struct starter_message *m, size_t size, unsigned count,
                         uint8_t kind)
{
    int fds[FD_LIST_MAX] = {0};

    if (world.ends[end] < 0)
        return;
    for (unsigned i = 0; i < count; i++)
        fds[i] = some_fd(kind);
    if (fd_send(world.ends[end], m, size, fds, count) == sizeof(*m))
        note(world.names[end], m);
    for (unsigned i = 0; i < count; i++)
        fd_close(&fds[i]);
}

/* A text begins with its door's name. */
static char mark(unsigned end)
{
    return (char)('0' + world.names[end] % 64);
}

/* Anything: what it says, how long it is and what comes with it. */
static size_t spoil(struct starter_message *m, unsigned *count)
{
    size_t size = sizeof(*m);

    reader_get(&f.r, m, 16);
    if (reader_u8(&f.r) % 4 == 0)
        size = reader_u8(&f.r) % (sizeof(*m) + 1);
    *count = reader_u8(&f.r) % (FD_LIST_MAX + 1);
    return size;
}

static void say(unsigned end)
{
    struct starter_message m = {.type = reader_u8(&f.r) % (STARTER_TYPES + 2u)};
    uint8_t choice = reader_u8(&f.r);
    size_t size = sizeof(m);
    unsigned count = 0;

    if (m.type == STARTER_WORKER)
        count = 2 + choice % 2;
    else if (m.type == STARTER_UPGRADE)
        count = 1;
    m.status = m.type == STARTER_SPEAKS && choice % 8 != 7 ? (int)STARTER_VERSION : choice;
    if (m.type == STARTER_STATUS)
        reader_get(&f.r, m.text, choice % sizeof(m.text));
    if (choice >= 248)
        size = spoil(&m, &count);
    m.text[0] = mark(end);
    send_message(end, &m, size, count, choice);
}

/* What the starter says is of a known form. */
static void hear(unsigned end)
{
    struct starter_message m;
    struct fd_list fds = {0};
    unsigned name = world.names[end];

    while (world.ends[end] >= 0 && fd_receive(world.ends[end], &m, sizeof(m), &fds) == sizeof(m)) {
        PEER_MUST(fds.count == 0 && m.type >= STARTER_STARTED && m.type < STARTER_TYPES);
        PEER_MUST(m.type != STARTER_STARTED || m.pid >= WORLD_FIRST_PID || m.status < 0);
        PEER_MUST(m.type != STARTER_YOURS || f.holds[name]);
    }
}

/* ---- what the starter does ---- */

/* One line, of the device's door. */
static void on_news(const char *line)
{
    static const char *const fixed[] = {"READY=1", "STOPPING=1", "WATCHDOG=1"};
    const char *text = line + strlen("STATUS=");

    for (unsigned i = 0; i < 3; i++)
        if (strcmp(line, fixed[i]) == 0)
            return;
    PEER_MUST(strncmp(line, "STATUS=", 7) == 0 && strlen(text) < STARTER_TEXT);
    PEER_MUST(*text == mark(0));
    for (const char *at = text; *at != '\0'; at++)
        PEER_MUST((unsigned char)*at >= ' ');
}

/* What a program would have open that this process did not begin with. */
static unsigned count_inherited(void)
{
    unsigned n = 0;

    for (int fd = 3; fd < WORLD_FDS; fd++)
        n += !f.before[fd] && world_inherits(fd);
    return n;
}

static void check_worker(const char *last)
{
    int fds[3];

    PEER_MUST(sscanf(last, "--worker=%d,%d,%d", &fds[0], &fds[1], &fds[2]) == 3);
    for (unsigned i = 0; i < 3; i++)
        PEER_MUST((fds[i] == -1 && i == 2) || world_inherits(fds[i]));
    PEER_MUST(count_inherited() == 2u + (fds[2] >= 0));
}

static void check_beside(const char *last)
{
    int fds[2];

    PEER_MUST(sscanf(last, "--upgrade=%d,%d", &fds[0], &fds[1]) == 2);
    PEER_MUST(world_inherits(fds[0]) && world_inherits(fds[1]) && count_inherited() == 2);
}

/* The doors change, or have changed when this is the second try. */
static void check_become(const char *last)
{
    unsigned was = world.names[0], is = world.names[1];

    PEER_MUST(sscanf(last, "--starter=%d", &f.resume_fd) == 1 && world_inherits(f.resume_fd));
    PEER_MUST(count_inherited() == 2);
    if (world.ends[1] < 0)
        return;
    PEER_MUST(f.gives[was] || !world.children[world.doors[0]].alive);
    PEER_MUST(f.holds[is]);
    fd_close(&world.ends[0]);
    world.ends[0] = world.ends[1];
    world.ends[1] = -1;
    world.names[0] = is;
    world.doors[0] = world.doors[1];
}

/* Closes what is open since the beginning: all, or what a new program does not inherit. */
static void close_all(bool inherited)
{
    for (int fd = 3; fd < WORLD_FDS; fd++)
        if (!f.before[fd] && (inherited || !world_inherits(fd)))
            close(fd);
    for (unsigned i = 0; i < world.count; i++) {
        world.children[i].pidfd = -1;
        world.children[i].known = false;
    }
}

static bool on_executes(char *const *argv, bool child)
{
    char *const *last = argv;

    for (unsigned i = 0; i < 2; i++)
        PEER_MUST(argv[i] != NULL && strcmp(argv[i], words[i]) == 0);
    while (last[1] != NULL)
        last++;
    PEER_MUST(last - argv == 2 || ((f.setup & 64) && last - argv <= 4)); /* of the record */
    if (!child)
        check_become(*last);
    else if (strncmp(*last, "--upgrade=", 10) == 0)
        check_beside(*last);
    else
        check_worker(*last);
    if (!child && (f.setup & 1))
        close_all(false);
    return child || (f.setup & 1);
}

/* ---- what happens ---- */

static void die(uint8_t choice)
{
    struct world_child *child = &world.children[reader_u8(&f.r) % world.count];

    if (choice % 2 == 0)
        world_die(child, CLD_EXITED, choice % 8);
    else
        world_die(child, CLD_KILLED, choice % 4 == 1 ? SIGSYS : SIGKILL);
}

/* There is no more to come: all end. */
static void end_all(void)
{
    PEER_MUST(f.idle++ < 100u + STEPS);
    hear(0);
    hear(1);
    for (unsigned i = 0; i < world.count; i++)
        world_die(&world.children[i], CLD_EXITED, 0);
}

static void on_next(void)
{
    uint8_t choice;

    if (f.r.left == 0 || f.steps++ == STEPS) {
        f.r.left = 0;
        end_all();
        return;
    }
    choice = reader_u8(&f.r);
    if (choice < 100)
        say(0);
    else if (choice < 180)
        say(1);
    else if (choice < 200)
        hear(choice % 2);
    else if (choice < 230)
        die(choice);
    else if (choice < 240)
        world_signal(SIGTERM);
    else if (choice < 244)
        fd_close(&world.ends[choice % 2]);
}

/* ---- life ---- */

static int door(void *data, int line)
{
    PEER_MUST(world.in_child && fcntl(line, F_GETFD) >= 0 && count_inherited() == 0);
    return 0;
}

static int settle(void *data, unsigned inherited)
{
    f.settled = true;
    return f.setup & 2 && reader_u8(&f.r) % 4 == 0 ? -EPERM : 5;
}

static void inherit(void *data, unsigned made)
{
}

/* What a program before this one may have left, and something else. */
static void leave_record(int line)
{
    struct upgrade_record record = {
        .magic = UPGRADE_MAGIC,
        .version = STARTER_VERSION,
        .size = sizeof(record),
        .line = line,
        .door = WORLD_FIRST_PID,
        .worker = reader_u8(&f.r) % 2 != 0 ? WORLD_FIRST_PID + 1 : 0,
    };
    uint8_t at = reader_u8(&f.r), size = sizeof(record);

    if (at < sizeof(record))
        ((uint8_t *)&record)[at] = reader_u8(&f.r);
    if (at == 255)
        size = reader_u8(&f.r) % sizeof(record);
    if (record.line != line)
        record.line = -1; /* one that is somebody else's would be closed */
    f.resume_fd = memfd_create("record", 0);
    PEER_MUST(f.resume_fd >= 0 && write(f.resume_fd, &record, size) == size);
}

/* An exec was before. */
static void begin_resumed(void)
{
    int pair[2];

    PEER_MUST(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair) == 0);
    world_meet(0, pair[1]);
    close(pair[1]);
    world.count = 2;
    for (unsigned i = 0; i < 2; i++)
        world.children[i] = (struct world_child){.alive = true, .pidfd = -1};
    f.line = pair[0];
    leave_record(f.line);
}

/* The life of one program. Returns whether it became another. */
static bool live(void)
{
    struct starter_process process = {.argv = words,
                                      .resume_fd = f.resume_fd,
                                      .door = door,
                                      .settle = settle,
                                      .inherit = inherit};
    enum world_end end = (enum world_end)setjmp(world.way_out);

    if (end == WORLD_BECAME)
        return true;
    world.armed = true;
    if (end == WORLD_BEGINS)
        starter_process_run(&process);
    world.armed = false;
    if (end == WORLD_CHILD) {
        close_all(true);
        return false;
    }
    for (unsigned i = 0; i < world.count; i++)
        PEER_MUST(!world.children[i].alive || !world.children[i].known);
    return false;
}

static void prepare(void)
{
    uint8_t more;

    for (int fd = 0; fd < WORLD_FDS; fd++)
        f.before[fd] = fcntl(fd, F_GETFD) >= 0;
    world_begin();
    world.next = on_next;
    world.news = on_news;
    world.executes = on_executes;
    f.setup = reader_u8(&f.r);
    more = reader_u8(&f.r);
    if (f.setup & 4)
        world.views = 1u << more % 8;
    if (f.setup & 8)
        world.forks_fail = more;
    if (f.setup & 16)
        world.opens_fail = more;
    words[0] = f.setup & 32 ? nothing : word_0;
    f.resume_fd = f.line = -1;
    if (f.setup & 64)
        begin_resumed();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned fds = peer_open_fds();

    memset(&f, 0, sizeof(f));
    reader_init(&f.r, data, size);
    prepare();
    while (live())
        ;
    if (!f.settled) /* its end would have been the end of this as well */
        fd_close(&f.line);
    world_finish();
    PEER_MUST(peer_open_fds() == fds);
    return 0;
}

/* Mostly nothing fails. */
void fuzz_shape(uint8_t *data, size_t size, uint64_t (*next)(void))
{
    data[0] = (uint8_t)(next() % 4 == 0 ? next() % 64 : next() % 2);
}
