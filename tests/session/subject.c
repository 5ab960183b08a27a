/* SPDX-License-Identifier: MIT */
#include "subject.h"

#include <errno.h>
#include <string.h>

#include "gpu_story.h"
#include "tests/frontend/media_guest.h"

#define BYSTANDER 8000u          /* resource */
#define BYSTANDER_AT (62u * MIB) /* in the window */
#define BYSTANDER_SIZE UINT64_C(65536)
#define OTHER 8001u
#define OTHER_AT (60u * MIB)
#define OTHER_SIZE UINT64_C(65536)
#define TYPE V4L2_BUF_TYPE_VIDEO_CAPTURE
#define SEED 4711u

/* Of the story that is being told: there is one at a time. */
static struct subject {
    bool mapped, other;    /* gpu: the other resource is there */
    uint32_t session;      /* media */
    uint64_t offset, size; /* of the bystander in the window */
    uint64_t other_offset, other_size;
} subject;

bool subject_is_gpu(const struct story *s)
{
    return strcmp(s->cast.program, STORY_GPU) == 0;
}

/* ---- hostblob-media ---- */

static uint32_t media_place(struct story *s, uint32_t index)
{
    struct v4l2_buffer buffer = {.index = index, .type = TYPE, .memory = V4L2_MEMORY_MMAP};

    assert_int_equal(media_guest_ioctl(&s->frontend, subject.session, VIDIOC_QUERYBUF, &buffer), 0);
    return buffer.m.offset;
}

static void media_make(struct story *s)
{
    struct v4l2_requestbuffers request = {.count = 2, .type = TYPE, .memory = V4L2_MEMORY_MMAP};

    assert_int_equal(media_guest_open(&s->frontend, &subject.session), 0);
    assert_int_equal(media_guest_ioctl(&s->frontend, subject.session, VIDIOC_REQBUFS, &request), 0);
    assert_int_equal(request.count, 2);
}

static void media_map_bystander(struct story *s)
{
    assert_int_equal(media_guest_mmap(&s->frontend, subject.session, media_place(s, 0),
                                      &subject.offset, &subject.size),
                     0);
}

static struct virtio_media_cmd_mmap media_map_request(struct story *s)
{
    return (struct virtio_media_cmd_mmap){.hdr = {.cmd = VIRTIO_MEDIA_CMD_MMAP},
                                          .session_id = subject.session,
                                          .flags = VIRTIO_MEDIA_MMAP_FLAG_RW,
                                          .offset = media_place(s, 1)};
}

/* ---- hostblob-gpu ---- */

static void gpu_make(struct story *s)
{
    gpu_story_create(s, BYSTANDER, BYSTANDER_SIZE);
    gpu_story_create(s, OTHER, OTHER_SIZE);
    subject.other = true;
}

/* ---- both ---- */

static void write_pattern(struct story *s, uint64_t offset, uint64_t size, uint64_t seed)
{
    volatile uint64_t *words = gpu_story_seen(s, offset, size);

    for (uint64_t i = 0; i < size / 8; i++)
        words[i] = memory_stream_word(seed, i);
}

void subject_forget(void)
{
    subject = (struct subject){0};
}

void subject_bind_unmapped(struct story *s)
{
    subject_forget();
    if (subject_is_gpu(s)) {
        assert_int_equal(gpu_guest_context(&s->frontend, 1), OK);
        gpu_make(s);
    } else {
        media_make(s);
    }
}

void subject_bind(struct story *s)
{
    subject_bind_unmapped(s);
    if (subject_is_gpu(s)) {
        gpu_story_create_mapped(s, GPU_STORY_RESULT, 4096, GPU_STORY_RESULT_AT);
        assert_int_equal(gpu_guest_map(&s->frontend, BYSTANDER, BYSTANDER_AT), MAPPED);
        subject.offset = BYSTANDER_AT;
        subject.size = BYSTANDER_SIZE;
        subject.other_offset = OTHER_AT;
        subject.other_size = OTHER_SIZE;
    } else {
        media_map_bystander(s);
    }
    subject.mapped = true;
    write_pattern(s, subject.offset, subject.size, SEED);
}

