/* SPDX-License-Identifier: MIT */
/*
 * A session of a host's video node outlives the worker: the open file is on the shelf, and the node
 * is pretended. What happens in a driver of the kernel's is in tests/session/test_session_v4l2.c.
 */
#include "media_lives.h"
#include "v4l2_client.h"

#define ITEMS 32u

/* ---- the shelf ---- */

static struct {
    struct shelf base;
    uint64_t last;
    unsigned count;
    int items[ITEMS]; /* by key; 0: none */
} shelf;

static uint64_t shelf_takes(struct shelf *base, int fd)
{
    assert_true(++shelf.last < ITEMS);
    shelf.items[shelf.last] = fake_node_duplicate(fd);
    shelf.count++;
    return shelf.last;
}

static void shelf_drops(struct shelf *base, uint64_t key)
{
    if (key == 0 || key > shelf.last || shelf.items[key] == 0)
        return; /* as the door does */
    fake_node_close(shelf.items[key]);
    shelf.items[key] = 0;
    shelf.count--;
}

static int shelf_gives(struct shelf *base, uint64_t key)
{
    if (key == 0 || key > shelf.last || shelf.items[key] == 0)
        return -ENOENT;
    return fake_node_duplicate(shelf.items[key]);
}

static void shelf_clear(void)
{
    for (uint64_t key = 1; key <= shelf.last; key++)
        if (shelf.items[key] != 0)
            shelf_drops(&shelf.base, key);
}

/* ---- lives ---- */

static const struct media_options options = {
    .kind = "v4l2", .node = "/dev/video0", .v4l2_calls = &fake_node_calls};
static const struct lives lives = {&options, EXPORTER_MEMFD, &shelf.base};

static int setup_type(void **state, uint32_t type)
{
    fd_count_setup(state);
    lives_init();
    memset(&shelf, 0, sizeof(shelf));
    shelf.base = (struct shelf){shelf_takes, shelf_drops, shelf_gives};
    fake_node_init(&node, type);
    return 0;
}

static int setup(void **state)
{
    return setup_type(state, SINGLE);
}

static int setup_multi(void **state)
{
    return setup_type(state, MULTI);
}

static int setup_copied(void **state)
{
    setup_type(state, MULTI);
    node.no_export = true;
    return 0;
}

static int teardown(void **state)
{
    shelf_clear();
    fake_node_finish(&node);
    lives_finish();
    return fd_count_teardown(state);
}

/* A client that streams into 'count' buffers. */
static struct media_fixture *live(struct client *c, uint32_t count)
{
    struct media_fixture *f = lives_begin(&lives);

    client_open(f, c, count);
    media_post_events(f, 16, 608);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(qbuf(f, c->session, i), 0);
    assert_int_equal(stream(f, c->session, true), 0);
    return f;
}

static struct media_fixture *die(struct media_fixture *f)
{
    lives_end(f);
    f = lives_go_on(&lives);
    media_post_events(f, 16, 608);
    return f;
}

static bool holds_for(struct media_fixture *f, bool (*holds)(void))
{
    uint64_t end = units_now_ns() + 10000000000ull;
    bool met = false;

    while (!met && units_now_ns() < end) {
        media_loop_for(f, 1);
        pthread_mutex_lock(&node.lock);
        met = holds();
        pthread_mutex_unlock(&node.lock);
    }
    media_loop_for(f, 5);
    return met;
}

static bool is_closed(void)
{
    return node.file[0].fd == 0;
}

static bool is_first_taken(void)
{
    return !node.buffer[0].queued;
}

/* A thread closes the file. */
static void await_close(struct media_fixture *f)
{
    assert_true(holds_for(f, is_closed));
}

/* The session closes, and nothing is left of it anywhere. */
static void leave(struct media_fixture *f, struct client *c)
{
    client_close(f, c);
    await_close(f);
    assert_int_equal(shelf.count, 0);
    assert_int_equal(node.count, 0);
    assert_int_equal(store_count(&left.store, ESTATE_PART), 0);
    assert_int_equal(store_count(&left.store, ESTATE_CONTEXT), 0);
    assert_int_equal(store_count(&left.store, ESTATE_MAPPING), 0);
    lives_end(f);
}

static void expect_frame(struct media_fixture *f, const struct client *c, uint32_t index,
                         uint8_t value)
{
    struct virtio_media_event_dqbuf event;

    assert_true(fake_node_frame(&node, value));
    await_event(f, &event);
    assert_int_equal(event.buffer.index, index);
    check_frame(f, c, &event, value);
}

