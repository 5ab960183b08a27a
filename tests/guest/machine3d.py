# SPDX-License-Identifier: MIT
"""A guest with a whole Debian, Mesa and all, whose GPU is ours or QEMU's own."""
import os
import shutil
import stat
import subprocess

import cargo
from vm import HERE, Failure, Machine, die_with_parent, made

MODULES = ["virtio-gpu", "virtio-input", "9p", "9pnet_virtio"]
TOP = os.path.dirname(os.path.dirname(HERE))
LAVAPIPE = "/usr/share/vulkan/icd.d/lvp_icd.json"

# QEMU's own device with all that it can do on a host without a GPU: the peer to compare with.
PEER = "virtio-gpu-gl-pci,blob=on,hostmem=256M,venus=on"


def system(suite="trixie"):
    """The path of that Debian, made if need be."""
    done = subprocess.run([os.path.join(HERE, "root3d"), suite], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise Failure(f"root3d {suite} ended with {done.returncode}")
    return done.stdout.strip()


def inside(command, suite="trixie", **environment):
    """The words that run a command in that Debian."""
    settings = [f"{key}={value}" for key, value in environment.items()]
    return [os.path.join(HERE, "inside"), suite, "env", *settings, *command]


def archive(root):
    """What is laid over the quick tests' initramfs, whose 'port' it uses: another init, and modules
    for 9p."""
    module = cargo.initramfs_module()
    module.MODULES = MODULES
    with open(os.path.join(root, "packages")) as file:
        kernel = dict(line.split() for line in file)["kernel"]
    entries = []
    order = ""
    for path in module.module_files(root, kernel):
        name = os.path.basename(path).split(".")[0] + ".ko"
        order += name + "\n"
        entries.append(("modules/" + name, stat.S_IFREG | 0o644, module.unpacked(path)))
    entries.append(("modules/order", stat.S_IFREG | 0o644, order.encode()))
    with open(os.path.join(HERE, "init3d"), "rb") as file:
        entries.append(("init", stat.S_IFREG | 0o755, file.read()))
    return module.pack(entries)


class Screen:
    """An X server without a screen, for QEMU's window. What it shows is in a file of 'folder'
    (x11.read_screen)."""

    def __init__(self, log, folder):
        reader, writer = os.pipe()
        command = inside(["Xvfb", "-displayfd", str(writer), "-screen", "0", "1600x1200x24",
                          "-fbdir", folder, "-nolisten", "tcp"])
        with open(log, "wb") as file:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file,
                                            stderr=file, pass_fds=[writer],
                                            preexec_fn=die_with_parent)
        os.close(writer)
        with os.fdopen(reader) as file:
            self.name = ":" + file.readline().strip()
        if self.name == ":":
            raise Failure(f"Xvfb does not start; see {log}")

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Machine3d(Machine):
    """Like Machine. share: the folder that the guest has as /hostblob. window: QEMU runs in that
    Debian, in a window. peer: so it does, and the GPU is its own."""

    def __init__(self, share, devices=(), peer=False, window=False, smp=2, memory="2G", **options):
        self.share = share
        self.peer = peer
        self.window = window or peer
        self.system = system()
        self.screen = Screen(os.path.join(share, "xvfb.log"), share) if self.window else None
        super().__init__(devices, smp=smp, memory=memory, archive=archive(made("root")), **options)

    def program(self):
        if not self.window:
            return super().program()
        return inside(["qemu-system-x86_64"], DISPLAY=self.screen.name, LIBGL_ALWAYS_SOFTWARE=1,
                      VK_DRIVER_FILES=LAVAPIPE)

    def command(self, devices, smp, memory, accelerator):
        if self.window:  # there it can be read
            shutil.copy(self.kernel, self.path("vmlinuz"))
            self.kernel = self.path("vmlinuz")
        command = super().command(devices, smp, memory, accelerator)
        folders = {"system": ("/mnt" if self.window else self.system, "on"), "share": (self.share, "off")}
        for name, (path, readonly) in folders.items():
            command += ["-fsdev", f"local,id={name},path={path},security_model=none,"
                        f"readonly={readonly},multidevs=remap",
                        "-device", f"virtio-9p-pci,fsdev={name},mount_tag={name}"]
        if self.window:
            command[command.index("-display") + 1] = "sdl,gl=on"
        if self.peer:
            command += ["-device", PEER]
        return command

    def __exit__(self, *arguments):
        super().__exit__(*arguments)
        if self.screen:
            self.screen.stop()
