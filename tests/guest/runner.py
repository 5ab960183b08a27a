# SPDX-License-Identifier: MIT
"""Runs groups of cases one after another, and says how each went."""
import os
import signal
import sys
import time

from bench import GROUPS, Skip, end_case, show_logs
from vm import Failure


class Report:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def run(self, name, function):
        """Runs a case; returns whether the machine can be used on."""
        start = time.monotonic()
        try:
            function()
        except Skip as why:
            self.skipped += 1
            self.say(f"skip {name}: {why}")
            return True
        except (Failure, OSError, KeyError, ValueError) as why:
            self.failed += 1
            text = f"{type(why).__name__}: {why}" if not isinstance(why, Failure) else str(why)
            self.say(f"not ok {name}: {text}")
            return False
        self.passed += 1
        self.say(f"ok {name} ({time.monotonic() - start:.1f} s)")
        return True

    @staticmethod
    def say(line):
        print(line, flush=True)


class Seat:
    """The group's bench: made when first wanted, and anew after a failure."""

    def __init__(self, bench_class, group, options):
        self.make = lambda: bench_class(group, options)
        self.bench = None

    def take(self):
        self.bench = self.bench or self.make()
        return self.bench

    def drop(self, failed=False):
        if self.bench:
            if failed:
                show_logs(self.bench)
            self.bench.discard()
            self.bench = None


def run_group(bench_class, group, chosen, options, report):
    cases = dict(group.cases)
    cases[group.name + "-end"] = None
    cases = {name: case for name, case in cases.items() if not chosen or name in chosen}
    seat = Seat(group.bench or bench_class, group, options)

    def one(case):
        if os.uname().machine != "x86_64":
            raise Skip("the test guest is an x86-64 one, run by x86-64 programs")
        bench = seat.take()
        if not case:
            end_case(bench)
            return
        case(bench)
        bench.at_rest()

    try:
        for name, case in cases.items():
            if not report.run(name, lambda: one(case)):
                seat.drop(failed=True)
    finally:
        seat.drop()


def run_all(bench_class, options):
    """Runs the groups that were written, all or those of options.names; options.list: only names
    them. Returns the exit status."""
    # So that machines and back-ends are ended with us.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    known = [name for group in GROUPS.values() for name in [*group.cases, group.name + "-end"]]
    if options.list:
        print("\n".join(known))
        return 0
    chosen = set()
    for name in options.names:  # a group's name stands for all of its cases
        names = [*GROUPS[name].cases, name + "-end"] if name in GROUPS else [name]
        if not set(names) <= set(known):
            sys.exit(f"run: there is no case '{name}'; --list names them")
        chosen |= set(names)
    report = Report()
    for group in GROUPS.values():
        run_group(bench_class, group, chosen, options, report)
    print(f"{report.passed} passed, {report.failed} failed, {report.skipped} skipped")
    return 1 if report.failed or not report.passed else 0
