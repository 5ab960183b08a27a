/* SPDX-License-Identifier: MIT */
/* What a person can see of a device that runs, and change, with the 'hostblob' command. */
#include "cli_story.h"
#include "gpu_story.h"
#include "media_story.h"
#include "upgrade_story.h"

#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static const char *control(struct story *s)
{
    return s->daemon.control_path;
}

/* ---- the report ---- */

static void the_report_has_a_ledger(void **state)
{
    struct story *s = story(state);
    bool single = story_single(s);
    long maps;

    gpu_story_open(s, NULL);
    gpu_story_create_mapped(s, 77, 2 * MIB, 4 * MIB);
    usleep(50000);
    assert_int_equal(hostblob(s, "list --json %s", control(s)), 0);
    assert_int_equal(number("/0/report/format"), 1);
    assert_int_equal(number("/0/report/ledger"), single ? 2 : 1);
    assert_int_equal(number("/0/report/ledger/0/shmid"), 1);
    assert_int_equal(number("/0/report/ledger/0/shm_offset"), single ? 4 * MIB : 0);
    assert_int_equal(number("/0/report/ledger/0/size"), single ? 2 * MIB : 64 * MIB);
    assert_int_equal(number("/0/report/ledger/0/fd_offset"), 0);
    expect_text("/0/report/ledger/0/fd_kind", "memfd");
    expect_text("/0/report/ledger/0/state", "mapped");
    assert_true(number("/0/report/ledger/0/age_ms") >= 50);
    assert_true(number("/0/report/ledger/0/age_ms") < 100000);
    expect_text("/0/report/device/loans/1/owner", "context 1");
    assert_true(number("/0/report/device/loans/1/age_ms") >= 50);
    maps = number("/0/report/counters/maps");
    assert_int_equal(number("/0/report/latencies/map/count"), single ? maps : 1);
    assert_true(number("/0/report/latencies/map/sum_ns") > 0);
    assert_true(number("/0/report/latencies/map/buckets/0/below_us") > 0);
    assert_int_equal(number("/0/report/latencies/unmap/count"), 0);
    assert_int_equal(gpu_guest_unref(&s->frontend, 77), OK);
    assert_int_equal(hostblob(s, "list --json %s", control(s)), 0);
    assert_int_equal(number("/0/report/latencies/unmap/count"), single ? 1 : 0);
    story_end(s);
}

static void the_window_is_a_picture(void **state)
{
    struct story *s = story(state);

    gpu_story_open(s, NULL); /* which maps a page at 63 MiB */
    gpu_story_create_mapped(s, 5, 2 * MIB, 0);
    gpu_story_create_mapped(s, 6, MIB / 2, 17 * MIB);
    gpu_story_create_mapped(s, 7, MIB / 2, 17 * MIB + MIB / 2);
    assert_int_equal(
        hostblob(s, "maps %s | cat; COLUMNS=31 \"$HOSTBLOB\" maps %s", control(s), control(s)), 0);
    expect("4 buffers, 3076K of a window of 64M\n");
    expect("free: 62460K in 3 ranges, the largest 45M (26% fragmented)\n");
    /* Nobody said how wide it may be. */
    expect("         0x0 aaaaaaaa........................................................\n");
    expect("   0x1000000 ....bbcc........................................................\n");
    expect("A character is 256K");
    /* And narrow. */
    expect("         0x0 aa..............\n"
           "   0x1000000 .+..............\n"
           "   0x2000000 ................\n"
           "   0x3000000 ...............d\n"
           "  A character is 1M: the MARK of the buffer there; '.' is free, '+' has several.\n");
    expect("  a     5     0x0        2M    ");
    expect("context 1  ");
    assert_int_equal(hostblob(s, "maps --json %s", control(s)), 0);
    assert_int_equal(number("/0/shmid"), 1);
    assert_int_equal(number("/0/free_ranges"), 3);
    assert_int_equal(number("/0/largest_free"), 45 * MIB);
    expect_text("/0/maps/0/owner", "context 1");
    story_end(s);
}

/* ---- lists ---- */

