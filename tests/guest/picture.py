# SPDX-License-Identifier: MIT
"""Turns raw frames into PNG files, with the standard library alone."""
import struct
import zlib

from vm import Failure


def rgb_padded(order):
    """Four bytes for a pixel, three of which are used."""
    def convert(data, width, height, stride):
        rows = []
        for y in range(height):
            row = data[y * stride:y * stride + 4 * width]
            out = bytearray(3 * width)
            for channel in range(3):
                out[channel::3] = row[order[channel]::4]
            rows.append(bytes(out))
        return rows
    return convert


def rgb_packed(order):
    def convert(data, width, height, stride):
        rows = []
        for y in range(height):
            row = data[y * stride:y * stride + 3 * width]
            out = bytearray(3 * width)
            for channel in range(3):
                out[channel::3] = row[order[channel]::3]
            rows.append(bytes(out))
        return rows
    return convert


def clamp(value):
    return 0 if value < 0 else 255 if value > 255 else value


def yuv_row(luma, blue, red):
    """One row; blue and red have a value for each two pixels. ITU-R BT.601, limited range."""
    out = bytearray()
    for x, y in enumerate(luma):
        c, d, e = 298 * (y - 16) + 128, blue[x // 2] - 128, red[x // 2] - 128
        out += bytes((clamp(c + 409 * e >> 8), clamp(c - 100 * d - 208 * e >> 8),
                      clamp(c + 516 * d >> 8)))
    return bytes(out)


def rgb_yuyv(data, width, height, stride):
    rows = []
    for y in range(height):
        row = data[y * stride:y * stride + 2 * width]
        rows.append(yuv_row(row[0::2], row[1::4], row[3::4]))
    return rows


def rgb_nv12(data, width, height, stride):
    """NV12, and NM12 whose two planes have been put one behind the other."""
    rows = []
    chroma = stride * height
    for y in range(height):
        row = data[chroma + y // 2 * stride:chroma + y // 2 * stride + width]
        rows.append(yuv_row(data[y * stride:y * stride + width], row[0::2], row[1::2]))
    return rows


FORMATS = {"XR24": rgb_padded((2, 1, 0)), "AB24": rgb_padded((0, 1, 2)),
           "RGB3": rgb_packed((0, 1, 2)), "BGR3": rgb_packed((2, 1, 0)), "YUYV": rgb_yuyv,
           "NV12": rgb_nv12, "NM12": rgb_nv12}


def write_png(path, data, name, width, height, stride):
    """Writes the frame 'data' of the format 'name' (its four letters) to 'path'."""
    if name not in FORMATS:
        raise Failure(f"no picture can be made of the format {name}")
    rows = FORMATS[name](data, width, height, stride)
    if any(len(row) != 3 * width for row in rows):
        raise Failure(f"{len(data)} bytes are too few for {width} x {height} of {name}")

    def chunk(kind, body):
        check = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", check)

    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        file.write(chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)))
        file.write(chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows), 6)))
        file.write(chunk(b"IEND", b""))
