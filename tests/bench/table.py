# SPDX-License-Identifier: MIT
"""The figures as a table: work items down, back-ends across."""
from rounds import WALL, compare

UNITS = {"us": "µs", "kb": "kB", "bytes": "bytes"}
NO_FLOOR = "-"
# What says how something was done, not what it costs: it is in the figures only.
ASIDE = {"messages", "barriers", "tables", "seconds", "status", "dmabuf", "proved", "frame_bytes", "socket_bytes"}
# What a peer is compared in.
COSTS = ("_us", "rss_kb", "pss_kb", "bytes_per_resource")


def number(value):
    """Three digits, and no more than one after the point of large ones."""
    if value is None:
        return "-"
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.3f}"


def size_name(size):
    names = {"4k": "4K", "4096": "4 KiB", "1M": "1 MiB", "64M": "64 MiB"}
    return names.get(size, size)


def label(key):
    name, parameters = key
    having = dict(parameters)
    words = [name]
    if "size" in having:
        words.append(size_name(having["size"]))
    words += [having[which] for which in ("backing", "path") if which in having]
    if "entries" in having:
        words.append(f"{having['entries']} pieces")
    if "depth" in having:
        words.append(f"depth {having['depth']}")
    if having.get("live"):
        words.append(f"{having['live']:,} live")
    if having.get("front_end", "plain") != "plain":
        words.append(f"front-end {having['front_end']}")
    words += {"two": ["two processors"], "two, awake": ["two processors, awake"]}.get(having.get("cores"), [])
    return ", ".join(words)


def why_none(series):
    """What stands where there is no figure; None where there is one."""
    if series is None:
        return "-"
    if series.failed:
        return "FAILED"
    if not series.samples:
        return "unsupported"
    if not series.kept():
        return "unsteady"
    return None


def ratio_to(series, what, ours):
    """hostblob in proportion to this one."""
    value = compare(ours, series, what) if ours and ours is not series else None
    return f"; hostblob {value:.2f} x" if value is not None else ""


def main_cell(series, what, ours):
    none = why_none(series)
    if none:
        return none
    value = series.median(what)
    if value is None:
        return "-"
    to_floor = series.median("ratio" if what == "wall" else "cpu_ratio")
    spread = series.spread(what)
    return (number(value) + (f" ±{spread * 100:.0f} %" if spread is not None else "") +
            (f" ({number(to_floor)} x)" if to_floor is not None else "") + ratio_to(series, what, ours))


def value_cell(series, name, ours):
    none = why_none(series)
    if none:
        return none
    if name.split("_")[0] in ("first", "second", "third") and name.endswith("_kb"):
        ours = None # one process of some
    value, mine = series.median(name), ours.median(name) if ours else None
    if value is None:
        return "-"
    to_peer = ""
    if name.endswith(COSTS) and mine and value > 0 and ours is not series:
        to_peer = f"; hostblob {mine / value:.2f} x"
    return number(value) + to_peer


def item_rows(figures, key, subjects):
    """A row for what the operation costs, and one for each other figure; hostblob is the first subject."""
    rows = []
    having = {name: series for name, series in figures.series[key].items() if name in subjects}
    ours = having.get(subjects[0]) # of ours there is one for each device
    what = "wall" if key[0] in WALL else "cpu"
    samples = [sample for series in having.values() for sample in series.samples]
    if not samples or any(getattr(sample, what) is not None for sample in samples):
        floor = figures.floor(key)
        rows.append([f"{label(key)}, {'time' if what == 'wall' else 'CPU'} µs",
                     f"{number(floor)} ({figures.floors[key]})" if floor else NO_FLOOR] +
                    [main_cell(having.get(subject), what, ours) for subject in subjects])
    names = []
    for sample in samples:
        names += [name for name in sample.values if name not in names and name not in ASIDE]
    for name in names:
        words, _, unit = name.rpartition("_")
        shown = f"{words.replace('_', ' ')}, {UNITS[unit]}" if unit in UNITS else name.replace("_", " ")
        rows.append([f"{label(key)}: {shown}", NO_FLOOR] +
                    [value_cell(having.get(subject), name, ours) for subject in subjects])
    return rows


def build(figures, subjects, device):
    """subjects: descriptions {name, title, device} in order. A heading and its rows, or None."""
    chosen = [subject for subject in subjects if subject["device"] == device]
    names = [subject["name"] for subject in chosen]
    rows = [["work", "floor"] + [subject["title"] for subject in chosen]]
    for key, having in figures.series.items():
        if any(name in having for name in names):
            rows += item_rows(figures, key, names)
    return rows if len(rows) > 1 else None


def as_text(rows):
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def as_markdown(rows):
    lines = ["| " + " | ".join(cell.replace("|", "/") for cell in row) + " |" for row in rows]
    lines.insert(1, "|" + " --- |" * len(rows[0]))
    return "\n".join(lines)
