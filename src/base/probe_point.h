/* SPDX-License-Identifier: MIT */
#ifndef BASE_PROBE_POINT_H
#define BASE_PROBE_POINT_H

/*
 * Static probes, for bpftrace, perf and SystemTap: hostblob:NAME in the programs' own files. Each
 * is one instruction that does nothing until somebody looks. Arguments are numbers.
 *
 *     message(request, size, descriptors)            the front-end said something
 *     gpu_command(type, context, tag)                a command was taken from a ring
 *     gpu_answer(type, result, tag)                  and answered
 *     gpu_flush(resource, width, height)             a picture is shown
 *     media_command(command, code, session)
 *     media_answer(status, size)                     status: 0 or -errno
 *     media_frame(session, type, buffer, sequence)   a buffer is the guest's again
 *     map_asked(offset, size, id)                    a buffer by itself, or the arena
 *     map_done(offset, size)
 *     unmap_asked(offset, size)
 *     unmap_done(offset, size)                       it is gone, or never came
 *     piece_in(offset, size, id)                     a piece of the arena: nobody is asked
 *     piece_out(offset, size)
 */
#ifdef HAVE_PROBES
#include <sys/sdt.h>
#define HOSTBLOB_PROBE2(name, a, b) DTRACE_PROBE2(hostblob, name, a, b)
#define HOSTBLOB_PROBE3(name, a, b, c) DTRACE_PROBE3(hostblob, name, a, b, c)
#define HOSTBLOB_PROBE4(name, a, b, c, d) DTRACE_PROBE4(hostblob, name, a, b, c, d)
#else
#define HOSTBLOB_PROBE2(name, a, b) ((void)0)
#define HOSTBLOB_PROBE3(name, a, b, c) ((void)0)
#define HOSTBLOB_PROBE4(name, a, b, c, d) ((void)0)
#endif

#endif
