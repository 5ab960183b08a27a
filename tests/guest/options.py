# SPDX-License-Identifier: MIT
"""The options of a program whose text, its docstring, says how it is used."""
import argparse
import os


class Options(argparse.ArgumentParser):
    """--help (-h) shows the text on standard output and ends with 0; what is wrong among the
    arguments shows it on standard error and ends with 2."""

    def __init__(self, text):
        super().__init__(usage=text, add_help=False)
        self.add_argument("--help", "-h", action="help")

    def format_help(self):
        return self.usage.strip() + "\n"


class GuestOptions(Options):
    """The same, with what every program has that boots guests with the programs of a build tree."""

    def __init__(self, text):
        super().__init__(text)
        self.add_argument("--build", default=os.path.join(os.path.dirname(__file__), "../../build"))
        self.add_argument("--accel", choices=("tcg", "kvm"))
        self.add_argument("--keep", action="store_true")
        self.add_argument("--verbose", action="store_true")

    def parse_args(self, *args, **more):
        options = super().parse_args(*args, **more)
        options.build = os.path.realpath(options.build)
        return options