/* The file that the guest's session has, for what the driver does behind the device's back. */
static int file_of_node(void)
{
    assert_true(node.file[0].fd > 0);
    return node.file[0].fd;
}

static void host_buffer(unsigned long code, uint32_t index)
{
    struct v4l2_plane planes[VIDEO_MAX_PLANES] = {0};
    struct v4l2_buffer b = {.index = index, .type = node.type, .memory = V4L2_MEMORY_MMAP};

    if (V4L2_TYPE_IS_MULTIPLANAR(node.type)) {
        b.length = VIDEO_MAX_PLANES;
        b.m.planes = planes;
    }
    assert_int_equal(fake_node_ioctl(file_of_node(), code, &b), 0);
}

/* An ioctl that a worker before this one had in hand when it died. */
static uint32_t ioctl_again(struct media_fixture *f, uint32_t session, unsigned long code,
                            void *payload)
{
    struct virtqueue *queue = &f->driver.queues[VIRTIO_MEDIA_COMMANDQ];
    const struct virtio_media_cmd_ioctl head = {
        .hdr.cmd = VIRTIO_MEDIA_CMD_IOCTL, .session_id = session, .code = _IOC_NR(code)};
    uint32_t size = _IOC_SIZE(code), skip = sizeof(struct virtio_media_resp_header);
    struct ring_driver_piece pieces[2] = {{.size = sizeof(head) + size},
                                          {.size = skip + size, .writable = true}};
    uint32_t status;

    pieces[0].gpa = ring_driver_alloc(&f->driver, pieces[0].size);
    pieces[1].gpa = ring_driver_alloc(&f->driver, pieces[1].size);
    memcpy(ring_driver_at(&f->driver, pieces[0].gpa), &head, sizeof(head));
    memcpy(ring_driver_at(&f->driver, pieces[0].gpa + sizeof(head)), payload, size);
    f->answer_at = pieces[1].gpa;
    free(queue->again);
    queue->again = malloc(sizeof(uint16_t));
    assert_non_null(queue->again);
    queue->again[0] = ring_driver_send(&f->driver, VIRTIO_MEDIA_COMMANDQ, pieces, 2);
    queue->again_count = 1;
    queue->again_next = 0;
    queue->avail_idx = ++queue->next_avail; /* it was taken */
    f->device->impl->queue_ready(f->device, VIRTIO_MEDIA_COMMANDQ);
    status = media_await(f);
    memcpy(payload, ring_driver_at(&f->driver, f->answer_at + skip), size);
    return status;
}

static uint32_t qbuf_again(struct media_fixture *f, uint32_t session, uint32_t index,
                           struct media_buffer_payload *b)
{
    b->buffer = (struct v4l2_buffer){.index = index, .type = node.type, .memory = V4L2_MEMORY_MMAP};
    return ioctl_again(f, session, VIDIOC_QBUF, &b->buffer);
}

/* ---- what goes on ---- */

static void a_stream_goes_on(void **state)
{
    struct client c;
    struct media_fixture *f = live(&c, 4);
    unsigned opened = node.asked[_IOC_NR(VIDIOC_QUERYCAP)], streamed;

    expect_frame(f, &c, 0, 10);
    assert_int_equal(qbuf(f, c.session, 0), 0);
    streamed = node.asked[_IOC_NR(VIDIOC_STREAMON)];
    for (unsigned i = 0; i < 4; i++) {
        f = die(f);
        assert_int_equal(f->census.sessions, 1);
        assert_int_equal(f->port.count, 4 * c.planes);
        expect_frame(f, &c, 0, (uint8_t)(20 + i));
        assert_int_equal(qbuf(f, c.session, 0), 0);
    }
    assert_int_equal(node.asked[_IOC_NR(VIDIOC_STREAMON)], streamed);
    assert_int_equal(node.asked[_IOC_NR(VIDIOC_STREAMOFF)], 0);
    assert_true(node.asked[_IOC_NR(VIDIOC_QUERYCAP)] > opened);
    assert_int_equal(stream(f, c.session, false), 0);
    leave(f, &c);
}

/* While nobody lives the host makes frames. */
static void frames_of_the_time_between_come(void **state)
{
    struct virtio_media_event_dqbuf event;
    struct client c;
    struct media_fixture *f = live(&c, 3);

    lives_end(f);
    assert_true(fake_node_frame(&node, 50));
    assert_true(fake_node_frame(&node, 60));
    f = lives_go_on(&lives);
    media_post_events(f, 16, 608);
    for (uint32_t i = 0; i < 2; i++) {
        await_event(f, &event);
        assert_int_equal(event.buffer.index, i);
        check_frame(f, &c, &event, (uint8_t)(50 + 10 * i));
    }
    expect_frame(f, &c, 2, 70);
    assert_no_event(f);
    leave(f, &c);
}

