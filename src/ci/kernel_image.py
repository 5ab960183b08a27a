# SPDX-License-Identifier: MIT
"""Takes the kernel out of a packed one, as the kernel's boot protocol says where it lies: what unpacks
itself has the emulated processor do it, which takes seconds.

    kernel_image.py VMLINUZ >PACKED    the packed kernel: zstd, xz or another's
"""
import struct
import sys


def packed(image):
    """The packed kernel in the bytes of a bzImage (kernel manual, x86/boot)."""
    if image[0x202:0x206] != b"HdrS":
        raise ValueError("no kernel for x86")
    sectors = image[0x1f1] or 4
    offset, length = struct.unpack_from("<II", image, 0x248)
    # Its size unpacked stands in the last four bytes.
    return image[(sectors + 1) * 512 + offset:][:length - 4] if length else b""


if __name__ == "__main__":
    with open(sys.argv[1], "rb") as source:
        sys.stdout.buffer.write(packed(source.read()))