static void a_gpu_says_what_the_guest_has_made(void **state)
{
    struct story *s = story(state);
    struct virtio_gpu_resource_create_2d image = {
        .hdr.type = VIRTIO_GPU_CMD_RESOURCE_CREATE_2D,
        .resource_id = 3,
        .format = VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM,
        .width = 64,
        .height = 48,
    };
    struct virtio_gpu_set_scanout shown = {
        .hdr.type = VIRTIO_GPU_CMD_SET_SCANOUT, .r = {0, 0, 64, 48}, .resource_id = 3};
    struct virtio_gpu_ctrl_hdr answer;

    story_start(s, NULL);
    assert_int_equal(hostblob(s, "resources %s", control(s)), 0);
    expect("The guest has made no resources.");
    assert_int_equal(hostblob(s, "contexts %s", control(s)), 0);
    expect("The guest has made no contexts.");
    story_join(s);
    gpu_story_bind(s);
    gpu_story_create_mapped(s, 77, 2 * MIB, 4 * MIB);
    assert_int_equal(
        gpu_guest_command(&s->frontend, &image, sizeof(image), &answer, sizeof(answer)), OK);
    assert_int_equal(
        gpu_guest_command(&s->frontend, &shown, sizeof(shown), &answer, sizeof(answer)), OK);
    assert_int_equal(hostblob(s, "resources --json %s", control(s)), 0);
    assert_int_equal(number("/resources"), 3);
    assert_int_equal(number("/left_out"), 0);
    assert_int_equal(number("/resources/0/id"), 3);
    expect_text("/resources/0/kind", "2d");
    expect_text("/resources/0/format", "B8G8R8X8");
    assert_int_equal(number("/resources/0/height"), 48);
    assert_int_equal(number("/resources/0/scanouts"), 1);
    expect_text("/resources/0/state", "unmapped");
    assert_int_equal(number("/resources/1/id"), 77);
    expect_text("/resources/1/memory", "host3d");
    assert_int_equal(number("/resources/1/size"), 2 * MIB);
    assert_int_equal(number("/resources/1/offset"), 4 * MIB);
    assert_int_equal(number("/resources/1/contexts/0"), 1);
    assert_int_equal(hostblob(s, "resources %s", control(s)), 0);
    expect("2d B8G8R8X8  64x48  ");
    expect("blob host3d  2M  ");
    expect("mapped at 0x400000");
    assert_int_equal(hostblob(s, "contexts --json %s", control(s)), 0);
    assert_int_equal(number("/contexts"), 1);
    assert_int_equal(number("/contexts/0/id"), 1);
    expect_text("/contexts/0/renderer", "memory");
    expect_text("/contexts/0/capset", "memory");
    assert_int_equal(number("/contexts/0/resources"), 2);
    assert_int_equal(hostblob(s, "contexts %s", control(s)), 0);
    expect("alive");
    assert_int_equal(hostblob(s, "sessions %s", control(s)), 1);
    expect("there is no such command for a GPU");
    story_end(s);
}

/* As many as a guest may make do not stop the device, and are all there. */
static void a_long_list_is_whole(void **state)
{
    struct story *s = story(state);

    gpu_story_open(s, NULL);
    for (uint32_t id = 100; id < 600; id++)
        gpu_story_create(s, id, 4096);
    assert_int_equal(hostblob(s, "resources --json %s | grep -c '\"kind\":\"blob\"'", control(s)),
                     0);
    assert_int_equal(atoi(output), 501);
    story_end(s);
}

static void expect_owner(struct story *s, const struct stream *stream)
{
    char owner[32];
    long before = -1;

    snprintf(owner, sizeof(owner), "session %u", stream->session);
    assert_int_equal(hostblob(s, "maps --json %s", control(s)), 0);
    assert_int_equal(number("/0/maps"), BUFFERS);
    for (unsigned i = 0; i < BUFFERS; i++) {
        char path[32];

        snprintf(path, sizeof(path), "/0/maps/%u/owner", i);
        expect_text(path, owner);
        snprintf(path, sizeof(path), "/0/maps/%u/id", i);
        assert_true(number(path) > before); /* each has one of its own */
        before = number(path);
    }
}

