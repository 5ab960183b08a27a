# SPDX-License-Identifier: MIT
"""Workers killed, and programs exchanged, at random instants under a guest that does all at once."""
import os
import queue
import random
import re
import subprocess
import time

from bench import expect
from devices import program
from screen import pattern, read_png
from vm import Failure

# What the guest does, and the longest pause that each may make, in seconds.
LOADS = ("blobs", "flips", "frames")
LONGEST_PAUSE = 2.0
STEADY_US = 100000
PATIENCE = 30  # until a load that stands still has failed
WIDTH, HEIGHT = 320, 240
STOP = "/tmp/stop"
DEATH = re.compile(r"The worker \(pid (\d+)\) was killed by signal 9 ")
PROGRAMS = (f"blob steady {STOP} {{kept}}", f"kms steady 0 {WIDTH} {HEIGHT} {STOP}",
            f"media steady --until {STOP} --size {WIDTH}x{HEIGHT} --fps 30 --buffers 8",
            f"blob clock {STOP}")


class Loads:
    """The guest's programs, in a 'with' block: each tells how steadily it goes (guest/steady.h)."""

    def __init__(self, machine, kept):
        """kept: how many blobs live all the time."""
        self.machine, self.kept = machine, kept
        self.reports = {}  # how many each has made since mark()
        self.gaps = {}     # the longest gap of each since mark(), in seconds
        self.units = {}
        self.others = []   # what else was said
        self.ends = {}     # of each program: its last line
        self.stream = {}   # what the camera's program counted
        self.statuses = []
        self.stopping = False

    def __enter__(self):
        jobs = " ".join(f"({line.format(kept=self.kept)}; echo @@ load_exit=$?) &"
                        for line in PROGRAMS)
        self.machine.begin(f"rm -f {STOP}; {jobs} read line; touch {STOP}; wait")
        self.await_reports(3)
        return self

    def take(self, line):
        if line is None:
            raise Failure(f"QEMU has ended: {self.machine.stderr()}")
        self.machine.show(line)
        words = dict(word.partition("=")[::2] for word in line[3:].split())
        if line.startswith("@@ steady="):
            name = words["steady"]
            self.reports[name] = self.reports.get(name, 0) + 1
            self.gaps[name] = max(self.gaps.get(name, 0), int(words["gap_us"]) / 1e6)
            self.units[name] = int(words["units"])
            if int(words["bad"]):
                raise self.failure(f"{name}: {words['bad']} were bad")
        elif line.startswith("@@ steady_end="):
            self.ends[words["steady_end"]] = words
        elif line.startswith("@@ frames="):
            self.stream = words
        elif line.startswith("@@ load_exit="):
            self.statuses.append(int(words["load_exit"]))
            if not self.stopping:
                raise self.failure("a program of the guest has ended")
        elif line.startswith("@@ exit="):
            self.statuses.append("end")
        else:
            self.others.append(line)

    def failure(self, text):
        self.pump(0.5)
        return Failure(f"{text}: " + " / ".join(self.others[-8:]))

    def pump(self, seconds):
        """Listens for so long."""
        end = time.monotonic() + seconds
        while True:
            try:
                self.take(self.machine.lines.get(timeout=max(0.0, end - time.monotonic())))
            except queue.Empty:
                return

    def mark(self):
        self.reports, self.gaps = {}, {}

    def await_reports(self, count):
        """Waits until each load has told so often since mark() that it goes on."""
        end = time.monotonic() + PATIENCE
        while any(self.reports.get(name, 0) < count for name in LOADS):
            self.pump(0.05)
            if time.monotonic() > end:
                still = [name for name in LOADS if self.reports.get(name, 0) < count]
                raise self.failure(f"{' and '.join(still)} stood still for {PATIENCE} s")

    def __exit__(self, kind, *_):
        if kind is not None:
            return
        self.stopping = True
        self.machine.say("stop")
        end = time.monotonic() + 60
        while "end" not in self.statuses and time.monotonic() < end:
            self.pump(0.1)
        if self.statuses != [0] * len(PROGRAMS) + ["end"]:
            raise self.failure(f"the guest's programs ended with {self.statuses}")
        for name in LOADS:
            expect("0", **{f"bad_{name}": self.ends[name]["bad"]})
        expect(self.stream["frames"], verified=self.stream["verified"])


class Blow:
    """One death or exchange, and what the guest felt of it. Times in seconds."""

    def __init__(self, kind, what, back, gaps):
        self.kind, self.what, self.back, self.gaps = kind, what, back, gaps

    def pause(self):
        """The longest gap of a load, and which one's."""
        return max((self.gaps[name], name) for name in LOADS)

    def too_long(self):
        """Whether that is too much, beyond what the guest itself stood still: it may have to wait for
        the host's processors."""
        return self.pause()[0] > LONGEST_PAUSE + self.gaps.get("clock", 0)

    def line(self):
        return "\t".join([self.kind, self.what, f"{self.back * 1000:.0f}",
                          *(f"{self.gaps.get(name, 0) * 1000:.0f}" for name in (*LOADS, "clock"))])


HEAD = "device\twhat\tback_ms\t" + "\t".join(f"{name}_ms" for name in (*LOADS, "clock"))


