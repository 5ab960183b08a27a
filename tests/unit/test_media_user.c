/* SPDX-License-Identifier: MIT */
#include "media_test.h"

#include "base/units.h"
#include "media/capture.h"
#include "protocol/frame_stamp.h"

/* V4L2_MEMORY_USERPTR: a guest's program gives memory of its own. */
#define RATE 100u
#define BUFFERS 4u
#define POINTER(index, plane)                                                                      \
    (0x7fff00000000ull + (index)*0x10000000ull + (plane)*0x1000000ull + 0x341)

/* A program's memory: pages that lie anywhere, with the ends in the middle of a page and at odd
 * addresses. */
struct user_memory {
    unsigned count;
    uint64_t lead; /* bytes of the first page before the memory */
    uint64_t pages[64];
};

struct user_call {
    struct v4l2_buffer buffer;
    uint8_t
        tail[VIDEO_MAX_PLANES * sizeof(struct v4l2_plane) + 128 * sizeof(struct virtio_media_sg)];
};

struct user {
    struct media_fixture *f;
    uint32_t session;
    unsigned planes;
    uint32_t size[2]; /* bytes of each plane */
    struct user_memory memory[BUFFERS][2];
    unsigned next_page; /* pages are given from the end of memory on, in turn */
};

/* How many mappings of the guest's memory this process has. */
static unsigned mappings(void)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512];
    unsigned count = 0;

    assert_non_null(maps);
    while (fgets(line, sizeof(line), maps) != NULL)
        count += strstr(line, "ring-driver") != NULL;
    fclose(maps);
    return count;
}

/* Other pages than before, from the last quarter of memory and, one in three, from the second: in
 * another region. */
static void give_memory(struct user *u, unsigned index, unsigned plane)
{
    struct user_memory *m = &u->memory[index][plane];
    uint64_t page = units_page_size();

    m->lead = 0x341;
    m->count = (unsigned)((m->lead + u->size[plane] + page - 1) / page);
    assert_in_range(m->count, 2, 64);
    for (unsigned i = 0; i < m->count; i++) {
        uint64_t end = i % 3 == 0 ? RING_DRIVER_SEAM : RING_DRIVER_GPA + RING_DRIVER_RAM;

        m->pages[i] = end - (1 + u->next_page++ % 1024) * page;
    }
}

/* Where the bytes from 'at' on lie, and how many of 'size' lie together. */
static uint64_t user_gpa(const struct user_memory *m, uint64_t at, uint64_t *size)
{
    uint64_t page = units_page_size(), skip = (m->lead + at) % page;

    if (*size > page - skip)
        *size = page - skip;
    return m->pages[(m->lead + at) / page] + skip;
}

static uint8_t *add_list(uint8_t *at, const struct user_memory *m, uint32_t size)
{
    for (uint64_t done = 0, part; done < size; done += part) {
        struct virtio_media_sg entry;

        part = size - done;
        entry = (struct virtio_media_sg){.start = user_gpa(m, done, &part)};
        entry.len = (uint32_t)part;
        memcpy(at, &entry, sizeof(entry));
        at += sizeof(entry);
    }
    return at;
}

/* As a driver sends it: the buffer, its planes, a list for each plane. Returns its size. */
static uint32_t user_call_init(const struct user *u, struct user_call *call, uint32_t index)
{
    struct v4l2_plane planes[VIDEO_MAX_PLANES] = {0};
    uint8_t *at = call->tail;

    *call = (struct user_call){
        .buffer = {.index = index, .type = media_type(u->f), .memory = V4L2_MEMORY_USERPTR}};
    if (V4L2_TYPE_IS_MULTIPLANAR(media_type(u->f))) {
        call->buffer.length = u->planes;
        call->buffer.m.planes = (void *)0x7ffdeadbeef0;
        for (unsigned i = 0; i < u->planes; i++) {
            planes[i].length = u->size[i];
            planes[i].m.userptr = POINTER(index, i);
        }
        memcpy(at, planes, u->planes * sizeof(planes[0]));
        at += u->planes * sizeof(planes[0]);
    } else {
        call->buffer.length = u->size[0];
        call->buffer.m.userptr = POINTER(index, 0);
    }
    for (unsigned i = 0; i < u->planes; i++)
        at = add_list(at, &u->memory[index][i], u->size[i]);
    return (uint32_t)(sizeof(call->buffer) + (size_t)(at - call->tail));
}

