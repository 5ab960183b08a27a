# SPDX-License-Identifier: MIT
"""QEMU's own window, on an X server without a screen: what the guest shows is in it, and the guest
hears of its size. The GPU is ours behind vhost-user-gpu-pci, which has virgl but no blobs."""
import os
import time

import screen
import x11
from bench import expect
from bench3d import Bench3d, Group3d, Skip, in_system, quiet
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

    def shot(self):
        """The back-end's picture of it."""
        path = os.path.join(self.share, "shot.png")
        quiet(inside([os.path.join(in_system(self.build), "hostblob"), "screenshot", self.gpu.path,
                      "0", path], self.suite), "hostblob screenshot")
        return screen.read_png(path)

    def shows(self, limit=20):
        """Waits until QEMU, its window and the back-end show the same; returns it."""
        end = time.monotonic() + limit
        while True:
            wanted = self.shot()
            try:
                screen.same(self.dump(), wanted, "QEMU's picture")
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


window = Group3d("window", ["--virgl"], warm=["kmscube -c 5"], bench=WindowBench)


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
