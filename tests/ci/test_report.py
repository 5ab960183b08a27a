#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What src/ci/report.py makes of runs: of a good one, of hostile logs and names, and of what is missing."""
import base64
import hashlib
import html.parser
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as Xml

import sample  # skips all of this where Pillow is missing

import report
import report_pictures
import report_text
import report_timeline
from folder import Failure, Folder
from report_trace import read_trace

PROGRAM = os.path.join(sample.HERE, "../../src/ci/report.py")
NASTY = ("</pre><script>alert(1)</script><img src=x onerror=alert(1)>\" onload=\"x' & &amp; \x00\x01\x1b[31m"
         "\x1b]8;;http://leads.invalid/\x07link\x1b]8;;\x07 \ud800 \ufffe \uffff \u202e]]> $style ${title} "
         "[[ATTACHMENT|/etc/passwd]]")


class Page(html.parser.HTMLParser):
    """The elements and texts of a page; complains of what does not close."""
    EMPTY = {"meta", "link", "img", "br", "input"}

    def __init__(self, text):
        super().__init__()
        self.elements, self.texts, self.open, self.bad = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        while self.open and self.open[-1] in ("th",) and tag == "tr":
            self.open.pop()  # may be left open
        if not self.open or self.open.pop() != tag:
            self.bad.append(tag)

    def handle_data(self, data):
        self.texts.append(data)

    def all(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]


