# SPDX-License-Identifier: MIT
"""The back-ends under test, as the host sees them: starting, asking, watching and stopping them."""
import json
import os
import re
import signal
import socket
import subprocess
import time

from vm import Failure, die_with_parent

# What a sanitizer prints; its word counts even where the exit status does not tell.
SICK = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error:|UndefinedBehaviorSanitizer")


def program(build, name):
    """The path of a program in a build tree."""
    path = os.path.join(build, name)
    if not os.access(path, os.X_OK):
        raise Failure(f"there is no {name} in {build}")
    return path


def ask(path, limit=5):
    """The one JSON document that a control socket gives."""
    with socket.socket(socket.AF_UNIX) as end:
        end.settimeout(limit)
        try:
            end.connect(path)
            end.shutdown(socket.SHUT_WR)
            text = b"".join(iter(lambda: end.recv(65536), b""))
        except OSError as error:
            raise Failure(f"control socket {path}: {error}") from None
    try:
        return json.loads(text)
    except ValueError as error:
        raise Failure(f"control socket {path}: {error}: {text[:200]!r}") from None


GUEST_RAM = "/memfd:memory-backend-memfd"


def guest_ram_kb(pid):
    """How much of the guest's memory the process has touched: another part after each boot."""
    total = 0
    with open(f"/proc/{pid}/smaps") as file:
        inside = False
        for line in file:
            words = line.split()
            if not words[0].endswith(":"):
                inside = GUEST_RAM in line
            elif inside and words[0] == "Rss:":
                total += int(words[1])
    return total


def usage(pid):
    """Descriptors and resident kilobytes of a process. Pages of shared memory that it has merely
    touched are told apart from what it has of its own; those of the guest's memory do not count."""
    try:
        fds = len(os.listdir(f"/proc/{pid}/fd"))
        with open(f"/proc/{pid}/status") as file:
            status = dict(line.split(":", 1) for line in file)
    except OSError:
        raise Failure(f"process {pid} is gone") from None
    if "Z" in status["State"]:
        raise Failure(f"process {pid} is dead")
    with open(f"/proc/{pid}/maps") as file:
        sanitized = "libasan" in file.read()
    own, shared = (int(status[key].split()[0]) for key in ("RssAnon", "RssShmem"))
    shared = max(0, shared - guest_ram_kb(pid))
    # A sanitizer keeps what was freed, so what it has says nothing.
    return {"fds": fds, "own_kb": 0 if sanitized else own, "shared_kb": shared}


class Control:
    """A running back-end, known by its control socket."""

    def __init__(self, path):
        self.path = path

    def state(self):
        return ask(self.path)

    def usage(self):
        """{'door': usage, 'worker': usage}; a worker that is not running is left out."""
        state = self.state()
        return {role: usage(state[role]["pid"]) for role in ("door", "worker")
                if state.get(role, {}).get("pid")}

    def kill_worker(self):
        """Kills its worker. Returns what the state said of it before."""
        worker = self.wait(lambda state: state["worker"]["pid"] > 0, "a worker")["worker"]
        os.kill(worker["pid"], signal.SIGKILL)
        return worker

    def wait(self, test, what, limit=10):
        """Waits until test(state) holds; returns that state."""
        end = time.monotonic() + limit
        while True:
            state = self.state()
            if test(state):
                return state
            if time.monotonic() > end:
                raise Failure(f"{what} did not come within {limit} s; state: {json.dumps(state)}")
            time.sleep(0.05)

    def resource_bytes(self, resource, size):
        """The first bytes of a resource, out of the arena as the door holds it."""
        state = self.state()
        loan = next((loan for loan in state["device"]["loans"] if loan["id"] == resource), None)
        if not loan:
            raise Failure(f"the back-end knows of no loan to resource {resource}: {state}")
        folder = f"/proc/{state['door']['pid']}/fd"
        for name in os.listdir(folder):
            if "memfd:hostblob-arena" in os.readlink(f"{folder}/{name}"):
                with open(f"{folder}/{name}", "rb") as file:
                    file.seek(loan["offset"])
                    return file.read(size)
        raise Failure("the door holds no arena")


class Device(Control):
    """A back-end started by us."""

    def __init__(self, build, kind, folder, options=()):
        super().__init__(os.path.join(folder, kind + ".control"))
        self.kind = kind
        self.socket = os.path.join(folder, kind + ".socket")
        self.log_path = os.path.join(folder, kind + ".log")
        self.status = None
        command = [*self.program(build), f"--socket-path={self.socket}",
                   f"--control-path={self.path}", *options]
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, preexec_fn=die_with_parent, cwd=folder)
        self.wait_listening()

    def program(self, build):
        """The words that start it."""
        return [program(build, "hostblob-" + self.kind)]

    def wait_listening(self, limit=10):
        end = time.monotonic() + limit
        while not (os.path.exists(self.socket) and os.path.exists(self.path)):
            if self.process.poll() is not None:
                raise Failure(f"hostblob-{self.kind} ended with {self.process.returncode}: "
                              f"{self.log()[-400:]}")
            if time.monotonic() > end:
                self.stop()
                raise Failure(f"hostblob-{self.kind} does not listen after {limit} s")
            time.sleep(0.02)

    def log(self):
        with open(self.log_path, errors="replace") as file:
            return file.read()

    def stop(self, limit=10):
        """Ends it with SIGTERM. Returns what was wrong with that, '' if nothing."""
        if self.status is None:
            early = self.process.poll() is not None
            if not early:
                self.process.send_signal(signal.SIGTERM)
            try:
                self.status = self.process.wait(limit)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                return f"hostblob-{self.kind} did not end within {limit} s of SIGTERM"
            if early:
                return (f"hostblob-{self.kind} ended by itself with {self.status}: "
                        f"{self.log()[-400:]}")
        if self.status:
            return f"hostblob-{self.kind} ended with {self.status}: {self.log()[-400:]}"
        sick = SICK.search(self.log())
        if sick:
            return f"hostblob-{self.kind}: {self.log()[sick.start():][:1500]}"
        return ""
