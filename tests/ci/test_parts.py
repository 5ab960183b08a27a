#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Tests what hostblob-ci is made of, without a guest: options, quoting, streams, run.json."""
import contextlib
import io
import json
import os
import stat
import struct
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
PROGRAM = os.path.join(TOP, "src/ci/hostblob-ci")
sys.path.insert(0, os.path.join(TOP, "src/ci"))
import initramfs  # noqa: E402
import job  # noqa: E402
import options  # noqa: E402
import places  # noqa: E402
from recorder import Recorder  # noqa: E402
from streams import Stream  # noqa: E402

# Words that a shell would not leave alone.
NASTY = ["", " ", "a b", "$HOME", "`id`", "$(id)", "'", '"', "\\", "a\nb", "\n", "*", "~", "#", "-n", "--",
         "a=b", "!x", "\t", "&", "ü", "\udcff", "a'b\"c$d\\e\nf", ";exit 3", "{1,2}"]


def parse(*words):
    return options.parse(["run", *words], lambda: "1")


class Options(unittest.TestCase):
    def test_bless_needs_references(self):
        self.assertIn("--expect DIR", self.refused("run", "--bless", "--", "true"))
        self.assertTrue(parse("--bless", "--expect", "d", "--", "true").bless)

    def refused(self, *words):
        said = io.StringIO()
        with contextlib.redirect_stderr(said), self.assertRaises(SystemExit) as end:
            options.parse(list(words), lambda: "1")
        self.assertEqual(end.exception.code, 125)
        self.assertEqual(said.getvalue().count("\n"), 1)
        return said.getvalue()

    def test_defaults(self):
        found = parse("--", "true")
        self.assertEqual(found.command, ["true"])
        self.assertEqual((found.gl, found.vulkan, found.timeout, found.smp), (False, False, 600, 2))
        self.assertEqual(found.out, os.path.join(os.getcwd(), "hostblob-ci"))

    def test_the_command_is_left_alone(self):
        self.assertEqual(parse("--gl", "--", "x", "--gl", "--", "--help").command,
                         ["x", "--gl", "--", "--help"])

    def test_what_is_wrong_is_named(self):
        self.assertIn("behind '--'", self.refused("run"))
        self.assertIn("behind '--'", self.refused("run", "--"))
        self.assertIn("behind '--'", self.refused("run", "true"))
        self.assertIn("hostblob-media", self.refused("run", "--camera", "film.mkv", "--", "true"))
        self.assertIn("0.1 at most", self.refused("run", "--screenshot", "every=0.01", "--", "true"))
        self.assertIn("end", self.refused("run", "--screenshot", "often", "--", "true"))
        self.assertIn("12x", self.refused("run", "--display", "12x", "--", "true"))
        self.assertIn("128M", self.refused("run", "--memory", "128M", "--", "true"))
        self.assertIn("'0'", self.refused("run", "--smp", "0", "--", "true"))
        self.assertIn("soon", self.refused("run", "--timeout", "soon", "--", "true"))
        self.assertIn("'walk'", self.refused("walk"))

    def test_help_names_every_option(self):
        said = subprocess.run([PROGRAM, "--help"], capture_output=True, text=True, check=True).stdout
        for word in ("gl", "vulkan", "display", "smp", "memory", "root", "env", "timeout", "screenshot",
                     "trace", "out", "quiet", "help", "version"):
            self.assertIn("\n  --" + word, said)
        self.assertLessEqual(max(map(len, said.split("\n"))), 105)


class Job(unittest.TestCase):
    def run_script(self, command, variables, folder):
        """What the script does, with 'env' in place of the guest's busybox."""
        script = job.script(command, variables, folder).replace(b"/run/hostblob-ci/busybox env", b"env")
        return subprocess.run(["sh"], input=script, capture_output=True)

    def test_words_arrive_as_they_are(self):
        with tempfile.TemporaryDirectory(prefix="a'b $c\n") as folder:
            done = self.run_script(["printf", "%s\\0", *NASTY], {"PATH": os.environ["PATH"]}, folder)
            self.assertEqual(done.stdout, b"".join(os.fsencode(word) + b"\0" for word in NASTY))
            done = self.run_script(["pwd"], {"PATH": os.environ["PATH"]}, folder)
            self.assertEqual(done.stdout, os.fsencode(folder) + b"\n")

    def test_variables_arrive_as_they_are(self):
        variables = {f"V{number}": word for number, word in enumerate(NASTY)}
        variables["A.B-C"] = "no name for a shell"
        done = self.run_script(["/usr/bin/env", "-0"], variables, "/")
        self.assertEqual(set(done.stdout.split(b"\0")[:-1]),
                         {os.fsencode(f"{name}={word}") for name, word in variables.items()})

    def test_a_command_with_an_equals_sign(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "a=b")
            with open(path, "w") as file:
                file.write("#!/bin/sh\necho ran \"$1\"\nexit 9\n")
            os.chmod(path, 0o755)
            done = self.run_script([path, "'"], {}, folder)
            self.assertEqual((done.returncode, done.stdout), (9, b"ran '\n"))

    def test_settings(self):
        text = job.settings({"share": "/a'b\n$c"}) + b'printf %s "$share"'
        done = subprocess.run(["sh"], input=text, capture_output=True)
        self.assertEqual(done.stdout, b"/a'b\n$c")

    def test_environment(self):
        found = job.environment(["A=1=2", "B", "HOME="], {"B": "x", "C": "y"})
        self.assertEqual((found["A"], found["B"], found["HOME"]), ("1=2", "x", ""))
        self.assertNotIn("C", found)
        for wrong in ("C", "=x"):
            with self.assertRaises(job.Unfit):
                job.environment([wrong], {})

    def test_folders_that_cannot_be_shared(self):
        for path in ("/", "/usr", "/etc/", "/proc/self"):
            with self.assertRaises(job.Unfit):
                job.shared_folder(path)
        self.assertEqual(job.shared_folder("/srv"), "/srv")


