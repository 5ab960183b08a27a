# SPDX-License-Identifier: MIT
"""Two pictures held against each other: how far they are apart, and where. Pillow does the work."""
import io
import math
import warnings

from folder import Failure
from png_head import MAX_BYTES, read_head

try:
    from PIL import Image, ImageChops, ImageFilter, ImageOps
except ImportError:
    Image = None

MARK = (255, 45, 130)    # a pixel that differs
HALO = (255, 200, 40)    # around it, where there are so few that one would look for them
PAPER = (128, 128, 128)  # between the two parts of a close-up
CLOSE = 48               # pixels: what is closer together than this is shown magnified
MAGNIFIED = 8


def need_pillow():
    if Image is None:
        raise Failure("pictures cannot be compared: Python's module PIL is missing. On Debian: "
                      "apt-get install python3-pil, and run it with /usr/bin/python3")


def read_picture(folder, name):
    """A PNG file of a folder, as Pillow has it, and its bytes."""
    data = folder.read(name, MAX_BYTES)
    shown, head = folder.shown(name), read_head(data)
    if head is None:
        raise Failure(f"{shown} is no PNG file")
    if head.fault():
        raise Failure(f"{shown} {head.fault()}")
    if head.depth > 8:
        raise Failure(f"{shown} has {head.depth} bits a channel; 8 are compared")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            # Looks at the check sums; a picture of which that is known cannot be loaded any more.
            Image.open(io.BytesIO(data), formats=("PNG",)).verify()
            picture = Image.open(io.BytesIO(data), formats=("PNG",))
            picture.load()
    # Pillow's readers raise whatever they stumble over: SyntaxError, zlib.error, struct.error ...
    except Exception as error:  # pylint: disable=broad-except
        raise Failure(f"{shown} is damaged: {error}") from None
    return picture, data


def to_png(picture, keep=False):
    """The bytes of a PNG file, with nothing in it but the picture; packed well if it is to be kept."""
    plain = Image.frombytes(picture.mode, picture.size, picture.tobytes())
    file = io.BytesIO()
    plain.save(file, "PNG", optimize=keep)
    return file.getvalue()


def flat(picture, alpha):
    return picture.convert("RGBA" if alpha else "RGB")


class Difference:
    """Two pictures of the same size. A pixel counts if a channel of it is more than 'tolerance' of
    255 off."""

    def __init__(self, expected, got, tolerance=0):
        alpha = any("A" in p.getbands() or "transparency" in p.info for p in (expected, got))
        self.expected, self.got = flat(expected, alpha), flat(got, alpha)
        off = ImageChops.difference(self.expected, self.got)
        self.histogram = off.histogram()
        worst = off.split()[0]
        for band in off.split()[1:]:
            worst = ImageChops.lighter(worst, band)
        self.worst = worst
        self.mask = worst.point([0] * (tolerance + 1) + [255] * (255 - tolerance))
        self.pixels = self.mask.histogram()[255]
        self.total = worst.width * worst.height
        self.most = worst.getextrema()[1]
        self.box = self.mask.getbbox()  # left, top, right, bottom; None: nothing differs

    def psnr(self):
        """In dB, over all channels; None where the pictures are the same (it would be infinite)."""
        squares = sum((i % 256) ** 2 * n for i, n in enumerate(self.histogram))
        if squares == 0:
            return None
        return 10 * math.log10(255 ** 2 * sum(self.histogram) / squares)

    def picture(self, soft=False):
        """The reference, grey and dim, with what differs in colour; 'soft': the more of it, the
        farther a pixel is off (all of it from 64 of 255 on)."""
        # What is transparent lies on black here.
        grey = ImageOps.grayscale(self.expected.convert("RGB")).point([28 + v // 4 for v in range(256)])
        shown = grey.convert("RGB")
        if soft:
            shown.paste(MARK, mask=self.worst.point([min(4 * v, 255) for v in range(256)]))
            return shown
        if self.pixels * 200 < self.total:
            shown.paste(HALO, mask=self._halo())
        shown.paste(MARK, mask=self.mask)
        return shown

    def _halo(self):
        """Cells that are large enough to be seen when the whole picture is small on a page."""
        width, height = self.mask.size
        cell = max(2, min(15, max(width, height) // 160))
        cells = self.mask.reduce(cell).point([0] + [255] * 255).filter(ImageFilter.MaxFilter(3))
        return cells.resize((cells.width * cell, cells.height * cell), 0).crop((0, 0, width, height))

    def close_up(self):
        """Reference and picture side by side, magnified, if what differs is small; else None."""
        if self.box is None:
            return None
        left, top, right, bottom = self.box
        if right - left > CLOSE or bottom - top > CLOSE or min(self.mask.size) <= CLOSE:
            return None
        x = min(max((left + right - CLOSE) // 2, 0), self.mask.width - CLOSE)
        y = min(max((top + bottom - CLOSE) // 2, 0), self.mask.height - CLOSE)
        side = CLOSE * MAGNIFIED
        shown = Image.new("RGB", (2 * side + MAGNIFIED, side), PAPER)
        for at, picture in ((0, self.expected), (side + MAGNIFIED, self.got)):
            part = picture.convert("RGB").crop((x, y, x + CLOSE, y + CLOSE))
            shown.paste(part.resize((side, side), 0), (at, 0))
        return shown
