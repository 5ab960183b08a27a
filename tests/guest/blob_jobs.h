/* SPDX-License-Identifier: MIT */
#ifndef TESTS_GUEST_BLOB_JOBS_H
#define TESTS_GUEST_BLOB_JOBS_H

/*
 * The jobs of the guest's GPU program. Each takes the arguments that follow its name, prints its
 * results as lines '@@ key=value ...' and returns the exit status: 0 when all was as it must be.
 */

/* The kernel, the driver and the window. */
int blob_job_info(int argc, char **argv);

/* main [COUNT [LIVE]]: blobs of 4 KiB to 64 MiB made, mapped, verified both ways and destroyed, at
 * most LIVE at a time; and one exported as a dma-buf and used through it. */
int blob_job_main(int argc, char **argv);

/* rounds [COUNT]: make, map, write at once, have the host verify, destroy. */
int blob_job_rounds(int argc, char **argv);

/* exhaust [KIB]: fill the window with blobs of that size, free all, fill it again. */
int blob_job_exhaust(int argc, char **argv);

/* killed [COUNT]: processes killed while they write to mapped blobs; the device works on. */
int blob_job_killed(int argc, char **argv);

/* rebind [COUNT]: take the device from its driver and give it back; it works again. */
int blob_job_rebind(int argc, char **argv);

/* race [COUNT]: kill a process that makes, maps and closes blobs, and at once take the device from
 * its driver; then give it back. */
int blob_job_race(int argc, char **argv);

/* storm: make, map and close blobs until the machine is reset. */
int blob_job_storm(int argc, char **argv);

/* hold COUNT KIB: make so many blobs, map and fill them, and keep them until a line of input. */
int blob_job_hold(int argc, char **argv);

/* share COUNT KIB: make so many blobs for other devices, have the host fill and sum each, and keep
 * them until a line of input. */
int blob_job_share(int argc, char **argv);

/* reboot COUNT KIB: as hold, but then restart the machine with all of them mapped. */
int blob_job_reboot(int argc, char **argv);

/* fresh COUNT KIB: so many new blobs must read as zeros, and then work both ways. */
int blob_job_fresh(int argc, char **argv);

/* images: images of several formats by the cross-domain capset, used by another opening of the card
 * too. */
int blob_job_images(int argc, char **argv);

/* steady FILE COUNT: make, verify and destroy blobs, and verify COUNT that are kept, until the file
 * is there. */
int blob_job_steady(int argc, char **argv);

/* clock FILE: the same with naps and no device: how steady the guest itself is. */
int blob_job_clock(int argc, char **argv);

/* picture: draw a picture into a blob and keep it until a line of input. */
int blob_job_picture(int argc, char **argv);

#endif
