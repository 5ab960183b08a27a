/* SPDX-License-Identifier: MIT */
#include "media/media_quota.h"

#include "guest/guest_view.h"

#define REFUSED "ENOMEM"

const struct quota_row media_quota_rows[MEDIA_QUOTA_COUNT + 1] = {
    [MEDIA_QUOTA_MEMORY] = {"memory", .bytes = true, .windows = 1, .answer = REFUSED,
                            .what = "Host memory of buffers: each has its place in the window."},
    [MEDIA_QUOTA_BUFFERS] = {"buffers", .most = 16384, .answer = REFUSED,
                             .what = "Planes of buffers: 64 for each session."},
    [MEDIA_QUOTA_MAPPINGS] = {"mappings", .most = 16384, .answer = REFUSED,
                              .what = "Buffers in the memory window: half of what a front-end can\n"
                                      "map."},
    [MEDIA_QUOTA_SESSIONS] = {"sessions", .most = 256, .answer = REFUSED,
                              .what = "Open files of the video node: v4l2-compliance opens 100."},
    [MEDIA_QUOTA_SUBSCRIPTIONS] = {"subscriptions", .most = 32768, .answer = REFUSED,
                                   .what = "Events that sessions want, each of which may wait for\n"
                                           "the guest: 128 for each session."},
    [MEDIA_QUOTA_PAGES] = {"pages", .most = GUEST_VIEW_MAX_STRETCHES, .answer = REFUSED,
                           .what = "Pieces of the guest's own memory (USERPTR) that are mapped\n"
                                   "here: half of what Linux gives a process."},
    [MEDIA_QUOTA_CODEC_MEMORY] = {"codec-memory", .bytes = true, .most = 4ull << 30,
                                  .answer = "ERROR buffers",
                                  .what = "Pictures that codecs keep beside the buffers: 300 of\n"
                                          "4K, or 64 decoders of 1080p."},
};
