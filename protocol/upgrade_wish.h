/* SPDX-License-Identifier: MIT */
#ifndef PROTOCOL_UPGRADE_WISH_H
#define PROTOCOL_UPGRADE_WISH_H

/*
 * How a person asks a device for an upgrade ('hostblob upgrade'). The line "upgrade [force]
 * [seconds=N]" goes to its control socket. A program that lies elsewhere is named by a symbolic
 * link to it, whose name is the control socket's with this behind it.
 */
#define UPGRADE_WISH_LINK ".program"

/* For the new program to come up: if nothing else is said, and at most. */
#define UPGRADE_WISH_SECONDS 60
#define UPGRADE_WISH_SECONDS_MAX 3600

#endif
