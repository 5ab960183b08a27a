# SPDX-License-Identifier: MIT
"""What a guest printed, as text that can be shown: colours are kept, all else that moves a terminal
is not. Control bytes and characters that turn the direction of writing are made visible."""
import html
import re

# ECMA-48: control sequences, command strings (with or without their end), and other escapes.
ESCAPES = re.compile(r"\x1b\[([0-?]*)[ -/]*([@-~])|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?"
                     r"|\x1b[ -/]*[0-~]?")
# Marks of direction and what has no width: U+202E in a name hides how it ends.
HIDDEN = re.compile("[\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
# As cat -v has them: few fonts have pictures of control characters.
CONTROL = {c: f"^{chr(c ^ 0x40)}" for c in (*range(0x20), 0x7f) if c not in (9, 10)}
CONTROL.update({c: 0xfffd for c in range(0x80, 0xa0)})
# What neither XML nor a page may have.
CONTROL.update({c: 0xfffd for c in (*range(0xd800, 0xe000), 0xfffe, 0xffff)})


def visible(text):
    return HIDDEN.sub(lambda match: f"<U+{ord(match[0]):04X}>", text.translate(CONTROL))


class Style:
    """The colour (None: the usual, 0 to 15) and boldness that SGR sequences have led to."""

    def __init__(self):
        self.colour, self.bold = None, False

    def change(self, parameters):
        codes = [int(p[:4]) if p.isdecimal() else 0 for p in parameters.split(";")]
        while codes:
            code = codes.pop(0)
            if code in (38, 48) and codes:
                self._many(code, codes)
            elif code == 0:
                self.colour, self.bold = None, False
            elif code in (1, 22):
                self.bold = code == 1
            elif 30 <= code <= 37 or 90 <= code <= 97:
                self.colour = code - 30 if code < 90 else code - 82
            elif code == 39:
                self.colour = None

    def _many(self, code, codes):
        """Of 256 colours only the first sixteen have a name here; of true ones none has."""
        kind = codes.pop(0)
        if kind == 5 and codes:
            colour = codes.pop(0)
            if code == 38:
                self.colour = colour if colour < 16 else None
        elif kind == 2:
            del codes[:3]

    def classes(self):
        return " ".join(([f"c{self.colour}"] if self.colour is not None else [])
                        + (["bold"] if self.bold else []))


def without_back(text):
    kept = []
    for character in text:
        if character != "\b":
            kept.append(character)
        elif kept:
            kept.pop()
    return "".join(kept)


def runs_of_line(line, style):
    """What is left of a line on a terminal: pairs of classes and text."""
    runs, at = [], 0
    while at < len(line):
        escape = ESCAPES.search(line, at)
        plain = line[at:escape.start() if escape else len(line)]
        back = plain.rfind("\r")
        if back >= 0:  # written anew from its beginning
            runs, plain = [], plain[back + 1:]
        if "\b" in plain:
            plain = without_back(plain)
        if plain:
            runs.append((style.classes(), visible(plain)))
        if escape is None:
            break
        if escape[2] == "m":
            style.change(escape[1])
        at = escape.end()
    return runs


def lines_of(data):
    """The lines of a log's bytes, each a list of pairs of classes and text."""
    style = Style()
    for line in data.decode("utf-8", "replace").split("\n"):
        yield runs_of_line(line.rstrip("\r"), style)


def to_plain(data):
    return "\n".join("".join(text for _, text in runs) for runs in lines_of(data))


def to_html(data):
    out = []
    for runs in lines_of(data):
        for classes, text in runs:
            escaped = html.escape(text)
            out.append(f'<span class="{classes}">{escaped}</span>' if classes else escaped)
        out.append("\n")
    return "".join(out[:-1])


def tail_of_log(folder, name, limit):
    """The end of a log from the beginning of a line, and how many bytes before it are left out."""
    data, size = folder.tail(name, limit)
    if size > len(data):
        data = data[data.find(b"\n") + 1:]
    return data, size - len(data)


def size_words(size):
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024 or unit == "MiB":
            return f"{size:.0f} {unit}" if size >= 10 or unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024


def time_words(seconds):
    if seconds >= 120:
        return f"{int(seconds) // 60} min {int(seconds) % 60} s"
    if seconds >= 0.1 or seconds == 0:
        return f"{seconds:.1f} s"
    if seconds >= 1e-3:
        return f"{seconds * 1e3:.0f} ms" if seconds >= 0.01 else f"{seconds * 1e3:.1f} ms"
    return f"{seconds * 1e6:.0f} µs"