/* The guest had no room for it, and gets it from the next worker; and no other is lost over it. */
static void an_event_that_waits_comes_once(void **state)
{
    struct virtio_media_event_dqbuf event;
    struct client c;
    struct media_fixture *f = lives_begin(&lives);

    client_open(f, &c, 2);
    for (uint32_t i = 0; i < 2; i++)
        assert_int_equal(qbuf(f, c.session, i), 0);
    assert_int_equal(stream(f, c.session, true), 0);
    assert_true(fake_node_frame(&node, 30));
    assert_true(holds_for(f, is_first_taken)); /* and there is no event buffer for it */
    media_loop_for(f, 50);
    f = die(f);
    await_event(f, &event);
    assert_int_equal(event.buffer.index, 0);
    check_frame(f, &c, &event, 30);
    assert_no_event(f);
    assert_int_equal(qbuf(f, c.session, 0), 0);
    f = die(f); /* and is not told again */
    assert_no_event(f);
    expect_frame(f, &c, 0, 31);
    leave(f, &c);
}

/* It died between the driver and its answer. */
static void a_queued_buffer_is_not_queued_twice(void **state)
{
    struct media_buffer_payload b;
    struct client c;
    struct media_fixture *f = live(&c, 2);
    unsigned asked;

    expect_frame(f, &c, 0, 10);
    lives_end(f);
    host_buffer(VIDIOC_QBUF, 0);
    asked = node.asked[_IOC_NR(VIDIOC_QBUF)];
    f = lives_go_on(&lives);
    media_post_events(f, 16, 608);
    assert_int_equal(qbuf_again(f, c.session, 0, &b), 0);
    assert_true(b.buffer.flags & V4L2_BUF_FLAG_QUEUED);
    assert_int_equal(node.asked[_IOC_NR(VIDIOC_QBUF)], asked);
    expect_frame(f, &c, 0, 11);
    assert_int_equal(qbuf(f, c.session, 0), 0);
    assert_int_equal(qbuf(f, c.session, 0), EINVAL); /* that is the guest's own doing */
    leave(f, &c);
}

/* The same, and the frame is there before the request is carried out again. */
static void its_frame_may_be_there_already(void **state)
{
    struct virtio_media_event_dqbuf event;
    struct media_buffer_payload b;
    struct client c;
    struct media_fixture *f = live(&c, 1);

    expect_frame(f, &c, 0, 10);
    lives_end(f);
    host_buffer(VIDIOC_QBUF, 0);
    assert_true(fake_node_frame(&node, 11));
    f = lives_go_on(&lives);
    assert_int_equal(qbuf_again(f, c.session, 0, &b), 0);
    media_post_events(f, 16, 608);
    await_event(f, &event);
    check_frame(f, &c, &event, 11);
    assert_no_event(f);
    assert_int_equal(qbuf(f, c.session, 0), 0);
    expect_frame(f, &c, 0, 12);
    leave(f, &c);
}

static void buffers_are_not_created_twice(void **state)
{
    struct v4l2_create_buffers create = {
        .count = 2, .memory = V4L2_MEMORY_MMAP, .format.type = SINGLE};
    struct v4l2_create_buffers copy = create;
    struct media_buffer_payload b;
    struct client c;
    struct media_fixture *f = live(&c, 2);

    lives_end(f);
    assert_int_equal(fake_node_ioctl(file_of_node(), VIDIOC_CREATE_BUFS, &copy), 0);
    assert_int_equal(node.count, 4);
    f = lives_go_on(&lives);
    media_post_events(f, 16, 608);
    copy = create;
    assert_int_equal(ioctl_again(f, c.session, VIDIOC_CREATE_BUFS, &copy), 0);
    assert_int_equal(copy.index, 2);
    assert_int_equal(copy.count, 2);
    assert_int_equal(node.count, 4);
    assert_int_equal(buffer_ioctl(f, c.session, _IOC_NR(VIDIOC_QUERYBUF), 3, &b), 0);
    f = die(f);
    copy = create;
    assert_int_equal(MEDIA_IOCTL(f, c.session, CREATE_BUFS, &copy), 0);
    assert_int_equal(copy.index, 4);
    assert_int_equal(node.count, 6);
    expect_frame(f, &c, 0, 10);
    leave(f, &c);
}

