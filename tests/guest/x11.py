# SPDX-License-Identifier: MIT
"""An X server's screen as a picture and its pointer, its windows made larger and the mouse moved:
what a person sees and does."""
import collections
import os
import socket
import struct

import screen
from vm import Failure


def read_screen(folder):
    """What an Xvfb that was started with '-fbdir FOLDER' shows: an XWD file, big endian."""
    with open(os.path.join(folder, "Xvfb_screen0"), "rb") as file:
        data = file.read()
    head = struct.unpack(">25I", data[:100])
    width, height, line = head[4], head[5], head[12]
    start = head[0] + head[19] * 12
    rows = []
    for y in range(height):
        row = data[start + y * line:start + y * line + 4 * width]
        out = bytearray(3 * width)
        out[0::3], out[1::3], out[2::3] = row[2::4], row[1::4], row[0::4]
        rows.append(bytes(out))
    return screen.Screen(width, height, rows)


# x, y: where the hot spot is on the screen. pixels: rows of ARGB, colours times alpha.
Pointer = collections.namedtuple("Pointer", "x y width height hot_x hot_y pixels")


class Connection:
    """To an X server on a unix socket, with no more of the protocol than is needed here."""

    def __init__(self, name):
        self.end = socket.socket(socket.AF_UNIX)
        self.end.settimeout(10)
        self.end.connect(f"/tmp/.X11-unix/X{name.lstrip(':')}")
        self.end.sendall(struct.pack("<BxHHHHxx", ord("l"), 11, 0, 0, 0))
        good, _, _, _, words = struct.unpack("<BBHHH", self.take(8))
        setup = self.take(4 * words)
        if good != 1:
            raise Failure(f"the X server does not let us in: {setup!r}")
        vendor, formats = struct.unpack_from("<H", setup, 16)[0], setup[21]
        self.fixes = None  # the extension's number
        self.root = struct.unpack_from("<I", setup, 32 + (vendor + 3) // 4 * 4 + 8 * formats)[0]

    def take(self, size):
        data = b""
        while len(data) < size:
            more = self.end.recv(size - len(data))
            if not more:
                raise Failure("the X server hung up")
            data += more
        return data

    def answer(self):
        """The next answer, whole; what else the server says is left out."""
        while True:
            head = self.take(32)
            if head[0] == 0:
                raise Failure(f"the X server says error {head[1]}")
            if head[0] == 1:
                return head + self.take(4 * struct.unpack_from("<I", head, 4)[0])

    def windows(self):
        """[(id, width, height)] of the root's children that can be seen."""
        self.end.sendall(struct.pack("<BxHI", 15, 2, self.root))
        tree = self.answer()
        found = []
        for (window,) in struct.iter_unpack("<I", tree[32:32 + 4 * struct.unpack_from("<H", tree, 16)[0]]):
            self.end.sendall(struct.pack("<BxHI", 3, 2, window))
            seen = self.answer()[26] == 2
            self.end.sendall(struct.pack("<BxHI", 14, 2, window))
            width, height = struct.unpack_from("<HH", self.answer(), 16)
            if seen:
                found.append((window, width, height))
        return found

    def resize(self, window, width, height):
        self.end.sendall(struct.pack("<BxHIHxxII", 12, 5, window, 4 | 8, width, height))
        self.end.sendall(struct.pack("<BxHI", 14, 2, window))
        self.answer()

    def place(self, window):
        """Where on the screen it is."""
        self.end.sendall(struct.pack("<BxHIIhh", 40, 4, window, self.root, 0, 0))
        return struct.unpack_from("<hh", self.answer(), 12)

    def warp(self, x, y):
        """The mouse is there."""
        self.end.sendall(struct.pack("<BxHIIhhHHhh", 41, 6, 0, self.root, 0, 0, 0, 0, x, y))

    def pointer(self):
        """The pointer that the screen shows now (extension XFIXES, version 1)."""
        if self.fixes is None:
            self.end.sendall(struct.pack("<BxHHxx8s", 98, 4, 6, b"XFIXES"))
            present, self.fixes = self.answer()[8:10]
            if not present:
                raise Failure("the X server has no XFIXES")
            self.end.sendall(struct.pack("<BBHII", self.fixes, 0, 3, 1, 0))
            self.answer()
        self.end.sendall(struct.pack("<BBH", self.fixes, 4, 1))
        said = self.answer()
        x, y, width, height, hot_x, hot_y = struct.unpack_from("<hhHHHH", said, 8)
        rows = [list(struct.unpack_from(f"<{width}I", said, 32 + 4 * width * row))
                for row in range(height)]
        return Pointer(x, y, width, height, hot_x, hot_y, rows)

    def close(self):
        self.end.close()
