/* SPDX-License-Identifier: MIT */
/* Draws with OpenGL ES off-screen without a pause, verifies each picture and tells when it stalls.
 *
 *     gl_loop SECONDS [FILE]
 *
 * FILE: a larger picture is drawn at the end, verified as well, and written there (gl_picture.h).
 * Ends with 0 after SECONDS, with 3 when the context is lost or cannot be made, with 1 when a pixel
 * is wrong, with 2 when FILE cannot be written.
 */
#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <GLES2/gl2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gl_picture.h"
#include "tick.h"

#define SIDE 64
/* Some of these run side by side, and a stall has to be the host's fault. */
#define REST_US 10000

static const char vertex_source[] = "attribute vec2 place; varying vec2 at;\n"
                                    "void main() { at = place * 0.5 + 0.5;\n"
                                    "gl_Position = vec4(place, 0.0, 1.0); }\n";
static const char fragment_source[] = "precision mediump float; uniform vec4 colour;\n"
                                      "varying vec2 at; void main() {\n"
                                      "gl_FragColor = at.x < 0.5 ? colour : colour.bgra; }\n";

static int failed(const char *what)
{
    printf("@@ lost=%x call=%s\n", (unsigned)eglGetError(), what);
    fflush(stdout);
    return -1;
}

static int open_context(void)
{
    static const EGLint config[] = {EGL_SURFACE_TYPE, 0, EGL_RENDERABLE_TYPE, EGL_OPENGL_ES2_BIT,
                                    EGL_NONE};
    static const EGLint version[] = {EGL_CONTEXT_CLIENT_VERSION, 2, EGL_NONE};
    EGLDisplay display =
        eglGetPlatformDisplay(EGL_PLATFORM_SURFACELESS_MESA, EGL_DEFAULT_DISPLAY, NULL);
    EGLConfig chosen;
    EGLContext context;
    EGLint count;

    if (!display || !eglInitialize(display, NULL, NULL))
        return failed("eglInitialize");
    if (!eglBindAPI(EGL_OPENGL_ES_API) || !eglChooseConfig(display, config, &chosen, 1, &count) ||
        count < 1)
        return failed("eglChooseConfig");
    context = eglCreateContext(display, chosen, EGL_NO_CONTEXT, version);
    if (!context || !eglMakeCurrent(display, EGL_NO_SURFACE, EGL_NO_SURFACE, context))
        return failed("eglCreateContext");
    return 0;
}

static GLuint shader(GLenum type, const char *source)
{
    GLuint name = glCreateShader(type);

    glShaderSource(name, 1, &source, NULL);
    glCompileShader(name);
    return name;
}

/* Returns the place of 'colour', or -1. */
static GLint open_program(void)
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
    glAttachShader(program, shader(GL_VERTEX_SHADER, vertex_source));
    glAttachShader(program, shader(GL_FRAGMENT_SHADER, fragment_source));
    glBindAttribLocation(program, 0, "place");
    glLinkProgram(program);
    glUseProgram(program);
    glGenBuffers(1, &buffer);
    glBindBuffer(GL_ARRAY_BUFFER, buffer);
    glBufferData(GL_ARRAY_BUFFER, sizeof(corners), corners, GL_STATIC_DRAW);
    glVertexAttribPointer(0, 2, GL_FLOAT, GL_FALSE, 0, NULL);
    glEnableVertexAttribArray(0);
    return glGetUniformLocation(program, "colour");
}

static int check(const uint8_t *pixels, uint8_t red, uint8_t blue)
{
    const uint8_t left[4] = {red, 0, blue, 255}, right[4] = {blue, 0, red, 255};

    for (unsigned y = 0; y < SIDE; y++)
        for (unsigned x = 0; x < SIDE; x++)
            if (memcmp(pixels + (y * SIDE + x) * 4, x < SIDE / 2 ? left : right, 4))
                return -1;
    return 0;
}

static int step(GLint colour, unsigned number)
{
    static uint8_t pixels[SIDE * SIDE * 4];
    uint8_t red = (uint8_t)(number * 7), blue = (uint8_t)(255 - number * 3);

    glUniform4f(colour, (float)red / 255, 0, (float)blue / 255, 1);
    glDrawArrays(GL_TRIANGLE_STRIP, 0, 4);
    memset(pixels, 0x55, sizeof(pixels));
    glReadPixels(0, 0, SIDE, SIDE, GL_RGBA, GL_UNSIGNED_BYTE, pixels);
    if (check(pixels, red, blue) == 0)
        return 0;
    printf("@@ bad=%u pixel=%02x%02x%02x%02x error=%x\n", number, pixels[0], pixels[1], pixels[2],
           pixels[3], (unsigned)glGetError());
    return 1;
}

int main(int argc, char **argv)
{
    uint64_t ms = argc > 1 ? strtoull(argv[1], NULL, 10) * 1000 : 0;
    int status = 3;
    GLint colour = -1;
    struct tick tick;

    if (ms == 0) {
        fprintf(stderr, "usage: gl_loop SECONDS [FILE]\n");
        return 2;
    }
    if (open_context() == 0 && (colour = open_program()) >= 0) {
        printf("@@ looping=0 renderer=%.4s\n", (const char *)glGetString(GL_RENDERER));
        status = 0;
    }
    fflush(stdout);
    tick_init(&tick);
    while (!status && !tick_over(&tick, ms)) {
        status = step(colour, tick.steps);
        tick_step(&tick);
        usleep(REST_US);
    }
    tick_end(&tick);
    if (!status && argc > 2)
        status = gl_picture_draw(argv[2]);
    printf("@@ ended=%d\n", status);
    return status;
}
