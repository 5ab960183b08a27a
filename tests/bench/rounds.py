# SPDX-License-Identifier: MIT
"""The figures of many rounds: which of them count, and what they come to.

hostblob-bench writes a line of JSON for each work item of a round, with the gauge (the item's floor, or
the ring's) that it read again and again while it measured. Here they are put together by work item and
subject. What a figure would have been at the usual pace of the machine, which is the median of that gauge
over the run, is what is told and compared.
"""
import json
import statistics

UNPROVED = "nothing shows that it did anything"
ENOUGH = 5 # rounds that must be left for a verdict

# What is compared is the back-end's processor time for each operation, which other programs disturb
# least; but of these it is how long they take, as more than one process has a part: mapping and showing pixels.
WALL = {"map", "media-map", "present"}


def key_of(line):
    return line["item"], tuple(sorted((line.get("parameters") or {}).items()))


def quartile_spread(values):
    """Half the distance between the quartiles, as a share of the median; None of too few values."""
    if len(values) < 3 or statistics.median(values) == 0:
        return None
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return (high - low) / 2 / statistics.median(values)


class Sample:
    """One work item of one subject in one round."""

    def __init__(self, line):
        self.round = line["round"]
        count = line.get("n") or 0
        self.cpu = line["backend_cpu_us"] / count if count and line.get("backend_cpu_us") is not None else None
        # Of a turn, which is some operations at once: the median, which a busy machine disturbs less.
        turn = line.get("per_turn") and line.get("p50_us")
        self.wall = turn / line["per_turn"] if turn else line["wall_us"] / count if count else None
        self.floor = line.get("floor_us") or None
        self.gauge = line.get("gauge_us") or None
        # What is measured on two processors has other floors than what is measured on one.
        self.gauge_name = line.get("gauge"), (line.get("parameters") or {}).get("cores")
        self.gauge_here = self.gauge # at the pace that the other figures are told at
        self.values = line.get("values") or {}
        self.noisy = bool(line.get("slices")) and not line.get("steady")

    def to_pace(self, usual):
        """usual: the median of the gauge over the run."""
        if self.gauge and usual:
            self.gauge_here = usual
            self.cpu, self.wall, self.floor = (
                value * usual / self.gauge if value is not None else None
                for value in (self.cpu, self.wall, self.floor))


class Series:
    """One work item of one subject in all rounds."""

    def __init__(self):
        self.samples, self.unsupported, self.failed = [], None, None

    def kept(self):
        return [sample for sample in self.samples if not sample.noisy]

    def list(self, what):
        """what: cpu, wall, floor, ratio (to the floor of the same round), cpu_ratio, cpu_to_gauge, or a value."""
        found = []
        for sample in self.kept():
            if what in ("cpu", "wall", "floor"):
                value = getattr(sample, what)
            elif what in ("ratio", "cpu_ratio"):
                above = sample.wall if what == "ratio" else sample.cpu
                value = above / sample.floor if above is not None and sample.floor else None
            elif what == "cpu_to_gauge":
                value = sample.cpu / sample.gauge_here if sample.cpu is not None and sample.gauge_here else None
            else:
                value = sample.values.get(what)
            if value is not None:
                found.append(value)
        return found

    def median(self, what):
        values = self.list(what)
        return statistics.median(values) if values else None

    def spread(self, what):
        return quartile_spread(self.list(what))


class Figures:
    def __init__(self, lines):
        """lines: the objects that hostblob-bench wrote; those that do not count get a mark."""
        self.series = {} # by key, then by subject
        self.floors = {} # names and medians of floors, by key
        self.noisy = self.total = 0
        gauges = {} # samples by the gauge that they have
        for line in lines:
            if line.get("kind") != "item":
                continue
            series = self.series.setdefault(key_of(line), {}).setdefault(line["subject"], Series())
            if (line.get("values") or {}).get("proved") == 0:
                line["unsupported"] = UNPROVED # a back-end that is fast because it does nothing
            if line.get("unsupported"):
                series.unsupported = line["unsupported"]
            elif line.get("failed"):
                series.failed = line["failed"]
            else:
                sample = Sample(line)
                series.samples.append(sample)
                if sample.floor:
                    self.floors[key_of(line)] = line.get("floor")
                line["dropped"] = sample.noisy
                self.noisy += sample.noisy
                self.total += sample.gauge is not None
                gauges.setdefault(sample.gauge_name, []).append(sample)
        for samples in gauges.values():
            kept = [sample.gauge for sample in samples if sample.gauge and not sample.noisy]
            for sample in samples:
                sample.to_pace(statistics.median(kept) if kept else None)

    def get(self, item, subject, **parameters):
        """The series of that item whose parameters include these; None if there is none. Both ends share a
        processor unless 'cores' says otherwise."""
        parameters = {"cores": "same", **parameters}
        for (name, having), subjects in self.series.items():
            having = {"live": 0, "cores": "same", **dict(having)}
            if name == item and parameters.items() <= having.items() and subject in subjects:
                return subjects[subject]
        return None

    def floor(self, key):
        values = [sample.floor for series in self.series[key].values() for sample in series.kept()
                  if sample.floor]
        return statistics.median(values) if values else None


def compare(ours, theirs, what):
    """What ours is to theirs: the median over rounds that both have, else the ratio of medians."""
    if ours is None or theirs is None:
        return None
    mine, other = ({sample.round: getattr(sample, what) for sample in series.kept()
                    if getattr(sample, what)} for series in (ours, theirs))
    both = [mine[number] / other[number] for number in mine if number in other]
    return statistics.median(both) if both else None


def read(path):
    with open(path) as file:
        return [json.loads(line) for line in file if line.strip()]
