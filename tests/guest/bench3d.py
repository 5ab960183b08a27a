# SPDX-License-Identifier: MIT
"""The bench of the 3D tests: a guest with a whole Debian, and a GPU of ours or QEMU's own."""
import copy
import os
import re
import shutil
import subprocess
import time

import screen
from bench import Bench, Group, Skip
from devices import Device
from machine3d import LAVAPIPE, TOP, Machine3d, inside, system
from vm import Failure

OUT = os.path.join(TOP, "out")

# Without memory slots QEMU says so once for every map and unmap beyond the eighth region.
NOISE = ["Failed preparing vhost-user memory table msg",
         "vhost_set_mem_table failed: No buffer space available"]
# What software renderers keep for the next time, when nobody draws any more: 30 MB after all of
# piglit.list.
SLACK_KB = 64 << 10

VENUS = "VK_DRIVER_FILES=/usr/share/vulkan/icd.d/virtio_icd.json"
ZINK = f"{VENUS} MESA_LOADER_DRIVER_OVERRIDE=zink LIBGL_ALWAYS_SOFTWARE=1"


def in_system(path):
    """A path below this tree or /tmp, as it is named in the system of 'inside'."""
    below = os.path.relpath(path, TOP)
    if not below.startswith(".."):
        return os.path.join("/hostblob", below)
    if os.path.realpath(path).startswith("/tmp/"):
        return path
    raise Failure(f"{path} is neither in {TOP} nor in /tmp")


def quiet(command, what):
    """Runs a command on the host; what it said is shown only if it fails."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise Failure(f"{what}: {done.stdout[-3000:]}")
    return done.stdout


def build(folder, suite):
    """Builds this tree in that system."""
    inner = in_system(folder)
    if not os.path.exists(os.path.join(folder, "build.ninja")):
        quiet(inside(["meson", "setup", "-Dtests=disabled", inner], suite), "meson setup")
    quiet(inside(["ninja", "-C", inner], suite), "ninja")


def programs():
    """The folder of the guest's programs, compiled."""
    folder = os.path.join(TOP, "build-3d-programs")
    quiet(inside(["tests/guest/programs3d", in_system(folder)]), "programs3d")
    return folder


class Group3d(Group):
    """warm: commands that put the devices to use once. hosts: systems of the host that can."""

    def __init__(self, name, options, warm=(), hosts=("trixie",), noise=(), extra=(),
                 bench=None):
        super().__init__(name, {"gpu": options}, [*NOISE, *noise], extra=extra, bench=bench)
        self.warm = warm
        self.hosts = hosts


class Device3d(Device):
    suite = "trixie"

    def program(self, build):
        return inside([os.path.join(in_system(build), "hostblob-" + self.kind)], self.suite)


def children(pid):
    """The processes below one: {pid: name}."""
    below = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as file:
                command, _, rest = file.read().partition("(")[2].rpartition(")")
        except OSError:
            continue  # it has just ended
        below.setdefault(int(rest.split()[1]), []).append((int(name), command))
    found = {}
    seen = [pid]
    while seen:
        for child, command in below.get(seen.pop(), []):
            found[child] = command
            seen.append(child)
    return found


class Program:
    """A command that runs in the guest's background; what it prints is read while it runs."""

    def __init__(self, bench, name, command):
        self.name = name
        self.path = os.path.join(bench.share, name + ".out")
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.bench = bench
        bench.run(f"(sh -c 'echo $$ >/hostblob/{name}.pid; exec env {command}' "
                  f">/hostblob/{name}.out 2>&1; echo \"@@ exit=$?\" >>/hostblob/{name}.out) "
                  "</dev/null >/dev/null 2>&1 &")

    def lines(self):
        try:
            with open(self.path, errors="replace") as file:
                return file.read().splitlines()
        except FileNotFoundError:
            return []

    def records(self):
        return [dict(word.partition("=")[::2] for word in line[3:].split())
                for line in self.lines() if line.startswith("@@ ")]

    def find(self, key):
        """The last record with that key, or None."""
        return next((record for record in reversed(self.records()) if key in record), None)

    def wait(self, key, limit=30):
        """Waits for a record with that key and returns it."""
        end = time.monotonic() + limit
        while True:
            record = self.find(key)
            if record:
                return record
            if self.find("exit") or time.monotonic() > end:
                raise Failure(f"{self.name} has not said '{key}': {' / '.join(self.lines()[-5:])}")
            time.sleep(0.05)

    def end(self):
        """Ends it, if it goes on."""
        self.bench.run(f"kill $(cat /hostblob/{self.name}.pid)", good=False)

    def longest(self):
        """The longest step so far, ms."""
        return int(self.wait("tick")["longest"])

    def exit(self, limit=60):
        return int(self.wait("exit", limit)["exit"])

    def alive(self):
        """Raises Failure unless it goes on ticking."""
        before = self.wait("tick")["tick"]
        end = time.monotonic() + 5
        while self.wait("tick")["tick"] == before:
            if self.find("exit") or time.monotonic() > end:
                raise Failure(f"{self.name} does not go on: {' / '.join(self.lines()[-5:])}")
            time.sleep(0.05)

    def finish(self, stall_ms, limit=60):
        """Waits for its good end; no step may have taken longer than that. Returns the longest."""
        if self.exit(limit):
            raise Failure(f"{self.name} ended badly: {' / '.join(self.lines()[-5:])}")
        longest = int(self.find("ticked")["longest"])
        if longest > stall_ms:
            raise Failure(f"{self.name} stalled for {longest} ms")
        return longest


