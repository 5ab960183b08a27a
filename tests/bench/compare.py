# SPDX-License-Identifier: MIT
"""The comparison itself: tests/bench/run installs what it needs, and says what its options are."""
import argparse
import json
import os
import shutil
import signal
import sys
import tempfile

import table
from machine import PROJECT, build_programs, say
from measuring import Rounds, find_subjects
from rounds import Figures, read
from targets import MISSED, UNTOLD, judge
from telling import describe_run, print_all, reasons, write_report


def read_options():
    parser = argparse.ArgumentParser(add_help=False, prog="tests/bench/run", usage="tests/bench/run --help says it")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--report")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--build", default="build-bench")
    parser.add_argument("--items")
    parser.add_argument("--seconds", type=float, default=0.15)
    parser.add_argument("--minutes", type=float, default=9)
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--keep")
    options = parser.parse_args()
    options.rounds = options.rounds or (2 if options.quick else 10)
    return options


def main():
    options = read_options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143)) # so that what was started ends, too
    build = options.build if os.path.isabs(options.build) else os.path.join(PROJECT, options.build)
    gpu, media, bench = build_programs(build, ["hostblob-gpu", "hostblob-media",
                                                "tests/bench/hostblob-bench"])
    subjects, missing = find_subjects(gpu, media, not options.no_peers)
    with tempfile.TemporaryDirectory(prefix="hostblob-bench-") as work:
        results = os.path.join(work, "figures.jsonl")
        with open(results, "w") as file:
            for subject in subjects:
                file.write(json.dumps(dict(subject, kind="subject", subject=subject["name"])) + "\n")
        options.rounds = Rounds(bench, subjects, options, results).measure_all()
        lines = read(results)
        figures = Figures(lines)
        with open(results, "w") as file: # with the marks
            file.write("".join(json.dumps(line) + "\n" for line in lines))
        verdicts = [] if options.quick else judge(figures)
        tables = [rows for rows in (table.build(figures, subjects, device) for device in ("gpu", "media")) if rows]
        notes = describe_run(subjects, missing, options, figures, lines)
        why = reasons(figures)
        print_all(tables, verdicts, notes, why)
        if options.report:
            write_report(options.report, tables, verdicts, notes, why, results)
        if options.keep:
            shutil.copyfile(results, options.keep)
    say("all done")
    failed = sum(series.failed is not None for having in figures.series.values()
                 for name, series in having.items() if name.startswith("hostblob"))
    met = len([v for v in verdicts if v.verdict not in (MISSED, UNTOLD)])
    if options.quick:
        print(f"quick: these figures are of no use; {failed} items of hostblob failed")
        return 1 if failed else 0
    print(f"{met} of {len(verdicts)} targets met, {sum(v.verdict == UNTOLD for v in verdicts)} cannot be told, "
          f"{failed} items of hostblob failed")
    return 1 if failed or any(v.verdict == MISSED for v in verdicts) else 0


if __name__ == "__main__":
    sys.exit(main())
