# SPDX-License-Identifier: MIT
"""A run as JUnit XML, in the part of that form which GitLab and Jenkins (its junit-10.xsd) read: the
command, its steps and each comparison is a case. GitLab shows a case's class as its suite, the text
of a failure and what the case printed; of two cases of one name it keeps the first."""
import os
import re
import xml.etree.ElementTree as Xml

from folder import Failure
from report_text import size_words, tail_of_log, to_plain, visible

MAX_LOG = 32 << 10
# Not the program's fault, but the machinery's around it.
ERRORS = ("timed out", "guest died", "device died", "interrupted", "broken")


def clean(text):
    """Nothing that XML forbids, and no order to attach a file that the guest wrote."""
    return re.sub(r"\[\[(?=ATTACHMENT)", "[ [", visible(text), flags=re.IGNORECASE)


class Suite:
    def __init__(self):
        self.cases, self.known = [], set()
        self.failures = self.errors = 0

    def add(self, kind, name, seconds):
        whole, number = name, 2
        while (kind, whole) in self.known:
            whole, number = f"{name} ({number})", number + 1
        self.known.add((kind, whole))
        case = Xml.Element("testcase", {"classname": f"hostblob-ci.{kind}", "name": clean(whole),
                                        "time": f"{seconds:.3f}"})
        self.cases.append(case)
        return case

    def fail(self, case, tag, kind, why):
        words = clean(why) or kind
        Xml.SubElement(case, tag, {"type": kind, "message": words}).text = words
        if tag == "failure":
            self.failures += 1
        else:
            self.errors += 1


def put_log(case, folder, name):
    """The end of a log as what the case printed. A log that cannot be read is told in its place."""
    if name is None:
        return
    try:
        data, before = tail_of_log(folder, name, MAX_LOG)
        words = to_plain(data)
        if before:
            words = f"({size_words(before)} before this are in {name})\n{words}"
    except Failure as failure:
        words = str(failure)
    Xml.SubElement(case, "system-out").text = clean(words)


def attach(case, folder, name):
    """Asks GitLab (a path from the project's folder) and Jenkins to show a picture with the case."""
    if name is None or not re.fullmatch(r"[\w./ -]+", name):
        return
    path = os.path.relpath(folder.shown(name))
    path = folder.shown(name) if path.startswith("..") else path
    Xml.SubElement(case, "system-out").text = f"[[ATTACHMENT|{path}]]"


def add_command(suite, folder, run):
    case = suite.add("command", " ".join(run["command"]) or "command", run["seconds"])
    if run["verdict"] != "passed":
        tag = "error" if run["verdict"] in ERRORS else "failure"
        suite.fail(case, tag, clean(run["verdict"]), run["why"])
    if run["logs"]:
        put_log(case, folder, run["logs"][0]["file"])


def add_comparison(suite, folder, comparison):
    case = suite.add("picture", comparison["name"] or "picture", 0)
    if comparison["passed"]:
        return
    suite.fail(case, "failure", "difference", comparison["why"])
    attach(case, folder, comparison["difference"] or comparison["got"])


def add_steps(suite, folder, run):
    for step in run["steps"]:
        case = suite.add("step", step["name"] or "step", step["seconds"])
        if step["status"] == 0:
            continue
        ended = "did not end" if step["status"] is None else f"ended with status {step['status']}"
        suite.fail(case, "failure", "status", f"The step {step['name']} {ended}.")
        put_log(case, folder, step["log"])


def make_junit(folder, run):
    """The bytes of junit.xml."""
    suite = Suite()
    add_command(suite, folder, run)
    add_steps(suite, folder, run)
    for comparison in run["comparisons"]:
        add_comparison(suite, folder, comparison)
    about = {"name": "hostblob-ci", "tests": str(len(suite.cases)), "failures": str(suite.failures),
             "errors": str(suite.errors), "time": f"{run['seconds']:.3f}"}
    root = Xml.Element("testsuites", about)
    inner = Xml.SubElement(root, "testsuite", {**about, "skipped": "0"})
    if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ?", run["began"]):
        inner.set("timestamp", run["began"].rstrip("Z"))
    properties = Xml.SubElement(inner, "properties")
    for group in ("host", "stack"):
        for key, value in run[group].items():
            Xml.SubElement(properties, "property", {"name": clean(f"{group}.{key}"),
                                                    "value": clean(value)})
    inner.extend(suite.cases)
    Xml.indent(root, " ")
    return Xml.tostring(root, "utf-8", xml_declaration=True) + b"\n"