/* It died with a frame in its hands. */
static void a_frame_that_was_taken_is_an_error(void **state)
{
    struct virtio_media_event_dqbuf event;
    struct client c;
    struct media_fixture *f = live(&c, 2);

    lives_end(f);
    assert_true(fake_node_frame(&node, 10));
    host_buffer(VIDIOC_DQBUF, 0);
    f = lives_go_on(&lives);
    media_post_events(f, 16, 608);
    await_event(f, &event);
    assert_int_equal(event.buffer.index, 0);
    assert_true(event.buffer.flags & V4L2_BUF_FLAG_ERROR);
    assert_false(event.buffer.flags & V4L2_BUF_FLAG_QUEUED);
    assert_no_event(f);
    assert_int_equal(qbuf(f, c.session, 0), 0);
    expect_frame(f, &c, 0, 11);
    leave(f, &c);
}

static void subscriptions_are_the_files(void **state)
{
    struct v4l2_event_subscription wish = {.type = V4L2_EVENT_SOURCE_CHANGE};
    const struct v4l2_event change = {.type = V4L2_EVENT_SOURCE_CHANGE,
                                      .u.src_change.changes = V4L2_EVENT_SRC_CH_RESOLUTION};
    struct virtio_media_event_dqbuf event;
    struct media_fixture *f = lives_begin(&lives);
    struct client c = {.session = media_session(f)};

    assert_int_equal(MEDIA_IOCTL(f, c.session, SUBSCRIBE_EVENT, &wish), 0);
    lives_end(f);
    fake_node_event(&node, &change);
    f = lives_go_on(&lives);
    media_post_events(f, 16, 608);
    for (unsigned i = 0; i < 2; i++) {
        await_event(f, &event);
        assert_int_equal(event.hdr.event, VIRTIO_MEDIA_EVT_EVENT);
        assert_no_event(f);
        fake_node_event(&node, &change);
    }
    await_event(f, &event);
    assert_int_equal(node.asked[_IOC_NR(VIDIOC_SUBSCRIBE_EVENT)], 1);
    leave(f, &c);
}

/* An ioctl that comes at once waits for what the host has to say first. */
static void requests_wait(void **state)
{
    struct client c;
    struct media_fixture *f = live(&c, 2);

    expect_frame(f, &c, 0, 10);
    node.delay_ms = 20;
    lives_end(f);
    f = lives_go_on(&lives);
    media_post_events(f, 16, 608);
    assert_int_equal(qbuf(f, c.session, 0), 0);
    node.delay_ms = 0;
    expect_frame(f, &c, 0, 11);
    expect_frame(f, &c, 1, 12);
    leave(f, &c);
}

/* ---- what does not ---- */

/* The driver has the pages of a worker that is dead: the stream begins anew, with what the guest
 * queues again. */
static void memory_of_the_guest_comes_back(void **state)
{
    struct virtio_media_event_dqbuf event;
    struct media_fixture *f = lives_begin(&lives);
    struct client c = {.session = user_open(f)};
    struct media_buffer_payload b;
    uint64_t pages[2][PAGES];
    struct user_payload u;

    user_pages(f, pages);
    user_fill(&u, pages);
    assert_int_equal(user_queue(f, c.session, &u), 0);
    assert_int_equal(stream(f, c.session, true), 0);
    f = die(f);
    await_event(f, &event);
    assert_int_equal(event.buffer.index, 0);
    assert_true(event.buffer.flags & V4L2_BUF_FLAG_ERROR);
    assert_int_equal(event.buffer.memory, V4L2_MEMORY_USERPTR);
    assert_int_equal(event.planes[1].m.userptr, USERPTR(1));
    assert_null(node.buffer[0].user[0]);
    assert_int_equal(buffer_ioctl(f, c.session, _IOC_NR(VIDIOC_QUERYBUF), 0, &b), 0);
    assert_int_equal(b.planes[1].m.userptr, USERPTR(1));
    user_pages(f, pages);
    user_fill(&u, pages);
    assert_int_equal(user_queue(f, c.session, &u), 0);
    assert_true(fake_node_frame(&node, 40));
    await_event(f, &event);
    assert_int_equal(event.buffer.flags & V4L2_BUF_FLAG_ERROR, 0);
    user_check(f, pages, 40);
    leave(f, &c);
}