static uint32_t user_send(const struct user *u, uint32_t code, uint32_t index,
                          struct user_call *call)
{
    uint32_t size = user_call_init(u, call, index);

    return media_ioctl_raw(u->f, u->session, code, call, size);
}

static uint32_t user_qbuf(const struct user *u, uint32_t index, struct user_call *call)
{
    return user_send(u, _IOC_NR(VIDIOC_QBUF), index, call);
}

static uint32_t user_reqbufs(const struct user *u, uint32_t count)
{
    struct v4l2_requestbuffers request = {
        .count = count, .type = media_type(u->f), .memory = V4L2_MEMORY_USERPTR};
    uint32_t status = MEDIA_IOCTL(u->f, u->session, REQBUFS, &request);

    if (status == 0) {
        assert_int_equal(request.count, count);
        assert_true(request.capabilities & V4L2_BUF_CAP_SUPPORTS_USERPTR);
        assert_int_equal(request.memory, V4L2_MEMORY_USERPTR);
    }
    return status;
}

static void user_begin(struct user *u, struct media_fixture *f, uint32_t fourcc)
{
    const struct picture *picture = &capture_stream(f->media->kind)->picture;

    *u = (struct user){.f = f, .session = media_session(f)};
    assert_int_equal(media_set(f, u->session, fourcc, 320, 240, RATE), 0);
    u->planes = picture->format->planes;
    for (unsigned i = 0; i < u->planes; i++)
        u->size[i] = picture->plane_size[i];
    assert_int_equal(user_reqbufs(u, BUFFERS), 0);
    for (unsigned i = 0; i < BUFFERS; i++)
        for (unsigned k = 0; k < u->planes; k++)
            give_memory(u, i, k);
}

/* Reads a plane as the program does. */
static void user_read(const struct user *u, const struct user_memory *m, uint8_t *to, uint32_t size)
{
    for (uint64_t done = 0, part; done < size; done += part) {
        part = size - done;
        uint64_t gpa = user_gpa(m, done, &part);

        memcpy(to + done, ring_driver_at(&u->f->driver, gpa), part);
    }
}

static void check_frame(const struct user *u, const struct virtio_media_event_dqbuf *event)
{
    const struct v4l2_buffer *b = &event->buffer;
    bool multi = V4L2_TYPE_IS_MULTIPLANAR(b->type);
    uint64_t sum = FRAME_STAMP_SEED;
    struct frame_stamp stamp = {0};

    assert_int_equal(event->hdr.event, VIRTIO_MEDIA_EVT_DQBUF);
    assert_in_range(b->index, 0, BUFFERS - 1);
    assert_int_equal(b->memory, V4L2_MEMORY_USERPTR);
    assert_int_equal(b->flags, V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC);
    for (unsigned i = 0; i < u->planes; i++) {
        uint64_t *copy = malloc(u->size[i]);

        assert_int_equal(multi ? event->planes[i].bytesused : b->bytesused, u->size[i]);
        assert_true((multi ? event->planes[i].m.userptr : b->m.userptr) == POINTER(b->index, i));
        user_read(u, &u->memory[b->index][i], (uint8_t *)copy, u->size[i]);
        if (i == 0) {
            memcpy(&stamp, copy, sizeof(stamp));
            copy[3] = 0;
        }
        sum = frame_stamp_sum(sum, copy, u->size[i] / 8);
        free(copy);
    }
    assert_true(stamp.magic == FRAME_STAMP_MAGIC);
    assert_int_equal(stamp.sequence, b->sequence);
    assert_true(stamp.sum == sum);
}