class Kills:
    """Deals the blows. bench: of a group with both devices."""

    def __init__(self, bench, seed):
        self.bench = bench
        self.random = random.Random(seed)
        self.blows = []
        self.killed = {kind: [] for kind in bench.devices}  # pids
        self.replaced = set()  # pids
        self.logged = {kind: len(device.log()) for kind, device in bench.devices.items()}
        self.starters = {kind: device.process.pid for kind, device in bench.devices.items()}
        self.doors = {kind: device.state()["door"]["pid"]
                      for kind, device in bench.devices.items()}
        self.pictures = [pattern(WIDTH, HEIGHT, seed) for seed in (0, 1)]

    def wait_for_another(self, kind, old):
        return self.bench.devices[kind].wait(
            lambda state: state["worker"]["ready"] and state["worker"]["pid"] != old["pid"],
            f"{kind}: another worker", PATIENCE)

    def kill(self, kind):
        begun = time.monotonic()
        old = self.bench.devices[kind].kill_worker()
        self.killed[kind].append(old["pid"])
        new = self.wait_for_another(kind, old)
        expect(old["starts"] + 1, starts=new["worker"]["starts"])
        return time.monotonic() - begun

    def upgrade(self, kind):
        device = self.bench.devices[kind]
        old = device.state()["worker"]
        self.replaced.add(old["pid"])
        begun = time.monotonic()
        done = subprocess.run([program(self.bench.build, "hostblob"), "upgrade", device.path],
                              capture_output=True, text=True, timeout=60)
        if done.returncode:
            raise Failure(f"hostblob upgrade {kind}: {done.stderr.strip()}")
        new = self.wait_for_another(kind, old)
        took = time.monotonic() - begun
        if new["door"]["pid"] == self.doors[kind]:
            raise Failure(f"{kind}: the door is the one of before the upgrade")
        self.doors[kind] = new["door"]["pid"]
        return took

    def look(self):
        """What the output shows is one of the two pictures, to the last pixel."""
        path = os.path.join(self.bench.folder, "flips.png")
        done = subprocess.run([program(self.bench.build, "hostblob"), "screenshot",
                               self.bench.gpu.path, "0", path], capture_output=True, text=True,
                              timeout=30)
        if done.returncode:
            raise Failure(f"hostblob screenshot: {done.stderr.strip()}")
        shown = read_png(path)
        if not any(shown.rows == picture.rows for picture in self.pictures):
            raise Failure(f"the output shows neither of its pictures, but {shown.width} x "
                          f"{shown.height} with {shown.colours()} colours")

    def blow(self, loads, kind, what):
        loads.mark()
        back = (self.kill if what == "kill" else self.upgrade)(kind)
        loads.pump(0)
        loads.reports = {}  # the first from here on may be of before, the second is not
        loads.await_reports(2)
        self.blows.append(Blow(kind, what, back, dict(loads.gaps)))
        if kind == "gpu":
            self.look()
        pause, load = self.blows[-1].pause()
        if self.blows[-1].too_long():
            raise Failure(f"{load} paused for {pause:.2f} s after a {what} of the {kind}")

    def run(self, kills, upgrades, say=None):
        """Deals all blows in a random order, the devices by turns, each at a random instant."""
        # With a mapping for each, so few that QEMU has memory regions left to start the other device.
        single = self.bench.gpu.state()["mapping_mode"] == "single"
        kept = 2 if single else 8
        order = ["kill"] * kills + ["upgrade"] * upgrades
        self.random.shuffle(order)
        with Loads(self.bench.machine, kept) as loads:
            for number, what in enumerate(order):
                loads.pump(self.random.uniform(0, 1))
                self.blow(loads, ("gpu", "media")[order[:number].count(what) % 2], what)
                if say and (number + 1) % 10 == 0:
                    say(f"{number + 1} of {len(order)}: {self.summary(self.blows[-10:])}")
        self.loads = loads
        # What a worker was at when it died may be missing; what came, came once and in order. A slow
        # guest misses others: it had given no buffer back in time.
        deaths = sum(blow.kind == "media" for blow in self.blows)
        if int(loads.stream["drops"]) > deaths and self.steady():
            raise Failure(f"{loads.stream['drops']} frames are missing after {deaths} deaths")
        self.check_ends()

    def check_ends(self):
        """QEMU is the same and silent, and each door has told of each death once."""
        if self.bench.machine.qemu.poll() is not None:
            raise Failure("QEMU has ended")
        for kind, device in self.bench.devices.items():
            state = device.state()
            told = [int(pid) for pid in DEATH.findall(device.log()[self.logged[kind]:])]
            told = [pid for pid in told if pid not in self.replaced]  # by an upgrade
            expect(self.killed[kind], **{f"deaths_in_the_log_of_{kind}": told})
            expect(self.starters[kind], starter=state["starter"]["pid"])
            expect(self.doors[kind], door=state["door"]["pid"])

    def steady(self):
        """Whether the guest's clock never went wrong by as much as some frames last."""
        return int(self.loads.ends["clock"]["longest_us"]) < STEADY_US

    @staticmethod
    def summary(blows):
        """The longest pause of each load, and how soon a worker was back."""
        back = max(blow.back for blow in blows)
        longest = {name: max(blow.gaps.get(name, 0) for blow in blows)
                   for name in (*LOADS, "clock")}
        return (f"back within {back * 1000:.0f} ms; longest gaps: " +
                ", ".join(f"{name} {gap * 1000:.0f} ms" for name, gap in longest.items()))