static void a_lost_file_is_said(void **state)
{
    struct v4l2_format format = {.type = SINGLE};
    struct virtio_media_event_dqbuf event;
    struct client c;
    struct media_fixture *f = live(&c, 2);

    lives_end(f);
    shelf_drops(&shelf.base, 1); /* it was put there first */
    f = lives_go_on(&lives);
    media_post_events(f, 16, 608);
    for (uint32_t i = 0; i < 2; i++) {
        await_event(f, &event);
        assert_true(event.buffer.flags & V4L2_BUF_FLAG_ERROR);
    }
    assert_int_equal(MEDIA_IOCTL(f, c.session, G_FMT, &format), ENODEV);
    media_close(f, c.session);
    for (uint32_t i = 0; i < c.count; i++)
        assert_int_equal(media_munmap(f, c.at[i][0]), 0);
    lives_end(f);
    shelf_clear();
}

static void a_node_that_went_meanwhile_is_gone(void **state)
{
    struct virtio_media_event_dqbuf event;
    struct client c;
    struct media_fixture *f = live(&c, 2);

    lives_end(f);
    fake_node_unplug(&node, true);
    store_fixture_die(&left);
    node.gone = false; /* when the device is made, it is there again */
    f = lives_device(&lives, 2);
    node.gone = true;
    f->device->impl->resume(f->device);
    media_post_events(f, 16, 608);
    for (uint32_t i = 0; i < 2; i++) {
        await_event(f, &event);
        assert_true(event.buffer.flags & V4L2_BUF_FLAG_ERROR);
    }
    assert_int_equal(qbuf(f, c.session, 0), ENODEV);
    leave(f, &c);
}

static void a_new_driver_finds_a_free_node(void **state)
{
    struct client c;
    struct media_fixture *f = live(&c, 2);

    f = die(f);
    shelf_clear(); /* as the worker does */
    store_clear(&left.store);
    media_fixture_reboot(f);
    await_close(f);
    client_open(f, &c, 2);
    leave(f, &c);
}

/* ---- a stranger's store ---- */

static void damage(uint32_t high)
{
    struct store_cell *cells = left.memory;

    for (int n = 1 + rand() % 6; n > 0; n--) {
        struct store_cell *cell = &cells[1 + (uint32_t)rand() % (high - 1)];
        uint32_t *word = (uint32_t *)(void *)cell->bytes + (size_t)rand() % (STORE_CELL_BYTES / 4);

        *word = rand() % 2 ? (uint32_t)rand() % 8 : (uint32_t)rand();
    }
}

static void a_strangers_store_is_survived(void **state)
{
    struct virtio_media_event_dqbuf event;
    struct client c;
    struct media_fixture *f = live(&c, 3);
    size_t size = ((struct store_head *)left.memory)->high * sizeof(struct store_cell);
    void *copy = malloc(size);

    assert_non_null(copy);
    lives_end(f);
    memcpy(copy, left.memory, size);
    srand(4711);
    for (unsigned round = 0; round < 300; round++) {
        memcpy(left.memory, copy, size);
        damage((uint32_t)(size / sizeof(struct store_cell)));
        f = lives_go_on(&lives);
        media_post_events(f, 16, 608);
        fake_node_frame(&node, 1);
        for (uint32_t i = 0; i < 3; i++)
            qbuf(f, c.session, i);
        media_loop_for(f, 1);
        while (media_event(f, &event)) {
        }
        lives_end(f);
    }
    free(copy);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
#define TEST_OF(kind, function)                                                                    \
    {                                                                                              \
#function " (" #kind ")", function, setup_##kind, teardown, NULL                           \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_stream_goes_on),
        TEST_OF(multi, a_stream_goes_on),
        TEST_OF(copied, a_stream_goes_on),
        TEST(frames_of_the_time_between_come),
        TEST_OF(multi, frames_of_the_time_between_come),
        TEST_OF(copied, frames_of_the_time_between_come),
        TEST(an_event_that_waits_comes_once),
        TEST_OF(multi, an_event_that_waits_comes_once),
        TEST(a_queued_buffer_is_not_queued_twice),
        TEST(its_frame_may_be_there_already),
        TEST(buffers_are_not_created_twice),
        TEST(a_frame_that_was_taken_is_an_error),
        TEST_OF(multi, a_frame_that_was_taken_is_an_error),
        TEST(subscriptions_are_the_files),
        TEST(requests_wait),
        TEST_OF(multi, memory_of_the_guest_comes_back),
        TEST(a_lost_file_is_said),
        TEST(a_node_that_went_meanwhile_is_gone),
        TEST(a_new_driver_finds_a_free_node),
        TEST(a_strangers_store_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
