# SPDX-License-Identifier: MIT
"""The host's side of tests/guest/kms.c."""
import time

from bench import expect
from vm import Failure


class Kms:
    """The guest's program for its outputs, in a 'with' block; at its end the console is back."""

    def __init__(self, bench, program="kms"):
        """program: where the guest has it."""
        self.machine = bench.machine
        self.program = program

    def __enter__(self):
        self.machine.begin(self.program)
        self.machine.until("kms", 60)
        return self

    def do(self, line, limit=60):
        """One job; returns what it said."""
        self.machine.say(line)
        said = {}
        while "done" not in said:
            record = self.machine.next_line(time.monotonic() + limit, line)
            if record.startswith("bad"):
                raise Failure(f"{line}: {record}")
            said.update(word.partition("=")[::2] for word in record.split() if "=" in word)
        return said

    def __exit__(self, kind, *_):
        if kind is None:
            self.machine.say("end")
            expect(0, status=self.machine.end("kms").status)
