# SPDX-License-Identifier: MIT
"""Where things are: hostblob's programs, the cache, and the systems of the host and the guest."""
import os
import shutil
import signal
import struct
import subprocess

from job import Unfit

HERE = os.path.dirname(os.path.realpath(__file__))
PROGRAMS = []  # folders with hostblob's programs, the first first; 'hostblob-ci' adds its own


def program(name):
    """The path of a program of hostblob's."""
    for folder in PROGRAMS + [os.path.join(os.path.dirname(os.path.dirname(HERE)), "build")]:
        path = os.path.join(folder, name)
        if os.access(path, os.X_OK):
            return path
    path = shutil.which(name)
    if not path:
        raise Unfit(f"{name} is not there: install hostblob, or build it (meson setup build && "
                    "ninja -C build)")
    return path


def version():
    """hostblob's version."""
    said = subprocess.run([program("hostblob-gpu"), "--version"], stdout=subprocess.PIPE, text=True,
                          check=True).stdout
    return said.split()[-1]


def cache():
    """The cache folder."""
    home = os.path.join(os.environ.get("HOME", "/root"), ".cache")
    return (os.environ.get("HOSTBLOB_CACHE") or
            os.path.join(os.environ.get("XDG_CACHE_HOME") or home, "hostblob"))


def made_root():
    """The path of the cached Debian system, made if need be. Its making ends with us, and cleans up."""
    process = subprocess.Popen([os.path.join(HERE, "root")], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        path = process.communicate()[0].strip()
    except BaseException:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        raise
    if process.returncode:
        raise Unfit("the guest's system could not be made; the reason is above")
    return path


class Tools:
    """The cached Debian system: it boots by default, and always lends QEMU, the kernel and busybox."""

    def __init__(self):
        self.path = made_root()
        with open(os.path.join(self.path, "packages")) as file:
            self.versions = dict(line.split() for line in file)
        self.modules = os.path.join(self.path, "usr/lib/modules", self.versions["kernel"])
        self.kernel = os.path.join(self.modules, "vmlinux")
        if not os.path.exists(self.kernel):
            self.kernel = os.path.join(self.modules, "vmlinuz")
        self.busybox = os.path.join(self.path, "usr/bin/busybox")

    def qemu(self):
        """QEMU, by that system's own loader, so that the machine's libraries do not matter and no
        rights are needed."""
        return [os.path.join(self.path, "usr/lib64/ld-linux-x86-64.so.2"),
                "--library-path", os.path.join(self.path, "usr/lib/x86_64-linux-gnu"),
                os.path.join(self.path, "usr/bin/qemu-system-x86_64"),
                "-L", os.path.join(self.path, "usr/share/qemu"),
                "-L", os.path.join(self.path, "usr/share/seabios")]

    def environment(self):
        """Where QEMU finds the parts that it loads when it needs them."""
        return {**os.environ,
                "QEMU_MODULE_DIR": os.path.join(self.path, "usr/lib/x86_64-linux-gnu/qemu")}


def image_kind(path):
    """The file system of an image; Unfit if the guest has no use for it."""
    with open(path, "rb") as file:
        head = file.read(4096)
    if head[0x438:0x43a] == b"\x53\xef":
        return "ext4"
    if head[1024:1028] == struct.pack("<I", 0xe0f5e1e2):
        return "erofs"
    if head[:4] == b"hsqs":
        return "squashfs"
    what = "a qcow2 image" if head[:4] == b"QFI\xfb" else (
        "a disk with partitions" if head[510:512] == b"\x55\xaa" else "none of these")
    raise Unfit(f"--root {path}: an image holds one file system, ext4, erofs or squashfs, as it is; "
                f"this is {what}")


def root_kind(path):
    """How the guest is given that root: '9p' for a folder, else the image's file system."""
    if os.path.isdir(path):
        if not os.path.isdir(os.path.join(path, "usr")):
            raise Unfit(f"--root {path}: this folder holds no system: there is no 'usr' in it")
        return "9p"
    if not os.path.exists(path):
        raise Unfit(f"--root {path}: there is no such folder or image")
    try:
        return image_kind(path)
    except OSError as error:
        raise Unfit(f"--root {path}: {error.strerror}") from None
