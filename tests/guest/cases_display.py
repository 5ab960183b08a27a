# SPDX-License-Identifier: MIT
"""The GPU behind QEMU's vhost-user-gpu-pci: what the guest shows appears in QEMU's own console.

QEMU 11.1 lets neither VNC nor a window without OpenGL have that console ("The console requires
display DMABUF support"), whoever the back-end is; so QEMU's screendump is what is compared. It does
not have the pointer, of no device: what is said of that is read on the way, by a tap in the display
socket. (cases_3d_window.py has QEMU's window, with OpenGL, and the pointer in it.) The group 'drawn'
has a back-end that draws the pointer into its pictures: then the screendump has it too."""
import os
import struct
import subprocess
import time

import screen
from bench import TOP, Bench, Group, expect
from devices import program
from display_tap import Tap
from kms import Kms
from vm import HERE, Failure

OUT = os.path.join(TOP, "out")
OUTPUTS = 2
# Not the back-end's own default, so that it is seen who decides.
FRONT = f"vhost-user-gpu-pci,id=gpu,max_outputs={OUTPUTS},xres=1024,yres=768"


class DisplayBench(Bench):
    """A guest with a console in QEMU, and a tap between QEMU and the back-end."""

    def make_device(self, options, kind, arguments):
        self.build = options.build
        device = super().make_device(options, kind, arguments)
        self.tap = Tap(os.path.join(self.folder, "tap"), device.socket)
        return device

    def pairs(self):
        return [("gpu", self.tap.path, FRONT)]

    def warm_up(self):
        self.quiet_console()
        with Kms(self) as kms:
            kms.do("show 0 640 480 1")
            kms.do("cursor 0 0 0 1")
            self.shot()

    def at_rest(self, slack_kb=12 << 10):
        """The C library keeps what making a picture file took: one of 1920 x 1080 or two."""
        super().at_rest(slack_kb)

    def quiet_console(self):
        """A console on which nothing blinks."""
        self.run("printf '\\033[?25l\\033[2J\\033[H' >/dev/tty1; echo 0 >/proc/sys/kernel/printk")

    def discard(self):
        super().discard()
        if hasattr(self, "tap"):
            self.tap.close()

    def dump(self, output=0):
        """QEMU's own picture of an output."""
        path = os.path.join(self.folder, "dump.ppm")
        self.machine.qmp("screendump", filename=path, device="gpu", head=output)
        return screen.read_ppm(path)

    def shot(self, output=0, *words):
        """The back-end's picture of it."""
        path = os.path.join(self.folder, "shot.png")
        done = subprocess.run([program(self.build, "hostblob"), "screenshot", *words, self.gpu.path,
                               str(output), path], capture_output=True, text=True, timeout=60)
        if done.returncode:
            raise Failure(f"hostblob screenshot: {done.stderr.strip()}")
        return screen.read_png(path)

    def shows(self, wanted, output=0, limit=20):
        """Waits until QEMU shows that picture; then the back-end's must be the same."""
        end = time.monotonic() + limit
        while True:
            found = self.dump(output)
            try:
                screen.same(found, wanted, f"output {output}")
                break
            except Failure:
                if time.monotonic() > end:
                    raise
            time.sleep(0.1)
        screen.same(self.shot(output), found, f"our screenshot of output {output}")
        return found


    def points(self, wanted, output=0, limit=20):
        """Waits until QEMU shows that picture with the pointer over it, as our own screenshot has
        it when it is asked for the pointer; returns what QEMU shows."""
        end = time.monotonic() + limit
        while True:
            found = self.dump(output)
            try:
                screen.same(found, self.shot(output, "--pointer"), f"QEMU's output {output}")
                break
            except Failure:
                if time.monotonic() > end:
                    raise
            time.sleep(0.1)
        screen.same(self.shot(output), wanted, f"output {output} without its pointer")
        if found.rows == wanted.rows:
            raise Failure("QEMU's picture has no pointer")
        return found


