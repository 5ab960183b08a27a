# SPDX-License-Identifier: MIT
"""The camera's cases, alone and beside the GPU."""
import time

from bench import Group, expect
from cases_gpu import single
from kills import Kills

# The camera, by a driver in user space: Debian's kernel has none.

media = Group("media", {"media": ["--window=256M", "--kind=pattern"]},
              extra=["-device", "virtio-rng-pci,disable-legacy=on"])


@media.case
def selftest(bench):
    """The user-space driver itself, on a device that QEMU has: so what fails later is ours."""
    bench.run("media selftest --virtio-id 4")


@media.case
def info(bench):
    """Configuration, formats, sizes, rates."""
    bench.run("media info")


@media.case
def stream(bench):
    """300 frames of 1920x1080 at 30 fps: every checksum, time stamps on the clock."""
    values = bench.run("media stream --size 1920x1080 --fps 30 --frames 300", 200).values
    expect("300", frames=values["frames"], verified=values["verified"])


@media.case
def formats(bench):
    """Some frames of every format and size, up to 4K."""
    bench.run("media formats", 300)


@media.case
def buffers32(bench):
    """32 buffers in use."""
    bench.run("media buffers32", 120)


@media.case
def busy(bench):
    """Two clients: EBUSY where V4L2 says so."""
    bench.run("media busy", 120)


@media.case
def killed(bench):
    """Clients killed while they stream."""
    bench.run("media killed", 120)


@media.case
def ioctls(bench):
    """Every ioctl, every mapping, malformed commands."""
    bench.run("media ioctls", 120)


@media.case
def rounds(bench):
    """500 rounds of map, write at once, unmap, look again: nothing is lost."""
    values = bench.run("media rounds --frames 500", 120).values
    expect("500", rounds=values["rounds"])
    expect("0", lost_words=values["lost_words"])


@media.case
def reset(bench):
    """Drivers that go without a word while frames stream; the next finds clean buffers."""
    values = bench.run("media reset", 120).values
    expect("20", after_reset=values["after_reset"])


@media.case
def reboot(bench):
    """A reboot while frames stream."""
    bench.machine.begin("media stream --frames 100000")
    time.sleep(2)
    expect(1, sessions=bench.media.state()["device"]["sessions"])
    bench.machine.qmp("system_reset")
    bench.machine.ready()
    bench.run("media stream --frames 30")


# The camera with V4L2's multi-planar API: a mapping for each plane of a buffer.

planes = Group("planes", {"media": ["--window=256M", "--kind=pattern", "--planes=multi"]})


@planes.case
def formats(bench):
    """Some frames of every format and size; NV12M's two planes are two mappings."""
    records = bench.run("media formats", 300).records
    count = {record["format"]: record["planes"] for record in records if "planes" in record}
    expect("2", planes_of_NV12M=count.pop("NM12", None))
    expect({"1"}, planes_of_others=set(count.values()))


@planes.case
def busy(bench):
    """Two clients: EBUSY where V4L2 says so."""
    bench.run("media busy", 120)


# Both at the same time: each mapping of the one is a new memory table for the other.

both = Group("both", {"gpu": ["--window=256M", "--mapping=single"],
                      "media": ["--window=256M", "--kind=pattern"]}, single.noise)


@both.case
def work(bench):
    """Blobs are mapped one by one while frames stream."""
    values = bench.run("(media stream --frames 150; echo @@ stream=$?) & "
                       "blob main 100 4; r=$?; wait; exit $r", 300).values
    expect("0", stream=values["stream"])
    expect("150", verified=values["verified"])
    # The camera stopped before the GPU did, so it holds the memory table of that moment. A stopped
    # device is sent no other; its next start brings one.
    bench.run("media stream --frames 3")


@both.case
def workers_die(bench):
    """Both workers are killed by turns while blobs, flips and frames go on; 'runkills' has more."""
    Kills(bench, 1).run(6, 0)
    bench.remember()


@both.case
def reboot(bench):
    """A reset with blobs mapped and frames streaming."""
    bench.machine.begin("media stream --frames 100000 & blob hold 4 512")
    bench.machine.until("held", 60)
    bench.machine.qmp("system_reset")
    bench.machine.ready()
    bench.run("blob fresh 4 512 && media stream --frames 30")
