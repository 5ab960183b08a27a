# SPDX-License-Identifier: MIT
"""The figures of many rounds: which of them count, and what they come to.

hostblob-bench writes a line of JSON for each work item of a round, with the floor that it measured in
the same process. Here they are put together by work item and subject.
"""
import json
import statistics

NOISY = 1.3 # a floor so many times the best one says that the machine had other things to do
UNPROVED = "nothing shows that it did anything"
ENOUGH = 5 # rounds that must be left for a verdict

# What is compared is the back-end's processor time for each operation, which other programs disturb
# least; but of these it is how long they take, as more than one process of a back-end has a part.
WALL = {"map", "media-map"}


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

    def __init__(self, line, ring):
        self.ring = ring # the floor of one command, in the same process
        self.round = line["round"]
        count = line.get("n") or 0
        self.cpu = line["backend_cpu_us"] / count if count and line.get("backend_cpu_us") is not None else None
        # Of a turn, which is some operations at once: the median, which a busy machine disturbs less.
        turn = line.get("per_turn") and line.get("p50_us")
        self.wall = turn / line["per_turn"] if turn else line["wall_us"] / count if count else None
        self.floor = line.get("floor_us") or None
        self.values = line.get("values") or {}
        self.noisy = False


class Series:
    """One work item of one subject in all rounds."""

    def __init__(self):
        self.samples, self.unsupported, self.failed = [], None, None

    def kept(self):
        return [sample for sample in self.samples if not sample.noisy]

    def list(self, what):
        """what: cpu, wall, floor, ratio (to the floor of the same round), cpu_ratio, cpu_to_ring, or a value."""
        found = []
        for sample in self.kept():
            if what in ("cpu", "wall", "floor"):
                value = getattr(sample, what)
            elif what in ("ratio", "cpu_ratio"):
                above = sample.wall if what == "ratio" else sample.cpu
                value = above / sample.floor if above is not None and sample.floor else None
            elif what == "cpu_to_ring":
                value = sample.cpu / sample.ring if sample.cpu is not None and sample.ring else None
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
        floors, ring = {}, None # all samples that share a floor
        for line in lines:
            if line.get("kind") == "floor" and key_of(line) == ("ring", (("depth", 1),)):
                ring = line["floor_us"]
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
                sample = Sample(line, ring)
                series.samples.append(sample)
                if sample.floor:
                    self.floors[key_of(line)] = line.get("floor")
                    floors.setdefault((line.get("floor"),) + key_of(line), []).append((sample, line))
                elif sample.wall and ring:
                    floors.setdefault("ring", []).append((sample, line))
        self.drop_noisy(floors)

    def drop_noisy(self, floors):
        for samples in floors.values():
            best = min(sample.floor or sample.ring for sample, _ in samples)
            for sample, line in samples:
                sample.noisy = line["dropped"] = (sample.floor or sample.ring) > NOISY * best
                self.noisy += sample.noisy
                self.total += 1

    def get(self, item, subject, **parameters):
        """The series of that item whose parameters include these; None if there is none."""
        for (name, having), subjects in self.series.items():
            having = {"live": 0, **dict(having)}
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
