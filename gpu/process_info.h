/* SPDX-License-Identifier: MIT */
#ifndef GPU_PROCESS_INFO_H
#define GPU_PROCESS_INFO_H

#include <stdint.h>
#include <sys/types.h>

/* What /proc tells of another process. */

/* The letter of its state as proc(5) has it: 'R' runs, 'S' sleeps, 'D' waits for a device, 'T'
 * stopped, 't' stopped by a debugger, 'Z' ended. 0: there is no such process. */
char process_info_state(pid_t pid);
/* The processor time that all its threads together have used, nanoseconds; 0: unknown. */
uint64_t process_info_cpu_ns(pid_t pid);
/* The children of every thread of 'pid', ended ones that were not waited for among them; at most
 * 'max'. Returns their number; 0 also where the kernel does not tell (CONFIG_PROC_CHILDREN). */
unsigned process_info_children(pid_t pid, pid_t *children, unsigned max);

#endif