/* Twenty frames; every second time the program comes with other memory. */
static void stream(struct media_fixture *f, uint32_t fourcc)
{
    struct virtio_media_event_dqbuf event;
    unsigned frames = 0, before;
    struct user_call call;
    struct user u;

    before = mappings();
    user_begin(&u, f, fourcc);
    for (uint32_t i = 0; i < BUFFERS; i++) {
        assert_int_equal(user_qbuf(&u, i, &call), 0);
        assert_true(call.buffer.flags & V4L2_BUF_FLAG_QUEUED);
    }
    assert_true(mappings() > before + BUFFERS);
    media_post_events(f, 16, 608);
    assert_int_equal(media_streamon(f, u.session), 0);
    for (unsigned rounds = 0; frames < 20 && rounds < 10000; rounds++) {
        media_loop_for(f, 5);
        while (frames < 20 && media_event(f, &event)) {
            check_frame(&u, &event);
            for (unsigned k = 0; k < u.planes && frames % 2; k++)
                give_memory(&u, event.buffer.index, k);
            assert_int_equal(user_qbuf(&u, event.buffer.index, &call), 0);
            media_post_events(f, 1, 608);
            frames++;
        }
    }
    assert_true(frames >= 20);
    assert_int_equal(media_streamoff(f, u.session), 0);
    assert_int_equal(user_reqbufs(&u, 0), 0);
    assert_in_range(mappings(), before, before + 1); /* of the table's two regions */
    media_close(f, u.session);
    media_assert_empty(f);
    assert_int_equal(f->port.maps, 0);
}

static void test_yuyv(void **state)
{
    stream(*state, V4L2_PIX_FMT_YUYV);
}

static void test_nv12(void **state)
{
    stream(*state, V4L2_PIX_FMT_NV12);
}

static void test_nv12m(void **state)
{
    stream(*state, V4L2_PIX_FMT_NV12M);
}

static void test_querybuf(void **state)
{
    struct media_fixture *f = *state;
    struct virtio_media_resp_mmap answer;
    struct media_buffer_payload b;
    struct user_call call;
    struct user u;

    user_begin(&u, f, V4L2_PIX_FMT_YUYV);
    assert_int_equal(f->census.resources, 0); /* it is not our memory */
    assert_int_equal(media_querybuf(f, u.session, 1, &b), 0);
    assert_int_equal(b.buffer.memory, V4L2_MEMORY_USERPTR);
    assert_int_equal(b.buffer.length, u.size[0]);
    assert_int_equal(b.buffer.m.userptr, 0);
    assert_int_equal(media_mmap(f, u.session, 0, &answer), EINVAL);
    assert_int_equal(user_qbuf(&u, 1, &call), 0);
    assert_true(call.buffer.m.userptr == POINTER(1, 0));
    assert_int_equal(call.buffer.length, u.size[0]);
    assert_int_equal(media_mmap(f, u.session, 1u << 19, &answer), EINVAL);
    assert_int_equal(media_querybuf(f, u.session, 1, &b), 0);
    assert_true(b.buffer.m.userptr == POINTER(1, 0));
    assert_true(b.buffer.flags & V4L2_BUF_FLAG_QUEUED);
}

/* The kinds of memory do not mix. */
static void test_one_kind_of_memory(void **state)
{
    struct v4l2_create_buffers create = {.count = 1, .memory = V4L2_MEMORY_MMAP};
    struct media_fixture *f = *state;
    struct user_call call;
    uint32_t count = 2;
    struct user u;

    user_begin(&u, f, V4L2_PIX_FMT_YUYV);
    assert_int_equal(media_qbuf(f, u.session, 0), EINVAL);
    create.format.type = media_type(f);
    assert_int_equal(MEDIA_IOCTL(f, u.session, G_FMT, &create.format), 0);
    assert_int_equal(MEDIA_IOCTL(f, u.session, CREATE_BUFS, &create), EINVAL);
    create.memory = V4L2_MEMORY_USERPTR;
    assert_int_equal(MEDIA_IOCTL(f, u.session, CREATE_BUFS, &create), 0);
    assert_int_equal(create.index, BUFFERS);
    assert_true(create.capabilities & V4L2_BUF_CAP_SUPPORTS_USERPTR);
    assert_int_equal(media_reqbufs(f, u.session, &count), 0); /* in place of them */
    assert_int_equal(f->census.resources, 2);
    assert_int_equal(user_qbuf(&u, 0, &call), EINVAL);
    assert_int_equal(media_qbuf(f, u.session, 0), 0);
}

