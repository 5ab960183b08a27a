# SPDX-License-Identifier: MIT
"""What a trace of hostblob-gpu or hostblob-media says (src/base/trace.c writes it): frames, commands,
mappings, and how many workers there were. One event a line; lines that are none are passed over."""
import json

import record

MAX_BYTES = 64 << 20
MAX_EVENTS = 500000


class Mapping:
    """Memory in the guest's window, in seconds; 'end' is None while it is there."""

    def __init__(self, begin, about):
        self.begin, self.end = begin, None
        self.offset = int(record.seconds(about.get("offset")))
        self.size = int(record.seconds(about.get("size")))


class Trace:
    """Times are seconds of CLOCK_MONOTONIC."""

    def __init__(self):
        self.frames = []    # when each was shown
        self.commands = []  # begin, seconds
        self.mappings = []
        self.workers = 0
        self.again = []     # when a worker began in the place of an earlier one, sorted
        self.first = self.last = None
        self.cut = False    # there is more than was read
        self._open, self._names, self._seen = {}, {}, {}

    def put(self, event):
        """Takes in one event; what is wrong in it is left out."""
        at, pid = record.number(event.get("ts")), event.get("pid")
        if not isinstance(pid, int):
            return
        if event.get("name") == "process_name":
            self._names[pid] = record.text(_dict(event, "args").get("name"))
        if at is None:
            return
        at /= 1e6
        self.first = at if self.first is None else min(self.first, at)
        self.last = at if self.last is None else max(self.last, at)
        self._seen.setdefault(pid, at)
        self._put_kind(event, at, pid)

    def _put_kind(self, event, at, pid):
        category, phase = event.get("cat"), event.get("ph")
        if category == "frame" and phase == "i":
            self.frames.append(at)
        elif category == "command" and phase == "X":
            took = record.seconds(event.get("dur")) / 1e6
            self.commands.append((at, took))
            self.last = max(self.last, at + took)
        elif category in ("map", "piece") and phase in ("b", "e"):
            # A lasting id means the same in every process, a local one in its own.
            lasting = event.get("id")
            local = _dict(event, "id2").get("local")
            key = (category, str(lasting)) if lasting is not None else (category, pid, str(local))
            if phase == "e":
                self._close(key, at)
            else:
                self._close(key, at)  # its end was lost with a worker
                self._open[key] = Mapping(at, _dict(event, "args"))
                self.mappings.append(self._open[key])

    def _close(self, key, at):
        mapping = self._open.pop(key, None)
        if mapping is not None:
            mapping.end = at

    def finish(self):
        self.frames.sort()
        self.commands.sort()
        self.mappings.sort(key=lambda mapping: mapping.begin)
        known = set()
        for pid, at in sorted(self._seen.items(), key=lambda item: item[1]):
            name = self._names.get(pid, "")
            if " worker" not in name:
                continue
            self.workers += 1
            if name in known:
                self.again.append(at)
            known.add(name)

    def steps_of_memory(self):
        """Pairs of when and how many bytes are mapped from then on."""
        changes = [(m.begin, m.size) for m in self.mappings]
        changes += [(m.end, -m.size) for m in self.mappings if m.end is not None]
        steps, now = [], 0
        for at, change in sorted(changes):
            now += change
            if steps and steps[-1][0] == at:
                steps.pop()
            steps.append((at, now))
        return steps

    def gaps(self):
        """Seconds from each frame to the next, sorted."""
        return sorted(b - a for a, b in zip(self.frames, self.frames[1:]))


def _dict(event, key):
    value = event.get(key)
    return value if isinstance(value, dict) else {}


def read_trace(folder, name):
    """The trace in that file; Failure where it cannot be read, None where nothing is in it."""
    data, size = folder.head(name, MAX_BYTES)
    trace, count = Trace(), 0
    for line in data.split(b"\n"):
        try:
            event = json.loads(line.strip().lstrip(b"[").rstrip(b"],"))
        except (ValueError, RecursionError):
            continue
        if isinstance(event, dict):
            trace.put(event)
            count += 1
        if count >= MAX_EVENTS:
            break
    trace.cut = size > len(data) or count >= MAX_EVENTS
    trace.finish()
    return trace if trace.first is not None else None
