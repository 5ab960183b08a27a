# SPDX-License-Identifier: MIT
"""The GPU's cases, with blobs in the arena and with a mapping for each."""
import os
import time

from bench import Group, expect
from vm import Failure

WINDOW = 256 << 20
RESETS = 2


# The GPU with its arena: blobs are arithmetic in one mapping.

gpu = Group("gpu", {"gpu": ["--window=256M", "--mapping=arena"]})


@gpu.case
def info(bench):
    """The unmodified driver has the device and sees the window that the back-end offers."""
    values = bench.run("blob info").values
    expect("virtio_gpu", driver=values["driver"])
    expect(WINDOW, window_bytes=int(values["window_bytes"]))
    state = bench.gpu.state()
    expect(WINDOW, region_size=state["region"]["size"])
    expect("connected", front_end=state["front_end"])
    expect("arena", mapping_mode=state["mapping_mode"])


@gpu.case
def main(bench):
    """1,000 blobs of 4 KiB to 64 MiB: made, mapped, verified both ways, destroyed; PRIME."""
    values = bench.run("blob main 1000", 400).values
    expect("1000", blobs=values["blobs"], host_verified=values["host_verified"],
           guest_verified=values["guest_verified"], destroyed=values["destroyed"])
    expect("0", lost=values["lost"], stale=values["stale"])


@gpu.case
def rounds(bench):
    """10,000 rounds of map, write at once, verify on the host: none lost, nothing left behind, and
    the front-end not asked once."""
    before = bench.gpu.state()["counters"]["shmem_requests"]
    values = bench.run("blob rounds 10000", 400).values
    expect("10000", rounds=values["rounds"])
    expect("0", lost=values["lost"])
    expect(before, shmem_requests=bench.gpu.state()["counters"]["shmem_requests"])


@gpu.case
def exhaust(bench):
    """The window filled to the end twice, the second time with as many blobs."""
    values = bench.run("blob exhaust 1024", 120).values
    # The window less what the program itself needs for results.
    if not 250 <= int(values["first"]) <= 256:
        raise Failure(f"{values['first']} blobs of 1 MiB fit in a window of 256 MiB")


def images_are_good(bench, dmabuf):
    """Images by capset 5, through the kernel's driver as minigbm uses it."""
    result = bench.run("blob images")
    expect(("1", "0", dmabuf), caps=tuple(result.values[key]
                                          for key in ("version", "channels", "dmabuf")))
    expect(result.values["images"], good=result.values["good"])


@gpu.case
def images(bench):
    """Six images of six formats, in the arena."""
    images_are_good(bench, "0")


@gpu.case
def killed(bench):
    """Processes killed while they write to mapped blobs."""
    bench.run("blob killed 5", 120)


@gpu.case
def rebind(bench):
    """The driver unbound and bound again."""
    bench.run("blob rebind 2", 120)


def reboot_by_guest(bench, count, kib):
    bench.machine.begin(f"blob reboot {count} {kib}")
    bench.machine.until("left", 60)
    bench.machine.ready()
    bench.run(f"blob fresh {count} {kib}")


def reboot_by_host(bench, count, kib):
    bench.machine.begin(f"blob hold {count} {kib}")
    bench.machine.until("held", 60)
    bench.machine.qmp("system_reset")
    bench.machine.ready()
    bench.run(f"blob fresh {count} {kib}")


@gpu.case
def reboot(bench):
    """Two reboots with blobs mapped; new blobs are zeros and work, and QEMU lives."""
    for _ in range(2):
        reboot_by_guest(bench, 64, 512)
        bench.at_rest()


@gpu.case
def reset(bench):
    """The machine reset from outside while blobs are mapped."""
    reboot_by_host(bench, 64, 512)


def ageless(device):
    """What a device has, but for how long."""
    for loan in device["loans"]:
        del loan["age_ms"]
    return device


@gpu.case
def pause(bench):
    """The machine stopped and continued with blobs mapped: they are kept, and the device works."""
    bench.machine.begin("blob hold 16 256")
    bench.machine.until("held", 60)
    before = ageless(bench.gpu.state()["device"])
    bench.machine.qmp("stop")
    time.sleep(0.5)
    bench.machine.qmp("cont")
    time.sleep(0.5)
    expect(before, device=ageless(bench.gpu.state()["device"]))
    bench.machine.say("go on")
    expect(0, status=bench.machine.end("blob hold").status)
    bench.run("blob fresh 16 256")


