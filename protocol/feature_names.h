/* SPDX-License-Identifier: MIT */
#ifndef PROTOCOL_FEATURE_NAMES_H
#define PROTOCOL_FEATURE_NAMES_H

/* The names of feature bits, for people. NULL: a bit that has no name here. */

/* A virtio feature bit of the ring or the transport: 24 to 41. */
const char *feature_names_ring(unsigned bit);
/* A vhost-user protocol feature bit. */
const char *feature_names_protocol(unsigned bit);

#endif
