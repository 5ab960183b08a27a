# SPDX-License-Identifier: MIT
"""QEMU's own window, on an X server without a screen: what the guest shows is in it, and the guest
hears of its size. The GPU is ours behind vhost-user-gpu-pci, which has virgl but no blobs.

What is looked at, and where:

- the pixels of the window, in the X server's own frame buffer: console, cube, and the pointer,
  which this server paints into it;
- QEMU's screendump, which is what QEMU has been given for the window; no pointer of any device is
  ever in it;
- our own screenshot, which has the pointer if one asks for it;
- the pointer that the X server says it shows (XFIXES): pixels with alpha, and hot spot."""
import os
import time

import screen
import x11
from bench import expect
from bench3d import Bench3d, Group3d, Skip, in_system, quiet
from kms import Kms
from machine3d import Machine3d, inside
from vm import Failure

FRONT = "vhost-user-gpu-pci,id=gpu,max_outputs=2,xres=1024,yres=768"


class WindowBench(Bench3d):
    contexts = 1  # the console's

    def pairs(self):
        return [(kind, path, FRONT) for kind, path in super().pairs()]

    def build_machine(self, options):
        return Machine3d(self.share, self.pairs(), peer=self.peer, window=True, limit=3000,
                         show=self.show, accelerator=options.accel, console=self.note,
                         extra=self.group.extra)

    def __init__(self, group, options):
        if options.peer:
            raise Skip("QEMU's own device has no other front-end")
        self.build = options.build
        super().__init__(group, options)

    def remember(self):
        self.shot()
        super().remember()

    def dump(self):
        """QEMU's own picture of the output."""
        path = os.path.join(self.share, "dump.ppm")
        self.machine.qmp("screendump", filename=path, device="gpu", head=0)
        return screen.read_ppm(path)

    def shot(self, *words):
        """The back-end's picture of it."""
        path = os.path.join(self.share, "shot.png")
        quiet(inside([os.path.join(in_system(self.build), "hostblob"), "screenshot", *words,
                      self.gpu.path, "0", path], self.suite), "hostblob screenshot")
        return screen.read_png(path)

    def shows(self, *words, limit=20):
        """Waits until QEMU, its window and the back-end show the same; returns it. words:
        "--pointer" if the window and the back-end's picture have one."""
        end = time.monotonic() + limit
        while True:
            wanted = self.shot(*words)
            try:
                screen.same(self.dump(), self.shot() if words else wanted, "QEMU's picture")
                if not place(x11.read_screen(self.share), wanted):
                    raise Failure("the window does not show what the back-end does")
                return wanted
            except Failure:
                if time.monotonic() > end:
                    raise
            time.sleep(0.2)


def place(whole, part):
    """Where in 'whole' the picture 'part' is, or None."""
    for y in range(whole.height - part.height + 1):
        at = whole.rows[y].find(part.rows[0])
        while at >= 0:
            if at % 3 == 0 and all(whole.rows[y + i][at:at + 3 * part.width] == part.rows[i]
                                   for i in range(part.height)):
                return at // 3, y
            at = whole.rows[y].find(part.rows[0], at + 1)
    return None


# SDL shows the guest's pointer while the mouse is one that says where it is.
window = Group3d("window", ["--virgl"], warm=["kmscube -c 5"], bench=WindowBench,
                 extra=["-device", "virtio-tablet-pci"])
# It is not in the guest's Debian but in what the guest has booted from.
KMS = "/proc/1/root/bin/kms"


@window.case
def console(bench):
    """The guest's console is in the window."""
    bench.run("printf '\\033[?25l\\033[2J\\033[H' >/dev/tty1; dmesg | head -n 40 >/dev/tty1")
    found = bench.shows()
    expect((1024, 768), size=(found.width, found.height))
    if found.colours() < 2:
        raise Failure("there is no text on the console")
    screen.write_png(bench.out("window-console.png"), x11.read_screen(bench.share))


