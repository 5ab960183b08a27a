/* SPDX-License-Identifier: MIT */
#include "media/av_library.h"

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

struct symbol {
    const char *name;
    size_t offset; /* of the pointer in struct av_library */
};

#define SYMBOL(call) {#call, offsetof(struct av_library, call)},

/* A library: what it is for, and what is used of it. */
struct part {
    unsigned bit; /* AV_LIBRARY_*; 0: always */
    const char *soname;
    const struct symbol *symbols;
    size_t count;
};

static const struct symbol util_symbols[] = {AV_LIBRARY_UTIL_CALLS(SYMBOL)};
static const struct symbol codec_symbols[] = {AV_LIBRARY_CODEC_CALLS(SYMBOL)};
static const struct symbol scale_symbols[] = {AV_LIBRARY_SCALE_CALLS(SYMBOL)};
static const struct symbol format_symbols[] = {AV_LIBRARY_FORMAT_CALLS(SYMBOL)};

#define SONAME(name, major) "lib" name ".so." AV_STRINGIFY(major)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct part parts_of_it[] = {
    {0, SONAME("avutil", LIBAVUTIL_VERSION_MAJOR), util_symbols, COUNT(util_symbols)},
    {0, SONAME("avcodec", LIBAVCODEC_VERSION_MAJOR), codec_symbols, COUNT(codec_symbols)},
    {AV_LIBRARY_SCALE, SONAME("swscale", LIBSWSCALE_VERSION_MAJOR), scale_symbols,
     COUNT(scale_symbols)},
    {AV_LIBRARY_FORMAT, SONAME("avformat", LIBAVFORMAT_VERSION_MAJOR), format_symbols,
     COUNT(format_symbols)},
};
#define PARTS COUNT(parts_of_it)

static struct av_library library;
static bool loaded[PARTS];

/* ---- its log ---- */

/* Codecs speak on threads of their own, and most of it is about what a guest sent. */
static void say(int level, const char *text)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static struct log_limit limit;
    int length = (int)strcspn(text, "\n");
    bool serious = level <= AV_LOG_ERROR, allowed;

    if (length == 0)
        return;
    pthread_mutex_lock(&lock);
    allowed = !serious || log_limit_allows(&limit);
    pthread_mutex_unlock(&lock);
    if (serious && allowed)
        log_warning("FFmpeg: %.*s", length, text);
    else if (allowed)
        log_debug("FFmpeg: %.*s", length, text);
}

static void __attribute__((format(printf, 3, 0)))
on_log(void *speaker, int level, const char *format, va_list args)
{
    char text[512];
    int prefix = 1;

    level &= 0xff; /* above are colours */
    if (level > AV_LOG_INFO || (level > AV_LOG_ERROR && log_level() < LOG_LEVEL_DEBUG))
        return;
    library.av_log_format_line2(speaker, level, format, args, text, sizeof(text), &prefix);
    say(level, text);
}

/* ---- loading ---- */

/* 0 or -1, with the reason in 'why'. */
static int load_part(const struct part *part, char *why, size_t size)
{
    /* They have threads and cleanups of their own: they must never be unloaded. */
    void *handle = dlopen(part->soname, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);

    if (handle == NULL) {
        snprintf(why, size, "%s; install FFmpeg's libraries, of the version with %s", dlerror(),
                 part->soname);
        return -1;
    }
    for (size_t i = 0; i < part->count; i++) {
        void *symbol = dlsym(handle, part->symbols[i].name);

        if (symbol == NULL) {
            snprintf(why, size, "%s was built without %s; install a whole one", part->soname,
                     part->symbols[i].name);
            return -1;
        }
        memcpy((char *)&library + part->symbols[i].offset, &symbol, sizeof(symbol));
    }
    return 0;
}

/* Buffers of pictures go back to the system as soon as they are freed: by itself the C library
 * begins to keep them, tens of MB in the heap of each thread. */
#define MAPPED_FROM (256 * 1024)

const struct av_library *av_library_load(unsigned parts, const char **why)
{
    static char reason[512];

    mallopt(M_MMAP_THRESHOLD, MAPPED_FROM);

    for (size_t i = 0; i < PARTS; i++) {
        const struct part *part = &parts_of_it[i];

        if (loaded[i] || (part->bit != 0 && (parts & part->bit) == 0))
            continue;
        if (load_part(part, reason, sizeof(reason)) < 0) {
            *why = reason;
            return NULL;
        }
        loaded[i] = true;
    }
    library.av_log_set_callback(on_log);
    return &library;
}

const char *av_library_version(const struct av_library *av)
{
    static char text[64];
    unsigned version = av->avcodec_version();

    snprintf(text, sizeof(text), "libavcodec %u.%u.%u", AV_VERSION_MAJOR(version),
             AV_VERSION_MINOR(version), AV_VERSION_MICRO(version));
    return text;
}

/* ---- errors ---- */

int av_library_failure(int result)
{
    if (result >= 0)
        return 0;
    switch (result) {
    case AVERROR_EOF:
        return -ENODATA;
    case AVERROR_INVALIDDATA:
        return -EBADMSG;
    case AVERROR_PATCHWELCOME:
    case AVERROR_DECODER_NOT_FOUND:
    case AVERROR_ENCODER_NOT_FOUND:
    case AVERROR_DEMUXER_NOT_FOUND:
        return -EOPNOTSUPP;
    default:
        /* Its own errors are four letters, far from any errno. */
        return result > -4096 ? result : -EIO;
    }
}

const char *av_library_text(const struct av_library *av, int result, char *text)
{
    av->av_strerror(result, text, AV_ERROR_MAX_STRING_SIZE);
    return text;
}
