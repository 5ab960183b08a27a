# SPDX-License-Identifier: MIT
"""The pictures of a report: the strip of what the outputs showed, and what was compared."""
import base64
import html

from folder import Failure
from png_head import MAX_BYTES, read_head
from report_text import time_words, visible

# Of all pictures of a page together; a browser has to bear it.
BUDGET = 24 << 20
MAX_FRAMES = 240
SMALL = 256  # pixels: what is no wider is shown with its pixels to be seen


def words(text):
    return html.escape(visible(text))


class Pictures:
    """Pictures as part of the page, as long as there is room for them."""

    def __init__(self, folder, budget=BUDGET):
        self.folder, self.left = folder, budget

    def image(self, name, alt, kind=""):
        """The element of a picture; where it cannot be shown, a sentence in its place."""
        try:
            data = self.folder.read(name, MAX_BYTES)
        except Failure as failure:
            return self.nothing(str(failure))
        head = read_head(data)
        if head is None:
            return self.nothing(f"{name} is no PNG file")
        if head.fault():
            return self.nothing(f"{name} {head.fault()}")
        if len(data) > self.left:
            return self.nothing(f"{name} is left out: the page would become too large")
        self.left -= len(data)
        kind += " small" if head.width <= SMALL else ""
        return (f'<img class="{kind.strip()}" alt="{words(alt)}" width="{head.width}" '
                f'height="{head.height}" src="data:image/png;base64,'
                f'{base64.b64encode(data).decode()}">')

    def size(self, name):
        """For people; empty where it is not known."""
        try:
            head = read_head(self.folder.head(name, 26)[0])
        except Failure:
            head = None
        return f"{head.width} x {head.height}" if head else ""

    @staticmethod
    def nothing(why):
        return f'<p class="nothing">{words(why)}</p>'


def thinned(items, most):
    """At most so many of them, evenly spread, the first and the last among them."""
    if len(items) <= most:
        return items
    return [items[round(n * (len(items) - 1) / (most - 1))] for n in range(most)]


def affordable(pictures, items):
    """As many pictures, evenly spread, as there is room for."""
    most = min(len(items), MAX_FRAMES)
    while most > 2:
        chosen = thinned(items, most)
        if sum(size_of(pictures.folder, item["file"]) for item in chosen) <= pictures.left:
            return chosen
        most = most * 3 // 4
    return thinned(items, 2)


def size_of(folder, name):
    try:
        return folder.tail(name, 0)[1]
    except Failure:
        return 0


def frame(pictures, item):
    about = [time_words(item["at"])]
    about += [f"output {item['output']}"] if item["output"] else []
    about += [item["why"]] if item["why"] else []
    alt = f"Output {item['output'] or '?'} at {time_words(item['at'])}"
    rest = " · ".join(words(part) for part in about[1:])
    return (f'<li><figure>{pictures.image(item["file"], alt, "zoom")}<figcaption><b>'
            f"{words(about[0])}</b> {rest}</figcaption></figure></li>")


def filmstrip(pictures, items):
    chosen = affordable(pictures, items)
    note = ("" if len(chosen) == len(items) else
            f'<p class="soft">{len(chosen)} of {len(items)} pictures are shown here; all of them are '
            "in the folder of the run.</p>")
    return (note + '<ol class="film" tabindex="0" aria-label="Pictures of the outputs, in their '
            'order">' + "".join(frame(pictures, item) for item in chosen) + "</ol>")


def sentence(text):
    return text[:1].upper() + text[1:] + ("" if text[-1:] in ("", ".", "!", "?") else ".")


def view(image, caption, kind):
    return f'<figure class="{kind}">{image}<figcaption>{caption}</figcaption></figure>'


def comparison(pictures, item, icon):
    """One comparison: open where it failed, or where a reference changed."""
    views = []
    sizes = {key: pictures.size(item[key]) for key in ("expected", "got") if item[key] is not None}
    for key, caption in (("expected", "Expected"), ("got", "Got"), ("difference", "Difference")):
        if item[key] is not None:
            kind = key + (" zoom" if key == "difference" else "")
            image = pictures.image(item[key], f"{caption}: {item['name']}", kind)
            note = f", {sizes[key]}" if sizes.get(key) and len(set(sizes.values())) > 1 else ""
            views.append(view(image, caption + note, key))
        elif key in ("expected", "got") and sizes:
            views.append(view(pictures.nothing("There is none."), caption, key))
    close = "" if item["close"] is None else view(
        pictures.image(item["close"], f"Close-up of {item['name']}: expected, got", "close"),
        "Magnified 8 times: expected on the left, got on the right", "close")
    note = {"new": "new reference", "changed": "reference changed"}.get(item["blessed"], "")
    note = f'<span class="pill">{note}</span>' if note else ""
    return (f'<details class="card comparison"{"" if item["passed"] and not note else " open"}><summary>'
            f'{icon}<span class="title">{words(item["name"])}</span>{note}<span class="pill">'
            f'{words(item["measure"] or "exact")}</span></summary><p>{words(sentence(item["why"]))}</p>'
            f'<div class="views">{"".join(views)}</div>{close}</details>')


def comparisons(pictures, items, icon_of):
    """Those that failed come first."""
    ordered = sorted(items, key=lambda item: item["passed"])
    return "".join(comparison(pictures, item, icon_of(item["passed"])) for item in ordered)