display = Group("display", {"gpu": ["--output=1280x800"]}, bench=DisplayBench)


def frame_buffer(bench):
    """The console's pixels, as the guest's kernel has them."""
    sizes = bench.run("cat /sys/class/graphics/fb0/virtual_size /sys/class/graphics/fb0/stride")
    width, height = (int(word) for word in sizes.lines[0].split(","))
    stride = int(sizes.lines[1])
    bench.run("send fb </dev/fb0", 120)
    data = bench.machine.received()["fb"]
    rows = []
    for y in range(height):
        line = data[y * stride:y * stride + 4 * width]
        row = bytearray(3 * width)
        row[0::3], row[1::3], row[2::3] = line[2::4], line[1::4], line[0::4]
        rows.append(bytes(row))
    return screen.Screen(width, height, rows)


@display.case
def console(bench):
    """The guest's console in QEMU is the guest's frame buffer, pixel for pixel; and so is our own
    screenshot. It has the size that QEMU was given."""
    bench.quiet_console()
    empty = bench.dump()
    expect((1024, 768), size=(empty.width, empty.height))
    expect(1, colours=empty.colours())
    bench.run("{ dmesg | head -n 30; echo; echo 'hostblob: the console of a guest'; } >/dev/tty1")
    found = bench.shows(frame_buffer(bench))
    if found.colours() < 2:
        raise Failure("there is no text on the console")
    os.makedirs(OUT, exist_ok=True)
    screen.write_png(os.path.join(OUT, "console.png"), found)


@display.case
def edid(bench):
    """The monitor that the guest sees is QEMU's; of its other output there is nothing plugged in."""
    card = "/sys/class/drm/card0-Virtual"
    lines = bench.run(f"cat {card}-1/status {card}-2/status; od -An -tx1 -N 12 {card}-1/edid").lines
    expect(["connected", "disconnected"], status=lines[:2])
    given = [payload for name, payload in bench.tap.answers if name == "GET_EDID"]
    if not given:
        raise Failure("QEMU was not asked for its EDID")
    expect(given[0][32:44].hex(" "), edid=lines[2].strip())
    with Kms(bench) as kms:
        said = kms.do("modes 0")
        expect(("1024", "768"), preferred=(said["width"], said["height"]))
        expect("0", connected=kms.do("modes 1")["connected"])


@display.case
def modes(bench):
    """Modes that the guest sets, one after another."""
    with Kms(bench) as kms:
        for seed, (width, height) in enumerate([(1024, 768), (640, 480), (1920, 1080), (800, 600)]):
            kms.do(f"show 0 {width} {height} {seed * 31}")
            bench.shows(screen.pattern(width, height, seed * 31))
        kms.do("off 0")
    bench.quiet_console()
    bench.shows(frame_buffer(bench))


@display.case
def parts(bench):
    """Parts drawn anew, and another picture of the same size."""
    with Kms(bench) as kms:
        kms.do("show 0 1024 768 7")
        wanted = screen.pattern(1024, 768, 7)
        other = screen.pattern(1024, 768, 99)
        for x, y, width, height in ((0, 0, 1, 1), (1000, 700, 24, 68), (333, 111, 55, 300)):
            kms.do(f"draw 0 {x} {y} {width} {height} 99")
            for line in range(y, y + height):
                row = bytearray(wanted.rows[line])
                row[3 * x:3 * (x + width)] = other.rows[line][3 * x:3 * (x + width)]
                wanted.rows[line] = bytes(row)
        bench.shows(wanted)
        kms.do("flip 0 200")
        bench.shows(screen.pattern(1024, 768, 200))


@display.case
def outputs(bench):
    """Two outputs at once, each with its own picture."""
    with Kms(bench) as kms:
        kms.do("show 0 1024 768 3")
        kms.do("show 1 800 600 4")
        bench.shows(screen.pattern(1024, 768, 3), 0)
        bench.shows(screen.pattern(800, 600, 4), 1)
        kms.do("off 1")