class Bench3d(Bench):
    contexts = 0  # that the guest's kernel has for itself

    def __init__(self, group, options):
        self.peer = options.peer
        self.suite = options.host
        self.build = options.build
        if self.peer:
            group = copy.copy(group)
            group.devices = {}
        super().__init__(group, options)

    def make_device(self, options, kind, arguments):
        Device3d.suite = options.host
        return Device3d(options.build, kind, self.folder, arguments)

    def make_machine(self, options):
        self.share = os.path.join(self.folder, "share")
        shutil.copytree(options.programs, os.path.join(self.share, "bin"))
        shutil.copy(os.path.join(TOP, "tests/guest/piglit_run"), self.share)
        return self.build_machine(options)

    def build_machine(self, options):
        return Machine3d(self.share, self.pairs(), peer=self.peer, limit=3000, show=self.show,
                         accelerator=options.accel, console=self.note, extra=self.group.extra)

    def versions(self):
        """What takes part, in a line."""
        with open(os.path.join(system(self.suite), "packages")) as file:
            words = [line.strip() for line in file]
        return ", ".join([*words, "Linux " + self.machine.versions["kernel"]])

    def own(self, what):
        """The back-end; the case is skipped where the device is QEMU's own."""
        if self.peer:
            raise Skip(f"QEMU's own device has no {what}")
        return self.gpu

    def remember(self):
        for command in self.group.warm:
            self.run(command, 120)
        if not self.peer:
            self.screenshot(0, "warm-up.png")
        self.settle()
        for kind, device in self.devices.items():
            self.baseline[kind] = (device.state(), device.usage())
        self.family = self.renderers()

    def settle(self, limit=10):
        """Waits until no context is left: a program's last words come before its end."""
        for device in self.devices.values():
            device.wait(lambda state: state["device"].get("contexts", 0) <= self.contexts,
                        "the end of all contexts", limit)
        time.sleep(0.3)

    def forgive(self):
        """The guest's kernel may have told of what was refused since a context was lost."""
        self.settle()
        self.seen = len(self.machine.console)

    def at_rest(self, slack_kb=SLACK_KB):
        self.settle()
        super().at_rest(slack_kb)
        now = self.renderers()
        if len(now) != len(self.family):
            raise Failure(f"render processes are {now}, were {self.family}")

    def renderers(self):
        """Render server and render processes: {pid: name}."""
        if self.peer:
            return {}
        return children(self.gpu.state()["worker"]["pid"])

    def render_processes(self):
        """Those with a context, not their server."""
        server = self.render_server(missing=True)
        return {pid: name for pid, name in (children(server) if server else {}).items()}

    def render_server(self, missing=False):
        """The pid of what has the render processes as children, or 0."""
        for pid, name in self.renderers().items():
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if b"virgl_render_server" in file.read().split(b"\0")[0]:
                    return pid
        if missing:
            return 0
        raise Failure(f"no render server among {self.renderers()}")

    def start(self, name, command):
        return Program(self, name, command)

    def complaint(self):
        # The peer's QEMU is not ours to judge.
        text = super().complaint()
        return "" if self.peer and text.startswith("QEMU said: ") else text

    def on_host(self, command):
        """Runs a command on the host's own software renderer, in the newer system."""
        return quiet(inside(command, VK_DRIVER_FILES=LAVAPIPE, LIBGL_ALWAYS_SOFTWARE=1), command[0])

    def screenshot(self, output, name):
        """What our own back-end shows there."""
        path = os.path.join(self.folder, name)
        self.ask_host("screenshot", self.gpu.path, str(output), path)
        return screen.read_png(path)

    def ask_host(self, *words):
        """What 'hostblob' says to that, on the host that the back-end runs on."""
        command = [os.path.join(in_system(self.build), "hostblob"), *words]
        return quiet(inside(command, self.suite), f"hostblob {words[0]}")

    def keep_picture(self, name):
        """Puts a screenshot where a person may want to see it."""
        shutil.copy(os.path.join(self.folder, name), self.out(name))

    def out(self, name):
        """A path for a picture or figures that a person may want to see."""
        os.makedirs(OUT, exist_ok=True)
        return os.path.join(OUT, name)

    def say(self, **values):
        """A figure for whoever watches."""
        print("    " + " ".join(f"{key}={value}" for key, value in values.items()), flush=True)


def number(pattern, lines, what):
    """The number that a line shows where the pattern has its group."""
    for line in lines:
        match = re.search(pattern, line)
        if match:
            return float(match[1])
    raise Failure(f"no {what} in: {' / '.join(lines[-6:])}")
