/* SPDX-License-Identifier: MIT */
#include "gpu_story.h"

#include <stdio.h>
#include <stdlib.h>

#define RESULT GPU_STORY_RESULT
#define RESULT_AT GPU_STORY_RESULT_AT

void gpu_story_bind(struct story *s)
{
    assert_int_equal(gpu_guest_context(&s->frontend, 1), OK);
    gpu_story_create_mapped(s, RESULT, 4096, RESULT_AT);
}

void gpu_story_open(struct story *s, const char *const *arguments)
{
    story_start(s, arguments);
    story_join(s);
    gpu_story_bind(s);
}

void gpu_story_create(struct story *s, uint32_t id, uint64_t size)
{
    assert_int_equal(gpu_guest_create(&s->frontend, 1, id, size), OK);
    assert_int_equal(gpu_guest_attach(&s->frontend, 1, id), OK);
}

void gpu_story_create_mapped(struct story *s, uint32_t id, uint64_t size, uint64_t offset)
{
    gpu_story_create(s, id, size);
    assert_int_equal(gpu_guest_map(&s->frontend, id, offset), MAPPED);
}

volatile uint64_t *gpu_story_seen(struct story *s, uint64_t offset, uint64_t size)
{
    volatile uint64_t *at = guest_window_at(&s->frontend.window, offset, size);

    assert_non_null(at);
    return at;
}

void gpu_story_verify_up(struct story *s, uint32_t id, uint64_t offset, uint64_t size,
                         uint64_t seed)
{
    volatile uint64_t *words = gpu_story_seen(s, offset, size);
    volatile uint64_t *result = gpu_story_seen(s, RESULT_AT, 8);

    for (uint64_t i = 0; i < size / 8; i++)
        words[i] = memory_stream_word(seed, i);
    *result = 0;
    assert_int_equal(gpu_guest_sum(&s->frontend, 1, id, 0, size, RESULT, 0), OK);
    assert_true(*result == memory_stream_sum(words, size / 8));
}

bool gpu_story_sees(struct story *s, uint64_t offset, uint64_t size, uint64_t seed)
{
    volatile uint64_t *words = gpu_story_seen(s, offset, size);
    uint64_t wrong = 0;

    for (uint64_t i = 0; i < size / 8; i++)
        wrong += words[i] != memory_stream_word(seed, i);
    return wrong == 0;
}

void gpu_story_verify_down(struct story *s, uint32_t id, uint64_t offset, uint64_t size,
                           uint64_t seed)
{
    assert_int_equal(gpu_guest_fill(&s->frontend, 1, id, 0, size, seed), OK);
    assert_true(gpu_story_sees(s, offset, size, seed));
}

int gpu_story_ping(struct story *s)
{
    struct virtio_gpu_ctrl_hdr command = {.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO};
    struct virtio_gpu_resp_display_info answer;

    return gpu_guest_command(&s->frontend, &command, sizeof(command), &answer, sizeof(answer));
}

bool gpu_story_has(const char *renderer)
{
    char path[64], output[8192];
    struct json_object *json, *value = NULL;
    bool in = false;

    story_shell(output, sizeof(output), "timeout 60 %s --check", getenv(STORY_GPU));
    json = json_tokener_parse(output);
    snprintf(path, sizeof(path), "/renderers/%s/in", renderer);
    if (json_pointer_get(json, path, &value) == 0)
        in = json_object_get_boolean(value);
    snprintf(path, sizeof(path), "/renderers/%s/why", renderer);
    if (!in && json_pointer_get(json, path, &value) == 0)
        printf("%s is out: %s\n", renderer, json_object_get_string(value));
    json_object_put(json);
    return in;
}

bool gpu_story_can_draw(void)
{
    return gpu_story_has("virgl");
}
