/* SPDX-License-Identifier: MIT */
#ifndef TESTS_GUEST_GL_PICTURE_H
#define TESTS_GUEST_GL_PICTURE_H

/*
 * Draws three lit balls over a chequered ground with the current OpenGL ES context, verifies each
 * pixel, and writes what was drawn to the file 'path': 256 x 256 times R, G, B, A, the uppermost
 * line first. Binds a frame buffer, a program and a vertex array of its own. Says '@@ picture=...'.
 * Returns 0; 1 when a pixel is wrong; 2 when the file cannot be written.
 */
int gl_picture_draw(const char *path);

#endif