class Report(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.top = tempfile.mkdtemp(prefix="hostblob-report.")
        cls.addClassCleanup(shutil.rmtree, cls.top, ignore_errors=True)
        cls.samples = {kind: sample.make(os.path.join(cls.top, kind), kind)
                       for kind in ("failed", "passed", "died")}

    def copy(self, kind="failed"):
        out = tempfile.mkdtemp(dir=self.top)
        shutil.copytree(self.samples[kind], out, dirs_exist_ok=True)
        return out

    def change(self, out, **more):
        with open(os.path.join(out, "run.json"), encoding="utf-8") as file:
            run = json.load(file)
        run.update(more)
        with open(os.path.join(out, "run.json"), "w", encoding="utf-8") as file:
            json.dump(run, file)

    def write(self, out):
        """The page and the XML of a run, of which both are well-formed and harmless."""
        report.write(out)
        with open(os.path.join(out, "report.html"), encoding="utf-8") as file:
            text = file.read()
        page = Page(text)
        self.assertEqual((page.bad, page.open), ([], []))
        self.check_harmless(page)
        return text, page, Xml.parse(os.path.join(out, "junit.xml")).getroot()

    def check_harmless(self, page):
        self.assertEqual(len(page.all("script")), 1)
        self.assertEqual(len(page.all("style")), 1)
        for tag, attrs in page.elements:
            self.assertNotIn(tag, ("iframe", "object", "embed", "base", "form", "audio", "video"))
            for key, value in attrs.items():
                self.assertFalse(key.startswith("on") or key == "style", (tag, attrs))
                if key in ("src", "href", "srcset", "poster", "xlink:href", "action"):
                    self.assertRegex(value, "^(#|data:,$|data:image/png;base64,)")
        for text in page.texts:
            self.assertIsNone(re.search("[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text))

    def test_policy(self):
        text, page, _ = self.write(self.copy())
        policy = next(m["content"] for m in page.all("meta")
                      if m.get("http-equiv") == "Content-Security-Policy")
        self.assertIn("default-src 'none'", policy)
        self.assertNotIn("unsafe", policy)
        for tag in ("style", "script"):
            inside = re.search(f"<{tag}>(.*?)</{tag}>", text, re.S)[1]
            digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
            self.assertIn(f"{tag}-src 'sha256-{digest}'", policy)
            self.assertIsNone(re.search("url\\(|@import|fetch\\(|https?:", inside))
        self.assertLess(text.index("Content-Security-Policy"), text.index("<style"))

    def test_what_is_shown(self):
        text, page, _ = self.write(self.copy())
        said = " ".join(page.texts)
        for words in ("Failed", "4 of 5 pictures are not as expected", "'<one & only>'",
                      "/dev/kvm is missing", "virgl, virgl2, venus", "start the compositor", "8.9 s", "Compared", "Timeline",
                      "It is 640 x 400 pixels, the reference 320 x 200", "The run left no picture",
                      "1 of 256000 pixels differs", "another one took the place of one at 5.9 s", "26; ",
                      "in logs/device.log"):
            self.assertIn(words, said)
        self.assertEqual(len(page.all("details")), 5 + 4)
        self.assertEqual(sum("open" in attrs for attrs in page.all("details")), 4)
        # 11 in the strip, 3 + 3 + 3 + 2 + 1 compared, one magnified
        self.assertEqual(len(page.all("img")), 11 + 12 + 1)
        self.assertTrue(all(img["alt"] for img in page.all("img")))
        self.assertEqual(text.count('class="mapping stays"'), 3)

    def test_passed(self):
        _, page, root = self.write(self.copy("passed"))
        self.assertIn("Passed", page.texts)
        self.assertEqual(sum("open" in attrs for attrs in page.all("details")), 0)
        self.assertEqual((root.get("failures"), root.get("errors"), root.get("tests")), ("0", "0", "8"))
        self.assertEqual(root.findall(".//failure") + root.findall(".//error"), [])

    def test_junit(self):
        out = self.copy()
        _, _, root = self.write(out)
        self.assertEqual(root.tag, "testsuites")
        suite = root.find("testsuite")
        self.assertEqual({key: suite.get(key) for key in ("tests", "failures", "errors", "timestamp")},
                         {"tests": "10", "failures": "5", "errors": "0", "timestamp": "2026-11-23T23:40:00"})
        cases = {(case.get("classname"), case.get("name")): case for case in suite.findall("testcase")}
        self.assertEqual(len(cases), 10)
        triangle = cases["hostblob-ci.picture", "triangle.png"]
        self.assertIn("1 of 256000 pixels differs", triangle.find("failure").text)
        self.assertRegex(triangle.find("system-out").text,
                         r"^\[\[ATTACHMENT\|.*/differences/triangle.png\]\]$")
        self.assertEqual(cases["hostblob-ci.step", "boot"].get("time"), "4.200")
        self.assertIn("draw triangle", cases["hostblob-ci.command",
                                             "./triangle --frames 600 --title <one & only>"]
                      .find("system-out").text)
        self.assertEqual(suite.find("properties/property[@name='stack.driver']").get("value"), "Mesa 26.1.0")

    def test_junit_of_the_dead(self):
        _, page, root = self.write(self.copy("died"))
        self.assertIn("Guest died", page.texts)
        self.assertEqual((root.get("errors"), root.get("failures")), ("1", "1"))
        self.assertIn("kernel panicked", root.find(".//error").text)
        self.assertIn("did not end", root.find(".//failure").text)

    def test_junit_names_are_one_of_a_kind(self):
        out = self.copy("passed")
        self.change(out, steps=[{"name": "again", "at": 0, "seconds": 1, "status": n} for n in range(3)])
        root = self.write(out)[2]
        names = [case.get("name") for case in root.iter("testcase")]
        self.assertEqual([n for n in names if n.startswith("again")], ["again", "again (2)", "again (3)"])

    def test_hostile_words(self):
        out = self.copy()
        path = os.path.join(out, "logs/command.log")
        with open(path, "wb") as file:
            file.write(NASTY.encode("utf-8", "surrogatepass") + b"\xff\xfe\n" + bytes(range(256)))
        with open(os.path.join(out, "run.json"), encoding="utf-8") as file:
            run = json.load(file)

        def spoil(value, key=""):
            if isinstance(value, dict):
                return {(k if k in run or k in KEPT else k + NASTY): spoil(v, k) for k, v in value.items()}
            if isinstance(value, list):
                return [spoil(item, key) for item in value]
            if isinstance(value, str) and key not in ("file", "got", "expected", "difference", "log",
                                                      "close", "trace"):
                return value + NASTY
            return value

        self.change(out, **spoil(run))
        text, page, root = self.write(out)
        said = "".join(page.texts)
        self.assertIn("<script>alert(1)</script>", said)
        self.assertNotIn("<script>alert", text)
        self.assertIn("$style ${title}", said)
        self.assertIn("<U+202E>", said)
        for element in root.iter("system-out"):
            self.assertNotIn("[[ATTACHMENT|/etc", element.text)
        for element in root.iter("failure"):
            self.assertNotIn("[[ATTACHMENT", element.text)

    def test_wrong_types(self):
        for wrong in (None, 1, -1, 1e400, "x", [], {}, [1], [[]], [None], {"a": [{}]}, [{}], True,
                      [{"at": "x", "seconds": -5, "name": {}, "file": 3, "log": [], "got": "../../x"}]):
            out = self.copy("passed")
            keys = ("command", "began", "seconds", "status", "verdict", "why", "host", "stack", "steps",
                    "pictures", "comparisons", "logs", "trace", "monotonic")
            self.change(out, **{key: wrong for key in keys})
            self.write(out)
        out = self.copy("passed")
        with open(os.path.join(out, "run.json"), "w", encoding="utf-8") as file:
            file.write('{"version": 1}')
        _, page, _ = self.write(out)
        self.assertIn("Broken", page.texts)

    def test_no_record(self):
        out = self.copy()
        path = os.path.join(out, "run.json")
        for text, words in (("", "not understood"), ("[" * 100000, "not understood"), ("[]", "no record"),
                            ('{"version": 2}', "another version"), ("{\xff", "not understood")):
            with open(path, "w", encoding="latin-1") as file:
                file.write(text)
            with self.assertRaisesRegex(Failure, words):
                report.write(out)
        os.unlink(path)
        with self.assertRaisesRegex(Failure, "run.json: No such file"):
            report.write(out)

    def test_missing_files(self):
        out = self.copy()
        for name in ("logs", "pictures", "differences", "expected", "closeups"):
            shutil.rmtree(os.path.join(out, name))
        os.unlink(os.path.join(out, "trace.json"))
        _, page, root = self.write(out)
        said = " ".join(page.texts)
        for name in ("logs/command.log", "pictures/0001.png", "differences/triangle.png", "trace.json"):
            self.assertIn(f"{name}: No such file or directory", said)
        self.assertIn("No such file", root.find(".//system-out").text)
        self.assertEqual(page.all("img"), [])

    def test_links_lead_nowhere(self):
        out = self.copy()
        secret = os.path.join(self.top, "secret")
        with open(secret, "w", encoding="utf-8") as file:
            file.write("do not tell")
        for name in ("logs/command.log", "trace.json"):
            os.unlink(os.path.join(out, name))
            os.symlink(secret, os.path.join(out, name))
        shutil.rmtree(os.path.join(out, "pictures"))
        os.symlink(os.path.join(self.samples["failed"], "pictures"), os.path.join(out, "pictures"))
        os.unlink(os.path.join(out, "logs/console.log"))
        os.mkfifo(os.path.join(out, "logs/console.log"))
        os.symlink(secret, os.path.join(out, "report.html"))
        self.change(out, logs=[{"name": "log", "file": name} for name in (
            "logs/command.log", "/etc/passwd", "../../secret", "logs/console.log")])
        text, page, root = self.write(out)
        self.assertNotIn("do not tell", text + Xml.tostring(root, "unicode"))
        self.assertNotIn("root:", text)
        said = " ".join(page.texts)
        for words in ("command.log is a symbolic link", "pictures is a symbolic link", "names no file",
                      "is no plain file"):
            self.assertIn(words, said)
        with open(secret, encoding="utf-8") as file:
            self.assertEqual(file.read(), "do not tell")

    def test_unwritable(self):
        out = self.copy()
        os.mkdir(os.path.join(out, "report.html"))
        with self.assertRaisesRegex(Failure, "report.html: Is a directory"):
            report.write(out)
        self.assertEqual([n for n in os.listdir(out) if n.startswith(".")], [])

    def test_long_log(self):
        out = self.copy()
        with open(os.path.join(out, "logs/command.log"), "wb") as file:
            file.write(b"first line\n" + b"x" * 99 + b"\n" + b"line of ten\n" * 500000)
        _, page, root = self.write(out)
        said = " ".join(page.texts)
        self.assertIn("The last 64 KiB; 5.7 MiB before them are in logs/command.log.", said)
        self.assertNotIn("first line", said)
        self.assertLess(os.path.getsize(os.path.join(out, "junit.xml")), 100 << 10)
        self.assertIn("before this are in logs/command.log", root.find(".//system-out").text)

    def test_many_pictures(self):
        out = self.copy("passed")
        pictures = [{"file": "pictures/0001.png", "output": 0, "at": n, "why": ""} for n in range(5000)]
        self.change(out, pictures=pictures)
        text, page, _ = self.write(out)
        self.assertIn("240 of 5000 pictures are shown", " ".join(page.texts))
        self.assertIn("83 min 19 s", text)
        none = report_pictures.Pictures(Folder(out), 100)
        self.assertIn("the page would become too large", none.image("pictures/0001.png", "x"))
        few = report_pictures.Pictures(Folder(out), 30000)
        self.assertLess(report_pictures.filmstrip(few, pictures).count("<img"), 8)

    def test_bad_pictures(self):
        out = self.copy("passed")
        for name, data in (("0001", b"<svg onload=x>"), ("0002", b""),
                           ("0003", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + b"\x7f\xff\xff\xff" * 2 + b"\x08\2")):
            with open(os.path.join(out, f"pictures/{name}.png"), "wb") as file:
                file.write(data)
        said = " ".join(self.write(out)[1].texts)
        self.assertIn("pictures/0001.png is no PNG file", said)
        self.assertIn("pictures/0002.png is no PNG file", said)
        self.assertIn("2147483647 x 2147483647 pixels", said)

    def test_program(self):
        out = self.copy()
        done = subprocess.run([sys.executable, PROGRAM, out], capture_output=True, text=True, timeout=60,
                              check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        done = subprocess.run([sys.executable, PROGRAM, self.top], capture_output=True, text=True,
                              timeout=60, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, "^report: .*run.json: No such file or directory\n$")
        done = subprocess.run([sys.executable, PROGRAM, "--help"], capture_output=True, text=True,
                              timeout=60, check=False)
        self.assertEqual(done.returncode, 0)
        self.assertIn("report.html", done.stdout)


KEPT = {"name", "file", "log", "at", "seconds", "status", "output", "got", "expected", "difference",
        "close", "measure", "passed", "value", "limit", "blessed"}


class Text(unittest.TestCase):
    def plain(self, data, expected):
        self.assertEqual(report_text.to_plain(data), expected)

    def test_terminal(self):
        self.plain(b"one\r\ntwo\n", "one\ntwo\n")
        self.plain(b" 10 %\r 20 %\r100 %\n", "100 %\n")
        self.plain(b"\x1b[2J\x1b[1;1Hclear\x1b[K\x1bc", "clear")
        self.plain(b"\x1b]0;title\x07a\x1b]2;other\x1b\\b\x1bPq#1\x1b\\c\x1b(Bd", "abcd")
        self.plain(b"man\x08\x08\x08wo\x08\x08\x08\x08x", "x")
        self.plain(b"end\x1b", "end")
        self.plain(b"end\x1b[12", "end12")
        self.plain(b"\x07\x00\x7f", "^G^@^?")
        self.plain("\u202eabc\u2066\u200b".encode(), "<U+202E>abc<U+2066><U+200B>")
        self.plain(b"\xff\xc2\x9b31m", "\ufffd\ufffd31m")

    def test_colours(self):
        many = b"\x1b[38;5;9mc\x1b[38;2;1;31;1md\x1b[mx"
        self.assertEqual(report_text.to_html(b"\x1b[1;31m<a>\x1b[0m b " + many),
                         '<span class="c1 bold">&lt;a&gt;</span> b <span class="c9">c</span>'
                         '<span class="c9">d</span>x')
        self.assertEqual(report_text.to_html(b"\x1b[32mone\ntwo\x1b[39m"),
                         '<span class="c2">one</span>\n<span class="c2">two</span>')
        self.assertEqual(report_text.to_html(b"\x1b[999999999999;;;38;5m\x1b[38mx"), "x")

    def test_takes_no_long(self):
        for piece in (b"\x1b", b"\x1b]", b"\x1bP", b"\x1b[", b"\x1b[1", b"a\x08", b"\r", b"\x08"):
            report_text.to_html(piece * (65536 // len(piece)))


class Traces(unittest.TestCase):
    def setUp(self):
        self.top = tempfile.mkdtemp(prefix="hostblob-trace.")
        self.addCleanup(shutil.rmtree, self.top, ignore_errors=True)

    def read(self, data):
        with open(os.path.join(self.top, "trace.json"), "wb") as file:
            file.write(data)
        return read_trace(Folder(self.top), "trace.json")

    def test_as_written(self):
        trace = self.read(
            b'[{"ph":"M","name":"hostblob_trace","pid":1,"args":{"version":"0.1.0"}},\n'
            b'{"ph":"M","name":"process_name","pid":5,"tid":5,"args":{"name":"hostblob-gpu worker /a"}},\n'
            b'{"ph":"b","pid":4,"tid":4,"cat":"map","name":"mapping","id2":{"local":"1"},"ts":1000000.500,'
            b'"args":{"offset":0,"size":4096,"id":3}},\n'
            b'{"ph":"b","pid":5,"tid":5,"cat":"piece","name":"piece","id":"9.0","ts":1100000.0,'
            b'"args":{"offset":8192,"size":8192,"id":4}},\n'
            b'{"ph":"i","pid":5,"tid":5,"cat":"frame","name":"flush","ts":1200000.0,"s":"t","args":{}},\n'
            b'{"ph":"X","pid":5,"tid":5,"cat":"command","name":"GET","ts":1300000.0,"dur":500.000,'
            b'"args":{}},\n'
            b'{"ph":"e","pid":6,"tid":6,"cat":"piece","name":"piece","id":"9.0","ts":1400000.0,"args":{}},\n'
            b'{"ph":"e","pid":6,"tid":6,"cat":"map","name":"mapping","id2":{"local":"1"},'
            b'"ts":1500000.0,"args":{}},\n'
            b'{"ph":"i","pid":5,"cat":"fra')  # the writer was killed
        self.assertEqual((len(trace.frames), trace.commands, trace.workers, trace.again),
                         (1, [(1.3, 0.0005)], 1, []))
        self.assertEqual([(m.begin, m.end, m.size) for m in trace.mappings],
                         [(1.0000005, None, 4096), (1.1, 1.4, 8192)])
        self.assertEqual(trace.steps_of_memory(), [(1.0000005, 4096), (1.1, 12288), (1.4, 4096)])
        drawn, facts = report_timeline.draw(trace)
        Xml.fromstring(drawn)
        self.assertIn("1 still there", dict(facts)["Mappings"])

    def test_time_of_the_run(self):
        trace = self.read(b'{"ph":"i","pid":5,"cat":"frame","ts":5000000}\n'
                          b'{"ph":"i","pid":5,"cat":"frame","ts":6000000}')
        drawn = report_timeline.draw(trace, 1.0)[0]
        self.assertIn(">5.0 s</text>", drawn)
        scale = report_timeline.Scale(1.0, 6.0)
        self.assertAlmostEqual(scale.x(3.5), report_timeline.LEFT + report_timeline.PLOT / 2)

    def test_hostile(self):
        for line in (b"", b"[]", b"null", b"[[[[", b'{"pid":1}', b'{"ts":1e999,"pid":1}',
                     b'{"ts":NaN,"pid":1}', b'{"ts":-5,"pid":1}', b'{"ts":1,"pid":[1],"cat":{}}', b"\xff\xfe", b"[" * 100000):
            self.assertIsNone(self.read(line + b"\n"), line)
        for more in (b'"cat":"map","ph":"b","args":[1],"id2":7', b'"cat":"map","ph":"b","id":{"a":[]}',
                     b'"cat":"command","ph":"X","dur":"<b>"', b'"cat":"frame","ph":"i"', b'"cat":[],"ph":{}',
                     b'"cat":"map","ph":"b","args":{"size":1e300,"offset":1e300}',
                     b'"cat":"map","ph":"b","args":{"size":' + b"9" * 400 + b'}'):
            trace = self.read(b"".join(b'{"ts":%d,"pid":1,%s}\n' % (at, more) for at in (1, (1 << 64) - 1)))
            Xml.fromstring(report_timeline.draw(trace)[0])

    def test_many(self):
        lines = [b'{"ts":%d,"pid":1,"cat":"map","ph":"b","id2":{"local":"%x"},"args":{"size":4096}}'
                 % (n * 10, n) for n in range(20000)]
        trace = self.read(b",\n".join(lines))
        drawn, facts = report_timeline.draw(trace)
        self.assertLess(len(drawn), 400000)
        self.assertIn("20000; 20000 at once", dict(facts)["Mappings"])
        self.assertIn("19985 of them are not drawn", dict(facts)["Mappings"])


if __name__ == "__main__":
    unittest.main()
