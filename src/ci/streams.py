# SPDX-License-Identifier: MIT
"""What the command writes, on its way from the guest to our own output and the log."""
import os


class Stream:
    """One of the command's outputs. Behind its last byte comes the end word, which is not passed on;
    'ended' says that it has come."""

    def __init__(self, end_word, targets):
        """end_word: bytes. targets: descriptors that are written to."""
        self.end_word = end_word
        self.targets = targets
        self.held = b""
        self.ended = False

    def feed(self, data):
        """Bytes from the guest. Only what may be the begin of the end word is held back."""
        data = self.held + data
        self.held = b""
        at = data.find(self.end_word)
        if at >= 0:
            self.ended = True
            data = data[:at]
        else:
            for size in range(min(len(self.end_word) - 1, len(data)), 0, -1):
                if data.endswith(self.end_word[:size]):
                    self.held = data[-size:]
                    data = data[:-size]
                    break
        self.write(data)

    def flush(self):
        """There comes no more: what was held back was none."""
        if not self.ended:
            self.write(self.held)
        self.held = b""

    def write(self, data):
        for target in self.targets:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(target, rest):]
