/* SPDX-License-Identifier: MIT */
/* A guest streams from a video node of the host while workers die, or the front-end goes: the
 * host's driver has the stream, and does not notice. */
#include "v4l2_story.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "upgrade_story.h"

#define MANY 300u

/* ---- memory of the guest's ---- */

/* Whoever answers after this is another worker. */
static void die(struct story *s, const struct stream *stream)
{
    struct v4l2_format format = {.type = stream->type};
    pid_t worker = story_worker(s);

    kill(worker, SIGKILL);
    assert_int_equal(ask(s, stream, VIDIOC_G_FMT, &format), 0);
    assert_int_not_equal(story_worker(s), worker);
}

#define CHUNK 32768u
#define CHUNKS 15u /* hold a frame of 640x360 in YUYV */
#define USERPTR(index) (0x7f1200000000ull + 0x100000ull * (index))

/* A buffer of the guest's program: its memory lies in chunks, the last of them first. */
static int queue_user(struct story *s, const struct stream *stream, uint32_t index)
{
    struct {
        struct v4l2_buffer buffer;
        struct virtio_media_sg chunks[CHUNKS];
    } u = {.buffer = {.index = index,
                      .type = stream->type,
                      .memory = V4L2_MEMORY_USERPTR,
                      .m.userptr = USERPTR(index),
                      .length = CHUNK * CHUNKS}};
    int r;

    for (unsigned i = 0; i < CHUNKS; i++)
        u.chunks[i] = (struct virtio_media_sg){
            .start = stream->at[index][0] + (CHUNKS - 1 - i) * CHUNK, .len = CHUNK};
    r = media_guest_ioctl_sized(&s->frontend, stream->session, _IOC_NR(VIDIOC_QBUF), &u, sizeof(u),
                                sizeof(u.buffer));
    assert_true(r != 0 || u.buffer.m.userptr == USERPTR(index));
    return r;
}

static bool is_white(struct story *s, const struct stream *stream, uint32_t index)
{
    uint32_t wrong = 0;

    for (uint32_t i = 0; i < stream->size[0]; i += 2 * 61) {
        uint64_t at = stream->at[index][0] + (CHUNKS - 1 - i / CHUNK) * CHUNK + i % CHUNK;

        wrong += *(uint8_t *)guest_ram_at(&s->frontend.ram, at) < 215;
    }
    return wrong == 0;
}

/* Takes frames until 'count' were good. Returns how many of them were white; *failed counts those
 * that came back as errors. */
static unsigned take_user_frames(struct story *s, const struct stream *stream, unsigned count,
                                 unsigned *failed)
{
    struct virtio_media_event_dqbuf event;
    unsigned white = 0;

    for (unsigned good = 0; good < count;) {
        bool is_good;

        await(s, stream, &event);
        is_good = (event.buffer.flags & V4L2_BUF_FLAG_ERROR) == 0;
        assert_int_equal(event.buffer.memory, V4L2_MEMORY_USERPTR);
        good += is_good;
        *failed += !is_good;
        white += is_good && is_white(s, stream, event.buffer.index);
        assert_int_equal(queue_user(s, stream, event.buffer.index), 0);
    }
    return white;
}

static void frames_go_into_the_guests_pages(void **state)
{
    struct story *s = story(state);
    struct v4l2_requestbuffers request = {
        .count = 3, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_USERPTR};
    struct stream stream;
    unsigned failed = 0, white;

    open_node(s, "HOSTBLOB_V4L2_CAPTURE");
    open_webcam(s, &stream);
    set_control(s, &stream, "Brightness", 128);
    show_plain(s, &stream, WHITE);
    set_format(s, &stream);
    assert_int_equal(ask(s, &stream, VIDIOC_REQBUFS, &request), 0);
    stream.count = request.count;
    assert_int_equal(stream.count, 3);
    for (uint32_t i = 0; i < 3; i++) {
        stream.at[i][0] = guest_ram_take(&s->frontend.ram, GUEST_RAM_UPPER, CHUNKS * CHUNK, 4096);
        assert_true(stream.at[i][0] != UINT64_MAX);
        memset(guest_ram_at(&s->frontend.ram, stream.at[i][0]), 0, CHUNKS * CHUNK);
        assert_int_equal(queue_user(s, &stream, i), 0);
    }
    assert_int_equal(stream_switch(s, &stream, true), 0);
    white = take_user_frames(s, &stream, 12, &failed);
    assert_in_range(white, 10, 12);
    assert_int_equal(failed, 0);
    /* Another worker cannot say whose pages the driver has: what it has comes back as errors. */
    die(s, &stream);
    white = take_user_frames(s, &stream, 12, &failed);
    assert_in_range(white, 9, 12);
    assert_in_range(failed, 0, 3);
    assert_int_equal(stream_switch(s, &stream, false), 0);
    set_control(s, &stream, "Test Pattern", 0);
    media_guest_close(&s->frontend, stream.session);
    story_end(s);
}

/* ---- a worker that dies ---- */

/* A stream whose buffers are with the host or with us: each comes back once. */
struct turns {
    bool with_host[MOST_BUFFERS];
    unsigned frames, failed; /* that came; of them, as errors */
    uint32_t last;           /* the number of the last one */
};

static void begin_turns(struct story *s, struct stream *stream, struct turns *turns)
{
    open_node(s, "HOSTBLOB_V4L2_CAPTURE");
    open_webcam(s, stream);
    begin(s, stream, 4, 0);
    *turns = (struct turns){.frames = 0};
    memset(turns->with_host, true, sizeof(turns->with_host));
}

