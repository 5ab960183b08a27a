# SPDX-License-Identifier: MIT
"""What the first bytes of a PNG file say of it, before anything is unpacked."""
import struct

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# A picture of 8K has 33 million pixels. A few hundred bytes can claim to be any number of them.
MAX_PIXELS = 1 << 25
MAX_BYTES = 1 << 27


class Head:
    """The size in pixels, and the bits of a channel."""

    def __init__(self, width, height, depth):
        self.width, self.height, self.depth = width, height, depth

    def fault(self):
        """Why it is not looked at; empty if it is."""
        if self.width * self.height > MAX_PIXELS:
            return (f"is {self.width} x {self.height} pixels, more than the {MAX_PIXELS} that are "
                    "looked at")
        return "" if self.width and self.height else "has no pixels"


def read_head(data):
    """The head of a PNG file, of which 'data' is at least the first 26 bytes; None if it is none."""
    if len(data) < 26 or data[:8] != SIGNATURE or data[12:16] != b"IHDR":
        return None
    return Head(*struct.unpack(">IIB", data[16:25]))
