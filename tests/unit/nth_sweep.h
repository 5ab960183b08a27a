/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_NTH_SWEEP_H
#define TESTS_UNIT_NTH_SWEEP_H

/* A device lives again and again, and in each life another of its calls fails. */
#include "buffer/exporter.h"
#include "fd_count.h"
#include "nth_wrap.h"

/* A device with a driver at its rings. */
struct nth_subject {
    void *(*create)(enum exporter_kind kind); /* a fixture, with this memory behind its buffers */
    bool (*use)(void *fixture);               /* all that a driver does; whether all of it went */
    void (*reboot)(void *fixture);            /* the next driver begins */
    void (*end)(void *fixture);               /* nothing is left behind, and it is destroyed */
};

/* Until a life has too few calls: after each failure the next driver is served in full, and no
 * descriptor is left. */
static inline void nth_sweep(const struct nth_subject *subject, enum exporter_kind kind)
{
    unsigned nth;
    bool fired = true;

    for (nth = 1; fired; nth++) {
        int fds = fd_count();
        void *fixture = subject->create(kind);

        nth_arm(nth);
        subject->use(fixture);
        fired = nth_disarm();
        subject->reboot(fixture);
        if (!subject->use(fixture))
            fail_msg("after call %u (%s) failed, the next driver is not served", nth,
                     nth_wrap.name);
        subject->reboot(fixture);
        subject->end(fixture);
        if (fd_count() != fds)
            fail_msg("after call %u (%s) failed, %d descriptors are open, not %d", nth,
                     nth_wrap.name, fd_count(), fds);
    }
    print_message("%u calls failed in turn\n", nth - 2);
    assert_true(nth > 20);
}

#endif
