# SPDX-License-Identifier: MIT
"""One run: starts the device and the guest, passes on what the command writes, and says how it ended."""
import os
import secrets
import selectors
import shlex
import signal
import tempfile
import time

import accelerator
import device
import initramfs
import job
import machine
import places
from film import Film
from folder import Failure
from streams import Stream

BOOT_S = 180    # a guest that takes longer hangs: under emulation on a busy machine it takes 20
DRAIN_S = 2     # after the command, for programs that it left running and that still hold its output
OWN_FAILURE = 125
TIMED_OUT = 124


class Ended(Exception):
    """The run is over: (verdict, why, the exit status of hostblob-ci)."""


def on_signal(number, _):
    raise Ended("interrupted", f"by {signal.Signals(number).name}", 128 + number)


class Session:
    """Use it in a 'with' block, which leaves nothing running and no file but the record."""

    def __init__(self, options, record, say):
        self.options, self.record, self.say = options, record, say
        self.work = tempfile.TemporaryDirectory(prefix="hostblob-ci-")
        self.device = self.guest = None
        self.selector = selectors.DefaultSelector()
        self.end_word = secrets.token_hex(16).encode()
        self.control = b""
        self.streams = {}
        self.status = None
        self.film = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """What is ours ends, Ctrl-C or not."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        self.end_film()
        if self.guest:
            self.guest.stop()
        if self.device:
            self.device.stop()
        self.selector.close()
        self.work.cleanup()

    def run(self):
        """Returns the command's status; raises Ended for any other end."""
        self.record.step("prepare")
        tools = places.Tools()
        self.prepare(tools)
        self.record.end_step()
        self.record.step("boot", "console")
        self.boot(tools)
        self.loop(time.monotonic() + BOOT_S, lambda: "ready" in self.said(),
                  ("guest died", f"it did not boot within {BOOT_S} s", OWN_FAILURE))
        self.record.end_step()
        self.say(f"booted in {self.record.seconds_of('boot'):.1f} s; running "
                 + shlex.join(self.options.command))
        self.record.step("command", "command")
        self.command()
        self.record.end_step(self.status)
        return self.status

    # Before the boot.

    def prepare(self, tools):
        options, facts = self.options, self.record.facts
        self.root = options.root or tools.path
        self.root_kind = places.root_kind(self.root)
        self.accelerator, why = accelerator.choose(tools, self.say)
        facts["host"] = {"accelerator": self.accelerator, "why": why, "hostblob": places.version(),
                         **{name: tools.versions[name] for name in ("qemu", "kernel")}}
        renderers = [name for name, wanted in (("virgl", options.gl), ("venus", options.vulkan))
                     if wanted]
        facts["stack"] = {"renderer": ",".join(renderers) or "memory", "driver": "", "capsets": []}
        if renderers:
            facts["stack"]["driver"], facts["stack"]["capsets"] = device.renderer_facts(renderers)
        if options.camera != "none":
            facts["stack"]["camera"] = f"vivid of Linux {tools.versions['kernel']}"
            self.say("the camera is /dev/video0 of vivid, the guest kernel's own: QEMU 11.1 refuses the "
                     "number of virtio-media, for which a stock kernel has no driver either")
        if options.trace:
            facts["trace"] = "trace.json"
        self.device = device.Device(self.work.name, renderers, options.display, self.record,
                                    options.trace)
        self.device.wait()

    def boot(self, tools):
        options = self.options
        names = {"kvm": "KVM", "tcg": "emulation"}
        self.say(f"booting Linux {tools.versions['kernel']} by {names[self.accelerator]} "
                 f"({self.record.facts['host']['why']})")
        variables = job.environment(options.env)
        settings = {"root_kind": self.root_kind, "share": options.folder, "share_cache": "mmap",
                    "camera": options.camera, "end_word": self.end_word.decode()}
        path = os.path.join(self.work.name, "initramfs")
        initramfs.write(path, tools, job.settings(settings),
                        job.script(options.command, variables, options.folder))
        extra = machine.gpu_device(self.device.socket) + machine.folder_share("share", options.folder, False)
        extra += (machine.folder_share("root", self.root, True) if self.root_kind == "9p"
                  else machine.image_disk(self.root))
        self.guest = machine.Machine(tools, self.work.name, path, self.accelerator, extra, options.smp,
                                     options.memory, self.record.log("console"), self.record.log("qemu"))
        for name, listener in self.guest.listeners.items():
            self.selector.register(listener, selectors.EVENT_READ, ("connect", name))
        self.pidfds = [os.pidfd_open(process.pid) for process in
                       (self.guest.process, self.device.process)]
        self.selector.register(self.pidfds[0], selectors.EVENT_READ, ("guest", None))
        self.selector.register(self.pidfds[1], selectors.EVENT_READ, ("device", None))
        log = os.open(self.record.log("command"), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self.streams = {"out": Stream(self.end_word, (log, 1)), "err": Stream(self.end_word, (log, 2))}

    # While it runs.

    def said(self):
        """The whole lines that the guest has said."""
        return self.control.decode(errors="replace").split("\n")[:-1]

    def exit_word(self):
        for line in self.said():
            if line.startswith("exit "):
                self.status = int(line[5:])
        return self.status is not None

    def command(self):
        options = self.options
        limit = options.timeout
        if options.every:
            self.film = Film(self.device, self.record, self.say, self.selector, options.every)
        self.loop(time.monotonic() + limit if limit else None, self.exit_word,
                  ("timed out", f"the command still ran after {limit:g} s", TIMED_OUT))
        if "end" in options.screenshot:
            self.take_pictures("end")
        self.end_film()
        self.loop(time.monotonic() + DRAIN_S, lambda: all(one.ended for one in self.streams.values()),
                  None)
        for stream in self.streams.values():
            stream.flush()

    def loop(self, until, done, late):
        """Serves what comes until done(); at the time 'until' (None: never) it is over, with 'late' as
        the end, or none."""
        while not done():
            left = None if until is None else until - time.monotonic()
            if left is not None and left <= 0:
                if late:
                    self.take_last_pictures()
                    raise Ended(*late)
                return
            for key, _ in self.selector.select(self.until_picture(left)):
                self.serve(key, *key.data)

    def serve(self, key, kind, name):
        if kind == "connect":
            self.selector.unregister(key.fileobj)
            self.selector.register(self.guest.accept(name), selectors.EVENT_READ, ("port", name))
        elif kind == "film":
            self.film.taken()
        elif kind == "port":
            data = key.fileobj.recv(65536)
            if not data:
                self.selector.unregister(key.fileobj)
            elif name == "control":
                self.control = (self.control + data)[-4096:]
            else:
                self.streams[name].feed(data)
        else:
            self.died(kind)

    def died(self, kind):
        """QEMU or the device is gone. What the guest wrote before is still in the sockets."""
        for name, stream in self.streams.items():
            end = self.guest.ports.get(name)
            while end and kind == "guest" and not stream.ended:
                data = end.recv(65536)
                if not data:
                    break
                stream.feed(data)
            stream.flush()
        if kind == "device":
            raise Ended("device died", f"hostblob-gpu ended with {self.device.process.wait()}: "
                        f"{self.device.last_words()}", OWN_FAILURE)
        raise Ended("guest died", self.why_guest_died(), OWN_FAILURE)

    def why_guest_died(self):
        lines = [line.strip() for line in self.record.tail("console", 1 << 20).splitlines()]
        for line in lines:
            if "Kernel panic" in line:
                ours = [text for text in lines if text.startswith(("init: ", "start: "))]
                return ": ".join([line[line.index("Kernel panic"):], *ours[-1:]])
        status = self.guest.process.wait()
        words = self.record.tail("qemu", 300).strip()
        if status or words:
            return f"QEMU ended with {status}: {words}"
        return "it was powered off or rebooted before the command ended"

    # Pictures.

    def until_picture(self, left):
        """Begins a picture that is due; how long to wait for what comes, 'left' at most."""
        wait = self.film.wait() if self.film else None
        if wait == 0:
            self.film.begin()
            wait = None
        return left if wait is None else wait if left is None else min(wait, left)

    def end_film(self):
        if self.film:
            self.film.stop()
        self.film = None

    def take_last_pictures(self):
        if "end" in self.options.screenshot and self.guest and self.device.process.poll() is None:
            self.take_pictures("end")

    def take_pictures(self, why):
        """Of output 0, which is the only one."""
        at = self.record.now()
        wrong, data = self.device.screenshot(0)
        try:
            if not wrong:
                self.record.add_picture("pictures", data, 0, at, why)
        except Failure as failure:
            wrong = str(failure)
        if wrong:
            self.say(f"no picture: {wrong}")
