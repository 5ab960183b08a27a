#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Makes the folder of a run that never was: pictures, a trace, logs, references that differ.

    tests/ci/sample.py FOLDER [KIND]

KIND is failed (the default), passed or died. FOLDER/out is the run, FOLDER/references its references.
"""
import json
import math
import os
import random
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../../src/ci"))

try:
    from PIL import Image, ImageDraw
except ImportError:
    print("Python's module PIL is missing (Debian: python3-pil, and /usr/bin/python3)")
    sys.exit(77)
import compare

SIZE = (640, 400)
ESCAPE = "\x1b"


# ---- pictures ----

def corner(turn, part):
    angle = turn + part * 2 * math.pi / 3 - math.pi / 2
    return 320 + 150 * math.cos(angle), 215 + 150 * math.sin(angle)


def triangle(turn):
    """What a first program draws: three corners, three colours."""
    picture = Image.new("RGB", SIZE, (24, 28, 40))
    paint = picture.load()
    (ax, ay), (bx, by), (cx, cy) = (corner(turn, part) for part in range(3))
    whole = (by - cy) * (ax - cx) + (cx - bx) * (ay - cy)
    for y in range(60, 370):
        for x in range(160, 480):
            a = ((by - cy) * (x - cx) + (cx - bx) * (y - cy)) / whole
            b = ((cy - ay) * (x - cx) + (ax - cx) * (y - cy)) / whole
            if a >= 0 and b >= 0 and a + b <= 1:
                paint[x, y] = (int(255 * a), int(255 * b), int(255 * (1 - a - b)))
    return picture


def desktop(number):
    """Windows on a ground that goes from blue to violet."""
    picture = Image.new("RGB", SIZE)
    draw = ImageDraw.Draw(picture)
    for y in range(SIZE[1]):
        draw.line((0, y, SIZE[0], y), (40 + y // 6, 62 + y // 10, 110 + y // 8))
    draw.rectangle((0, 0, 640, 22), (18, 22, 30))
    draw.text((10, 6), "terminal   files   frames", (210, 214, 222))
    draw.rectangle((60 + 6 * number, 60, 360 + 6 * number, 260), (20, 20, 24))
    draw.rectangle((60 + 6 * number, 60, 360 + 6 * number, 78), (70, 76, 90))
    for row in range(number + 3):
        draw.text((70 + 6 * number, 86 + 14 * row), f"frame {row:3} {16.6 + row / 10:.1f} ms",
                  (120, 230, 150))
    draw.ellipse((400, 180, 560, 340), (236, 168, 60))
    draw.pieslice((400, 180, 560, 340), 30 * number, 30 * number + 60, (190, 80, 60))
    return picture


def noisy(picture, seed):
    """The picture as a codec would give it back."""
    chance = random.Random(seed)
    grain = Image.frombytes("L", SIZE, chance.randbytes(SIZE[0] * SIZE[1]))
    return Image.blend(picture, Image.merge("RGB", (grain, grain, grain)), 0.02)


def save(picture, *where):
    path = os.path.join(*where)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    picture.save(path)


def make_pictures(out):
    """The pictures of the run, as run.json has them."""
    told = []
    for number in range(9):
        name = f"pictures/{number + 1:04}.png"
        save(desktop(number), out, name)
        told.append({"file": name, "output": 0, "at": 5.4 + number, "why": "every 1s"})
    for output, picture in enumerate((triangle(0.4), desktop(8))):
        name = f"pictures/end-{output}.png"
        save(picture, out, name)
        told.append({"file": name, "output": output, "at": 14.1, "why": "end"})
    save(noisy(desktop(4), 1), out, "pictures/camera.png")
    return told


def make_references(folder, good):
    wanted = triangle(0.4)
    save(wanted, folder, "triangle.png")
    save(desktop(4), folder, "camera.png")
    save(desktop(8), folder, "end-1.png")
    with open(os.path.join(folder, "limits.ini"), "w", encoding="utf-8") as file:
        file.write("[triangle.png]\npicture = end-0.png\n\n"
                   "[camera.png]  # through the encoder and back\nmeasure = psnr\nlimit = 30\n")
    if good:
        return
    wanted.putpixel((300, 181), (255, 255, 255))
    save(wanted, folder, "triangle.png")
    save(desktop(7), folder, "end-1.png")
    save(desktop(2).resize((320, 200)), folder, "0003.png")
    save(desktop(2), folder, "about-box.png")


# ---- the trace ----

class Trace:
    """Lines as hostblob-gpu writes them; the end of the array is missing, as it is of a real one."""

    def __init__(self):
        self.lines = [{"ph": "M", "name": "hostblob_trace", "pid": 900, "args": {"version": "0.1.0"}}]

    def process(self, pid, name):
        self.lines.append({"ph": "M", "name": "process_name", "pid": pid, "tid": pid,
                           "args": {"name": name}})

    def put(self, pid, at, phase, category, name, **more):
        self.lines.append({"ph": phase, "pid": pid, "tid": pid, "cat": category, "name": name,
                           "ts": 7.2e9 + round(at * 1e6, 3), "args": {}, **more})

    def mapping(self, number, begin, end, offset, size):
        about = {"id2": {"local": f"{number:x}"},
                 "args": {"offset": offset, "size": size, "id": number}}
        self.put(901, begin, "b", "map", "mapping", **about)
        self.put(901, begin + 0.0006, "n", "map", "mapped", **about)
        if end is not None:
            self.put(901, end, "n", "map", "leaving", **about)
            self.put(901, end + 0.0004, "e", "map", "mapping", **about)

    def write(self, path):
        with open(path, "w", encoding="utf-8") as file:
            file.write("[" + ",\n".join(json.dumps(line) for line in self.lines) + ",\n")


def make_trace(path):
    trace, chance = Trace(), random.Random(3)
    trace.process(901, "hostblob-gpu door /tmp/run/gpu.sock")
    trace.process(902, "hostblob-gpu worker /tmp/run/gpu.sock")
    offset = 0
    for number in range(26):
        begin = 4.6 + number * 0.31 + chance.random() * 0.2
        size = chance.choice((1, 4, 4, 8)) << 20
        end = None if number in (2, 3, 25) else begin + 0.4 + chance.random() * 3
        trace.mapping(number + 1, begin, end, offset, size)
        offset = (offset + size) % (64 << 20)
    at, pid = 4.9, 902
    while at < 14:
        if pid == 902 and at > 10.2:
            at, pid = at + 0.35, 903
            trace.process(903, "hostblob-gpu worker /tmp/run/gpu.sock")
        for name in ("SUBMIT_3D", "SUBMIT_3D", "RESOURCE_FLUSH"):
            trace.put(pid, at, "X", "command", name, dur=chance.randint(80, 900 if at < 7 else 2500))
            at += 0.003
        trace.put(pid, at, "i", "frame", "flush", s="t",
                  args={"resource": 7, "width": 640, "height": 400, "scanouts": 1})
        at += 0.008 + chance.random() * (0.004 if at < 8 or at > 9 else 0.06)
    trace.write(path)


# ---- logs ----

def console():
    said = ["[    0.000000] Linux version 7.3.0-amd64 (debian-kernel@lists.debian.org)"]
    for number in range(60):
        said.append(f"[    {number * 0.031:.6f}] pci 0000:00:{number:02x}.0: BAR {number % 6} assigned")
    said += ["[    2.041177] [drm] features: +virgl +edid +resource_blob +host_visible",
             "[    2.046001] [drm] Initialized virtio_gpu 0.1.0 for 0000:00:02.0 on minor 0"]
    return "\n".join(said) + "\n"


def command_log():
    red, green, plain = (f"{ESCAPE}[{code}m" for code in ("1;31", "32", "0"))
    bar = "".join(f"\rloading {part * 10:3} %" for part in range(11))
    return (f"{bar}\n{green}ok{plain}      compile shaders\n{green}ok{plain}      draw triangle\n"
            f"{red}FAILED{plain}  compare <b>corner</b> & edge: expected 255, got 254\n"
            f"{ESCAPE}]0;a title{ESCAPE}\\bell \x07, back\bspace, zero \0, turned \u202egnp.exe\u202c\n"
            "<script>document.title='caught'</script><img src=http://leads.invalid/x.png>\n")


def make_logs(out):
    os.makedirs(os.path.join(out, "logs"), exist_ok=True)
    for name, text in (("console", console()), ("command", command_log()), ("boot", "booted\n")):
        with open(os.path.join(out, "logs", f"{name}.log"), "w", encoding="utf-8") as file:
            file.write(text)
    with open(os.path.join(out, "logs/device.log"), "wb") as file:
        file.write(b"hostblob-gpu: the worker 902 was killed by signal 11\n" * 2500)
        file.write(b"what is no UTF-8: \xff\xfe\xc3(\n")


# ---- the run ----

def make_run(out, kind):
    make_logs(out)
    make_trace(os.path.join(out, "trace.json"))
    status = None if kind == "died" else 0
    steps = [("prepare the root", 0.0, 0.4, 0), ("boot", 0.4, 4.2, 0),
             ("start the compositor", 4.6, 0.7, 0), ("command", 5.3, 8.9, status)]
    return {
        "version": 1, "began": "2026-11-23T23:40:00Z", "seconds": 14.6, "status": status,
        "command": ["./triangle", "--frames", "600", "--title", "<one & only>"],
        "verdict": "guest died" if kind == "died" else "passed",
        "why": "The guest's kernel panicked: not syncing: Attempted to kill init!" if kind == "died" else "",
        "host": {"accelerator": "tcg", "why": "/dev/kvm is missing", "qemu": "11.1.3",
                 "kernel": "6.1.0-37-amd64", "hostblob": "0.1.0"},
        "stack": {"renderer": "virgl (LLVMPIPE (LLVM 15.0.6, 256 bits))",
                  "driver": "Mesa 26.1.0", "capsets": ["virgl", "virgl2", "venus"]},
        "steps": [{"name": name, "at": at, "seconds": seconds, "status": status}
                  for name, at, seconds, status in steps[:1]] +
                 [{"name": name, "at": at, "seconds": seconds, "status": status,
                   "log": f"logs/{'boot' if name == 'boot' else 'command'}.log"}
                  for name, at, seconds, status in steps[1:]],
        "pictures": make_pictures(out), "comparisons": [],
        "logs": [{"name": "command's output", "file": "logs/command.log"},
                 {"name": "guest's console", "file": "logs/console.log"},
                 {"name": "hostblob-gpu", "file": "logs/device.log"}],
        "trace": "trace.json",
    }


def make(folder, kind="failed"):
    """Makes the folder of a run in folder/out, and returns its path."""
    out, references = os.path.join(folder, "out"), os.path.join(folder, "references")
    os.makedirs(out, exist_ok=True)
    run = make_run(out, kind)
    if kind != "died":
        make_references(references, kind == "passed")
        compare.settle(run, compare.check(out, references))
    with open(os.path.join(out, "run.json"), "w", encoding="utf-8") as file:
        json.dump(run, file, indent=1)
    return out


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3) or sys.argv[1] in ("--help", "-h"):
        print(__doc__.strip())
        sys.exit(0 if sys.argv[1:] in (["--help"], ["-h"]) else 2)
    print(make(*sys.argv[1:]))
