/* SPDX-License-Identifier: MIT */
#ifndef TESTS_GUEST_KMS_CARD_H
#define TESTS_GUEST_KMS_CARD_H

#include <stddef.h>
#include <stdint.h>

#include "kms_abi.h"

enum { KMS_OUTPUTS = 16, KMS_MODES = 128, KMS_CURSOR_SIDE = 64 };

/* The first card's outputs: number n is the connector n, driven by the CRTC n. */
struct kms_card {
    int fd;
    unsigned count;
    uint32_t crtcs[KMS_OUTPUTS];
    uint32_t connectors[KMS_OUTPUTS];
};

/* Pixels that the display can show. */
struct kms_picture {
    uint32_t handle, fb; /* fb: 0 for a cursor's */
    uint32_t width, height, pitch;
    size_t size;
    uint32_t *pixels;
    int is_blob; /* see kms_blob.h */
};

/* Says why, and ends the program. */
void kms_fail(const char *what) __attribute__((noreturn));
void kms_open(struct kms_card *card);
/* The modes of an output; returns how many. *connected says whether something is plugged in. */
unsigned kms_modes(struct kms_card *card, unsigned output, struct abi_mode *modes, int *connected);

/* Makes a dumb buffer; with 'shown' one that an output can show. */
void kms_picture_create(struct kms_card *card, struct kms_picture *picture, uint32_t width,
                        uint32_t height, int shown);
void kms_picture_destroy(struct kms_card *card, struct kms_picture *picture);
/* Has the output show the picture in a mode of its size; NULL: nothing. */
void kms_show(struct kms_card *card, unsigned output, const struct kms_picture *picture);
/* A part of the picture was drawn anew. */
void kms_flush(struct kms_card *card, const struct kms_picture *picture, unsigned x, unsigned y,
               unsigned width, unsigned height);
/* 'picture' NULL: the pointer is gone. */
void kms_cursor(struct kms_card *card, unsigned output, const struct kms_picture *picture,
                int hot_x, int hot_y);
void kms_cursor_move(struct kms_card *card, unsigned output, int x, int y);

#endif
