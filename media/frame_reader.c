/* SPDX-License-Identifier: MIT */
#include "media/frame_reader.h"

#include <stdio.h>

int frame_reader_opened(struct frame_reader *reader, const struct frame_input *input, int r)
{
    snprintf(reader->why, sizeof(reader->why), "%s", r != 0 ? frame_input_reason(r) : "");
    reader->stream = frame_input_is_stream(input);
    reader->connects = input->kind == FRAME_INPUT_SOCKET;
    return r;
}
