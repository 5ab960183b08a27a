# SPDX-License-Identifier: MIT
"""The pictures that a run is expected to leave."""
import os
import tempfile

import compare
import compare_limits
from compare_picture import need_pillow
from folder import Failure, Folder, Missing
from job import Unfit
from record import MAX_BYTES


class References:
    """Use it in a 'with' block around the run: the guest may be able to write to the folder of the
    references, so they are taken before it boots."""

    def __init__(self, path, bless):
        """path: their folder. bless: the run's pictures become references. Unfit if there is
        nothing to be held against."""
        self.path, self.bless = path, bless
        self.taken = tempfile.TemporaryDirectory(prefix="hostblob-ci-")
        try:
            need_pillow()
            if not bless:
                self.take(Folder(path), Folder(self.taken.name))
        except Failure as failure:
            self.taken.cleanup()
            raise Unfit(f"--expect {path}: {failure}; --bless makes references of a run's pictures"
                        if isinstance(failure, Missing) else f"--expect {path}: {failure}") from None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.taken.cleanup()

    @staticmethod
    def take(source, target):
        names = source.top_names(".png")
        if not names:
            raise Failure("this folder has no PNG file; --bless puts the run's pictures there")
        if os.path.lexists(source.shown(compare_limits.FILE)):
            names.append(compare_limits.FILE)
        for name in names:
            target.write(name, source.read(name, MAX_BYTES))

    def judge(self, record, say):
        """Compares what the run left, on record. A run that did not end well is no reason for new
        references. Raises Failure where nothing can be compared."""
        if self.bless and record.facts["verdict"] != "passed":
            say(f"no picture becomes a reference, as the run {record.facts['verdict']}")
            return
        results = compare.check(record.out, self.path if self.bless else self.taken.name, self.bless)
        compare.settle(record.facts, results)
        record.write()
        for result in results:
            say(compare.tell(result))
