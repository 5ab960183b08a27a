# SPDX-License-Identifier: MIT
"""The timeline of a trace, as SVG: frames, commands, and the memory that was mapped."""
import bisect
import html

from report_text import size_words, time_words

LEFT, WIDTH = 118, 1000       # of the plot, of the whole
PLOT = WIDTH - LEFT - 12
COLUMNS = 217                 # of commands: 4 apart
MAX_ROWS, ROW = 14, 9         # of single mappings
MAX_BARS = 1500
LANE, GAP = 52, 22
TICKS = 9                     # the row of single frames, below how many there are


class Scale:
    """From seconds to the plot's x."""

    def __init__(self, begin, end):
        self.begin, self.length = begin, max(end - begin, 1e-3)

    def x(self, at):
        return LEFT + PLOT * min(max((at - self.begin) / self.length, 0), 1)

    def columns(self, pairs, count=COLUMNS):
        """What of each pair (when, how much) falls into which column."""
        sums = [0.0] * count
        for at, much in pairs:
            index = int((at - self.begin) / self.length * count)
            sums[min(max(index, 0), count - 1)] += much
        return sums

    def ticks(self):
        """Between four and ten of them, at round seconds."""
        step = 1e-4
        for factor in (1, 2, 5) * 12:
            tried = factor * step
            if self.length / tried <= 10:
                return [n * tried for n in range(int(self.length / tried) + 1)], tried
            if factor == 5:
                step *= 10
        return [0.0], 1.0


def label(y, title, note):
    return (f'<text class="name" x="0" y="{y + 14}">{html.escape(title)}</text>'
            f'<text class="note" x="0" y="{y + 30}">{html.escape(note)}</text>')


def bars(sums, y, kind, title):
    """Columns as high as the largest of them."""
    top, wide = max(sums) or 1, PLOT / len(sums)
    out = []
    for index, much in enumerate(sums):
        if much > 0:
            high = max(LANE * much / top, 1.5)
            out.append(f'<rect class="{kind}" x="{LEFT + index * wide:.1f}" y="{y + LANE - high:.1f}"'
                       f' width="{wide - 0.8:.1f}" height="{high:.1f}"><title>'
                       f'{html.escape(title(much))}</title></rect>')
    return "".join(out)


def area(scale, steps, y, high, end, kind):
    """A line of steps, and what is below it."""
    top = max(size for _, size in steps) or 1
    points, last = [f"M{scale.x(steps[0][0]):.1f} {y + high}"], None
    for at, size in steps:
        spot = f"{scale.x(at):.1f}"
        points.append("" if spot == last else f"H{spot}")
        points.append(f"V{y + high - high * size / top:.1f}")
        last = spot
    return f'<path class="{kind}" d="{"".join(points)}H{scale.x(end):.1f}V{y + high}Z"/>'


