# SPDX-License-Identifier: MIT
"""What hostblob has to reach, and whether it does: met, missed, or not to be told.

A target that compares with a peer takes contrib/vhost-user-gpu out of Debian 13's backports, or else
that of Debian 12. Every figure is a median over the rounds that count.
"""
from rounds import ENOUGH, compare

MET, MISSED, UNTOLD = "met", "missed", "cannot be told"
CONTRIBS = ("contrib-backports", "contrib-bookworm")


class Verdict:
    """One line of the list: what was demanded, what was measured, and whether that is enough."""

    def __init__(self, work, demand, measured, verdict, why=""):
        self.work, self.demand, self.measured, self.verdict, self.why = work, demand, measured, verdict, why


class Judge:
    def __init__(self, figures):
        self.figures, self.least, self.verdicts = figures, ENOUGH, []

    def trouble(self, name, series):
        """Why a series gives no verdict; None if it does."""
        if series is None:
            return f"{name}: not measured"
        if series.failed:
            return f"{name} failed: {series.failed}"
        if series.unsupported:
            return f"{name}: unsupported: {series.unsupported}"
        if len(series.samples) < self.least:
            return f"{name}: measured in {len(series.samples)} rounds, {self.least} are needed"
        if len(series.kept()) < self.least:
            noisy = len(series.samples) - len(series.kept())
            return f"{name}: the machine was unsteady in {noisy} of {len(series.samples)} rounds"
        return None

    def add(self, work, demand, value, limit, shown="{:.2f}", why="", least=False):
        """least: the value has to reach the limit, instead of staying below it."""
        if value is None:
            self.verdicts.append(Verdict(work, demand, "-", UNTOLD, why))
            return
        good = value >= limit if least else value <= limit
        self.verdicts.append(Verdict(work, demand, shown.format(value), MET if good else MISSED, why))

    def peer(self, work, demand, what, limit, item, upside_down=False, **parameters):
        """hostblob in proportion to contrib; upside_down: contrib to hostblob, where more is better."""
        ours = self.figures.get(item, "hostblob", **parameters)
        why = self.trouble("hostblob", ours)
        for name in CONTRIBS:
            theirs = self.figures.get(item, name, **parameters)
            trouble = self.trouble(name, theirs)
            if why or trouble:
                why = why or (trouble if name == CONTRIBS[-1] else None)
                continue
            value = compare(theirs, ours, what) if upside_down else compare(ours, theirs, what)
            note, floors = f"to {name}", ours.median("ratio")
            if upside_down and value and floors:
                note += f", of which the floor would show {value * floors:.2f} x"
            self.add(work, demand, value, limit, "{:.2f} x", note, least=upside_down)
            return
        self.add(work, demand, None, limit, why=why or "there is no contrib to compare with")

    def floor(self, work, demand, what, limit, item, subject="hostblob", share=1, **parameters):
        """What the work takes, in proportion to the floor of the same round; share: so many at once."""
        series = self.figures.get(item, subject, **parameters)
        trouble = self.trouble(subject, series)
        value = None if trouble else series.median(what)
        self.add(work, demand, value / share if value is not None else None, limit, "{:.2f} x", trouble or "")

    def two(self, work, demand, what, limit, first, second):
        """One work item in proportion to another of the same back-end: (subject, item, parameters)."""
        found, why = [], ""
        for subject, item, parameters in (first, second):
            series = self.figures.get(item, subject, **parameters)
            why = why or self.trouble(item, series) or ""
            found.append(series.median(what) if series else None)
        value = found[0] / found[1] if not why and found[0] is not None and found[1] else None
        self.add(work, demand, value, limit, "{:.2f} x", why)

    def value(self, work, demand, limit, shown, item, names, subject="hostblob", scale=1.0):
        """A figure of another kind, or the sum of some."""
        series = self.figures.get(item, subject)
        if series is None or not series.samples:
            self.add(work, demand, None, limit, why=self.trouble(subject, series) or "not measured")
            return
        values = sorted(sum(sample.values[name] for name in names) for sample in series.samples
                        if all(name in sample.values for name in names))
        value = values[len(values) // 2] * scale if values else None
        self.add(work, demand, value, limit, shown, "" if values else f"no figure called {' or '.join(names)}")


def judge(figures):
    """All targets, in the order of the list."""
    judge = Judge(figures)
    commands(judge)
    pictures(judge)
    mappings(judge)
    media(judge)
    life(judge)
    return judge.verdicts


def commands(judge):
    judge.peer("null command, depth 1, CPU", "<= 0.8 x contrib", "cpu", 0.8, "null", depth=1)
    judge.peer("null command, depth 64, CPU", "<= 0.5 x contrib", "cpu", 0.5, "null", depth=64)
    judge.peer("create + unref, depth 64, CPU", "<= 0.6 x contrib", "cpu", 0.6, "create-unref", depth=64)


def pictures(judge):
    for size in ("1080p", "4k"):
        for backing in ("linear", "scattered"):
            judge.floor(f"transfer {size.replace('k', 'K')}, {backing}, CPU", "<= 1.03 x memcpy", "cpu_ratio", 1.03, "transfer",
                        size=size, backing=backing)
    judge.peer("transfer + flush 1080p, frames", ">= 2 x contrib", "wall", 2, "present", upside_down=True,
               size="1080p", path="pixels")
    work, demand = "blob scanout, CPU, 4K / 1080p", "<= 1.1 x"
    blob = judge.figures.get("present", "hostblob", size="1080p", path="blob")
    if blob and blob.median("dmabuf") == 0:
        judge.add(work, demand, None, 1.1, why="no dmabufs on this host, so pixels go over the socket: "
                  "tests/guest/runbench tells it of a guest that has them")
    else:
        judge.two(work, demand, "cpu", 1.1, ("hostblob", "present", {"size": "4k", "path": "blob"}),
                  ("hostblob", "present", {"size": "1080p", "path": "blob"}))


def mappings(judge):
    for size, shown in (("4096", "4 KiB"), ("1M", "1 MiB"), ("64M", "64 MiB")):
        judge.floor(f"map + unmap, {shown}", "<= 2 x floor", "ratio", 2, "map", size=size, live=0,
                    front_end="plain")
    judge.two("map + unmap, 64 MiB / 4 KiB", "flat: <= 1.2 x", "wall", 1.2,
              ("hostblob", "map", {"size": "64M", "live": 0, "front_end": "plain"}),
              ("hostblob", "map", {"size": "4096", "live": 0, "front_end": "plain"}))
    # Each mapping takes two descriptors, of which there may be too few on this machine: a guest that
    # is asked by tests/guest/runbench has enough.
    for live in (1000, 10000, 30000):
        judge.two(f"map + unmap, {live:,} live / none", "<= 1.2 x", "wall", 1.2,
                  ("hostblob", "map", {"size": "4096", "live": live, "front_end": "plain"}),
                  ("hostblob", "map", {"size": "4096", "live": 0, "front_end": "plain"}))
    judge.two("buffer from the arena, 30,000 live / none, CPU", "<= 1.2 x", "cpu", 1.2,
              ("hostblob", "arena", {"depth": 64, "live": 30000}), ("hostblob", "arena", {"depth": 64, "live": 0}))
    judge.two("buffer from the arena / null command, CPU", "<= 1.2 x", "cpu", 1.2,
              ("hostblob", "arena", {"depth": 64, "live": 0}), ("hostblob", "null", {"depth": 64}))


def media(judge):
    # Four buffers, queued and handed back: with no picture drawn into them.
    judge.two("media frame by MMAP, CPU, 4K / 1080p", "<= 1.1 x", "cpu", 1.1,
              ("hostblob-media", "media-queue", {"size": "4k"}), ("hostblob-media", "media-queue", {"size": "1080p"}))
    for size in ("1080p", "4k"):
        judge.floor(f"media frame {size.replace('k', 'K')} by MMAP, CPU", "<= 10 x ring floor", "cpu_to_gauge", 10,
                    "media-queue", "hostblob-media", share=4, size=size)


def life(judge):
    judge.value("exec to the first answer", "<= 10 ms", 10, "{:.1f} ms", "start", ["first_answer_us"],
                scale=0.001)
    # The first process is the starter, the second the door, the third the worker.
    judge.value("RSS of the door at ready", "<= 4 MB", 4000, "{:.0f} kB", "start", ["second_rss_kb"])
    judge.value("PSS of door and worker at ready", "<= 6 MB", 6000, "{:.0f} kB", "start",
                ["second_pss_kb", "third_pss_kb"])
    judge.value("wake-ups in 10 s of idling", "0", 0, "{:.0f}", "idle", ["wakeups"])
    judge.value("memory for each resource", "<= 256 bytes", 256, "{:.0f} bytes", "memory",
                ["bytes_per_resource"])
    judge.value("memory for each mapping", "<= 256 bytes", 256, "{:.0f} bytes", "memory",
                ["bytes_per_mapping"])