/* Takes a frame, and queues its buffer again. */
static void take_turn(struct story *s, struct stream *stream, struct turns *turns)
{
    struct virtio_media_event_dqbuf event;

    await(s, stream, &event);
    assert_true(turns->with_host[event.buffer.index]);
    turns->with_host[event.buffer.index] = false;
    turns->failed += (event.buffer.flags & V4L2_BUF_FLAG_ERROR) != 0;
    assert_true(turns->frames++ == 0 || (int32_t)(event.buffer.sequence - turns->last) >= 0);
    turns->last = event.buffer.sequence;
    assert_int_equal(event.buffer.bytesused, stream->size[0]);
    queue(s, stream, event.buffer.index);
    turns->with_host[event.buffer.index] = true;
}

/* The host's driver has the stream, and does not notice. */
static void a_worker_dies_of_a_capture(void **state)
{
    struct story *s = story(state);
    struct v4l2_format format = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
    unsigned deaths = 0;
    struct stream stream;
    struct turns turns;

    begin_turns(s, &stream, &turns);
    for (unsigned i = 0; i < MANY; i++) {
        if (i % 60 == 30) {
            kill(story_worker(s), SIGKILL); /* it has all buffers, and is idle or not */
            deaths++;
        }
        take_turn(s, &stream, &turns);
    }
    print_message("@@ %u frames over %u deaths, %u came back as errors, the last is number %u\n",
                  MANY, deaths, turns.failed, turns.last);
    assert_true(turns.failed <= deaths);
    assert_int_equal(ask(s, &stream, VIDIOC_G_FMT, &format), 0);
    assert_int_equal(format.fmt.pix.width, 640);
    end(s, &stream);
    media_guest_close(&s->frontend, stream.session);
    story_await(s, "/device/sessions", 0);
    open_stream(s, &stream, V4L2_BUF_TYPE_VIDEO_CAPTURE);
    stream.count = 2;
    assert_int_equal(reqbufs(s, &stream, &stream.count), 0); /* the buffers are nobody's */
    media_guest_close(&s->frontend, stream.session);
    story_end(s);
}

/* Nor does it when the program is exchanged: the node stays open from one to the other. */
static void a_program_is_exchanged_amid_a_capture(void **state)
{
    struct story *s = story(state);
    struct stream stream;
    struct turns turns;

    begin_turns(s, &stream, &turns);
    for (unsigned turn = 0; turn < 2; turn++) {
        pid_t pid = upgrade_begin(s, "--seconds=100");
        bool made = false;

        for (unsigned after = 0; after < 5; after += made) {
            made = made || upgrade_is_made(s, pid);
            take_turn(s, &stream, &turns);
        }
    }
    print_message("@@ %u frames over 2 upgrades, %u came back as errors\n", turns.frames,
                  turns.failed);
    assert_true(turns.failed <= 2);
    end(s, &stream);
    media_guest_close(&s->frontend, stream.session);
    story_await(s, "/device/sessions", 0);
    story_await(s, "/device/resources", 0);
    story_end(s);
}

/* Killed in the middle of all commands: each is carried out once, and answered. */
static void a_worker_dies_of_commands(void **state)
{
    struct story *s = story(state);
    struct virtio_media_event_dqbuf event;
    struct stream stream;

    open_node(s, "HOSTBLOB_V4L2_CAPTURE");
    srand(1);
    for (unsigned life = 0; life < 5; life++) {
        pid_t worker = story_worker(s), killer = fork();
        int status;

        assert_true(killer >= 0);
        if (killer == 0) {
            usleep((unsigned)rand() % 60000 + life * 1000);
            kill(worker, SIGKILL);
            _exit(0);
        }
        do {
            open_webcam(s, &stream);
            begin(s, &stream, 3, 0);
            for (unsigned i = 0; i < 3; i++) {
                await(s, &stream, &event);
                queue(s, &stream, event.buffer.index);
            }
            end(s, &stream);
            assert_true(media_guest_close(&s->frontend, stream.session) >= 0);
            story_await(s, "/device/sessions", 0);
            story_await(s, "/device/resources", 0);
        } while (waitpid(killer, &status, WNOHANG) == 0);
    }
    story_end(s);
}

/* A front-end that goes, or resets, while the host's driver fills its buffers. */
static void a_front_end_goes(void **state)
{
    struct story *s = story(state);
    struct virtio_media_event_dqbuf event;
    struct stream stream;

    open_node(s, "HOSTBLOB_V4L2_CAPTURE");
    for (unsigned i = 0; i < 4; i++) {
        open_webcam(s, &stream);
        begin(s, &stream, 3, 0);
        await(s, &stream, &event);
        if (i % 2 == 0) {
            story_leave(s);
            story_join(s);
        } else {
            assert_int_equal(frontend_reset(&s->frontend), 0);
            assert_int_equal(frontend_start(&s->frontend), 0);
            story_await(s, "/device/sessions", 0);
        }
        assert_int_equal(media_guest_post_events(&s->frontend, EVENTS), 0);
    }
    story_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(frames_go_into_the_guests_pages, qemu),
        STORY(a_worker_dies_of_a_capture, qemu),
        STORY(a_worker_dies_of_a_capture, crosvm),
        STORY(a_program_is_exchanged_amid_a_capture, qemu),
        STORY(a_worker_dies_of_commands, qemu),
        STORY(a_front_end_goes, qemu),
        STORY(a_front_end_goes, crosvm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