/* Sends a QBUF of buffer 0 with its last 'cut' bytes missing. */
static uint32_t qbuf_cut(const struct user *u, uint32_t cut)
{
    struct user_call call;
    uint32_t size = user_call_init(u, &call, 0);

    return media_ioctl_raw(u->f, u->session, _IOC_NR(VIDIOC_QBUF), &call, size - cut);
}

/* Sends it with one entry of the list changed. */
static uint32_t qbuf_entry(const struct user *u, unsigned number, uint64_t start, uint32_t len)
{
    struct virtio_media_sg entry = {.start = start, .len = len};
    struct user_call call;
    uint32_t size = user_call_init(u, &call, 0);

    memcpy(call.tail + number * sizeof(entry), &entry, sizeof(entry));
    return media_ioctl_raw(u->f, u->session, _IOC_NR(VIDIOC_QBUF), &call, size);
}

static void test_bad_lists(void **state)
{
    struct media_fixture *f = *state;
    uint32_t page = (uint32_t)units_page_size();
    struct media_buffer_payload b;
    struct user_call call;
    unsigned before;
    struct user u;

    user_begin(&u, f, V4L2_PIX_FMT_YUYV);
    assert_int_equal(user_qbuf(&u, 1, &call), 0);
    before = mappings();
    assert_int_equal(qbuf_cut(&u, 1), EINVAL);
    assert_int_equal(qbuf_cut(&u, sizeof(struct virtio_media_sg)), EINVAL);
    assert_int_equal(qbuf_cut(&u, 20 * sizeof(struct virtio_media_sg)), EINVAL);
    assert_int_equal(qbuf_entry(&u, 3, 0x1000, page), EFAULT);
    assert_int_equal(qbuf_entry(&u, 3, UINT64_MAX - 5, page), EFAULT);
    assert_int_equal(qbuf_entry(&u, 3, RING_DRIVER_GPA + RING_DRIVER_RAM - page, 2 * page), EFAULT);
    assert_int_equal(qbuf_entry(&u, 3, RING_DRIVER_GPA, 0), EINVAL);
    assert_int_equal(qbuf_entry(&u, 3, RING_DRIVER_GPA + 16, page), EINVAL); /* not a whole page */
    assert_int_equal(qbuf_entry(&u, 3, RING_DRIVER_GPA, page - 16), EINVAL);
    user_call_init(&u, &call, 0);
    call.buffer.length--; /* smaller than a picture */
    assert_int_equal(MEDIA_IOCTL(f, u.session, QBUF, &call), EINVAL);
    user_call_init(&u, &call, 0);
    call.buffer.length = 0; /* as a driver says for a null pointer */
    assert_int_equal(MEDIA_IOCTL(f, u.session, QBUF, &call), EINVAL);
    assert_int_equal(mappings(), before);
    assert_int_equal(media_querybuf(f, u.session, 0, &b), 0);
    assert_int_equal(b.buffer.flags, V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC);
    /* More than is needed will do. */
    assert_int_equal(qbuf_entry(&u, 0, RING_DRIVER_SEAM - 3 * page, 200 * page), 0);
    assert_int_equal(user_qbuf(&u, 0, &call), EINVAL); /* it is queued */
}

