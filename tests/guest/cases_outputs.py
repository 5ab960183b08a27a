# SPDX-License-Identifier: MIT
"""The GPU's outputs: what a stock guest finds, shows and hears of, as our own screenshots see it."""
import json
import os
import subprocess
import time

from bench import Group, expect
from devices import program
from screen import Screen, pattern, read_png, same
from vm import Failure

outputs = Group("outputs", {"gpu": ["--output=1280x800@60,name=Left", "--output=1024x768@75",
                                    "--output=off"]})
REFUSED = "is answered ERR"


def hostblob(bench, *words):
    """What 'hostblob WORDS' prints."""
    done = subprocess.run([program(bench.build, "hostblob"), *words], capture_output=True,
                          text=True, timeout=30)
    if done.returncode:
        raise Failure(f"hostblob {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


def screenshot(bench, output, *more):
    """What an output shows, as our own screenshot has it."""
    path = os.path.join(bench.folder, f"output-{output}.png")
    hostblob(bench, "screenshot", bench.gpu.path, str(output), path, *more)
    return read_png(path)


def connector(bench, output, name):
    """A file of the connector in the guest's sysfs, as lines."""
    return bench.run(f"cat /sys/class/drm/card0-Virtual-{output + 1}/{name}").lines


def await_status(bench, output, wanted):
    """Waits until the guest has noticed that a monitor came or went."""
    end = time.monotonic() + 20
    while connector(bench, output, "status") != [wanted]:
        if time.monotonic() > end:
            raise Failure(f"output {output} does not become {wanted}")
        time.sleep(0.2)


def await_mode(bench, output, wanted):
    """Waits until the guest prefers a mode, given as WIDTHxHEIGHT@HZ. The guest's program, which
    must be running, asks for all there are: the kernel's console would leave out the large ones."""
    end = time.monotonic() + 20
    while True:
        bench.machine.say(f"modes {output}")
        values = bench.machine.until("modes")
        bench.machine.until("done")
        found = "{width}x{height}@{hz}".format(**values)
        if found == wanted:
            return
        if time.monotonic() > end:
            raise Failure(f"output {output} is {found}, not {wanted}")
        time.sleep(0.2)


def kms(bench, *jobs):
    """Has the guest's program do some jobs, which must be running."""
    for job in jobs:
        bench.machine.say(job)
        bench.machine.until("done")


class Kms:
    """The guest's program for its outputs, for the length of a 'with'."""

    def __init__(self, bench):
        self.bench = bench
        if not hasattr(bench, "seen_outputs"):
            # The thread that writes pictures is made for the first of them.
            screenshot(bench, 0)
            bench.remember()
            bench.seen_outputs = True

    def __enter__(self):
        self.bench.machine.begin("kms")
        self.bench.machine.until("kms")

    def __exit__(self, kind, *_):
        if kind is None:
            self.bench.machine.say("end")
            expect(0, status=self.bench.machine.end("kms").status)


def clean(bench):
    """The guest's driver has asked for nothing that we refuse."""
    refused = [line for line in bench.gpu.log().splitlines() if REFUSED in line]
    if refused:
        raise Failure("the device refused: " + refused[0])


@outputs.case
def found(bench):
    """The driver finds the outputs, with names and modes, and brings up its console on them."""
    for output, status, mode in ((0, "connected", "1280x800"), (1, "connected", "1024x768"),
                                 (2, "disconnected", None)):
        expect([status], status=connector(bench, output, "status"))
        expect([mode] if mode else [], mode=connector(bench, output, "modes")[:1])
    expect("1", left=bench.run("grep -c Left /sys/class/drm/card0-Virtual-1/edid").lines[0])
    expect(["virtio_gpudrmfb"], console=bench.run("cat /sys/class/graphics/fb0/name").lines)
    told = json.loads(hostblob(bench, "outputs", bench.gpu.path, "--json"))
    expect([1280, 1024, 0], widths=[output["shows_width"] for output in told])
    clean(bench)


@outputs.case
def console(bench):
    """What is written to the guest's console is seen."""
    Kms(bench)
    bench.run("printf '\\033[2J\\033[H\\033[31mred\\033[0m and white' >/dev/tty1")
    time.sleep(1)
    shown = screenshot(bench, 0)
    expect((1280, 800), size=(shown.width, shown.height))
    if not 3 <= shown.colours() <= 64:
        raise Failure(f"the console has {shown.colours()} colours")
    line = shown.part(0, 0, 8 * 13, 16)
    if {(170, 0, 0), (170, 170, 170), (0, 0, 0)} - {
            line.pixel(x, y) for y in range(16) for x in range(line.width)}:
        raise Failure("the text is not red and white on black")
    bench.run("printf '\\033[2J\\033[H' >/dev/tty1")
    clean(bench)


@outputs.case
def pictures(bench):
    """Two outputs show pictures of their own, drawn in part, and flipped."""
    with Kms(bench):
        kms(bench, "show 0 1280 800 11", "show 1 640 480 22")
        same(screenshot(bench, 0), pattern(1280, 800, 11), "output 0")
        same(screenshot(bench, 1), pattern(640, 480, 22), "output 1, in a smaller mode")
        kms(bench, "draw 0 100 50 300 200 33")
        after = screenshot(bench, 0)
        same(after.part(100, 50, 300, 200), pattern(1280, 800, 33).part(100, 50, 300, 200),
             "the part that was drawn")
        same(after.part(0, 250, 1280, 550), pattern(1280, 800, 11).part(0, 250, 1280, 550),
             "what lies below it")
        kms(bench, "flip 1 44", "flip 0 55")
        same(screenshot(bench, 1), pattern(640, 480, 44), "output 1, flipped")
        same(screenshot(bench, 0), pattern(1280, 800, 55), "output 0, flipped")
        kms(bench, "off 1")
        told = json.loads(hostblob(bench, "outputs", bench.gpu.path, "--json"))
        expect([1280, 0, 0], widths=[output["shows_width"] for output in told])
    clean(bench)


@outputs.case
def blobs(bench):
    """Pictures in blobs, of the host's memory and of the guest's own, whose lines do not touch."""
    with Kms(bench):
        kms(bench, "host 0 1280 800 12", "guest 1 1024 768 23")
        same(screenshot(bench, 0), pattern(1280, 800, 12), "a blob of the host's")
        same(screenshot(bench, 1), pattern(1024, 768, 23), "a blob of the guest's")
        kms(bench, "draw 0 10 20 30 40 34", "draw 1 50 60 70 80 45")
        same(screenshot(bench, 0).part(10, 20, 30, 40),
             pattern(1280, 800, 34).part(10, 20, 30, 40), "a part of the host's")
        same(screenshot(bench, 1).part(50, 60, 70, 80),
             pattern(1024, 768, 45).part(50, 60, 70, 80), "a part of the guest's")
    clean(bench)


def over(under, seed, at_x, at_y):
    """A picture with the program's pointer on it, which lets nothing through."""
    pointer = pattern(64, 64, seed)
    rows = [bytearray(row) for row in under.rows]
    for y in range(64):
        for x in range(64):
            if 0 <= at_y + y < under.height and 0 <= at_x + x < under.width:
                place = 3 * (at_x + x)
                rows[at_y + y][place:place + 3] = bytes(pointer.pixel(x, y))
    return Screen(under.width, under.height, [bytes(row) for row in rows])


@outputs.case
def pointer(bench):
    """The pointer is where the guest puts it, and in a screenshot if one asks for it."""
    plain = pattern(1280, 800, 11)
    with Kms(bench):
        kms(bench, "show 0 1280 800 11", "cursor 0 3 4 66", "move 0 200 100")
        same(screenshot(bench, 0), plain, "without the pointer")
        same(screenshot(bench, 0, "--pointer"), over(plain, 66, 200, 100), "with it")
        kms(bench, "move 0 -20 780")
        same(screenshot(bench, 0, "--pointer"), over(plain, 66, -20, 780), "at the edge")
        kms(bench, "hide 0")
        same(screenshot(bench, 0, "--pointer"), plain, "hidden")
    clean(bench)


@outputs.case
def plugged(bench):
    """Monitors come, change and go while the guest runs."""
    def plug(output, mode):
        hostblob(bench, "output", bench.gpu.path, str(output), mode)

    try:
        plug(2, "1600x900@60")
        await_status(bench, 2, "connected")
        with Kms(bench):
            await_mode(bench, 2, "1600x900@60")
            kms(bench, "show 2 1600 900 77")
            same(screenshot(bench, 2), pattern(1600, 900, 77), "the new output")
            plug(0, "1920x1080@75")
            await_mode(bench, 0, "1920x1080@75")
            plug(1, "7680x4320@30")  # larger than an EDID's own block can say
            await_mode(bench, 1, "7680x4320@30")
            plug(1, "4095x2160@144")
            await_mode(bench, 1, "4095x2160@144")
        plug(2, "off")
        await_status(bench, 2, "disconnected")
        plug(1, "off")
        await_status(bench, 1, "disconnected")
    finally:
        plug(2, "off")
        plug(1, "1024x768@75")
        plug(0, "1280x800@60")
    await_status(bench, 1, "connected")
    with Kms(bench):
        await_mode(bench, 0, "1280x800@60")
        await_mode(bench, 1, "1024x768@75")
    clean(bench)


FILES = "pictures"
files = Group("files", {"gpu": ["--output=800x600", "--display=file:pictures"]})


def last_file(folder):
    """The path of the last picture, when there is no more to come."""
    last, end = "", time.monotonic() + 20
    while True:
        names = sorted(name for name in os.listdir(folder) if name.endswith(".png"))
        if names and names[-1] == last:
            return os.path.join(folder, last)
        last = names[-1] if names else ""
        if time.monotonic() > end:
            raise Failure(f"the files do not come to an end: {last}")
        time.sleep(1)


@files.case
def files_appear(bench):
    """Each change becomes a file, and the last file is the last picture."""
    folder = os.path.join(bench.folder, FILES)
    bench.run("printf '\\033[?25l' >/dev/tty1")  # a blinking cursor changes the picture for ever
    last_file(folder)
    with Kms(bench):
        kms(bench, "show 0 800 600 1", *(f"draw 0 0 0 800 600 {seed}" for seed in range(2, 30)))
        same(read_png(last_file(folder)), pattern(800, 600, 29), "the last file")
    last_file(folder)  # the console has come back
    clean(bench)
