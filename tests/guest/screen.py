# SPDX-License-Identifier: MIT
"""Pictures of what a guest shows: QEMU's screendump, our own screenshot, and what they ought to be."""
import struct
import zlib

from vm import Failure


class Screen:
    """A picture: rows of bytes, three for each pixel: red, green, blue."""

    def __init__(self, width, height, rows):
        self.width, self.height, self.rows = width, height, rows

    def pixel(self, x, y):
        return tuple(self.rows[y][3 * x:3 * x + 3])

    def part(self, x, y, width, height):
        return Screen(width, height,
                      [row[3 * x:3 * (x + width)] for row in self.rows[y:y + height]])

    def colours(self):
        """How many there are."""
        return len({row[i:i + 3] for row in self.rows for i in range(0, len(row), 3)})


def same(one, other, what):
    """Raises Failure unless the two pictures are equal, pixel for pixel."""
    if (one.width, one.height) != (other.width, other.height):
        raise Failure(f"{what}: {one.width} x {one.height} is not {other.width} x {other.height}")
    for y, (a, b) in enumerate(zip(one.rows, other.rows)):
        if a != b:
            x = next(i for i in range(len(a)) if a[i] != b[i]) // 3
            bad = sum(1 for a, b in zip(one.rows, other.rows) if a != b)
            raise Failure(f"{what}: pixel {x}, {y} is {one.pixel(x, y)}, not {other.pixel(x, y)}; "
                          f"{bad} lines differ")


def pattern(width, height, seed):
    """What tests/guest/kms.c draws."""
    rows = []
    reds = [(x * 3 + seed) & 255 for x in range(width)]
    for y in range(height):
        row = bytearray(3 * width)
        row[0::3] = bytes(reds)
        row[1::3] = bytes([(y * 5 + seed) & 255]) * width
        row[2::3] = bytes([(x ^ y) & 255 for x in range(width)])
        rows.append(bytes(row))
    return Screen(width, height, rows)


def arrow(seed, side=64):
    """The pointer that kms.c's job 'arrow' draws: rows of ARGB, colours times alpha."""
    whole, rows = pattern(side, side, seed), []
    for y in range(side):
        row = []
        for x in range(side):
            red, green, blue = whole.pixel(x, y)
            colour = red << 16 | green << 8 | blue
            row.append(0 if x > y else colour >> 1 & 0x7f7f7f | 128 << 24 if y - x < 8
                       else colour | 255 << 24)
        rows.append(row)
    return rows


def read_ppm(path):
    """A binary PPM with 8 bits a channel, as QEMU's screendump writes it."""
    with open(path, "rb") as file:
        data = file.read()
    words, at = [], 0
    while len(words) < 4:
        end = at
        while data[end:end + 1].strip():
            end += 1
        words.append(data[at:end])
        at = end + 1
    width, height = int(words[1]), int(words[2])
    if words[0] != b"P6" or words[3] != b"255" or len(data) - at != 3 * width * height:
        raise Failure(f"{path} is no picture that is understood here: {words}")
    return Screen(width, height, [data[at + 3 * width * y:at + 3 * width * (y + 1)]
                                  for y in range(height)])


def unfilter(kind, row, above, step):
    """Undoes one row's filter (PNG specification, 'Filtering')."""
    out = bytearray(row)
    for i in range(len(out)):
        left = out[i - step] if i >= step else 0
        up = above[i]
        corner = above[i - step] if i >= step else 0
        if kind == 1:
            guess = left
        elif kind == 2:
            guess = up
        elif kind == 3:
            guess = (left + up) // 2
        else:
            distances = [abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)]
            guess = (left, up, corner)[distances.index(min(distances))]
        out[i] = (out[i] + guess) & 255
    return bytes(out)


def read_png(path):
    """A PNG of 8-bit RGB or RGBA; what alpha says is left out."""
    with open(path, "rb") as file:
        data = file.read()
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        raise Failure(f"{path} is no PNG")
    at, packed, head = 8, b"", None
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + size]
        if zlib.crc32(kind + body) != struct.unpack(">I", data[at + 8 + size:at + 12 + size])[0]:
            raise Failure(f"{path} is damaged")
        if kind == b"IHDR":
            head = struct.unpack(">IIBBBBB", body)
        elif kind == b"IDAT":
            packed += body
        at += 12 + size
    width, height, depth, colour, _, _, laced = head
    if depth != 8 or colour not in (2, 6) or laced:
        raise Failure(f"{path} has a form that is not understood here: {head}")
    step = 3 if colour == 2 else 4
    raw = zlib.decompress(packed)
    rows, above = [], bytes(step * width)
    for y in range(height):
        at = y * (1 + step * width)
        row = raw[at + 1:at + 1 + step * width]
        above = unfilter(raw[at], row, above, step) if raw[at] else row
        rows.append(above if step == 3 else b"".join(above[i:i + 3] for i in range(0, len(above), 4)))
    return Screen(width, height, rows)


def write_png(path, screen):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        file.write(chunk(b"IHDR", struct.pack(">IIBBBBB", screen.width, screen.height, 8, 2, 0, 0, 0)))
        file.write(chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in screen.rows), 6)))
        file.write(chunk(b"IEND", b""))
