# SPDX-License-Identifier: MIT
"""Programs of this machine that come along into the guest, to meet what its kernel has."""
import importlib.machinery
import importlib.util
import os
import re
import stat
import subprocess

from vm import HERE, Failure, made

# Where the guest finds them, and the libraries that they need.
FOLDER = "host"
LIBRARIES = f"{FOLDER}/lib"
# Where 'init' finds more modules.
MODULES = f"{FOLDER}/modules"


def initramfs_module():
    """The script that makes the initramfs, for its pack()."""
    loader = importlib.machinery.SourceFileLoader("initramfs", os.path.join(HERE, "initramfs"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("initramfs", loader))
    loader.exec_module(module)
    return module


def libraries(path):
    """What a program needs: {path in the guest: path here}. Its loader keeps its place, since the
    program names it in full."""
    done = subprocess.run(["ldd", path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True)
    if "not a dynamic executable" in done.stdout:  # a script, or static
        return {}
    if done.returncode or "not found" in done.stdout:
        raise Failure(f"ldd {path}: {done.stdout.strip()}")
    found = {}
    for line in done.stdout.splitlines():
        match = re.match(r"\s+(?:(\S+) => )?(/\S+) \(0x", line)
        if match and match[1]:
            found[f"{LIBRARIES}/{os.path.basename(match[1])}"] = match[2]
        elif match:
            found[match[2].lstrip("/")] = match[2]
    return found


def modules(names):
    """Kernel modules and what they need beyond what every guest loads: [(name, bytes)], in order."""
    initramfs = initramfs_module()
    root = made("root")
    with open(os.path.join(root, "packages")) as file:
        kernel = dict(line.split() for line in file)["kernel"]
    loaded = initramfs.module_files(root, kernel)
    initramfs.MODULES = names
    return [(os.path.basename(path).split(".")[0] + ".ko", initramfs.unpacked(path))
            for path in initramfs.module_files(root, kernel) if path not in loaded]


def archive(paths, module_names=()):
    """A cpio archive that holds the files, each in FOLDER, and the libraries that they need; and
    the modules, which 'init' loads."""
    files = {}
    for path in paths:
        files[f"{FOLDER}/{os.path.basename(path)}"] = path
        files.update(libraries(path))
    folders = {LIBRARIES, MODULES}
    for name in [LIBRARIES, *files]:
        while os.path.dirname(name):
            name = os.path.dirname(name)
            folders.add(name)
    entries = [(name, stat.S_IFDIR | 0o755, b"") for name in sorted(folders)]
    for name, path in files.items():
        with open(path, "rb") as file:
            entries.append((name, stat.S_IFREG | 0o755, file.read()))
    order = modules(module_names) if module_names else []
    for name, content in order:
        entries.append((f"{MODULES}/{name}", stat.S_IFREG | 0o644, content))
    text = "".join(name + "\n" for name, _ in order).encode()
    entries.append((f"{MODULES}/order", stat.S_IFREG | 0o644, text))
    return initramfs_module().pack(entries)
