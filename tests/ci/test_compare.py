#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What src/ci/compare.py says of pictures that are right, wrong, damaged, huge or not there."""
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib

HERE = os.path.dirname(os.path.realpath(__file__))
PROGRAM = os.path.join(HERE, "../../src/ci/compare.py")
sys.path.insert(0, os.path.dirname(PROGRAM))

try:
    from PIL import Image
except ImportError:
    print("Python's module PIL is missing (Debian: python3-pil, and /usr/bin/python3)")
    sys.exit(77)
import compare
from folder import Failure


def picture(size=(64, 50), mode="RGB"):
    drawn = Image.new("RGB", size)
    drawn.putdata([(x * 3 % 256, y * 5 % 256, (x ^ y) % 256)
                   for y in range(size[1]) for x in range(size[0])])
    return drawn.convert(mode)


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def bare_png(width, height, depth=8, body=b""):
    head = struct.pack(">IIBBBBB", width, height, depth, 2, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(body))
            + chunk(b"IEND", b""))


class Compare(unittest.TestCase):
    def setUp(self):
        self.top = tempfile.mkdtemp(prefix="hostblob-compare.")
        self.addCleanup(shutil.rmtree, self.top, ignore_errors=True)
        self.out, self.expect = (os.path.join(self.top, name) for name in ("out", "expect"))
        os.makedirs(os.path.join(self.out, "pictures"))
        os.makedirs(self.expect)

    def got(self, drawn, name="a.png"):
        drawn.save(os.path.join(self.out, "pictures", name))

    def expected(self, drawn, name="a.png"):
        drawn.save(os.path.join(self.expect, name))

    def bytes_got(self, data, name="a.png"):
        with open(os.path.join(self.out, "pictures", name), "wb") as file:
            file.write(data)

    def limits(self, text):
        with open(os.path.join(self.expect, "limits.ini"), "w", encoding="utf-8") as file:
            file.write(text)

    def only(self, **more):
        results = compare.check(self.out, self.expect, **more)
        self.assertEqual(len(results), 1, results)
        json.dumps(results, allow_nan=False)
        return results[0]

    def fails(self, *words):
        result = self.only()
        self.assertFalse(result["passed"], result)
        for word in words:
            self.assertIn(word, result["why"])
        return result

    def open_out(self, name):
        return Image.open(os.path.join(self.out, name)).convert("RGB")

    def test_same(self):
        self.got(picture())
        self.expected(picture())
        result = self.only()
        self.assertTrue(result["passed"], result)
        self.assertEqual((result["measure"], result["value"], result["difference"]), ("exact", 0, None))
        self.assertEqual(self.open_out(result["expected"]).size, (64, 50))

    def test_the_form_of_the_file_does_not_matter(self):
        self.got(picture(mode="P"))
        self.expected(picture(mode="P").convert("RGBA"))
        self.assertTrue(self.only()["passed"])

    def test_one_wrong_pixel(self):
        wrong = picture()
        wrong.putpixel((40, 7), (120, 35, 46))  # one less than it ought to be
        self.assertEqual(picture().getpixel((40, 7)), (120, 35, 47))
        self.got(wrong)
        self.expected(picture())
        result = self.fails("1 of 3200 pixels differs; none may", "at 40, 7", "1 of 255")
        self.assertEqual(result["value"], 1)
        shown = self.open_out(result["difference"])
        self.assertEqual(shown.size, (64, 50))
        self.assertEqual(shown.getpixel((40, 7)), compare_mark())
        self.assertEqual(sum(pixel == compare_mark() for pixel in shown.getdata()), 1)
        self.assertLess(max(shown.getpixel((2, 40))), 128)  # dimmed
        self.assertEqual(self.open_out(result["close"]).size, (2 * 48 * 8 + 8, 48 * 8))

    def test_black_and_white(self):
        self.got(Image.new("L", (60, 60), 0))
        self.expected(Image.new("L", (60, 60), 255))
        self.fails("3600 of 3600 pixels differ", "in 60 x 60, and are up to 255 of 255 off")

    def test_alpha_counts(self):
        wrong = picture(mode="RGBA")
        wrong.putpixel((0, 0), wrong.getpixel((0, 0))[:3] + (254,))
        self.got(wrong)
        self.expected(picture())
        self.fails("1 of 3200")

    def test_other_size(self):
        self.got(picture((64, 49)))
        self.expected(picture())
        result = self.fails("it is 64 x 49 pixels, the reference 64 x 50")
        self.assertIsNone(result["difference"])

    def test_missing_picture(self):
        self.expected(picture())
        result = self.fails("the run left no picture pictures/a.png")
        self.assertEqual((result["got"], result["expected"]), (None, "expected/a.png"))

    def test_pixels(self):
        wrong = picture()
        for x in range(5):
            wrong.putpixel((x, 20), (wrong.getpixel((x, 20))[0] + 2, 100, 20 ^ x))
        self.got(wrong)
        self.expected(picture())
        self.limits("[DEFAULT]\nmeasure = pixels\nlimit = 4\n")
        self.fails("5 of 3200 pixels differ; 4 may")
        self.limits("[a.png]\nmeasure = pixels\nlimit = 5\n")
        self.assertTrue(self.only()["passed"])
        self.limits("[a.png]\nmeasure = pixels\ntolerance = 2\n")
        self.assertTrue(self.only()["passed"])
        self.limits("[a.png]\nmeasure = pixels\ntolerance = 1\n")
        self.fails("by more than 1 of 255; none may")

    def test_psnr(self):
        self.expected(picture())
        self.got(picture().point([min(v + 5, 255) for v in range(256)] * 3))
        self.limits("[a.png]\nmeasure = psnr\nlimit = 30\n")
        result = self.only()
        self.assertTrue(result["passed"])
        self.assertAlmostEqual(result["value"], 34.2, delta=0.3)  # 20 log10(255 / 5), less what is 255
        self.limits("[a.png]\nmeasure = psnr\nlimit = 40.5\n")
        self.fails("at least 40.5 dB is asked")
        self.got(picture())
        self.assertEqual((self.only()["passed"], self.only()["value"]), (True, None))

    def test_psnr_of_one_step(self):
        self.expected(Image.new("L", (8, 8), 100))
        self.got(Image.new("L", (8, 8), 101))
        self.limits("[a.png]\nmeasure = psnr\nlimit = 48\n")
        self.assertAlmostEqual(self.only()["value"], 48.131, places=3)

    def test_other_name(self):
        self.got(picture(), "end-0.png")
        self.expected(picture(), "triangle.png")
        self.limits("[triangle.png]\npicture = end-0.png\n")
        result = self.only()
        self.assertEqual((result["name"], result["got"], result["passed"]),
                         ("triangle.png", "pictures/end-0.png", True))
        self.limits("[triangle.png]\npicture = ../../expect/triangle.png\n")
        self.fails("names no file")

    def test_bad_limits(self):
        self.got(picture())
        self.expected(picture())
        for text, words in (("[b.png]\nlimit = 1\n", "no such reference"),
                            ("[a.png]\nlimits = 1\n", "no such key"),
                            ("[a.png]\nmeasure = ssim\n", "one of exact, pixels, psnr"),
                            ("[a.png]\nmeasure = psnr\n", "needs a limit"),
                            ("[a.png]\nmeasure = psnr\nlimit = nan\n", "number from 0 to 200"),
                            ("[a.png]\nmeasure = pixels\nlimit = -1\n", "whole number"),
                            ("[a.png]\nmeasure = pixels\ntolerance = 255\n", "0 to 254"),
                            ("limit = 3\n", "not understood"), ("[a.png\n", "not understood"),
                            ("[a.png]\n[a.png]\n", "not understood")):
            self.limits(text)
            with self.assertRaisesRegex(Failure, words):
                compare.check(self.out, self.expect)

    def test_nothing_to_compare(self):
        self.got(picture())
        with self.assertRaisesRegex(Failure, "has no PNG file"):
            compare.check(self.out, self.expect)
        with self.assertRaisesRegex(Failure, "nowhere.*No such file"):
            compare.check(self.out, os.path.join(self.top, "nowhere"))

    def test_damaged(self):
        self.expected(picture())
        self.got(picture())
        with open(os.path.join(self.out, "pictures/a.png"), "rb") as file:
            whole = file.read()
        self.bytes_got(b"")
        self.fails("is no PNG file")
        self.bytes_got(b"GIF89a" + bytes(50))
        self.fails("is no PNG file")
        self.bytes_got(bare_png(64, 50, 16))
        self.fails("16 bits a channel")
        for size in range(30, len(whole) - 40, len(whole) // 23):
            self.bytes_got(whole[:size])
            self.fails("is damaged")
        for at in range(33, len(whole) - 20, len(whole) // 41):
            self.bytes_got(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1:])
            self.assertFalse(self.only()["passed"], at)

    def test_huge(self):
        self.expected(picture())
        self.bytes_got(bare_png(60000, 60000))
        self.fails("60000 x 60000 pixels, more than")
        self.bytes_got(bare_png(0xffffffff, 0xffffffff))
        self.fails("more than")
        self.bytes_got(bare_png(0, 50))
        self.fails("has no pixels")
        self.bytes_got(bare_png(64, 50, 8, bytes(1 << 20)))  # more bytes than pixels
        self.assertFalse(self.only()["passed"])

    def test_damaged_reference(self):
        self.got(picture())
        with open(os.path.join(self.expect, "a.png"), "wb") as file:
            file.write(b"gone")
        self.fails("expect/a.png is no PNG file")

    def test_links_and_fifos(self):
        self.expected(picture())
        path = os.path.join(self.out, "pictures/a.png")
        os.symlink(os.path.join(self.expect, "a.png"), path)
        self.fails("symbolic link, which is not followed")
        os.unlink(path)
        os.mkfifo(path)
        self.fails("is no plain file")
        shutil.rmtree(os.path.dirname(path))
        os.symlink(self.expect, os.path.dirname(path))
        self.fails("symbolic link")

    def test_a_planted_link_is_not_written_through(self):
        victim = os.path.join(self.top, "victim")
        with open(victim, "w", encoding="utf-8") as file:
            file.write("mine")
        self.expected(picture())
        self.got(picture())
        os.mkdir(os.path.join(self.out, "expected"))
        os.symlink(victim, os.path.join(self.out, "expected/a.png"))
        self.assertTrue(self.only()["passed"])
        with open(victim, encoding="utf-8") as file:
            self.assertEqual(file.read(), "mine")
        shutil.rmtree(os.path.join(self.out, "expected"))
        os.symlink(self.top, os.path.join(self.out, "expected"))
        self.fails("symbolic link")
        self.assertFalse(os.path.exists(os.path.join(self.top, "a.png")))

    def test_unwritable(self):
        self.expected(picture())
        self.got(picture((20, 20)))
        with open(os.path.join(self.out, "expected"), "w", encoding="utf-8"):
            pass  # a file where the folder would be: root, too, cannot write there
        self.fails("out/expected/a.png: Not a directory")

    def test_bless_new(self):
        shutil.rmtree(self.expect)
        self.got(picture())
        self.got(picture((9, 9)), "b.png")
        results = compare.check(self.out, self.expect, bless=True)
        self.assertEqual([(r["name"], r["blessed"], r["passed"]) for r in results],
                         [("a.png", "new", True), ("b.png", "new", True)])
        self.assertTrue(all(r["passed"] for r in compare.check(self.out, self.expect)))
        shutil.rmtree(self.expect)
        self.assertEqual(self.only(bless=True, names=["b.png"])["name"], "b.png")

    def test_bless_changes_what_failed_alone(self):
        wrong = picture()
        wrong.putpixel((1, 1), (255, 0, 0))
        for name in ("a.png", "b.png", "c.png"):
            self.expected(picture(), name)
            self.got(wrong, name)
        self.limits("[b.png]\nmeasure = psnr\nlimit = 20\n")
        os.unlink(os.path.join(self.out, "pictures/c.png"))
        results = compare.check(self.out, self.expect, bless=True)
        self.assertEqual([(r.get("blessed"), r["passed"]) for r in results],
                         [("changed", True), (None, True), (None, False)])
        self.assertIsNotNone(results[0]["difference"])
        self.assertEqual(Image.open(os.path.join(self.expect, "a.png")).getpixel((1, 1)), (255, 0, 0))
        self.assertNotEqual(Image.open(os.path.join(self.expect, "b.png")).getpixel((1, 1)), (255, 0, 0))

    def test_bless_mends_a_damaged_reference_and_takes_no_damaged_picture(self):
        self.got(picture())
        with open(os.path.join(self.expect, "a.png"), "wb") as file:
            file.write(b"gone")
        self.assertEqual(self.only(bless=True)["blessed"], "changed")
        self.bytes_got(b"gone")
        self.assertFalse(self.only(bless=True)["passed"])
        self.got(picture())
        self.assertTrue(self.only()["passed"])

    def test_bless_cannot_write(self):
        self.got(picture())
        blocked = os.path.join(self.top, "file")
        with open(blocked, "w", encoding="utf-8"):
            pass
        with self.assertRaisesRegex(Failure, "file/expect: Not a directory"):
            compare.check(self.out, os.path.join(blocked, "expect"), bless=True)

    def test_settle(self):
        good, bad = {"name": "a.png", "passed": True}, {"name": "b.png", "passed": False}
        for run, results, verdict in (({"status": 0, "verdict": "passed"}, [good, bad], "failed"),
                                      ({"status": 0, "verdict": "failed"}, [good], "passed"),
                                      ({"status": 1, "verdict": "failed"}, [good], "failed"),
                                      ({"status": None, "verdict": "timed out"}, [bad], "timed out"),
                                      ({"status": 0, "verdict": "failed", "steps": [{"status": 3}]},
                                       [good], "failed")):
            compare.settle(run, results)
            self.assertEqual(run["verdict"], verdict)
            self.assertEqual(run["comparisons"], results)

    def run_program(self, *words):
        return subprocess.run([sys.executable, PROGRAM, *words], capture_output=True, text=True,
                              timeout=60, check=False)

    def test_program(self):
        self.got(picture())
        words = ("--expect", self.expect, self.out)
        done = self.run_program(*words)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("has no PNG file", done.stderr)
        with open(os.path.join(self.out, "run.json"), "w", encoding="utf-8") as file:
            json.dump({"status": 0, "verdict": "passed", "comparisons": []}, file)
        done = self.run_program("--bless", *words)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("new     a.png", done.stdout)
        self.got(picture((3, 3)))
        done = self.run_program(*words)
        self.assertEqual(done.returncode, 1)
        self.assertIn("FAILED  a.png: it is 3 x 3 pixels", done.stdout)
        with open(os.path.join(self.out, "run.json"), encoding="utf-8") as file:
            run = json.load(file)
        self.assertEqual((run["verdict"], run["why"]),
                         ("failed", "The picture a.png is not as expected."))

    def test_names_that_the_guest_chose(self):
        name = b"\x1b]0;owned\x07\xff.png"
        with open(os.path.join(self.out, "pictures").encode() + b"/" + name, "wb") as file:
            picture().save(file, "PNG")
        done = self.run_program("--bless", "--expect", self.expect, self.out)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("new     ^[]0;owned^G\ufffd.png: there was no reference", done.stdout)

    def test_program_help(self):
        done = self.run_program("--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("--bless", done.stdout)
        self.assertEqual(self.run_program().returncode, 2)
        self.assertEqual(self.run_program("--unknown").returncode, 2)


def compare_mark():
    from compare_picture import MARK
    return MARK


if __name__ == "__main__":
    unittest.main()
