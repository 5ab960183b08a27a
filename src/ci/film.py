# SPDX-License-Identifier: MIT
"""Pictures of the output, one after the other while the command runs."""
import os
import selectors
import time

from folder import Failure

MOST = 500  # pictures of a run: a report of that many is still one that a browser opens


class Film:
    """At most one picture is being taken at a time; what the command writes goes on meanwhile."""

    def __init__(self, device, record, say, selector, every):
        """every: seconds from one picture to the next. selector: gets an entry ("film", None) while
        a picture is being taken, for which taken() is to be called."""
        self.device, self.record, self.say, self.selector = device, record, say, selector
        self.every = every
        self.next = time.monotonic()
        self.child = self.last = self.wrong = None
        self.pidfd = -1
        self.at = 0.0
        self.kept = 0

    def wait(self):
        """Seconds until the next picture is due; None while one is being taken, or if none will be."""
        if self.child or self.kept >= MOST:
            return None
        return max(self.next - time.monotonic(), 0)

    def begin(self):
        """Begins to take a picture. One that comes late does not make the next ones hurry."""
        self.next = max(self.next, time.monotonic() - self.every) + self.every
        self.at = self.record.now()
        self.child = self.device.begin_screenshot(0)
        self.pidfd = os.pidfd_open(self.child.pid)
        self.selector.register(self.pidfd, selectors.EVENT_READ, ("film", None))

    def taken(self):
        """Keeps the picture, unless it is the one before once more."""
        wrong, data = self.device.end_screenshot(self.let_go())
        if wrong or data == self.last:
            self.wrong = wrong
            return
        self.last = data
        try:
            self.record.add_picture("film", data, 0, self.at, "film")
        except Failure as failure:
            self.wrong = str(failure)
            return
        self.kept += 1
        if self.kept == MOST:
            self.say(f"{MOST} pictures are kept, and no more are taken; choose a longer time between them")

    def let_go(self):
        child, self.child = self.child, None
        self.selector.unregister(self.pidfd)
        os.close(self.pidfd)
        return child

    def stop(self):
        """Takes no more; one that is being taken is dropped."""
        if self.child:
            child = self.let_go()
            child.kill()
            child.communicate()
        if not self.kept:
            self.say(f"no picture while the command ran: {self.wrong or 'it ended too soon'}")
