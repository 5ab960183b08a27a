# SPDX-License-Identifier: MIT
"""What run.json says, in a form to rely upon: what is missing or of another kind is as good as empty."""
import json
import math

from folder import Failure, Folder

MAX_BYTES = 1 << 26
MAX_ITEMS = 20000  # of one list


def text(value):
    if isinstance(value, (dict, list)) or value is None:
        return ""
    return str(value)


def number(value):
    """A finite one that is not negative; None otherwise."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        value = float(value)
    except OverflowError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def seconds(value):
    return number(value) or 0.0


def status(value):
    """Of a command: a number, or None if it did not end."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def words(value):
    return [text(word) for word in value] if isinstance(value, list) else []


def name(value):
    """Of a file in the folder, or None."""
    return value if isinstance(value, str) and value else None


def flag(value):
    return value is True


def facts(value):
    """Keys and their texts, in their order."""
    if not isinstance(value, dict):
        return {}
    return {text(key): ", ".join(words(item)) if isinstance(item, list) else text(item)
            for key, item in value.items()}


def listed(**form):
    def read(value):
        items = value[:MAX_ITEMS] if isinstance(value, list) else []
        return [shape(item, form) for item in items if isinstance(item, dict)]
    return read


FORM = {
    "command": words, "began": text, "seconds": seconds, "status": status, "verdict": text,
    "why": text, "host": facts, "stack": facts, "trace": name,
    "monotonic": number,  # CLOCK_MONOTONIC at the beginning, in seconds: puts the trace in its place
    "steps": listed(name=text, at=seconds, seconds=seconds, status=status, log=name),
    "pictures": listed(file=name, output=text, at=seconds, why=text),
    "comparisons": listed(name=text, got=name, expected=name, difference=name, close=name,
                          measure=text, passed=flag, why=text, blessed=text),
    "logs": listed(name=text, file=name),
}


def shape(value, form):
    return {key: read(value.get(key)) for key, read in form.items()}


def read_record(out):
    """The record of the run in that folder. Raises Failure where there is none."""
    folder = Folder(out)
    try:
        value = json.loads(folder.read("run.json", MAX_BYTES))
    except (ValueError, RecursionError) as error:
        raise Failure(f"{folder.shown('run.json')} is not understood: {error}") from None
    if not isinstance(value, dict) or value.get("version") != 1:
        raise Failure(f"{folder.shown('run.json')} is no record of a run, or of another version")
    record = shape(value, FORM)
    record["verdict"] = record["verdict"] or "broken"
    return record
