/* SPDX-License-Identifier: MIT */
#include "gl_picture.h"

#include <GLES2/gl2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIDE 256
#define BALLS 3

/*
 * All that is calculated are whole numbers, and divisions by powers of two: any renderer that has
 * floats of 32 bits comes to the same pixels, and so does colour() below.
 */
static const char vertex_source[] = "attribute vec2 place;\n"
                                    "void main() { gl_Position = vec4(place, 0.0, 1.0); }\n";
static const char fragment_source[] =
    "precision highp float;\n"
    "uniform vec3 balls[3]; uniform vec3 colours[3];\n" /* x, y, radius */
    "void main() {\n"
    "    vec2 at = floor(gl_FragCoord.xy);\n"
    "    vec2 field = floor(at / 32.0);\n"
    "    float dark = mod(field.x + field.y, 2.0);\n"
    "    vec3 seen = vec3(floor(at.x / 2.0), 64.0 + dark * 96.0, floor(at.y / 2.0));\n"
    "    for (int i = 0; i < 3; i++) {\n"
    "        vec2 off = at - balls[i].xy;\n"
    "        vec2 light = off - vec2(-16.0, 16.0);\n"
    "        if (dot(off, off) < balls[i].z * balls[i].z)\n"
    "            seen = floor(colours[i] * (256.0 - floor(dot(light, light) / 32.0)) / 256.0);\n"
    "    }\n"
    "    gl_FragColor = vec4(seen / 255.0, 1.0);\n"
    "}\n";

/* From behind to before; y counts from below, as OpenGL's does. */
static const GLfloat balls[3 * BALLS] = {88, 152, 72, 176, 120, 64, 104, 72, 48};
static const GLfloat colours[3 * BALLS] = {240, 80, 48, 64, 208, 96, 80, 128, 248};

static void colour(int x, int y, uint8_t *seen)
{
    seen[0] = (uint8_t)(x / 2);
    seen[1] = (uint8_t)(64 + (x / 32 + y / 32) % 2 * 96);
    seen[2] = (uint8_t)(y / 2);
    seen[3] = 255;
    for (int i = 0; i < BALLS; i++) {
        int dx = x - (int)balls[3 * i], dy = y - (int)balls[3 * i + 1];
        int light = ((dx + 16) * (dx + 16) + (dy - 16) * (dy - 16)) / 32;

        if (dx * dx + dy * dy < (int)balls[3 * i + 2] * (int)balls[3 * i + 2])
            for (int channel = 0; channel < 3; channel++)
                seen[channel] = (uint8_t)((int)colours[3 * i + channel] * (256 - light) / 256);
    }
}

static void add_shader(GLuint program, GLenum type, const char *source)
{
    GLuint shader = glCreateShader(type);

    glShaderSource(shader, 1, &source, NULL);
    glCompileShader(shader);
    glAttachShader(program, shader);
}

static void draw(void)
{
    static const GLfloat corners[] = {-1, -1, 1, -1, -1, 1, 1, 1};
    GLuint texture, frame, buffer, program = glCreateProgram();

    glGenTextures(1, &texture);
    glBindTexture(GL_TEXTURE_2D, texture);
    glTexImage2D(GL_TEXTURE_2D, 0, GL_RGBA, SIDE, SIDE, 0, GL_RGBA, GL_UNSIGNED_BYTE, NULL);
    glGenFramebuffers(1, &frame);
    glBindFramebuffer(GL_FRAMEBUFFER, frame);
    glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, texture, 0);
    glViewport(0, 0, SIDE, SIDE);
    add_shader(program, GL_VERTEX_SHADER, vertex_source);
    add_shader(program, GL_FRAGMENT_SHADER, fragment_source);
    glBindAttribLocation(program, 0, "place");
    glLinkProgram(program);
    glUseProgram(program);
    glUniform3fv(glGetUniformLocation(program, "balls"), BALLS, balls);
    glUniform3fv(glGetUniformLocation(program, "colours"), BALLS, colours);
    glGenBuffers(1, &buffer);
    glBindBuffer(GL_ARRAY_BUFFER, buffer);
    glBufferData(GL_ARRAY_BUFFER, sizeof(corners), corners, GL_STATIC_DRAW);
    glVertexAttribPointer(0, 2, GL_FLOAT, GL_FALSE, 0, NULL);
    glEnableVertexAttribArray(0);
    glDrawArrays(GL_TRIANGLE_STRIP, 0, 4);
}

/* Returns how many pixels are wrong, and tells of the first. */
static unsigned check(const uint8_t *pixels)
{
    unsigned bad = 0;

    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            const uint8_t *found = pixels + ((size_t)y * SIDE + x) * 4;
            uint8_t wanted[4];

            colour(x, y, wanted);
            if (memcmp(found, wanted, 4) && bad++ == 0)
                printf("@@ wrong=%d,%d found=%02x%02x%02x%02x wanted=%02x%02x%02x%02x error=%x\n",
                       x, y, found[0], found[1], found[2], found[3], wanted[0], wanted[1],
                       wanted[2], wanted[3], (unsigned)glGetError());
        }
    return bad;
}

int gl_picture_draw(const char *path)
{
    static uint8_t pixels[SIDE * SIDE * 4];
    FILE *file = fopen(path, "wb");
    size_t lines = 0;
    unsigned bad;

    draw();
    memset(pixels, 0x55, sizeof(pixels));
    glReadPixels(0, 0, SIDE, SIDE, GL_RGBA, GL_UNSIGNED_BYTE, pixels);
    bad = check(pixels);
    for (int y = SIDE - 1; file != NULL && y >= 0; y--)
        lines += fwrite(pixels + (size_t)y * SIDE * 4, SIDE * 4, 1, file);
    printf("@@ picture=%s side=%d wrong_pixels=%u\n", path, SIDE, bad);
    if (file == NULL || fclose(file) || lines != SIDE) {
        fprintf(stderr, "gl_loop: %s cannot be written\n", path);
        return 2;
    }
    return bad ? 1 : 0;
}
