#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes the report of a run from what the run left.

    report.py OUT

OUT is the folder of the run, with its run.json. Written there are

    report.html  one page for people, which needs no network and no other file
    junit.xml    the results for GitLab, Jenkins and others

What is missing in the folder is said in the report. Links are not followed. The status is 0, or 2 if
nothing could be written.
"""
import sys

from folder import Failure, Folder
from record import read_record
from report_html import make_html
from report_junit import make_junit
from report_text import visible


def write(out):
    """Writes both files into that folder. Raises Failure."""
    folder, run = Folder(out), read_record(out)
    folder.write("junit.xml", make_junit(folder, run))
    folder.write("report.html", make_html(folder, run))


def main(words):
    if words in (["--help"], ["-h"]):
        print(__doc__.strip())
        return 0
    if len(words) != 1 or words[0].startswith("-"):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    try:
        write(words[0])
    except Failure as failure:
        print(f"report: {visible(str(failure))}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
