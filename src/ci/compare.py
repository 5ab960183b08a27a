#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Holds the pictures that a run left against references.

    compare.py --expect DIR [--bless] OUT

OUT       the folder of the run; its pictures are in OUT/pictures. What differs is shown in
          OUT/differences and OUT/closeups, and run.json there is brought up to date
--expect  the folder of the references: each PNG file of it is held against the picture of the same
          name. DIR/limits.ini may say how far a picture may be off, see compare_limits.py; every
          pixel has to be the same otherwise
--bless   the run's pictures become the references where there is none yet, or where they are too
          far off; the others stay as they are
--help    this text

The status is 0 if all pictures are as expected (or are now), 1 if one is not, 2 if they cannot be
compared. Links are not followed in either folder.
"""
import argparse
import json
import sys

import compare_limits
from compare_picture import Difference, need_pillow, read_picture, to_png
from folder import Failure, Folder, Missing
from record import MAX_BYTES
from report_text import visible

PICTURES = "pictures"


def refuse(result, why):
    result["why"] = why
    return result


def compare(out, references, name, limit):
    """One comparison as run.json has it, and the run's picture (None if it cannot be read)."""
    got_name = f"{PICTURES}/{limit.picture or name}"
    result = {"name": name, "got": got_name, "expected": None, "difference": None, "close": None,
              "measure": limit.measure, "value": None, "limit": limit.limit, "passed": False,
              "why": ""}
    expected = got = None
    faults = []
    try:
        got, _ = read_picture(out, got_name)
    except Missing:
        result["got"] = None
        faults.append(f"the run left no picture {got_name}")
    except Failure as failure:
        faults.append(str(failure))
    try:
        expected, data = read_picture(references, name)
        out.write(f"expected/{name}", data)
        result["expected"] = f"expected/{name}"
    except Failure as failure:
        faults.append(str(failure))
    if faults:
        return refuse(result, "; ".join(faults)), got
    if expected.size != got.size:
        return refuse(result, "it is {} x {} pixels, the reference {} x {}".format(
            *got.size, *expected.size)), got
    judge(out, result, limit, Difference(expected, got, limit.tolerance))
    return result, got


def judge(out, result, limit, difference):
    result["value"], result["passed"], result["why"] = limit.judge(difference)
    if difference.pixels == 0:
        return
    result["difference"] = f"differences/{result['name']}"
    out.write(result["difference"], to_png(difference.picture(limit.measure == "psnr")))
    close = difference.close_up()
    if close is not None:
        result["close"] = f"closeups/{result['name']}"
        out.write(result["close"], to_png(close))


def bless_one(references, result, picture):
    """The picture becomes the reference, unless it is well already."""
    if result["passed"] or picture is None:
        return
    new = result["expected"] is None and result["name"] not in references.top_names(".png")
    references.write(result["name"], to_png(picture, keep=True))
    result["blessed"] = "new" if new else "changed"
    result["passed"] = True
    result["why"] = ("there was no reference: this picture is it now" if new else
                     f"the reference was replaced by this picture, because {result['why']}")


def check(out, expect, bless=False, names=None):
    """The comparisons of run.json, one for each reference in the folder 'expect'. With 'bless' the
    references are brought up to date, and 'names', the names in OUT/pictures (all, if None), are
    those that become references where there is none yet. Raises Failure where nothing can be
    compared."""
    need_pillow()
    out, references = Folder(out), Folder(expect)
    if bless:
        references.make()
    wanted = references.top_names(".png")
    limits, default = compare_limits.read_limits(references)
    if bless:
        renamed = {limit.picture for limit in limits.values()}
        found = out.names(PICTURES, ".png") if names is None else names
        wanted = sorted({*wanted, *limits, *(name for name in found if name not in renamed)})
    unknown = sorted(set(limits) - set(wanted))
    if unknown:
        raise Failure(f"{references.shown(compare_limits.FILE)}: [{unknown[0]}]: there is no such "
                      f"reference in {references.path}; --bless makes it")
    if not wanted:
        raise Failure(f"{references.path} has no PNG file, so nothing is compared; --bless puts the "
                      "run's pictures there")
    results = []
    for name in wanted:
        result, picture = compare(out, references, name, limits.get(name, default))
        if bless:
            bless_one(references, result, picture)
        results.append(result)
    return results


def settle(run, results):
    """Puts the comparisons into what run.json holds. They decide about a run whose command and
    steps ended well, and about no other."""
    run["comparisons"] = results
    steps = [step.get("status") for step in run.get("steps", [])]
    if run.get("status") != 0 or run.get("verdict") not in ("passed", "failed") or any(steps):
        return
    bad = [result["name"] for result in results if not result["passed"]]
    run["verdict"] = "failed" if bad else "passed"
    run["why"] = "" if not bad else (
        f"The picture {bad[0]} is not as expected." if len(bad) == 1 else
        f"{len(bad)} of {len(results)} pictures are not as expected: " + ", ".join(bad[:5])
        + (" and others." if len(bad) > 5 else "."))


def update(out, results):
    """Brings OUT/run.json up to date, where there is one."""
    folder = Folder(out)
    try:
        run = json.loads(folder.read("run.json", MAX_BYTES))
        settle(run, results)
    except Missing:
        return
    except (ValueError, AttributeError, TypeError) as error:
        raise Failure(f"{folder.shown('run.json')} is not understood: {error}") from None
    folder.write("run.json", (json.dumps(run, indent=1) + "\n").encode())


def tell(result):
    word = result.get("blessed") or ("passed" if result["passed"] else "FAILED")
    return visible(f"{word:8}{result['name']}: {result['why']}")


def main(words):
    parser = argparse.ArgumentParser(usage=__doc__, add_help=False)
    parser.add_argument("--help", "-h", action="store_true")
    parser.add_argument("--expect")
    parser.add_argument("--bless", action="store_true")
    parser.add_argument("out", nargs="?")
    options = parser.parse_args(words)
    if options.help:
        print(__doc__.strip())
        return 0
    if options.out is None or options.expect is None:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    try:
        results = check(options.out, options.expect, options.bless)
        update(options.out, results)
    except Failure as failure:
        print(f"compare: {visible(str(failure))}", file=sys.stderr)
        return 2
    for result in results:
        print(tell(result))
    return 0 if all(result["passed"] for result in results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
