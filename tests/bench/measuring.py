# SPDX-License-Identifier: MIT
"""Who is measured, and in what order."""
import json
import os
import signal
import subprocess
import tempfile
import time

from machine import HERE, say
from rounds import read

SOAK = "K" # the letter of what takes as long as it is let
SELDOM = {"idle": 1, "memory": 3, "end": 2} # takes long, and is the same each time: in the first rounds only
# Where two processors take part, one has to be woken for each turn, unless something keeps it awake.
ELSEWHERE = [["--back-end-cpu", "{other}"], ["--back-end-cpu", "{other}", "--awake"]]
ELSEWHERE_ITEMS = {"null", "map", "present", "media-queue"}
ELSEWHERE_ROUNDS = 3
ELSEWHERE_SUBJECTS = {"hostblob", "hostblob-media", "contrib-backports", "vhost-device-media"}
PATIENCE = 180 # seconds for all items of one back-end in one round


def find_subjects(gpu, media, peers):
    """What is measured, hostblob first of each device, and what is not to be had."""
    # Buffers come out of the arena, which is mapped once, unless each shall be mapped by itself.
    many = [gpu, "--fd=3", "--window=512M", "--limit=mappings=40000"]
    subjects = [
        {"name": "hostblob", "title": "hostblob", "device": "gpu", "exec": [gpu, "--fd=3"],
         "otherwise": {"map": many + ["--mapping=single"], "arena": many}},
        {"name": "hostblob-media", "title": "hostblob", "device": "media", "exec": [media, "--fd=3"],
         "otherwise": {"media-map": [media, "--fd=3", "--mapping=single"]}},
    ]
    missing = []
    if peers:
        say("preparing the peers (minutes, the first time)")
        done = subprocess.run([os.path.join(HERE, "peers")], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, text=True)
        for line in done.stdout.splitlines():
            peer = json.loads(line)
            (missing if "missing" in peer else subjects).append(peer)
    return subjects, missing


def list_items(bench, device, wanted):
    """The names of the items that a device has, in order; wanted: those and letters, or None."""
    done = subprocess.run([bench, "--list"], stdout=subprocess.PIPE, text=True, check=True)
    names = []
    for line in done.stdout.splitlines():
        letter, which, name = line.split()[:3]
        chosen = name in wanted or letter in wanted if wanted else letter not in SOAK
        if chosen and which in (device, "any") and name not in names:
            names.append(name)
    return names


def by_command(subject, items):
    """The subject's commands, each with the items that are measured with it."""
    found = {}
    for item in items:
        command = subject.get("otherwise", {}).get(item, subject["exec"])
        found.setdefault(tuple(command), []).append(item)
    return [(list(command), chosen) for command, chosen in found.items()]


class Rounds:
    def __init__(self, bench, subjects, options, results):
        self.bench, self.subjects, self.options, self.results = bench, subjects, options, results
        wanted = options.items.split(",") if options.items else None
        self.items = {subject["name"]: list_items(bench, subject["device"], wanted) for subject in subjects}

    def measure_all(self):
        """As many rounds as are wanted, or as the time lets; gives how many."""
        began = time.monotonic()
        for number in range(1, self.options.rounds + 1):
            took = (time.monotonic() - began) / 60
            if number > 1 and took + took / (number - 1) > self.options.minutes:
                say(f"{number - 1} of {self.options.rounds} rounds fit into {self.options.minutes:g} minutes")
                return number - 1
            for subject in self.subjects if number % 2 else reversed(self.subjects):
                items = [item for item in self.items[subject["name"]] if number <= SELDOM.get(item, number)]
                for command, chosen in by_command(subject, items):
                    self.measure(subject, command, number, chosen)
                self.measure_elsewhere(subject, number, [item for item in items if item in ELSEWHERE_ITEMS])
            if number == 1:
                self.leave_out()
        return self.options.rounds

    def measure_elsewhere(self, subject, number, items):
        """The same with the back-end on another processor."""
        others = sorted(os.sched_getaffinity(0))[1:]
        if not others or not items or number > ELSEWHERE_ROUNDS or subject["name"] not in ELSEWHERE_SUBJECTS:
            return
        for where in ELSEWHERE:
            words = [word.format(other=others[0]) for word in where] + ["--depth", "1,64"]
            for command, chosen in by_command(subject, items):
                self.measure(subject, command, number, chosen, words)

    def measure(self, subject, back_end, number, items, where=()):
        command = [self.bench, "--device", subject["device"], "--subject", subject["name"], "--round",
                   str(number), "--rounds", "1", "--json", self.results, "--items", ",".join(items)]
        command += where
        command += ["--quick"] if self.options.quick else ["--seconds", str(self.options.seconds)]
        began = time.monotonic()
        with tempfile.TemporaryFile(mode="w+", errors="replace") as log:
            # A group of its own, so that the back-end ends with it.
            process = subprocess.Popen(command + ["--exec"] + back_end, stdin=subprocess.DEVNULL,
                                       stdout=log, stderr=log, start_new_session=True)
            try:
                status = process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                status = f"none: ended after {PATIENCE} s"
            finally: # also of what ends this program
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
            log.seek(0)
            output = log.read()
        say(f"round {number} of {self.options.rounds}: {subject['name']} ({time.monotonic() - began:.1f} s)"
            + ("" if status == 0 else f": status {status}"))
        if status not in (0, 1):
            print("\n".join("    " + line for line in output.splitlines()[-10:]))

    def leave_out(self):
        """What a peer lacks or fails at in the first round is not tried again: it would only take time."""
        works, lacks = {}, {}
        for line in read(self.results):
            if line.get("kind") == "item":
                good = not line.get("unsupported") and not line.get("failed") and line["values"].get("proved") != 0
                (works if good else lacks).setdefault(line["subject"], set()).add(line["item"])
        for name, without in lacks.items():
            if not name.startswith("hostblob"):
                self.items[name] = [item for item in self.items[name]
                                    if item not in without - works.get(name, set())]
