/* SPDX-License-Identifier: MIT */
#ifndef DAEMON_SANDBOX_H
#define DAEMON_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The sandbox: open everything, shut the door, then listen to strangers.
 *
 * A device is three processes, and each has a role with rights of its own:
 *
 *   the starter  starts and kills the others, and reads nothing but the door's few fixed words
 *                (protocol/starter.h). So it may start programs, and nothing else of consequence.
 *   the door     reads the front-end. It opens no file, makes no process and no thread: it has the
 *                sockets, and memory that it made before.
 *   the worker   reads the guest. What it may do depends on what it is: one of host memory needs no
 *                file ever again; OpenGL (SANDBOX_GPU_3D) needs the driver's files and devices.
 *   the render   draws for Vulkan (SANDBOX_GPU_VENUS). It is the one program that a worker starts,
 *   server       again after each death, so such a worker may start programs: landlock permits
 *                nothing but this one, and lets signals reach nobody but its own processes.
 *
 * Each shuts itself in, in this order, when it has opened what it needs:
 *
 *   limits      no core file; as many descriptors as now and no more
 *   namespaces  a network, System V objects and mounts of its own: no network at all
 *   root        the file system is an empty one, read-only, but for the paths of its plan
 *   landlock    the same paths again, by what may be done with them, in the kernel's other way
 *   privileges  no capability, neither now nor by a program that it starts (no_new_privs); no other
 *               process of the user looks into it
 *   seccomp     a list of system calls (sandbox_tables.c); any other one is its death
 *
 * The starter leaves namespaces, root and landlock to its children: who is under landlock may not
 * make mounts, and it starts programs that shut themselves in as far as they can.
 *
 * OpenGL, Vulkan and PipeWire have threads from their first call on, so namespaces, root and
 * landlock (sandbox_enclose) come before it, and seccomp (sandbox_filter) for all threads after it.
 * Their system calls are not ours to know, driver by driver: one that is on no list is refused
 * (EPERM) and not fatal, except those that would never be made in good faith.
 *
 * Not every host permits every layer: a container may refuse namespaces, an old kernel has no
 * landlock. SANDBOX_AUTO says in one line what was given up, SANDBOX_STRICT refuses to go on.
 * A build that is instrumented (sanitizers, coverage) reads and writes files at its end, and so
 * gives up all but the limits; it says so too.
 */
enum sandbox_mode { SANDBOX_AUTO, SANDBOX_STRICT, SANDBOX_NONE };

enum sandbox_role {
    SANDBOX_STARTER,
    SANDBOX_STARTER_VENUS, /* of a worker that has to start a render server */
    SANDBOX_DOOR,
    SANDBOX_GPU_MEMORY,
    SANDBOX_GPU_PICTURES, /* the same, and keeps pictures in a folder */
    SANDBOX_GPU_3D,
    SANDBOX_GPU_VENUS, /* the same, and starts a render server */
    SANDBOX_RENDER_SERVER,
    SANDBOX_MEDIA,      /* pattern, decoder, encoder: no file */
    SANDBOX_MEDIA_FILE, /* opens its file again and again */
    SANDBOX_MEDIA_V4L2, /* has its video node opened (opener.h) */
    SANDBOX_OPENER,
    SANDBOX_MEDIA_PIPEWIRE, /* connects to the desktop's daemon */
    SANDBOX_ROLES,
};

/* The layers, as bits of a set. */
enum sandbox_layer {
    SANDBOX_LIMITS = 1 << 0,
    SANDBOX_NAMESPACES = 1 << 1,
    SANDBOX_ROOT = 1 << 2,
    SANDBOX_LANDLOCK = 1 << 3,
    SANDBOX_PRIVILEGES = 1 << 4,
    SANDBOX_SECCOMP = 1 << 5,
};
#define SANDBOX_LAYERS 6u

/* What may be done with a path and what is beneath it. */
#define SANDBOX_READ 1u    /* files and folders */
#define SANDBOX_WRITE 2u   /* write to what is there; devices */
#define SANDBOX_MAKE 4u    /* make, replace and remove files */
#define SANDBOX_EXECUTE 8u /* start as a program */

#define SANDBOX_PATHS 32u

struct sandbox_path {
    const char *path; /* borrowed; one that is not there is left out */
    unsigned access;
};

struct sandbox_plan {
    enum sandbox_role role;
    enum sandbox_mode mode;
    bool log;   /* a refused system call is named before the process dies */
    bool early; /* there are threads from the device's first call on: what is for each thread, and
                   not for the process, comes before it */
    struct sandbox_path paths[SANDBOX_PATHS];
    unsigned path_count;
};

/* "auto", "strict", "none". 0 or -EINVAL. */
int sandbox_mode_parse(const char *text, enum sandbox_mode *mode);
const char *sandbox_role_name(enum sandbox_role role);
/* Writes the names of 'layers', with blanks between them; "none" for no layer. */
void sandbox_describe(unsigned layers, char *text, size_t size);

/* Adds a path; what has no room, or is no absolute path, is left out after a line in the log. */
void sandbox_allow(struct sandbox_plan *plan, const char *path, unsigned access);
/* Adds what a program's libraries look for when they are loaded and used: the system's folders, to
 * be read. */
void sandbox_allow_system(struct sandbox_plan *plan);

/*
 * Builds the layers of the role but seccomp, for this thread and those that it makes from now on.
 * Adds what was built to *layers. In SANDBOX_AUTO always 0, and one line in the log says what was
 * given up and why; in SANDBOX_STRICT -errno when there is anything, after a line that says what to
 * do.
 */
int sandbox_enclose(const struct sandbox_plan *plan, unsigned *layers);
/* The last one: seccomp, for all threads of the process. As above. */
int sandbox_filter(const struct sandbox_plan *plan, unsigned *layers);
/* Both. */
int sandbox_enter(const struct sandbox_plan *plan, unsigned *layers);

/* In a program that took the place of one which had built these layers: they are there but for what
 * an exec takes away. */
void sandbox_renew(unsigned layers);

/* For programs that this process will start: they are to take on the list of SANDBOX_RENDER_SERVER,
 * unless the mode is to have none. */
void sandbox_child_prepare(const struct sandbox_plan *plan);
/* Between fork and exec, with system calls alone: takes on that list, if there is to be one. 0 or
 * -errno. */
int sandbox_child_enter(void);

/*
 * Tries layer number 'index' in a process of its own. Returns its name, and whether it *works, with
 * what fails and what to do about it in 'text' if not; NULL: there is no such layer.
 */
const char *sandbox_try(unsigned index, bool *works, char *text, size_t size);

#endif