void subject_answers(struct story *s)
{
    struct v4l2_format format = {.type = TYPE};

    if (subject_is_gpu(s))
        assert_int_equal(gpu_story_ping(s), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
    else if (subject.session != 0)
        assert_int_equal(media_guest_ioctl(&s->frontend, subject.session, VIDIOC_G_FMT, &format),
                         0);
    else
        assert_int_equal(media_guest_ioctl(&s->frontend, 1u << 30, VIDIOC_G_FMT, &format), EINVAL);
}

void subject_serves(struct story *s)
{
    subject_answers(s);
    if (!subject.mapped)
        return;
    assert_true(gpu_story_sees(s, subject.offset, subject.size, SEED));
    if (subject_is_gpu(s)) {
        volatile uint64_t *words = gpu_story_seen(s, subject.offset, subject.size);
        volatile uint64_t *result = gpu_story_seen(s, GPU_STORY_RESULT_AT, 8);

        *result = 0;
        assert_int_equal(
            gpu_guest_sum(&s->frontend, 1, BYSTANDER, 0, subject.size, GPU_STORY_RESULT, 0), OK);
        assert_true(*result == memory_stream_sum(words, subject.size / 8));
    }
}

int subject_map_begin(struct story *s)
{
    if (subject_is_gpu(s)) {
        if (!subject.other)
            gpu_story_create(s, OTHER, OTHER_SIZE);
        subject.other = true;
        return gpu_guest_map_begin(&s->frontend, OTHER, OTHER_AT);
    } else {
        struct virtio_media_cmd_mmap request = media_map_request(s);

        return frontend_submit(&s->frontend, SUBJECT_QUEUE, &request, sizeof(request),
                               sizeof(struct virtio_media_resp_mmap));
    }
}

bool subject_map_end(struct story *s, int slot)
{
    struct virtio_gpu_resp_map_info info;
    struct virtio_media_resp_mmap answer = {0};
    int r;

    assert_true(slot >= 0);
    if (subject_is_gpu(s)) {
        r = gpu_guest_end(&s->frontend, slot, &info, sizeof(info), FRONTEND_PATIENCE);
        assert_true(r == MAPPED || r >= REFUSED);
        return r == MAPPED;
    }
    r = frontend_await(&s->frontend, SUBJECT_QUEUE, (unsigned)slot, &answer, sizeof(answer),
                       FRONTEND_PATIENCE);
    assert_true(r >= (int)sizeof(answer.hdr));
    subject.other_offset = answer.shm_offset;
    subject.other_size = answer.len;
    return answer.hdr.status == 0;
}

bool subject_map(struct story *s)
{
    return subject_map_end(s, subject_map_begin(s));
}

void subject_verify(struct story *s)
{
    write_pattern(s, subject.other_offset, subject.other_size, SEED + 1);
    assert_true(gpu_story_sees(s, subject.other_offset, subject.other_size, SEED + 1));
    subject_serves(s);
}

bool subject_unmap(struct story *s)
{
    if (!subject_is_gpu(s))
        return media_guest_munmap(&s->frontend, subject.other_offset) == 0;
    subject.other = false;
    return gpu_guest_unref(&s->frontend, OTHER) == OK;
}

size_t subject_request(const struct story *s, void *to, size_t *space)
{
    struct virtio_gpu_ctrl_hdr gpu = {.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO};
    struct virtio_media_cmd_ioctl media = {.hdr = {.cmd = VIRTIO_MEDIA_CMD_IOCTL},
                                           .session_id = subject.session,
                                           .code = _IOC_NR(VIDIOC_G_INPUT)};

    *space = subject_is_gpu(s) ? sizeof(struct virtio_gpu_resp_display_info)
                               : sizeof(struct virtio_media_resp_header) + sizeof(uint32_t);
    memcpy(to, subject_is_gpu(s) ? (const void *)&gpu : &media,
           subject_is_gpu(s) ? sizeof(gpu) : sizeof(media));
    return subject_is_gpu(s) ? sizeof(gpu) : sizeof(media);
}

void subject_work(struct story *s)
{
    struct v4l2_buffer buffer = {.index = 1, .type = TYPE, .memory = V4L2_MEMORY_MMAP};
    int type = TYPE;

    if (subject_is_gpu(s))
        return;
    assert_int_equal(media_guest_ioctl(&s->frontend, subject.session, VIDIOC_QBUF, &buffer), 0);
    assert_int_equal(media_guest_ioctl(&s->frontend, subject.session, VIDIOC_STREAMON, &type), 0);
}

void subject_errs(struct story *s)
{
    const uint32_t nothing[8] = {0x7f7f7f7f};
    uint32_t answer[8] = {0};
    int r = frontend_request(&s->frontend, SUBJECT_QUEUE, nothing, sizeof(nothing), answer,
                             sizeof(answer));

    assert_true(r >= 8);
    if (subject_is_gpu(s))
        assert_true(answer[0] >= REFUSED);
    else
        assert_int_equal(answer[0], ENOTTY);
}