static void a_media_device_says_who_streams(void **state)
{
    struct story *s = story(state);
    struct stream stream;
    pid_t worker;

    open_device(s);
    assert_int_equal(hostblob(s, "sessions %s", control(s)), 0);
    expect("No program of the guest has the device open.");
    begin_stream(s, &stream, WIDTH, HEIGHT, BUFFERS);
    take_frame(s, &stream);
    assert_int_equal(hostblob(s, "sessions --json %s", control(s)), 0);
    assert_int_equal(number("/sessions"), 1);
    assert_int_equal(number("/sessions/0/id"), stream.session);
    assert_int_equal(number("/sessions/0/queues"), 1);
    expect_text("/sessions/0/queues/0/direction", "capture");
    assert_int_equal(number("/sessions/0/queues/0/width"), WIDTH);
    assert_int_equal(number("/sessions/0/queues/0/buffers"), BUFFERS);
    expect_text("/sessions/0/queues/0/memory", "mmap");
    assert_int_equal(number("/sessions/0/queues/0/streaming"), 1);
    assert_int_equal(hostblob(s, "sessions %s", control(s)), 0);
    expect("streams");
    expect_owner(s, &stream);
    worker = story_worker(s);
    kill(worker, SIGKILL);
    story_await_another(s, worker);
    take_frame(s, &stream);
    expect_owner(s, &stream);
    assert_int_equal(hostblob(s, "resources %s", control(s)), 1);
    expect("there is no such command for a media device");
    end_stream(s, &stream);
    story_end(s);
}

/* ---- settings ---- */

