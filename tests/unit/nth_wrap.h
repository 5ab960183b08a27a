/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_NTH_WRAP_H
#define TESTS_UNIT_NTH_WRAP_H

/*
 * Has the nth call fail that gives memory, a descriptor or an event source, of all that the code
 * under test makes from nth_arm to nth_disarm. The linker puts these functions between (--wrap), so
 * that it goes with sanitizers, which see what is done with what is not there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/types.h>

#include <systemd/sd-event.h>

static struct {
    unsigned at, nth; /* 0: nothing fails */
    bool fired;
    const char *name; /* of the call that failed */
} nth_wrap;

static inline void nth_arm(unsigned nth)
{
    nth_wrap.at = 0;
    nth_wrap.fired = false;
    nth_wrap.name = "";
    __atomic_store_n(&nth_wrap.nth, nth, __ATOMIC_RELEASE);
}

/* Whether there were as many calls. */
static inline bool nth_disarm(void)
{
    __atomic_store_n(&nth_wrap.nth, 0, __ATOMIC_RELEASE);
    return nth_wrap.fired;
}

static inline bool nth_fails(const char *name, int error)
{
    unsigned nth = __atomic_load_n(&nth_wrap.nth, __ATOMIC_ACQUIRE);

    if (nth == 0 || __atomic_add_fetch(&nth_wrap.at, 1, __ATOMIC_RELAXED) != nth)
        return false;
    nth_wrap.fired = true;
    nth_wrap.name = name;
    errno = error;
    return true;
}

#define NTH_WRAP(type, name, parameters, arguments, bad, error)                                    \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        return nth_fails(#name, error) ? (bad) : __real_##name arguments;                          \
    }

NTH_WRAP(void *, malloc, (size_t size), (size), NULL, ENOMEM)
NTH_WRAP(void *, calloc, (size_t count, size_t size), (count, size), NULL, ENOMEM)
NTH_WRAP(void *, realloc, (void *old, size_t size), (old, size), NULL, ENOMEM)
NTH_WRAP(void *, reallocarray, (void *old, size_t count, size_t size), (old, count, size), NULL,
         ENOMEM)
NTH_WRAP(char *, strdup, (const char *text), (text), NULL, ENOMEM)
NTH_WRAP(void *, mmap64, (void *at, size_t size, int access, int flags, int fd, off_t offset),
         (at, size, access, flags, fd, offset), (void *)-1, ENOMEM)
NTH_WRAP(int, memfd_create, (const char *name, unsigned flags), (name, flags), -1, EMFILE)
NTH_WRAP(int, ftruncate64, (int fd, off_t size), (fd, size), -1, ENOSPC)
NTH_WRAP(int, fallocate64, (int fd, int mode, off_t offset, off_t size), (fd, mode, offset, size),
         -1, ENOSPC)
NTH_WRAP(int, eventfd, (unsigned value, int flags), (value, flags), -1, EMFILE)
NTH_WRAP(int, sd_event_add_io,
         (sd_event * loop, sd_event_source **to, int fd, uint32_t events,
          sd_event_io_handler_t handler, void *data),
         (loop, to, fd, events, handler, data), -ENOMEM, ENOMEM)
NTH_WRAP(int, sd_event_add_time,
         (sd_event * loop, sd_event_source **to, clockid_t clock, uint64_t us, uint64_t accuracy,
          sd_event_time_handler_t handler, void *data),
         (loop, to, clock, us, accuracy, handler, data), -ENOMEM, ENOMEM)
NTH_WRAP(int, sd_event_add_time_relative,
         (sd_event * loop, sd_event_source **to, clockid_t clock, uint64_t us, uint64_t accuracy,
          sd_event_time_handler_t handler, void *data),
         (loop, to, clock, us, accuracy, handler, data), -ENOMEM, ENOMEM)
NTH_WRAP(int, sd_event_add_defer,
         (sd_event * loop, sd_event_source **to, sd_event_handler_t handler, void *data),
         (loop, to, handler, data), -ENOMEM, ENOMEM)

/* Only what makes a descriptor. */
int __real_fcntl64(int fd, int command, void *argument);
int __wrap_fcntl64(int fd, int command, void *argument);
int __wrap_fcntl64(int fd, int command, void *argument)
{
    if ((command == F_DUPFD || command == F_DUPFD_CLOEXEC) && nth_fails("fcntl", EMFILE))
        return -1;
    return __real_fcntl64(fd, command, argument);
}

#endif