@window.case
def cube(bench):
    """kmscube, drawn by virgl, stopped in the middle of a turn."""
    # It ends when it can read anything, so it is given nothing.
    bench.run("sleep 1000 | kmscube >/tmp/cube 2>&1 & echo $! >/tmp/cube.pid")
    try:
        end = time.monotonic() + 90
        while bench.shot().colours() < 100:
            if time.monotonic() > end:
                raise Failure("no cube is drawn: " + " / ".join(bench.run("cat /tmp/cube").lines))
            time.sleep(0.5)
        bench.run("kill -STOP $(cat /tmp/cube.pid)")
        found = bench.shows()
        screen.write_png(bench.out("window-cube.png"), x11.read_screen(bench.share))
        if found.colours() < 100:
            raise Failure(f"the cube has {found.colours()} colours")
        bench.run("grep -i virgl /tmp/cube")
    finally:
        bench.run("kill $(cat /tmp/cube.pid); kill -CONT $(cat /tmp/cube.pid); pkill sleep; sleep 1",
                  good=False)


@window.case
def resize(bench):
    """The window made another size: the guest is told, asks, and knows the new size as the best.
    None is larger than the first, since the kernel's console has no memory for more."""
    modes = "cat /sys/class/drm/card0-Virtual-1/modes | head -n 1"
    expect(["1024x768"], mode=bench.run(modes).lines)
    server = x11.Connection(bench.machine.screen.name)
    try:
        window_id, width, height = server.windows()[-1]
        expect((1024, 768), window=(width, height))
        for width, height in ((1000, 700), (900, 600), (1024, 768)):
            server.resize(window_id, width, height)
            end = time.monotonic() + 20
            while bench.run(modes).lines != [f"{width}x{height}"]:
                if time.monotonic() > end:
                    raise Failure(f"the guest does not hear of {width} x {height}")
                time.sleep(0.3)
    finally:
        server.close()


def comes(server, wanted):
    """Waits until the X server shows that pointer: its hot spot and pixels, None for nothing."""
    end = time.monotonic() + 20
    while True:
        found = server.pointer()
        seen = (found.hot_x, found.hot_y, found.pixels)
        if seen == wanted or wanted is None and not any(map(any, found.pixels)):
            return
        if time.monotonic() > end:
            pixel = found.pixels[-1][0] if found.pixels else 0
            raise Failure(f"the X server shows a pointer of {found.width} x {found.height} with "
                          f"the hot spot {seen[:2]}, at its lower left {pixel:#x}, and ought to "
                          f"show {wanted[:2] if wanted else 'none'}")
        time.sleep(0.1)


@window.case
def pointer(bench):
    """The guest's pointer over the window: pixels, alpha and hot spot are those that the guest
    gave, and the window with it is our screenshot with it. It changes, and it goes.

    Its pixels are opaque, half seen and not seen at all. The half seen have their colours
    multiplied by alpha: that is what the kernel's pointers and the X server's both are, and
    neither QEMU nor SDL 2 calculates on the way."""
    server = x11.Connection(bench.machine.screen.name)
    plain = screen.pattern(1024, 768, 3)
    try:
        left, top = server.place(server.windows()[-1][0])
        with Kms(bench, KMS) as kms:
            kms.do("show 0 1024 768 3")
            kms.do("arrow 0 5 6 77")
            kms.do("move 0 100 200")
            server.warp(left + 100 + 5, top + 200 + 6)  # the hot spot is where the mouse is
            comes(server, (5, 6, screen.arrow(77)))
            found = bench.shows("--pointer")
            screen.write_png(bench.out("window-pointer.png"), x11.read_screen(bench.share))
            screen.same(bench.dump(), plain, "QEMU's picture, without it")
            screen.same(found.part(100, 264, 924, 504), plain.part(100, 264, 924, 504), "around it")
            if found.part(100, 200, 64, 64).rows == plain.part(100, 200, 64, 64).rows:
                raise Failure("our screenshot has no pointer")
            kms.do("cursor 0 9 2 31")
            square = screen.pattern(64, 64, 31)
            comes(server, (9, 2, [[255 << 24 | int.from_bytes(bytes(square.pixel(x, y)), "big")
                                   for x in range(64)] for y in range(64)]))
            kms.do("hide 0")
            comes(server, None)
            screen.same(bench.shows(), plain, "the window without it")
    finally:
        server.close()