static void settings_outlive_the_worker(void **state)
{
    static const char *const limits[] = {"--limit=mappings=1", NULL};
    struct story *s = story(state);
    pid_t worker;

    gpu_story_open(s, limits);
    gpu_story_create(s, 7, MIB);
    assert_true(gpu_guest_map(&s->frontend, 7, MIB) >= REFUSED);
    assert_int_equal(hostblob(s, "set %s", control(s)), 0);
    expect("poll=0");
    assert_int_equal(hostblob(s, "set %s limit=mappings=2 log-level=debug poll=30", control(s)), 0);
    assert_string_equal(output, "");
    assert_int_equal(gpu_guest_map(&s->frontend, 7, MIB), MAPPED);
    assert_int_equal(hostblob(s, "set --json %s", control(s)), 0);
    expect_text("/log-level", "debug");
    assert_int_equal(number("/poll"), 30);
    assert_true(daemon_process_logged(&s->daemon, "From now on limit=mappings=2, as a person"));
    worker = story_worker(s);
    kill(worker, SIGKILL);
    story_await_another(s, worker);
    assert_int_equal(gpu_story_ping(s), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
    assert_int_equal(hostblob(s, "limits --json %s", control(s)), 0);
    assert_int_equal(number("/0/limits/mappings/limit"), 2);
    assert_int_equal(number("/0/limits/mappings/used"), 2);
    assert_int_equal(hostblob(s, "maps --json %s", control(s)), 0);
    assert_int_equal(number("/0/maps/0/id"), 7);
    expect_text("/0/maps/0/owner", "context 1"); /* that too */
    story_end(s);
}

/* The next program goes by them too, and counts on. */
static void settings_outlive_the_program(void **state)
{
    struct story *s = story(state);
    long maps;

    gpu_story_open(s, NULL);
    gpu_story_create_mapped(s, 7, MIB, 0);
    assert_int_equal(hostblob(s, "set %s limit=mappings=5 log-level=warning poll=30", control(s)),
                     0);
    assert_int_equal(hostblob(s, "list --json %s", control(s)), 0);
    maps = number("/0/report/latencies/map/count");
    upgrade_well(s);
    assert_int_equal(hostblob(s, "list --json %s", control(s)), 0);
    expect_text("/0/report/settings/log-level", "warning");
    assert_int_equal(number("/0/report/settings/poll"), 30);
    assert_int_equal(number("/0/report/limits/mappings/limit"), 5);
    assert_int_equal(number("/0/report/latencies/map/count"), maps);
    assert_int_equal(number("/0/report/device/loans"), 2);
    story_end(s);
}

/* The worker says more as soon as it is told to; and so does the one after it. */
static void the_log_is_louder(void **state)
{
    struct story *s = story(state);
    const char *const quiet[] = {"--log-level=error", NULL};
    char log[160];
    pid_t worker;

    gpu_story_open(s, quiet);
    snprintf(log, sizeof(log), "%s", s->daemon.log_path);
    assert_int_equal(hostblob(s, "set %s log-level=debug", control(s)), 0);
    assert_true(daemon_process_logged(&s->daemon, "hostblob-gpu: daemon/program.c:"));
    worker = story_worker(s);
    kill(worker, SIGKILL);
    story_await_another(s, worker);
    assert_int_equal(gpu_story_ping(s), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
    assert_true(daemon_process_logged(&s->daemon, "hostblob-gpu[worker]: "));
    assert_int_equal(hostblob(s, "set %s log-level=error", control(s)), 0);
    assert_int_equal(hostblob(s, "set --json %s", control(s)), 0);
    expect_text("/log-level", "error");
    story_end(s);
}

static void what_is_fixed_says_why(void **state)
{
    static const struct {
        const char *arguments, *sentence;
        int status;
    } rows[] = {
        {"window=1G", "'window' is fixed when the device starts: the guest has found", 1},
        {"windw=1G", "there is no setting 'windw': it is log-level=LEVEL", 1},
        {"trace=/tmp/a", "'trace' is fixed when the device starts: its processes have opened", 1},
        {"renderer=virgl", "the guest has been told what it can draw with", 1},
        {"output=1x1", "'hostblob output' plugs in another monitor", 1},
        {"log-level=loud", "log-level=loud cannot be: it must be 'error'", 1},
        {"poll=5 limit=memory=1", "limit=memory=1 cannot be: memory must be a size", 1},
        {"loud", "'loud' is not KEY=VALUE", 2},
        {"--json poll=1", "--json shows the settings", 2},
    };
    struct story *s = story(state);

    story_start(s, NULL);
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(hostblob(s, "set %s %s", control(s), rows[i].arguments), rows[i].status);
        expect(rows[i].sentence);
    }
    assert_int_equal(hostblob(s, "set --json %s", control(s)), 0);
    assert_int_equal(number("/poll"), 5); /* what came before the mistake */
    story_end(s);
}

/* ---- top ---- */

static void top_watches(void **state)
{
    struct story *s = story(state);

    gpu_story_open(s, NULL);
    gpu_story_create_mapped(s, 7, MIB, 0);
    assert_int_equal(
        hostblob(s, "top --count=2 --interval=0.2 %s | grep -c 'gpu  *connected'", control(s)), 0);
    assert_int_equal(atoi(output), 2);
    assert_int_equal(hostblob(s, "top --count=1 --interval=0.2 --json %s", control(s)), 0);
    expect_text("/0/kind", "gpu");
    expect_text("/0/front_end", "connected");
    assert_int_equal(number("/0/processes"), 3);
    assert_int_equal(number("/0/mapped_bytes"), MIB + 4096);
    assert_true(number("/0/memory_bytes") > 100000);
    assert_int_equal(hostblob(s, "top --count=1 --interval=0.1"), 0);
    expect("No device runs here.");
    assert_int_equal(hostblob(s, "top --count=1 camera"), 1);
    expect("There is no device 'camera'");
    assert_int_equal(hostblob(s, "top --count=0"), 2);
    assert_int_equal(hostblob(s, "top --interval=0"), 2);
    expect("'0' is no number of seconds from 0.1 to 3600");
    story_end(s);
}

/* A device that hangs does not hide the others, nor is it waited for, for long. */
static void top_goes_on_without_one(void **state)
{
    struct story *s = story(state);
    pid_t door;
    char path[160];

    story_start(s, NULL);
    snprintf(path, sizeof(path), "%s/gpu-1.control", s->daemon.dir);
    assert_int_equal(symlink(control(s), path), 0);
    door = s->daemon.pid;
    kill(door, SIGSTOP);
    assert_int_equal(hostblob(s, "top --count=1 --interval=0.1"), 0);
    kill(door, SIGCONT);
    expect("no answer");
    unlink(path);
    story_end(s);
}

/* Reads what the terminal shows until 'text' is there, or for ten seconds. */
static void await_on(int terminal, const char *text)
{
    size_t used = 0;

    for (unsigned i = 0; i < 1000; i++) {
        ssize_t n = read(terminal, output + used, sizeof(output) - 1 - used);

        used += n > 0 ? (size_t)n : 0;
        output[used] = '\0';
        if (strstr(output, text) != NULL)
            return;
        usleep(10000);
    }
    fail_msg("\"%s\" is not in: %s", text, output);
}

static bool reads_lines(int terminal)
{
    struct termios now;

    assert_int_equal(tcgetattr(terminal, &now), 0);
    return (now.c_lflag & ICANON) != 0 && (now.c_lflag & ECHO) != 0;
}

/* 'end' makes it end: in a terminal it does so at once, and puts back what it found. */
static void end_top_by(struct story *s, void (*end)(int terminal, pid_t pid))
{
    int terminal, status;
    pid_t pid = forkpty(&terminal, NULL, NULL, NULL);

    assert_true(pid >= 0);
    if (pid == 0) {
        execl(getenv("HOSTBLOB"), "hostblob", "top", control(s), NULL);
        _exit(127);
    }
    assert_int_equal(fcntl(terminal, F_SETFL, O_NONBLOCK), 0);
    await_on(terminal, "COMMANDS/S");
    assert_false(reads_lines(terminal));
    end(terminal, pid);
    await_on(terminal, "\033[?1049l"); /* the screen that was there before */
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_true(reads_lines(terminal));
    close(terminal);
}

static void by_q(int terminal, pid_t pid)
{
    assert_int_equal(write(terminal, "xq", 2), 2);
}

static void by_ctrl_c(int terminal, pid_t pid)
{
    assert_int_equal(write(terminal, "\003", 1), 1);
}

static void by_signal(int terminal, pid_t pid)
{
    kill(pid, SIGTERM);
}

static void top_leaves_the_terminal_as_it_was(void **state)
{
    struct story *s = story(state);

    story_start(s, NULL);
    end_top_by(s, by_q);
    end_top_by(s, by_ctrl_c);
    end_top_by(s, by_signal);
    story_end(s);
}

/* ---- metrics ---- */

/* A metric's head: its HELP, and then its TYPE. */
static void read_head(char **line, char name[static 80], char type[static 16])
{
    char again[80];

    assert_int_equal(sscanf(*line, "# HELP %79[a-z_] ", name), 1);
    *line = strtok(NULL, "\n");
    assert_non_null(*line);
    assert_int_equal(sscanf(*line, "# TYPE %79[a-z_] %15[a-z]", again, type), 2);
    assert_string_equal(name, again);
    assert_true(strcmp(type, "gauge") == 0 || strcmp(type, "counter") == 0 ||
                strcmp(type, "histogram") == 0);
    assert_int_equal(strcmp(type, "counter") == 0, strcmp(name + strlen(name) - 6, "_total") == 0);
}

/* A sample of the metric 'name'. */
static void read_sample(const char *line, const char *name, const char *type)
{
    static const char *const parts[] = {"", "_bucket", "_sum", "_count"};
    bool histogram = strcmp(type, "histogram") == 0, mine = false;
    char labels[200], series[100];
    double value;

    assert_int_equal(sscanf(line, "%99[a-z_]{%199[^}]} %lf", series, labels, &value), 3);
    for (unsigned i = histogram ? 1 : 0; i < (histogram ? 4 : 1); i++)
        mine = mine || (strncmp(series, name, strlen(name)) == 0 &&
                        strcmp(series + strlen(name), parts[i]) == 0);
    if (!mine)
        fail_msg("%s stands under %s", line, name);
    assert_int_equal(strncmp(labels, "device=\"", 8), 0);
    assert_non_null(strstr(labels, "\",kind=\"gpu\""));
    assert_true(value >= 0);
}

/* Every line is a comment or a sample, and each metric stands in one place behind its type. */
static void metrics_are_well_formed(void **state)
{
    char name[80] = "", type[16] = "", seen[8192] = " ";
    struct story *s = story(state);
    unsigned count = 0;

    gpu_story_open(s, NULL);
    gpu_story_create_mapped(s, 7, MIB, 0);
    assert_int_equal(hostblob(s, "metrics %s", control(s)), 0);
    for (char *line = strtok(output, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        if (line[0] != '#') {
            read_sample(line, name, type);
            continue;
        }
        read_head(&line, name, type);
        strcat(name, " ");
        assert_null(strstr(seen, name));
        assert_true(strlen(seen) + sizeof(name) < sizeof(seen));
        strcat(seen, name);
        name[strlen(name) - 1] = '\0';
        count++;
    }
    assert_true(count > 30);
    story_end(s);
}

static void metrics_tell_what_was_counted(void **state)
{
    struct story *s = story(state);
    char path[160], first[64], *samples;
    struct stat st;

    gpu_story_open(s, NULL);
    gpu_story_create_mapped(s, 7, MIB, 0);
    snprintf(path, sizeof(path), "%s/it's \"one\".control", s->daemon.dir);
    assert_int_equal(symlink(control(s), path), 0);
    assert_int_equal(hostblob(s, "metrics"), 0);
    expect("hostblob_mapped_bytes{device=\"it's \\\"one\\\"\",kind=\"gpu\"} 1052672\n");
    expect("hostblob_front_end_connected{device=\"it's \\\"one\\\"\",kind=\"gpu\"} 1\n");
    expect("limit=\"mappings\",unit=\"pieces\"} 2\n");
    snprintf(first, sizeof(first), "le=\"+Inf\"} %d\n", story_single(s) ? 2 : 1);
    expect(first);
    samples = strstr(output, "hostblob_map_duration_seconds_count");
    assert_non_null(samples);
    unlink(path);
    /* Into a file, which is replaced as a whole. */
    snprintf(path, sizeof(path), "%s/hostblob.prom", s->daemon.dir);
    assert_int_equal(hostblob(s, "metrics --output=%s %s", path, control(s)), 0);
    assert_string_equal(output, "");
    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_size > 5000);
    assert_int_equal(hostblob(s, "metrics --output %s/no/such %s", s->daemon.dir, control(s)), 1);
    expect("The metrics cannot be written to ");
    assert_int_equal(hostblob(s, "metrics --output= %s", control(s)), 2);
    expect("--output needs a file's name");
    assert_int_equal(unlink(path), 0);
    story_end(s);
}

/* Whatever the report counts is among the metrics. */
static void no_counter_is_missing(void **state)
{
    struct story *s = story(state);

    story_start(s, NULL);
    assert_int_equal(
        hostblob(s,
                 "list --json %s | sed -n '/\"counters\"/,/}/s/^ *\"\\(.*\\)\":[0-9].*/\\1/p' | "
                 "while read -r name; do \"$HOSTBLOB\" metrics %s | grep -q "
                 "\"^hostblob_${name}_total{\" || echo \"missing: $name\"; done; echo looked",
                 control(s), control(s)),
        0);
    assert_string_equal(output, "looked\n");
    story_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(the_report_has_a_ledger, gpu_qemu_arena),
        STORY(the_report_has_a_ledger, gpu_qemu_single),
        STORY(the_window_is_a_picture, gpu_qemu_arena),
        STORY(a_gpu_says_what_the_guest_has_made, gpu_qemu_arena),
        STORY(a_long_list_is_whole, gpu_crosvm_arena),
        STORY(a_media_device_says_who_streams, media_qemu),
        STORY(a_media_device_says_who_streams, media_crosvm_single),
        STORY(settings_outlive_the_worker, gpu_qemu_arena),
        STORY(settings_outlive_the_program, gpu_qemu_arena),
        STORY(settings_outlive_the_program, gpu_qemu_single),
        STORY(the_log_is_louder, gpu_qemu_arena),
        STORY(what_is_fixed_says_why, gpu_qemu_arena),
        STORY(top_watches, gpu_qemu_arena),
        STORY(top_goes_on_without_one, gpu_qemu_arena),
        STORY(top_leaves_the_terminal_as_it_was, gpu_qemu_arena),
        STORY(metrics_are_well_formed, gpu_qemu_arena),
        STORY(metrics_tell_what_was_counted, gpu_qemu_arena),
        STORY(metrics_tell_what_was_counted, gpu_qemu_single),
        STORY(no_counter_is_missing, gpu_qemu_arena),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
