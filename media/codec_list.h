/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_CODEC_LIST_H
#define MEDIA_CODEC_LIST_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Which compressed formats a codec's node offers, as the option --codecs says: names with commas
 * between them. NULL stands for all but Motion-JPEG, as V4L2 has it that a node is a codec of
 * pictures or one of streams: 'mjpeg' alone makes the other sort.
 */

/* Whether the list has that V4L2_PIX_FMT_*. */
bool codec_list_has(const char *list, uint32_t fourcc);
/* Why it is no such list, as a sentence without an end (static); NULL: it is one. */
const char *codec_list_refusal(const char *list);

#endif