/* What PREPARE_BUF said stands: QBUF comes with the same, or is not listened to. */
static void test_prepare(void **state)
{
    struct virtio_media_event_dqbuf event;
    struct media_fixture *f = *state;
    struct user_memory prepared;
    struct user_call call;
    struct user u;

    user_begin(&u, f, V4L2_PIX_FMT_NV12);
    assert_int_equal(user_send(&u, _IOC_NR(VIDIOC_PREPARE_BUF), 2, &call), 0);
    assert_true(call.buffer.flags & V4L2_BUF_FLAG_PREPARED);
    assert_int_equal(user_send(&u, _IOC_NR(VIDIOC_PREPARE_BUF), 2, &call), EINVAL);
    prepared = u.memory[2][0];
    give_memory(&u, 2, 0);
    assert_int_equal(user_qbuf(&u, 2, &call), 0);
    u.memory[2][0] = prepared;
    media_post_events(f, 1, 608);
    assert_int_equal(media_streamon(f, u.session), 0);
    MEDIA_AWAIT(f, media_event(f, &event));
    check_frame(&u, &event);
}

/* The same list of another memory is other memory. */
static void test_new_table(void **state)
{
    struct media_fixture *f = *state;
    struct queue_buffer *buffer;
    struct user_call call;
    struct plane *plane;
    struct user u;
    int other = fd_memfd("other", RING_DRIVER_RAM);

    user_begin(&u, f, V4L2_PIX_FMT_NV12);
    buffer = buffer_queue_get(media_queue(f), 0);
    assert_int_equal(user_qbuf(&u, 0, &call), 0);
    assert_int_equal(media_streamoff(f, u.session), 0);
    plane = buffer->plane[0];
    assert_int_equal(user_qbuf(&u, 0, &call), 0);
    assert_ptr_equal(buffer->plane[0], plane);
    assert_int_equal(media_streamoff(f, u.session), 0);
    assert_int_equal(pwrite(other, f->driver.ram, 1 << 20, 0), 1 << 20); /* the rings go along */
    munmap(f->driver.ram, RING_DRIVER_RAM);
    f->driver.ram = mmap(NULL, RING_DRIVER_RAM, PROT_READ | PROT_WRITE, MAP_SHARED, other, 0);
    assert_ptr_not_equal(f->driver.ram, MAP_FAILED);
    ring_driver_set_memory(&f->driver, other);
    memset(buffer_data(plane->buffer), 1, 8); /* still there, though nobody's */
    assert_int_equal(user_qbuf(&u, 0, &call), 0);
    memcpy(buffer_data(buffer->plane[0]->buffer), "new one", 8);
    assert_string_equal(ring_driver_at(&f->driver, u.memory[0][0].pages[0] + 0x341), "new one");
}

/* A program is killed, and a guest begins anew, with user memory in our hands. */
static void test_ends(void **state)
{
    struct media_fixture *f = *state;
    unsigned before = mappings();
    struct user_call call;
    struct user u;

    for (unsigned i = 0; i < 4; i++) {
        user_begin(&u, f, V4L2_PIX_FMT_YUYV);
        for (uint32_t k = 0; k < BUFFERS; k++)
            assert_int_equal(user_qbuf(&u, k, &call), 0);
        assert_int_equal(media_streamon(f, u.session), 0);
        media_loop_for(f, 30);
        if (i % 2)
            media_fixture_reboot(f);
        else
            media_close(f, u.session);
        media_assert_empty(f);
        assert_in_range(mappings(), before, before + 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MEDIA_TEST(test_yuyv),        MEDIA_ARENA_TEST(test_nv12),
        MEDIA_MPLANE_TEST(test_nv12), MEDIA_MPLANE_TEST(test_nv12m),
        MEDIA_TEST(test_querybuf),    MEDIA_TEST(test_one_kind_of_memory),
        MEDIA_TEST(test_bad_lists),   MEDIA_ARENA_TEST(test_prepare),
        MEDIA_TEST(test_new_table),   MEDIA_ARENA_TEST(test_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