def frames(scale, at_all, y):
    """How many there were in each part of the time, and below that each by itself."""
    # So many in each part that one more or less is no stripe.
    count = min(max(len(at_all) // 10, 30), 150)
    sums = scale.columns(((at, 1) for at in at_all), count)
    steps = [(scale.begin + n * scale.length / count, much) for n, much in enumerate(sums)]
    ticks = dict.fromkeys(f"M{scale.x(at):.0f} {y + LANE - TICKS + 2}v{TICKS - 2}" for at in at_all)
    return (area(scale, steps, y, LANE - TICKS, scale.begin + scale.length, "frame")
            + f'<path class="ticks" d="{"".join(ticks)}"/>')


def rows_of(mappings, end):
    """Pairs of a row and a mapping, so that none in a row lie over each other; and how many found
    no place."""
    ends, placed, left = [], [], 0
    for mapping in mappings:
        free = next((row for row, until in enumerate(ends) if until <= mapping.begin), None)
        if free is None and len(ends) < MAX_ROWS:
            free = len(ends)
            ends.append(0)
        if free is None or len(placed) >= MAX_BARS:
            left += 1
            continue
        ends[free] = end if mapping.end is None else mapping.end
        placed.append((free, mapping))
    return placed, left


def mapping_bar(scale, row, mapping, y, end):
    x = scale.x(mapping.begin)
    wide = max(scale.x(end if mapping.end is None else mapping.end) - x, 1.2)
    until = "the end" if mapping.end is None else f"{mapping.end - scale.begin:.3f} s"
    words = (f"{size_words(mapping.size)} at {mapping.offset:#x}, "
             f"{mapping.begin - scale.begin:.3f} s to {until}")
    kind = "mapping" if mapping.end is not None else "mapping stays"
    return (f'<rect class="{kind}" x="{x:.1f}" y="{y + row * ROW}" width="{wide:.1f}" '
            f'height="{ROW - 2}" rx="1.5"><title>{words}</title></rect>')


class Drawing:
    """Lanes, one below the other."""

    def __init__(self, scale):
        self.scale, self.y, self.parts = scale, 14, []

    def lane(self, height, title, note, body):
        self.parts.append(f'<line class="base" x1="{LEFT}" x2="{LEFT + PLOT}" y1="{self.y + height}"'
                          f' y2="{self.y + height}"/>' + label(self.y, title, note) + body)
        self.y += height + GAP

    def finish(self, words, marks):
        bottom = self.y - GAP + 8
        ticks, step = self.scale.ticks()
        digits = max(0, 3 if step < 0.01 else 2 if step < 0.1 else 1 if step < 1 else 0)
        grid = "".join(
            f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="6" y2="{bottom}"/>'
            f'<text class="tick" x="{x:.1f}" y="{bottom + 15}">{tick:.{digits}f} s</text>'
            for tick in ticks for x in (self.scale.x(self.scale.begin + tick),))
        lines = "".join(
            f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="6" y2="{bottom}"><title>'
            f'{html.escape(title)}</title></line><path class="mark" d="M{x - 4:.1f} 2h8l-4 6z"/>'
            for at, title in marks for x in (self.scale.x(at),))
        return (f'<svg class="timeline" viewBox="0 0 {WIDTH} {bottom + 22}" role="img" '
                f'aria-label="{html.escape(words)}">{grid}{"".join(self.parts)}{lines}</svg>')


def rate_note(trace):
    gaps = trace.gaps()
    if not gaps or gaps[len(gaps) // 2] <= 0:
        return f"{len(trace.frames)} in all"
    return f"{1 / gaps[len(gaps) // 2]:.0f} a second"


def draw(trace, begin=None):
    """The picture, and pairs of what and how much for the table below it. 'begin' is when the run
    began, if that is known."""
    scale = Scale(trace.first if begin is None or begin > trace.first else begin, trace.last)
    drawing, facts = Drawing(scale), []
    if trace.frames:
        drawing.lane(LANE, "Frames", rate_note(trace), frames(scale, trace.frames, drawing.y))
        facts += frame_facts(trace)
    if trace.commands:
        sums = scale.columns(trace.commands)
        column = scale.length / COLUMNS
        share = max(sums) / column
        drawing.lane(LANE, "Commands", f"up to {min(share, 1):.0%} busy",
                     bars(sums, drawing.y, "command", lambda s: f"{min(s / column, 1):.0%} busy"))
        took = sorted(seconds for _, seconds in trace.commands)
        facts += [("Commands", f"{len(took)}, which took {time_words(sum(took))}; half of them at "
                   f"most {time_words(took[len(took) // 2])}, the longest {time_words(took[-1])}")]
    if trace.mappings:
        facts += draw_memory(trace, scale, drawing)
    marks = [(at, f"another worker began, {at - scale.begin:.3f} s") for at in trace.again]
    if marks:
        facts.append(("Workers", f"{trace.workers}; another one took the place of one at "
                      + ", ".join(f"{at - scale.begin:.1f} s" for at, _ in marks[:8])
                      + (" and later" if len(marks) > 8 else "") + " (the dashed lines)"))
    words = "Timeline. " + " ".join(f"{key}: {value}." for key, value in facts)
    return drawing.finish(words, marks[:50]), facts


def frame_facts(trace):
    gaps = trace.gaps()
    if not gaps:
        return [("Frames", "1")]
    return [("Frames", f"{len(trace.frames)}; from one to the next {gaps[len(gaps) // 2] * 1000:.1f}"
             f" ms (median), {gaps[int(len(gaps) * 0.99)] * 1000:.1f} ms (99 %), "
             f"{gaps[-1] * 1000:.1f} ms (longest)")]


def draw_memory(trace, scale, drawing):
    steps = trace.steps_of_memory()
    top = max(size for _, size in steps) or 1
    drawing.lane(LANE, "Mapped", f"up to {size_words(top)}",
                 area(scale, steps, drawing.y, LANE, trace.last, "memory"))
    placed, left = rows_of(trace.mappings, trace.last)
    rows = max(row for row, _ in placed) + 1
    drawing.lane(max(rows * ROW, 34), "Mappings", f"{len(trace.mappings)} in all",
                 "".join(mapping_bar(scale, row, m, drawing.y, trace.last) for row, m in placed))
    begins = [m.begin for m in trace.mappings]
    ends = sorted(m.end for m in trace.mappings if m.end is not None)
    most = max(n + 1 - bisect.bisect_right(ends, at) for n, at in enumerate(begins))
    stay = sum(1 for m in trace.mappings if m.end is None)
    words = f"{len(begins)}; {most} at once and {size_words(top)} together at most"
    words += f"; {stay} still there at the end (the lighter bars)" if stay else "; none there at the end"
    if left:
        words += f"; {left} of them are not drawn, for want of room"
    return [("Mappings", words)]
