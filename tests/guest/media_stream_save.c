/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "media_stream.h"

static int save_text(const struct media_stream *stream, const char *path)
{
    const struct v4l2_pix_format *pix = &stream->format.fmt.pix;
    const struct v4l2_pix_format_mplane *mp = &stream->format.fmt.pix_mp;
    char name[512];
    FILE *file;

    snprintf(name, sizeof(name), "%s.txt", path);
    file = fopen(name, "w");
    if (!file)
        return -errno;
    fprintf(file, "format %s\nwidth %u\nheight %u\n", media_stream_name(pix->pixelformat),
            pix->width, pix->height);
    fprintf(file, "stride %u\n",
            stream->check.multi_planar ? mp->plane_fmt[0].bytesperline : pix->bytesperline);
    fprintf(file, "planes %u\n", stream->planes);
    for (unsigned i = 0; i < stream->planes; i++)
        fprintf(file, "size%u %llu\n", i,
                (unsigned long long)(stream->check.plane_size[i] ? stream->check.plane_size[i]
                                                                 : stream->windows[0][i].length));
    return fclose(file) ? -errno : 0;
}

int media_stream_save(const struct media_stream *stream, unsigned index, const char *path)
{
    FILE *file = fopen(path, "wb");
    int rc = 0;

    if (!file)
        return media_stream_fail(-errno, path);
    for (unsigned i = 0; i < stream->planes; i++) {
        const struct media_window *window = &stream->windows[index][i];
        uint64_t size = stream->check.plane_size[i];

        if (!size)
            size = window->length;
        if (fwrite(window->at, 1, size, file) != size)
            rc = -EIO;
    }
    if (fclose(file))
        rc = -errno;
    if (!rc)
        rc = save_text(stream, path);
    return rc ? media_stream_fail(rc, path) : 0;
}
