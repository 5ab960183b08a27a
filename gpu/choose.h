/* SPDX-License-Identifier: MIT */
#ifndef GPU_CHOOSE_H
#define GPU_CHOOSE_H

#include "gpu/probe.h"

/* Renderers beside 'memory', which is always there. */
enum {
    CHOOSE_VIRGL = 1u << 0,
    CHOOSE_VENUS = 1u << 1,
    CHOOSE_AUTO = 1u << 2, /* whatever works */
};

#define CHOOSE_WORDS 32u

/* Reads "auto", "memory", "virgl", "venus" or "virgl,venus" (NULL is "memory"). The renderers, or
 * -EINVAL. */
int choose_parse(const char *words);

/*
 * Tries what options->renderer names, in child processes that get the words of 'argv' (this
 * program's own), and writes to 'words' what choose_parse will read the same of: for 'auto' all
 * that works. Says in the log what was picked, and why the rest was not. This blocks, up to 20 s.
 * 0, or -ENOTSUP after a line that says what to do, when one that was asked for by name does not
 * work.
 */
int choose_renderers(const struct gpu_options *options, char *const *argv,
                     char words[CHOOSE_WORDS]);

/* Tries everything, and adds what is in, what is out and why to 'root', as program::check has it.
 * This blocks, up to 20 s. */
void choose_check(const struct gpu_options *options, char *const *argv, struct json_object *root);

/* The "features" of --print-capabilities, ended by NULL: in QEMU's vhost-user.json each stands for
 * an option of that name. */
const char *const *choose_capabilities(void);

/* The self-test of that name, or NULL. */
probe_fn *choose_probe(const char *name);

#endif