@gpu.case
def picture(bench):
    """The host reads a blob's bytes as the guest wrote them, out of the arena."""
    bench.machine.begin("blob picture")
    values = bench.machine.until("picture", 60)
    size = int(values["stride"]) * int(values["height"])
    data = bench.gpu.resource_bytes(int(values["resource"]), size)
    expect(values["sum"], sum=f"{stream_sum(data):x}")
    bench.machine.say("go on")
    expect(0, status=bench.machine.end("blob picture").status)


def kill_workers(bench, times):
    """Kills the worker at instants that have nothing to do with what it does. Each is replaced at
    once."""
    for turn in range(times):
        time.sleep(0.3 + turn * 0.037 % 0.3)
        old = bench.gpu.kill_worker()
        killed = time.monotonic()
        new = bench.gpu.wait(lambda state: state["worker"]["starts"] > old["starts"], "a new worker")
        expect(old["starts"] + 1, starts=new["worker"]["starts"])
        took = time.monotonic() - killed
        if took > 2:
            raise Failure(f"the guest was without a worker for {took:.1f} s")


def survives(bench, rounds, deaths):
    """The worker is killed again and again under programs that hold, write and verify blobs: they
    go on, no byte is wrong, and the guest's kernel has nothing to say."""
    bench.machine.begin("blob hold 16 256")
    bench.machine.until("held", 60)
    kill_workers(bench, 3)
    bench.machine.say("go on")
    expect(0, status=bench.machine.end("blob hold").status)
    command = f"blob rounds {rounds}"
    bench.machine.begin(command)
    kill_workers(bench, deaths)
    values = bench.machine.end(command, 400).values
    expect(str(rounds), rounds=values["rounds"])
    expect("0", lost=values["lost"])
    bench.run("blob fresh 16 256")
    bench.remember()


@gpu.case
def worker_dies(bench):
    """The worker is killed 23 times while blobs are made, mapped, written and verified."""
    survives(bench, 10000, 20)


def stream_sum(data):
    """memory_stream_sum() of protocol/memory_stream.h."""
    mask = (1 << 64) - 1
    total = 0x6a09e667f3bcc908
    for at in range(0, len(data), 8):
        word = int.from_bytes(data[at:at + 8], "little")
        total = ((total << 7 | total >> 57) + (word ^ 0xbb67ae8584caa73b)) & mask
    return total


# The GPU with one mapping for each blob, as buffers from elsewhere are mapped. Without memory
# slots QEMU says so once for every map and unmap beyond the eighth region; that harms nothing.

single = Group("single", {"gpu": ["--window=256M", "--mapping=single"]},
               ["Failed preparing vhost-user memory table msg",
                "vhost_set_mem_table failed: No buffer space available"])


@single.case
def single_main(bench):
    """200 blobs, four live at a time."""
    expect("200", blobs=bench.run("blob main 200 4", 400).values["blobs"])


@single.case
def single_rounds(bench):
    """10,000 rounds, the first write as soon as it can be: decision 3's barrier."""
    before = bench.gpu.state()["counters"]
    values = bench.run("blob rounds 10000", 400).values
    expect("10000", rounds=values["rounds"])
    expect("0", lost=values["lost"])
    after = bench.gpu.state()
    expect("single", mapping_mode=after["mapping_mode"])
    # One more for the program's own blob.
    for key in ("maps", "unmaps"):
        expect(10001, **{key: after["counters"][key] - before[key]})


@single.case
def single_worker_dies(bench):
    """The worker is killed, and the mappings that the front-end has stay where they are."""
    survives(bench, 4000, 10)


@single.case
def single_images(bench):
    """The same, each with a mapping of its own; dmabufs where this machine makes them."""
    found = os.path.exists("/dev/udmabuf") or os.path.exists("/dev/dma_heap/system")
    images_are_good(bench, "1" if found else "0")


@single.case
def single_killed(bench):
    """Processes killed while they write to blobs; more mappings than QEMU has regions for."""
    bench.run("blob killed 3", 120)


