/* SPDX-License-Identifier: MIT */
#ifndef MEDIA_FILE_OPTIONS_H
#define MEDIA_FILE_OPTIONS_H

#include <stdbool.h>

#include "media/frame_reader.h"
#include "media/media_options.h"

/* The options of the kind 'file'. Each takes its argument into a struct media_options, whose
 * strings are borrowed. NULL, or a sentence that says what would be right. */
typedef const char *file_options_take(void *target, const char *argument);
file_options_take file_options_take_path, file_options_take_format, file_options_take_size,
    file_options_take_rate, file_options_take_pace, file_options_take_loop,
    file_options_take_follow;

/* NULL, or what is wrong with them together: a sentence that says what would be right, static. */
const char *file_options_wrong(const struct media_options *options);
/* A reader for them, which is not open yet; the options are borrowed. Looks into a regular file to
 * find out which one. NULL with the reason (static) in *why. */
struct frame_reader *file_options_reader(const struct media_options *options, const char **why);
/* Comes to the first frame of a regular file that is open, and waits for it: some seconds at most.
 * As frame_reader_impl::next. */
enum frame_outcome file_options_look(struct frame_reader *reader);
/* Whether what they name can be read, as media_kind_impl::check; true where
 * another kind is asked for, and no file. A FIFO and a
 * socket are left alone, so that no writer is disturbed. */
bool file_options_check(const struct media_options *options, char *text);

#endif
