#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs the test guest: QEMU of the cached root, a stock kernel, our initramfs.

    tests/guest/vm.py [options] [COMMAND]...

boots a guest, runs each COMMAND in it and shows what it prints. The exit status is 0 when every
command ended with 0, QEMU ended with 0 and had nothing to complain of.

    --gpu PATH      the vhost-user socket of a running hostblob-gpu
    --media PATH    the same of a running hostblob-media
    --smp N         processors of the guest (1)
    --limit N       seconds after which everything is killed (300)
    --console       show the guest's console too
    --help          this text

As a module it offers Machine, and Failure for all that can go wrong.
"""
import ctypes
import json
import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from options import Options

HERE = os.path.dirname(os.path.realpath(__file__))

# What the kernel says when it is not well; a test whose guest said so has failed.
ILL = ("Kernel panic", "BUG:", "UBSAN:", "Oops:", "WARNING:", "general protection fault",
       "INFO: task")

# virtio-id of each device kind. 45 stands for media (48), at which QEMU 11.1 aborts; the back-end
# never sees it.
KINDS = {
    "gpu": {"virtio-id": 16, "num_vqs": 2, "config_size": 24, "vq_size": 256},
    "media": {"virtio-id": 45, "num_vqs": 2, "config_size": 40, "vq_size": 256},
}


def die_with_parent():
    """For a child process: whatever ends the runner, SIGKILL too, ends it. Linux's PR_SET_PDEATHSIG."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Failure(Exception):
    """The guest or QEMU did not do what was asked; the text says why."""


class Result:
    """What a guest command printed and how it ended."""

    def __init__(self):
        self.status = None
        self.lines = []    # everything it printed
        self.records = []  # each '@@' line as a dict
        self.values = {}   # all of them in one, later ones win

    def add(self, line):
        self.lines.append(line)
        if line.startswith("@@ "):
            record = dict(word.partition("=")[::2] for word in line[3:].split())
            self.records.append(record)
            self.values.update(record)


class Channel:
    """A unix socket that we listen on and QEMU connects to, read as lines by a thread."""

    def __init__(self, path, line):
        self.line = line
        self.peer = None
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(1)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        try:
            self.peer, _ = self.listener.accept()
            with self.peer.makefile("rb") as file:
                for raw in file:
                    self.line(raw.decode(errors="replace").rstrip("\r\n"))
        except OSError:
            pass
        self.line(None)

    def send(self, text):
        self.peer.sendall(text.encode())

    def close(self):
        for end in (self.listener, self.peer):
            if end:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                end.close()