@single.case
def single_exhaust(bench):
    """128 mappings of 2 MiB fill the window."""
    bench.run("blob exhaust 2048", 240)


@single.case
def single_rebind(bench):
    """The driver unbound and bound again."""
    bench.run("blob rebind 2", 120)


@single.case
def single_reboot(bench):
    """Two reboots with blobs mapped, one more by a reset from outside."""
    for _ in range(2):
        reboot_by_guest(bench, 4, 512)
        bench.at_rest()
    reboot_by_host(bench, 20, 512)


@single.case
def single_shared(bench):
    """Blobs for other devices: QEMU is told of each UUID while it lives, and a reset ends them."""
    for ending in ("freed", "reset"):
        bench.machine.begin("blob share 20 64")
        expect("20", works=bench.machine.until("shared", 60)["works"])
        bench.gpu.wait(lambda state: state["shared_objects"] == 20, "20 shared objects", 5)
        if ending == "freed":
            bench.machine.say("go on")
            expect(0, status=bench.machine.end("blob share").status)
        else:
            bench.machine.qmp("system_reset")
            bench.machine.ready()
            bench.run("blob fresh 4 64")
        bench.gpu.wait(lambda state: state["shared_objects"] == 0, "no shared object", 5)


# What QEMU says of a request that the door has withdrawn, because the device stops.
WITHDRAWN = "Received unexpected msg type"


@single.case
def single_race(bench):
    """The device stops while mappings come and go: the driver unbound at once after a process was
    killed, and the machine reset. QEMU 11.1 would die of a request that it reads too late."""
    with bench.tolerate(WITHDRAWN) as withdrawn:
        expect("20", raced=bench.run("blob race 20", 200).values["raced"])
        bench.show(f"@@ withdrawn={withdrawn()}")
        for turn in range(RESETS):
            bench.machine.begin("blob storm")
            bench.machine.until("storming", 60)
            time.sleep(turn * 0.0137)
            bench.machine.qmp("system_reset")
            bench.machine.ready()
        bench.show(f"@@ withdrawn={withdrawn()}")
        bench.run("blob fresh 4 512")


@single.case
def single_pauses(bench):
    """The machine stopped and continued again and again, mostly in the middle of a request: each is
    answered when it goes on, once and well."""
    with bench.tolerate(WITHDRAWN) as withdrawn:
        bench.machine.begin("blob rounds 3000")
        for turn in range(30):
            time.sleep(0.02 + turn * 0.0037)
            bench.machine.qmp("stop")
            time.sleep(0.01)
            bench.machine.qmp("cont")
        result = bench.machine.end("blob rounds 3000", 400)
        bench.show(f"@@ withdrawn={withdrawn()}")
    expect(0, status=result.status)
    expect("3000", rounds=result.values["rounds"])
    expect("0", lost=result.values["lost"])


# Offering memory slots, QEMU tells of each region by itself. It says so when the door refuses one
# that is a mapping of its own, once for each; and there may be more than eight.

slots = Group("slots", {"gpu": ["--window=256M", "--mapping=single", "--mem-slots"]},
              ["vhost_set_mem_table failed: Input/output error"])


@slots.case
def slots_main(bench):
    """100 blobs, 20 live at a time."""
    expect("100", blobs=bench.run("blob main 100 20", 400).values["blobs"])


@slots.case
def slots_race(bench):
    """The driver unbound at once after a process with blobs was killed."""
    with bench.tolerate(WITHDRAWN):
        expect("5", raced=bench.run("blob race 5", 120).values["raced"])
        bench.run("blob fresh 4 512")


@slots.case
def slots_reset(bench):
    """The machine reset while blobs are mapped: QEMU must not have them in its list."""
    reboot_by_host(bench, 20, 64)


@slots.case
def slots_pause(bench):
    """Stopped and continued with more mappings than eight: the device works. With them still there
    a reset would now kill QEMU 11.1, which has taken them into its list; so they go first."""
    bench.machine.begin("blob hold 20 64")
    bench.machine.until("held", 60)
    bench.machine.qmp("stop")
    time.sleep(0.5)
    bench.machine.qmp("cont")
    time.sleep(0.5)
    bench.machine.say("go on")
    expect(0, status=bench.machine.end("blob hold").status)
    bench.run("blob fresh 20 64")