@display.case
def pointer(bench):
    """The pointer: its picture, its place, its end."""
    with Kms(bench) as kms:
        kms.do("show 0 1024 768 3")
        mark = bench.tap.mark()
        kms.do("cursor 0 5 6 77")
        kms.do("move 0 100 200")
        time.sleep(0.5)
        update = bench.tap.last(mark, "CURSOR_UPDATE")
        output, _, _, hot_x, hot_y = struct.unpack("=5I", update[:20])
        expect((0, 5, 6), cursor=(output, hot_x, hot_y))
        wanted = screen.pattern(64, 64, 77)
        got = screen.Screen(64, 64, [b"".join(line[i + 2:i - 1:-1] if i else line[2::-1]
                                              for i in range(0, 256, 4))
                                     for line in (update[20 + 256 * y:276 + 256 * y]
                                                  for y in range(64))])
        screen.same(got, wanted, "the pointer")
        expect((0, 100, 200), place=struct.unpack("=3I", bench.tap.last(mark, "CURSOR_POS")))
        # QEMU's picture is without it, and ours has it when it is asked to.
        bench.shows(screen.pattern(1024, 768, 3))
        screen.same(bench.shot(0, "--pointer").part(100, 200, 64, 64), wanted, "our pointer")
        kms.do("arrow 0 7 8 78")
        time.sleep(0.5)
        update = bench.tap.last(mark, "CURSOR_UPDATE")
        expect((7, 8), hot_spot=struct.unpack("=2I", update[12:20]))
        if update[20:] != b"".join(struct.pack("=64I", *line) for line in screen.arrow(78)):
            raise Failure("a pointer that is not seen everywhere comes to QEMU otherwise")
        kms.do("hide 0")
        time.sleep(0.5)
        bench.tap.last(mark, "CURSOR_POS_HIDE")


@display.case
def pause(bench):
    """The machine stopped and continued: QEMU gives another socket, and has the whole picture."""
    with Kms(bench) as kms:
        kms.do("show 0 1024 768 50")
        bench.shows(screen.pattern(1024, 768, 50))
        sockets, mark = bench.tap.sockets, bench.tap.mark()
        bench.machine.qmp("stop")
        time.sleep(0.3)
        bench.machine.qmp("cont")
        time.sleep(0.5)
        expect(sockets + 1, sockets=bench.tap.sockets)
        bench.tap.last(mark, "SCANOUT")
        bench.shows(screen.pattern(1024, 768, 50))
        kms.do("draw 0 0 0 1024 768 51")
        bench.shows(screen.pattern(1024, 768, 51))


@display.case
def rebind(bench):
    """The driver unbound and bound again: the console comes back."""
    pci = "/sys/bus/pci/drivers/virtio-pci"
    name = os.path.basename(bench.run("readlink -f /sys/class/drm/card0/device").lines[0])
    bench.run(f"echo {name} >{pci}/unbind && echo {name} >{pci}/bind", 60)
    bench.quiet_console()
    bench.run("echo once more >/dev/tty1")
    bench.shows(frame_buffer(bench))


@display.case
def reset(bench):
    """The machine reset while it shows something: it boots to its console again."""
    bench.machine.begin("kms")
    bench.machine.until("kms", 60)
    bench.machine.say("show 0 800 600 1")
    bench.machine.until("done", 60)
    bench.machine.qmp("system_reset")
    bench.machine.ready()
    bench.quiet_console()
    bench.run("echo after the reset >/dev/tty1")
    bench.shows(frame_buffer(bench))