class Streams(unittest.TestCase):
    def passed(self, *pieces):
        reader, writer = os.pipe()
        stream = Stream(b"END!", (writer,))
        for piece in pieces:
            stream.feed(piece)
        ended = stream.ended
        stream.flush()
        os.close(writer)
        with os.fdopen(reader, "rb") as file:
            return file.read(), ended

    def test_the_end_word_is_not_passed_on(self):
        self.assertEqual(self.passed(b"abcEND!"), (b"abc", True))
        self.assertEqual(self.passed(b"abcE", b"ND", b"!"), (b"abc", True))
        self.assertEqual(self.passed(*[bytes([byte]) for byte in b"EENEND!"]), (b"EEN", True))

    def test_all_else_is(self):
        self.assertEqual(self.passed(b"abcEND", b"?"), (b"abcEND?", False))
        self.assertEqual(self.passed(b"abcEN"), (b"abcEN", False))
        self.assertEqual(self.passed(b"\0\xff\r\n"), (b"\0\xff\r\n", False))


class Places(unittest.TestCase):
    def kind(self, at, magic):
        with tempfile.NamedTemporaryFile() as file:
            file.write(bytes(at) + magic + bytes(4096))
            file.flush()
            return places.root_kind(file.name)

    def test_images_are_known(self):
        self.assertEqual(self.kind(0x438, b"\x53\xef"), "ext4")
        self.assertEqual(self.kind(1024, struct.pack("<I", 0xe0f5e1e2)), "erofs")
        self.assertEqual(self.kind(0, b"hsqs"), "squashfs")
        for at, magic, word in ((0, b"QFI\xfb", "qcow2"), (510, b"\x55\xaa", "partitions"), (0, b"", "none")):
            with self.assertRaisesRegex(job.Unfit, word):
                self.kind(at, magic)

    def test_folders(self):
        self.assertEqual(places.root_kind("/"), "9p")
        with tempfile.TemporaryDirectory() as folder:
            with self.assertRaisesRegex(job.Unfit, "no system"):
                places.root_kind(folder)
            with self.assertRaisesRegex(job.Unfit, "no such"):
                places.root_kind(folder + "/x")

    def test_modules_come_after_what_they_need(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(folder + "/modules.dep", "w") as file:
                file.write("k/virtio-gpu.ko.xz: k/b.ko.xz k/a.ko.xz\nk/b.ko.xz: k/a.ko.xz\nk/a.ko.xz:\n")
            found = initramfs.needed(folder, ["virtio-gpu", "built-in"])
            self.assertEqual([initramfs.name_of(path) for path in found], ["a", "b", "virtio_gpu"])

    def test_archives_can_be_read(self):
        archive = initramfs.pack([("d", stat.S_IFDIR | 0o755, b""), ("d/f", stat.S_IFREG | 0o600, b"odd")])
        self.assertEqual(len(archive) % 4, 0)
        self.assertEqual(archive.count(b"070701"), 3)


class Recorders(unittest.TestCase):
    def test_run_json(self):
        with tempfile.TemporaryDirectory() as folder:
            out = os.path.join(folder, "out")
            record = Recorder(out, ["a", "\udcff"])
            with open(out + "/run.json") as file:
                self.assertEqual(json.load(file)["verdict"], "broken")
            record.step("boot", "console")
            record.log("console")
            record.end_step()
            record.step("command")
            record.add_picture("pictures", b"png", 0, 1.5, "end")
            record.end("timed out", "why")
            with open(out + "/run.json") as file:
                found = json.load(file)
            self.assertEqual((found["version"], found["verdict"], found["why"], found["status"]),
                             (1, "timed out", "why", None))
            self.assertEqual([(step["name"], step["status"]) for step in found["steps"]],
                             [("boot", 0), ("command", 1)])
            self.assertEqual(found["pictures"],
                             [{"file": "pictures/0001.png", "output": 0, "at": 1.5, "why": "end"}])
            self.assertEqual(found["logs"], [{"name": "guest's console", "file": "logs/console.log"}])
            self.assertRegex(found["began"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")

    def test_an_earlier_run_goes_and_nothing_else(self):
        with tempfile.TemporaryDirectory() as folder:
            Recorder(folder, ["a"]).end("passed", "", 0)
            for name in ("logs/old", "mine"):
                with open(os.path.join(folder, name), "w"):
                    pass
            Recorder(folder, ["b"])
            self.assertFalse(os.path.exists(folder + "/logs/old"))
            self.assertTrue(os.path.exists(folder + "/mine"))

    def test_a_folder_of_others_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(folder + "/mine", "w"):
                pass
            with self.assertRaisesRegex(job.Unfit, "other things"):
                Recorder(folder, ["a"])
            self.assertEqual(os.listdir(folder), ["mine"])


if __name__ == "__main__":
    unittest.main()
