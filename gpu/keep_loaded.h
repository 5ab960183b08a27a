/* SPDX-License-Identifier: MIT */
#ifndef GPU_KEEP_LOADED_H
#define GPU_KEEP_LOADED_H

/*
 * Has the shared libraries that are loaded now, and whose file names end with 'suffix', never be
 * unloaded by whoever has loaded them (dlopen(3), RTLD_NODELETE). Opens no file.
 */
void keep_loaded(const char *suffix);

#endif