@display.case
def worker_dies(bench):
    """The worker is killed 20 times while the guest draws: QEMU, which reads the display socket to
    the end of each message, never waits for the rest of one; it shows what the guest drew last, and
    the guest's own programs and its console go on."""
    with Kms(bench) as kms:
        kms.do("show 0 1920 1080 1")
        kms.do("cursor 0 5 6 77")
        for turn in range(20):
            starts = bench.gpu.state()["worker"]["starts"]
            bench.machine.say("flip 0 %d" % turn)
            time.sleep(0.02 + turn * 0.0071)
            bench.gpu.kill_worker()
            bench.gpu.wait(lambda state: state["worker"]["starts"] > starts, "a new worker")
            bench.machine.until("done", 60)
            bench.machine.qmp("query-status", limit=10)
        bench.shows(screen.pattern(1920, 1080, 19))
        mark = bench.tap.mark()
        bench.gpu.kill_worker()
        bench.gpu.wait(lambda state: state["worker"]["starts"] > starts + 1, "a new worker")
        bench.shows(screen.pattern(1920, 1080, 19))  # without a word of the guest
        bench.tap.last(mark, "CURSOR_UPDATE")
        kms.do("off 0")
    bench.quiet_console()
    bench.run("echo after the deaths >/dev/tty1")
    bench.shows(frame_buffer(bench))
    bench.remember()


drawn = Group("drawn", {"gpu": ["--output=1280x800", "--pointer=drawn"]}, bench=DisplayBench)


@drawn.case
def in_screendump(bench):
    """QEMU's screendump has the guest's pointer: its picture, its place at every edge, its end. Where
    it was is what the guest drew there."""
    with Kms(bench) as kms:
        wanted = screen.pattern(640, 480, 3)
        mark = bench.tap.mark()
        kms.do("show 0 640 480 3")
        kms.do("cursor 0 5 6 77")
        kms.do("move 0 100 200")
        found = bench.points(wanted)
        screen.same(found.part(100, 200, 64, 64), screen.pattern(64, 64, 77), "the pointer")
        kms.do("arrow 0 7 8 78")
        for x, y in ((300, 100), (-20, -30), (600, 450), (310, 110)):
            kms.do(f"move 0 {x} {y}")
            found = bench.points(wanted)
            screen.same(found.part(100, 200, 64, 64), wanted.part(100, 200, 64, 64),
                        "the pointer's old place")
        # What is drawn beneath it, half of which is seen through its seam.
        kms.do("draw 0 0 0 640 480 9")
        bench.points(screen.pattern(640, 480, 9))
        kms.do("hide 0")
        bench.shows(screen.pattern(640, 480, 9))
        expect([], said=bench.tap.since(mark, "CURSOR_UPDATE", "CURSOR_POS"))


@drawn.case
def in_every_mode(bench):
    """Another mode, another picture, another output, the next worker: the pointer is in each; and
    when all is over the console has none."""
    with Kms(bench) as kms:
        kms.do("show 0 640 480 1")
        kms.do("arrow 0 0 0 5")
        kms.do("move 0 200 300")
        bench.points(screen.pattern(640, 480, 1))
        kms.do("show 0 800 600 2")
        bench.points(screen.pattern(800, 600, 2))
        kms.do("show 0 640 480 7")
        kms.do("flip 0 3")
        bench.points(screen.pattern(640, 480, 3))
        kms.do("show 1 640 480 4")
        kms.do("cursor 1 0 0 6")
        bench.points(screen.pattern(640, 480, 4), 1)
        kms.do("off 1")
        starts = bench.gpu.state()["worker"]["starts"]
        bench.gpu.kill_worker()
        bench.gpu.wait(lambda state: state["worker"]["starts"] > starts, "a new worker")
        bench.points(screen.pattern(640, 480, 3))  # without a word of the guest
        kms.do("move 0 210 310")
        bench.points(screen.pattern(640, 480, 3))
    bench.quiet_console()
    bench.run("echo the pointer is gone >/dev/tty1")
    bench.shows(frame_buffer(bench))
    bench.remember()
