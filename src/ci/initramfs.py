# SPDX-License-Identifier: MIT
"""The guest's initramfs: busybox, our first process, the modules of the devices; and, put behind it for
each run, the job. It is not packed: unpacking would be the emulated processor's work."""
import hashlib
import lzma
import os
import stat
import tempfile

from places import HERE, cache

MODULES = {
    "gpu": ["virtio-gpu", "virtio_input"],
    "camera": ["vivid"],
    "share": ["9p", "9pnet_virtio", "overlay"],
    "9p": ["9p", "9pnet_virtio"],
    "ext4": ["virtio_blk", "ext4"],
    "erofs": ["virtio_blk", "erofs"],
    "squashfs": ["virtio_blk", "squashfs"],
}
# Of what vivid can be, only the camera: one node, /dev/video0.
ARGUMENTS = {"vivid": "node_types=0x1"}
FOLDERS = ("bin", "dev", "job", "modules")


def needed(modules, names):
    """Paths of the modules of these names and of what they need, each after what it needs."""
    needs = {}
    with open(os.path.join(modules, "modules.dep")) as file:
        for line in file:
            path, _, rest = line.partition(":")
            needs[path] = rest.split()
    by_name = {name_of(path): path for path in needs}
    order = []

    def add(path):
        for other in needs[path]:
            add(other)
        if path not in order:
            order.append(path)

    for name in names:
        path = by_name.get(name.replace("-", "_"))
        if path:  # else it is built in
            add(path)
    return [os.path.join(modules, path) for path in order]


def name_of(path):
    return os.path.basename(path).split(".")[0].replace("-", "_")


def unpacked(path):
    with open(path, "rb") as file:
        content = file.read()
    return lzma.decompress(content) if path.endswith(".xz") else content


def pack(entries):
    """The 'newc' cpio archive of the kernel's initramfs documentation. entries: (name, mode, bytes)."""
    out = bytearray()
    nodes = [(name, mode, data, 0) for name, mode, data in entries]
    nodes.append(("TRAILER!!!", 0, b"", 0))
    for number, (name, mode, data, device) in enumerate(nodes):
        if name == "dev/console":
            device = 5 << 8 | 1
        fields = (number + 1, mode, 0, 0, 1, 0, len(data), 0, 0, device >> 8, device & 255,
                  len(name) + 1, 0)
        out += b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0"
        out += bytes(-len(out) % 4) + data
        out += bytes(-len(out) % 4)
    return bytes(out)


def entries_of(tools):
    entries = [(name, stat.S_IFDIR | 0o755, b"") for name in FOLDERS]
    # The kernel opens it before anything is mounted.
    entries.append(("dev/console", stat.S_IFCHR | 0o600, b""))

    def add(name, mode, path):
        with open(path, "rb") as file:
            entries.append((name, stat.S_IFREG | mode, file.read()))

    add("job/busybox", 0o755, tools.busybox)
    entries.append(("bin/busybox", stat.S_IFLNK | 0o777, b"/job/busybox"))
    entries.append(("bin/sh", stat.S_IFLNK | 0o777, b"/job/busybox"))
    add("init", 0o755, os.path.join(HERE, "init"))
    add("job/start", 0o644, os.path.join(HERE, "start"))
    have = set()
    for part, names in MODULES.items():
        paths = needed(tools.modules, names)
        for path in paths:
            if path not in have:
                have.add(path)
                entries.append((f"modules/{name_of(path)}.ko", stat.S_IFREG | 0o644, unpacked(path)))
        text = "".join(f"{name} {ARGUMENTS.get(name, '')}\n" for name in map(name_of, paths))
        entries.append((f"modules/{part}", stat.S_IFREG | 0o644, text.encode()))
    return entries


def base(tools):
    """The path of the cached part, made if need be."""
    digest = hashlib.sha256(repr((tools.path, MODULES)).encode())
    for name in ("initramfs.py", "init", "start"):
        with open(os.path.join(HERE, name), "rb") as file:
            digest.update(file.read())
    path = os.path.join(cache(), f"ci-initramfs-{digest.hexdigest()[:12]}")
    if not os.path.exists(path):
        with tempfile.NamedTemporaryFile(dir=cache(), prefix="ci-initramfs.", delete=False) as file:
            try:
                file.write(pack(entries_of(tools)))
                os.chmod(file.name, 0o644)
                os.rename(file.name, path)
            except BaseException:
                os.unlink(file.name)
                raise
        prune(path)
    return path


def prune(path, keep=4):
    """Others of older versions go, but for the newest."""
    folder = os.path.dirname(path)
    found = [os.path.join(folder, name) for name in os.listdir(folder)
             if name.startswith("ci-initramfs-")]
    for old in sorted(found, key=os.path.getmtime)[:-keep]:
        os.unlink(old)


def write(path, tools, settings, job=b""):
    """Writes the initramfs of one run to 'path'."""
    with open(base(tools), "rb") as file:
        content = file.read()
    content += bytes(-len(content) % 4)
    content += pack([("job/settings", stat.S_IFREG | 0o600, settings),
                     ("job/job", stat.S_IFREG | 0o600, job)])
    with open(path, "wb") as file:
        file.write(content)
