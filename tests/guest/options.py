# SPDX-License-Identifier: MIT
"""The options of a program whose text, its docstring, says how it is used."""
import argparse


class Options(argparse.ArgumentParser):
    """--help (-h) shows the text on standard output and ends with 0; what is wrong among the
    arguments shows it on standard error and ends with 2."""

    def __init__(self, text):
        super().__init__(usage=text, add_help=False)
        self.add_argument("--help", "-h", action="help")

    def format_help(self):
        return self.usage.strip() + "\n"
