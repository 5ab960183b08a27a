/* SPDX-License-Identifier: MIT */
#ifndef TESTS_GUEST_KMS_BLOB_H
#define TESTS_GUEST_KMS_BLOB_H

#include "kms_card.h"

/* Makes a blob that an output can show, of the host's memory or of the guest's own; its lines do
 * not touch. Ends as every picture does. */
void kms_blob_create(struct kms_card *card, struct kms_picture *picture, uint32_t width,
                     uint32_t height, int of_host);
/* For kms_picture_destroy. */
void kms_blob_close(struct kms_card *card, uint32_t handle);

#endif
