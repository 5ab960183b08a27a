# SPDX-License-Identifier: MIT
"""The folder of a run, and run.json in it, which the report is made of."""
import datetime
import json
import os
import shutil
import time

from folder import Failure, Folder
from job import Unfit

# What a run leaves; an earlier one's goes before the next begins.
OURS = ("run.json", "junit.xml", "report.html", "trace.json", "logs", "pictures", "film", "differences",
        "closeups", "expected")
LOGS = {"console": "guest's console", "gpu": "hostblob-gpu", "qemu": "QEMU", "command": "command"}


class Recorder:
    """What is known of a run. 'at' and 'seconds' count from its begin."""

    def __init__(self, out, command):
        self.out = out
        self.start = time.monotonic()
        began = datetime.datetime.now(datetime.timezone.utc)
        self.facts = {
            "version": 1, "command": command, "began": began.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "monotonic": self.start, "seconds": 0.0, "status": None, "verdict": "broken",
            "why": "the run was killed before its end", "host": {}, "stack": {},
            "steps": [], "pictures": [], "comparisons": [], "logs": [], "trace": None,
        }
        try:
            self.clear()
            os.makedirs(os.path.join(out, "logs"), exist_ok=True)
            self.write()
        except OSError as error:
            raise Unfit(f"--out {out}: {error.strerror}") from None
        except Failure as failure:
            raise Unfit(f"--out {out}: {failure}") from None

    def clear(self):
        """Takes away what an earlier run left, and nothing else: the folder may be somebody's own."""
        if not os.path.isdir(self.out) or not os.listdir(self.out):
            return
        if not os.path.exists(os.path.join(self.out, "run.json")):
            raise Unfit(f"--out {self.out}: this folder holds other things than a run's; name another")
        for name in OURS:
            path = os.path.join(self.out, name)
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            elif os.path.lexists(path):
                os.unlink(path)

    def path(self, *names):
        return os.path.join(self.out, *names)

    def log(self, name):
        """The path of a log, which the record then lists."""
        self.facts["logs"].append({"name": LOGS[name], "file": f"logs/{name}.log"})
        return self.path("logs", name + ".log")

    def now(self):
        return round(time.monotonic() - self.start, 3)

    def step(self, name, log=None):
        """A step begins; end_step() ends it."""
        entry = {"name": name, "at": self.now(), "seconds": 0.0, "status": None}
        if log:
            entry["log"] = f"logs/{log}.log"
        self.facts["steps"].append(entry)

    def end_step(self, status=0):
        entry = self.facts["steps"][-1]
        if entry["status"] is None:
            entry["seconds"] = round(self.now() - entry["at"], 3)
            entry["status"] = status

    def seconds_of(self, name):
        return sum(step["seconds"] for step in self.facts["steps"] if step["name"] == name)

    def add_picture(self, place, data, output, at, why):
        """Keeps a picture, as the next one of the folder 'place' of the run's."""
        pictures = self.facts["pictures"]
        number = 1 + sum(picture["file"].startswith(place + "/") for picture in pictures)
        name = f"{place}/{number:04}.png"
        Folder(self.out).write(name, data)
        pictures.append({"file": name, "output": output, "at": at, "why": why})

    def tail(self, name, limit):
        """The last 'limit' bytes of a log at most, as text. The guest may have put another file
        there."""
        try:
            return Folder(self.out).tail(f"logs/{name}.log", limit)[0].decode(errors="replace")
        except Failure as failure:
            return str(failure)

    def end(self, verdict, why="", status=None):
        """The run's end, on record."""
        if self.facts["steps"]:
            self.end_step(1)
        self.facts.update(verdict=verdict, why=why, status=status, seconds=self.now())
        self.write()

    def write(self):
        """Writes run.json, whole or not at all."""
        Folder(self.out).write("run.json", (json.dumps(self.facts, indent=2) + "\n").encode())
