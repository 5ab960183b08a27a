# SPDX-License-Identifier: MIT
"""The guest's GPU: hostblob-gpu in processes of its own, and what can be asked of it."""
import contextlib
import itertools
import json
import os
import subprocess
import time

import machine
from job import Unfit
from places import program

# How the renderers that are not always there come to be.
WAYS = {
    "virgl": "apt-get install libvirglrenderer1 libegl1 libgl1 libgbm1 libgl1-mesa-dri",
    "venus": "Debian 13 or newer: apt-get install libvirglrenderer1 virgl-server mesa-vulkan-drivers",
}


def renderer_facts(names):
    """What hostblob-gpu says of these renderers here: (driver, capset ids). Unfit says which does not
    work, why, and what to install."""
    done = subprocess.run([program("hostblob-gpu"), "--check"], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=60)
    try:
        found = json.loads(done.stdout)["renderers"]
    except (ValueError, KeyError):
        raise Unfit(f"hostblob-gpu --check does not answer: {done.stderr.strip()[-300:]}") from None
    drivers, capsets = [], []
    for name in names:
        about = found.get(name) or {"in": False, "why": "it was built without"}
        if not about.get("in"):
            option = {"virgl": "--gl", "venus": "--vulkan"}[name]
            raise Unfit(f"{option}: {name} does not work on this machine: "
                        f"{about.get('why', 'no reason is known')}. What it needs is in {WAYS[name]}; "
                        "'hostblob check' says what works")
        drivers.append(about.get("device", ""))
        capsets += [capset["id"] for capset in about.get("capsets", [])]
    return ", ".join(dict.fromkeys(filter(None, drivers))), sorted(set(capsets))


class Device:
    """A running hostblob-gpu."""

    def __init__(self, work, renderers, display, record, trace):
        """work: a folder for its sockets. display: WIDTHxHEIGHT. record: of the run, for its log and,
        if 'trace' says so, trace.json."""
        self.socket = os.path.join(work, "gpu")
        self.control = os.path.join(work, "gpu.control")
        self.record = record
        self.log = record.log("gpu")
        self.numbers = itertools.count(1)
        command = [program("hostblob-gpu"), f"--socket-path={self.socket}",
                   f"--control-path={self.control}", f"--renderer={','.join(renderers) or 'memory'}",
                   f"--output={display}"]
        if trace:
            command.append(f"--trace={record.path('trace.json')}")
        with open(self.log, "wb") as file:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                                            preexec_fn=machine.child, cwd=work)

    def wait(self, limit=30):
        """Until it listens."""
        end = time.monotonic() + limit
        while not (os.path.exists(self.socket) and os.path.exists(self.control)):
            if self.process.poll() is not None:
                raise Unfit(f"hostblob-gpu ended with {self.process.returncode}: {self.last_words()}")
            if time.monotonic() > end:
                raise Unfit(f"hostblob-gpu does not listen after {limit} s; its log is {self.log}")
            time.sleep(0.01)

    def last_words(self):
        return self.record.tail("gpu", 400).strip()

    def begin_screenshot(self, output):
        """Has what the output shows written to a file of our own: the process that does it."""
        path = os.path.join(os.path.dirname(self.socket), f"picture-{next(self.numbers)}.png")
        child = subprocess.Popen([program("hostblob"), "screenshot", self.control, str(output), path],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.PIPE, text=True, preexec_fn=machine.child)
        child.path = path
        return child

    @staticmethod
    def end_screenshot(child, limit=10):
        """Waits for that process: ('', the PNG file's bytes), or (why there is none, b'')."""
        try:
            words = child.communicate(timeout=limit)[1]
            if child.returncode:
                return words.strip().removeprefix("hostblob: ") or f"status {child.returncode}", b""
            with open(child.path, "rb") as file:
                return "", file.read()
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()
            return f"the device gives no picture within {limit} s", b""
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(child.path)

    def screenshot(self, output):
        """What the output shows, as end_screenshot() gives it."""
        return self.end_screenshot(self.begin_screenshot(output))

    def stop(self, patience=5):
        """Ends it; its status, negative for a signal."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                return self.process.wait(patience)
            except subprocess.TimeoutExpired:
                self.process.kill()
        return self.process.wait()
