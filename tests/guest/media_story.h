/* SPDX-License-Identifier: MIT */
#ifndef TESTS_GUEST_MEDIA_STORY_H
#define TESTS_GUEST_MEDIA_STORY_H

#include <stdint.h>

#include "media_case.h"

/* Short stories about one session, each asking what a V4L2 program, or a bad one, would ask. */
struct media_story {
    struct media_case *c;        /* not owned */
    struct media_client *client; /* not owned */
    uint32_t session;
    uint32_t type;   /* V4L2_BUF_TYPE_* */
    uint32_t fourcc; /* the first format */
    unsigned planes; /* of it */
    unsigned tried, bad, optional;
};

/* Opens the session and finds the first format. Returns 0, or 1 after a sentence. */
int media_story_begin(struct media_story *story, struct media_case *c, struct media_client *client);

/* Counts; says so on standard error when 'got' (0 or -errno) is not 'wanted'. */
void media_story_expect(struct media_story *story, const char *what, int got, int wanted);

/* Closes the session. */
void media_story_end(struct media_story *story);

/* One ioctl on the session. Returns 0 or -errno. */
int media_story_ioctl(struct media_story *story, uint32_t code, void *payload, size_t size);

/* REQBUFS. Returns 0 or -errno. */
int media_story_request(struct media_story *story, uint32_t count);

/* QUERYBUF of a buffer's first plane: *mem_offset and *length. Returns 0 or -errno. */
int media_story_query(struct media_story *story, uint32_t index, uint32_t *mem_offset,
                      uint32_t *length);

void media_story_formats(struct media_story *story);  /* ENUM_*, G/S/TRY_FMT, G/S_PARM */
void media_story_inputs(struct media_story *story);   /* ENUMINPUT, G/S_INPUT */
void media_story_queue(struct media_story *story);    /* REQBUFS to STREAMOFF, out of order too */
void media_story_create(struct media_story *story);   /* CREATE_BUFS, PREPARE_BUF, where there */
void media_story_controls(struct media_story *story); /* extended controls: echo, count 0 */
void media_story_mapping(
    struct media_story *story);                   /* MMAP and MUNMAP: counts, who outlives whom */
void media_story_wire(struct media_story *story); /* commands that are too short, or unknown */

#endif
