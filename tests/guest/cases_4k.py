# SPDX-License-Identifier: MIT
"""4K at 30 frames a second, for as long as one likes."""
import os
import time

from bench import Group, expect

uhd = Group("4k", {"media": ["--window=1G", "--kind=pattern"]})
TICKS = os.sysconf("SC_CLK_TCK")


def processor_seconds(pid):
    """What the threads of a process have used: {name and id of the thread: seconds}."""
    used = {}
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/stat") as file:
            name, rest = file.read().split("(", 1)[1].rsplit(")", 1)
        words = rest.split()
        used[f"{name}/{thread}"] = (int(words[11]) + int(words[12])) / TICKS
    return used


def stream(bench, pixels, seconds, sum_every):
    """Streams without losing a frame; says what a frame cost."""
    frames = seconds * 30
    worker = bench.media.state()["worker"]["pid"]
    before, start = processor_seconds(worker), time.monotonic()
    values = bench.run(f"media stream --format {pixels} --size 3840x2160 --fps 30 --buffers 32 "
                       f"--frames {frames} --sum-every {sum_every} --no-drops",
                       seconds * 3 + 120).values
    after, took = processor_seconds(worker), time.monotonic() - start
    expect(str(frames), frames=values["frames"])
    expect("0", drops=values["drops"])
    expect(str((frames + sum_every - 1) // sum_every), verified=values["verified"])
    used = {name: cpu - before.get(name, 0) for name, cpu in after.items()}
    loop = used.pop(name_of_loop(used, worker))
    print(f"    {pixels} 3840x2160: {frames} frames in {took:.1f} s, none lost; the loop used "
          f"{loop / frames * 1000:.2f} ms of a processor for each, other threads "
          f"{sum(used.values()) / frames * 1000:.2f} ms", flush=True)


def name_of_loop(used, pid):
    """The first thread of a process has its number."""
    return next(name for name in used if name.endswith(f"/{pid}"))


@uhd.case
def short(bench):
    """Two seconds of it; 'run4k' has a minute."""
    stream(bench, "YUYV", 2, 30)
