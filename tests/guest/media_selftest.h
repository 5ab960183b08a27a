/* SPDX-License-Identifier: MIT */
#ifndef TESTS_GUEST_MEDIA_SELFTEST_H
#define TESTS_GUEST_MEDIA_SELFTEST_H

#include "media_driver.h"

/*
 * Tries PCI, memory and rings without hostblob: on a virtio-rng device, whose one queue fills
 * what it is given with random bytes. Returns 0, or 1 after a sentence on standard error.
 */
int media_selftest(const struct media_driver_options *options);

#endif
