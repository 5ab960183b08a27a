/* SPDX-License-Identifier: MIT */
#ifndef GPU_SINK_SOCKET_PART_H
#define GPU_SINK_SOCKET_PART_H

#include "gpu/sink_socket.h"

/*
 * What the parts of a sink_socket do for each other. Those that send return 0 when all is said,
 * -EAGAIN when the socket is full or enough was sent for now, or the -errno of a broken socket.
 */

/* gpu/sink_socket.c */
/* Nothing more goes in or out; the owner is told from the loop. */
void sink_socket_break(struct sink_socket *s);
/* Says what there is to say, as far as the socket takes it. */
void sink_socket_pump(struct sink_socket *s);

/* gpu/sink_socket_question.c */
int sink_socket_question_init(struct sink_socket *s, sd_event *loop);
void sink_socket_question_finish(struct sink_socket *s);
/* Sends the questions that are due. */
int sink_socket_question_send(struct sink_socket *s);
/* Takes the answer in s->wire.in, but that of DMABUF_UPDATE. */
void sink_socket_question_answer(struct sink_socket *s);
/* See sink_impl.asked. */
void sink_socket_question_asked(struct sink_socket *s, int output);

/* gpu/sink_socket_picture.c */
int sink_socket_picture_init(struct sink_socket *s, sd_event *loop);
void sink_socket_picture_finish(struct sink_socket *s);
/* Whether the frame can go as a dmabuf. */
bool sink_socket_picture_as_dmabuf(const struct sink_socket *s, const struct sink_frame *frame);
/* Sends what is new on the output; *bytes less what went. */
int sink_socket_picture_send(struct sink_socket *s, unsigned output, int64_t *bytes);
/* Nobody needs to see what was not sent of the output. */
void sink_socket_picture_drop(struct sink_socket *s, unsigned output);
/* The front-end has shown a dmabuf. */
void sink_socket_picture_shown(struct sink_socket *s);

/* gpu/sink_socket_pointer.c */
int sink_socket_pointer_init(struct sink_socket *s, sd_event *loop);
void sink_socket_pointer_finish(struct sink_socket *s);
/* See sink_impl.cursor and sink_impl.cursor_move. */
void sink_socket_pointer_set(struct sink_socket *s, unsigned output,
                             const struct sink_cursor *cursor, int32_t x, int32_t y);
void sink_socket_pointer_move(struct sink_socket *s, unsigned output, int32_t x, int32_t y);
/* Sends what the front-end is to know of its own pointer on the output. */
int sink_socket_pointer_send(struct sink_socket *s, unsigned output);
/* Whether the pointer has to be drawn anew. */
bool sink_socket_pointer_is_due(const struct sink_socket *s, unsigned output);
/* From now on the pointer is drawn as it is now. If the front-end has a picture of the output
 * ('is_shown'), its old and its new place are damage. To be called before pixels are sent. */
void sink_socket_pointer_damage(struct sink_socket *s, unsigned output, bool is_shown);
/* Whether some of it is in 'piece'. */
bool sink_socket_pointer_is_in(const struct sink_socket *s, unsigned output,
                               const struct rect *piece);
/* Draws it into s->converted, which holds 'piece' as B, G, R, X, line by line. */
void sink_socket_pointer_draw(struct sink_socket *s, unsigned output, const struct rect *piece);

#endif
