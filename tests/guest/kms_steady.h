/* SPDX-License-Identifier: MIT */
#ifndef TESTS_GUEST_KMS_STEADY_H
#define TESTS_GUEST_KMS_STEADY_H

#include "kms_card.h"

/* Flips the output between two pictures of the same size, which it shows already or not, waiting
 * for each flip, until the file appears. See steady.h. Returns the exit status. */
int kms_steady(struct kms_card *card, unsigned output, const struct kms_picture pictures[2],
               const char *until);

#endif