def made(name):
    """Runs the script of that name, which makes a thing and prints its path."""
    done = subprocess.run([os.path.join(HERE, name)], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise Failure(f"{name} ended with {done.returncode}")
    return done.stdout.strip()


class Machine:
    """One QEMU with one guest. Use it in a 'with' block; finish() is called at its end."""

    def __init__(self, devices=(), smp=1, limit=300, show=None, console=None, accelerator=None,
                 memory="1G", extra=(), archive=b""):
        """devices: pairs (kind, socket path), the back-ends already listening; a third word names
        another device of QEMU's than the usual one. limit: seconds until everything is killed. show, console: called with each line of the guest's programs
        and of its kernel. archive: a cpio archive that is unpacked over the initramfs."""
        self.show = show or (lambda line: None)
        self.show_console = console or (lambda line: None)
        self.root = made("root")
        self.kernel = self.kernel_path()
        self.initramfs = made("initramfs")
        self.work = tempfile.mkdtemp(prefix="hostblob-vm-")
        if archive:
            self.initramfs = self.enlarged(archive)
        self.lines = queue.Queue()
        self.answers = queue.Queue()
        self.console = []
        self.status = None
        self.killed = ""
        self.stopping = False
        self.channels = {
            "console": Channel(self.path("console"), self.on_console),
            "guest": Channel(self.path("guest"), self.lines.put),
            "qmp": Channel(self.path("qmp"), self.on_qmp),
        }
        accelerator = accelerator or best_accelerator(self.root)
        with open(self.path("stderr"), "wb") as stderr:
            self.qemu = subprocess.Popen(
                self.command(devices, smp, memory, accelerator) + list(extra),
                stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr, preexec_fn=die_with_parent,
                env={**os.environ, "QEMU_MODULE_DIR": self.modules()})
        self.watch = threading.Timer(limit, self.kill, [f"the time limit of {limit} s was over"])
        self.watch.daemon = True
        self.watch.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.finish()
        shutil.rmtree(self.work, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.work, name)

    def kernel_path(self):
        with open(os.path.join(self.root, "packages")) as file:
            self.versions = dict(line.split() for line in file)
        return os.path.join(self.root, "usr/lib/modules", self.versions["kernel"], "vmlinuz")

    def enlarged(self, archive):
        """A copy of the initramfs with another archive behind it: the kernel takes both."""
        path = self.path("initramfs")
        shutil.copy(self.initramfs, path)
        with open(path, "ab") as file:
            file.write(bytes(-file.tell() % 4) + archive)
        return path

    def program(self):
        """QEMU, by the root's own loader, so that no privileges are needed."""
        return [os.path.join(self.root, "lib64/ld-linux-x86-64.so.2"),
                "--library-path", os.path.join(self.root, "usr/lib/x86_64-linux-gnu"),
                os.path.join(self.root, "usr/bin/qemu-system-x86_64"),
                "-L", os.path.join(self.root, "usr/share/qemu"),
                "-L", os.path.join(self.root, "usr/share/seabios")]

    def modules(self):
        """Where QEMU finds the parts that it loads when it needs them."""
        return os.path.join(self.root, "usr/lib/x86_64-linux-gnu/qemu")

    def command(self, devices, smp, memory, accelerator):
        """The command line."""
        command = [*self.program(),
                   "-M", "q35", "-cpu", "max", "-smp", str(smp), "-m", memory,
                   "-object", f"memory-backend-memfd,id=mem,size={memory},share=on",
                   "-machine", "memory-backend=mem", "-nodefaults", "-display", "none"]
        command += ["-accel", "kvm"] if accelerator == "kvm" else ["-accel", "tcg,thread=multi"]
        for name in self.channels:
            command += ["-chardev", f"socket,id={name},path={self.path(name)}"]
        command += ["-serial", "chardev:console",
                    "-object", "monitor-qmp,id=monitor,chardev=qmp",
                    "-chardev", f"file,id=bulk,path={self.path('bulk')}",
                    "-device", "virtio-serial-pci",
                    "-device", "virtserialport,chardev=bulk,name=bulk",
                    "-device", "virtserialport,chardev=guest,name=host",
                    "-kernel", self.kernel, "-initrd", self.initramfs,
                    "-append", "console=ttyS0 quiet panic=5"]
        for number, (kind, path, *front) in enumerate(devices):
            usual = ",".join(["vhost-user-test-device-pci",
                              *(f"{key}={value}" for key, value in KINDS[kind].items())])
            command += ["-chardev", f"socket,id=device{number},path={path}",
                        "-device", f"{front[0] if front else usual},chardev=device{number}"]
        return command

    # What arrives.

    def on_console(self, line):
        if line is not None:
            self.console.append(line)
            self.show_console(line)

    def on_qmp(self, line):
        if line is None:
            self.answers.put(None)
            return
        message = json.loads(line)
        if "return" in message or "error" in message:
            self.answers.put(message)

    def next_line(self, until, what):
        """The guest's next line. Raises Failure at the time 'until' or when QEMU is gone."""
        while True:
            try:
                line = self.lines.get(timeout=max(0.0, min(0.5, until - time.monotonic())))
            except queue.Empty:
                line = None
                if self.qemu.poll() is None and time.monotonic() < until:
                    if any("Kernel panic" in text for text in self.console[-60:]):
                        raise Failure(f"the guest's kernel panicked, waiting for {what}")
                    continue
            if line is not None:
                self.show(line)
                return line
            if self.killed:
                raise Failure(f"{self.killed}, waiting for {what}")
            try:
                status = self.qemu.wait(1)
            except subprocess.TimeoutExpired:
                raise Failure(f"no end after its time, waiting for {what}") from None
            raise Failure(f"QEMU ended with {status}, waiting for {what}: {self.stderr()}")

    # What the host asks.

    def ready(self, limit=240):
        """Waits for the end of a boot; returns its seconds."""
        start = time.monotonic()
        while self.next_line(start + limit, "the guest to boot") != "@@ ready":
            pass
        return time.monotonic() - start

    def begin(self, command):
        """Starts a command in the guest without waiting for it."""
        self.channels["guest"].send(command + "\n")

    def say(self, text):
        """One line for the standard input of the command that runs."""
        self.channels["guest"].send(text + "\n")

    def until(self, key, limit=60):
        """Waits for a line '@@ key=...' and returns it as a dict."""
        end = time.monotonic() + limit
        result = Result()
        while True:
            result.add(self.next_line(end, f"'{key}'"))
            if result.records and key in result.records[-1]:
                return result.records[-1]
            if "exit" in result.values:
                raise Failure("the command ended without '%s': %s" %
                              (key, " / ".join(result.lines)))

    def end(self, command, limit=60):
        """Waits for the end of the command that runs."""
        end = time.monotonic() + limit
        result = Result()
        while True:
            line = self.next_line(end, f"'{command}'")
            if line == "@@ ready":
                raise Failure(f"the guest booted anew during '{command}'")
            if line.startswith("@@ exit="):
                result.status = int(line[8:])
                return result
            result.add(line)

    def run(self, command, limit=60, good=True):
        """Runs a command in the guest. good: an exit status other than 0 is a Failure."""
        self.begin(command)
        result = self.end(command, limit)
        if good and result.status:
            raise Failure("'%s' ended with %d: %s" %
                          (command, result.status, " / ".join(result.lines[-6:])))
        return result

    def received(self):
        """What the guest has sent by 'send NAME': {name: bytes}."""
        found = {}
        with open(self.path("bulk"), "rb") as file:
            for header in iter(file.readline, b""):
                name, size = header.split()
                found[name.decode()] = file.read(int(size))
                if len(found[name.decode()]) != int(size):
                    raise Failure(f"'{name.decode()}' of the guest is cut off")
        return found

    def qmp(self, execute, limit=20, **arguments):
        """A QMP command; returns its answer. QEMU's machine protocol wants a greeting first."""
        if not hasattr(self, "greeted"):
            self.greeted = True
            self.qmp("qmp_capabilities", limit)
        self.channels["qmp"].send(json.dumps({"execute": execute, "arguments": arguments}) + "\n")
        try:
            answer = self.answers.get(timeout=limit)
        except queue.Empty:
            raise Failure(f"QEMU does not answer {execute} within {limit} s") from None
        if answer is None or "error" in answer:
            raise Failure(f"QEMU refuses {execute}: {answer}")
        return answer["return"]

    # The end.

    def kill(self, why):
        if self.qemu.poll() is None and not self.killed:
            self.killed = why
            self.qemu.send_signal(signal.SIGKILL)

    def stderr(self):
        with open(self.path("stderr"), errors="replace") as file:
            return file.read().strip()

    def finish(self, limit=20):
        """Powers the guest off and waits; harder means follow when it does not go. Returns what
        was wrong with QEMU or the guest's kernel, '' if nothing."""
        if self.status is None:
            self.stop(limit)
            self.watch.cancel()
            for channel in self.channels.values():
                channel.close()
            for channel in self.channels.values():
                channel.thread.join(2)
        return self.complaint()

    def stop(self, limit):
        try:
            if self.qemu.poll() is None and not self.killed:
                self.begin("poweroff -f")
            self.status = self.qemu.wait(limit)
            return
        except (subprocess.TimeoutExpired, OSError, AttributeError):
            pass
        # A QEMU that waits for a back-end ignores SIGTERM, so there is no use in trying it.
        self.kill("the guest did not power off")
        self.status = self.qemu.wait()

    def complaint(self):
        """What was wrong with QEMU or with the guest's kernel; '' if nothing."""
        if self.killed:
            return f"QEMU was killed: {self.killed}; {self.stderr()}"
        if self.status:
            return f"QEMU ended with {self.status}: {self.stderr()}"
        if self.stderr():
            return f"QEMU said: {self.stderr()}"
        for line in self.console:
            if any(word in line for word in ILL):
                return f"the guest's kernel said: {line}"
        return ""


def best_accelerator(root):
    """'kvm' where it really boots the stock kernel, else 'tcg'. /dev/kvm may open and still not
    boot one, so a short trial decides; its answer is kept for this machine's kernel and root."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "tcg"
    with open(os.path.join(root, "stamp")) as file:
        question = f"{file.read().strip()} {os.uname().release} {os.uname().version}"
    kept = os.path.join(os.path.dirname(root), "accelerator")
    try:
        with open(kept) as file:
            asked, _, answer = file.read().strip().rpartition("\n")
            if asked == question:
                return answer
    except FileNotFoundError:
        pass
    answer = "tcg"
    try:
        with Machine(accelerator="kvm", limit=20) as machine:
            machine.ready(15)
            if not machine.finish():
                answer = "kvm"
    except Failure:
        pass
    print(f"vm: /dev/kvm {'boots' if answer == 'kvm' else 'does not boot'} the guest's kernel; "
          f"using {answer}", file=sys.stderr)
    with open(f"{kept}.{os.getpid()}", "w") as file:
        file.write(f"{question}\n{answer}\n")
    os.rename(f"{kept}.{os.getpid()}", kept)
    return answer


def main():
    parser = Options(__doc__)
    for kind in KINDS:
        parser.add_argument("--" + kind)
    parser.add_argument("--smp", type=int, default=1)
    parser.add_argument("--limit", type=float, default=300)
    parser.add_argument("--console", action="store_true")
    parser.add_argument("commands", nargs="*")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    devices = [(kind, getattr(options, kind)) for kind in KINDS if getattr(options, kind)]

    def show(line):
        print(line, flush=True)

    console = (lambda line: show("console: " + line)) if options.console else None
    bad = False
    try:
        with Machine(devices, options.smp, options.limit, show, console) as machine:
            print(f"vm: booted in {machine.ready():.1f} s", file=sys.stderr, flush=True)
            for command in options.commands:
                bad |= machine.run(command, options.limit, good=False).status != 0
            complaint = machine.finish()
    except Failure as failure:
        complaint = str(failure)
    if complaint:
        print("vm: " + complaint, file=sys.stderr)
    sys.exit(1 if bad or complaint else 0)


if __name__ == "__main__":
    main()
