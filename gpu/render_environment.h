/* SPDX-License-Identifier: MIT */
#ifndef GPU_RENDER_ENVIRONMENT_H
#define GPU_RENDER_ENVIRONMENT_H

/*
 * What the render server's environment has beside ours: Vulkan's loader is told to load the layer
 * of gpu/vulkan_layer. That one is looked for beside this program as it is built, then where it is
 * installed; $HOSTBLOB_VULKAN_LAYER names another folder, or none if it is empty.
 */

/* "NAME=value", ended by NULL; static. Empty where there is no layer, which is said in the log
 * once. Not from several threads at first. */
const char *const *render_environment(void);
/* Puts the same into this process's environment: for a self-test that is to see what the render
 * server sees. */
void render_environment_apply(void);
/* The folder that the layer lies in; NULL: there is none. Static. */
const char *render_environment_layer(void);

#endif
