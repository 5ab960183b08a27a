# SPDX-License-Identifier: MIT
"""Video nodes of the host: the camera's program runs in the guest, whose kernel has nodes that are
made of nothing (vivid), and is driven by the scripted front-end."""
import cargo
from bench import Group, expect
from cases_exporters import cmocka
from vm import Failure

PROGRAMS = ["test_session_v4l2", "test_session_v4l2_deaths"]
v4l2 = Group("v4l2", {}, modules=["vivid"], cargo=[
    "hostblob", "hostblob-media", *("tests/session/" + name for name in PROGRAMS)])

# One instance with the single-planar API, one with the other. Of each a capture (1) and an output
# (0x100); the captures have a webcam (0) and HDMI (3), the outputs HDMI (1).
VIVID = ("n_devs=2 multiplanar=1,2 node_types=0x101,0x101 num_inputs=2,2 input_types=0xc,0xc "
         "num_outputs=1,1 output_types=1,1")
NODES = {"vivid-000-vid-cap": "CAPTURE", "vivid-000-vid-out": "OUTPUT",
         "vivid-001-vid-cap": "CAPTURE_MULTI", "vivid-001-vid-out": "OUTPUT_MULTI"}


def nodes(bench):
    """The driver loaded as wanted: {environment variable: node}."""
    bench.run(f"rmmod vivid; insmod /{cargo.MODULES}/vivid.ko {VIVID}")
    lines = bench.run("cd /sys/class/video4linux && for n in video*; do "
                      "echo $n $(cat $n/name); done").lines
    found = {f"HOSTBLOB_V4L2_{NODES[name]}": f"/dev/{node}"
             for node, _, name in (line.partition(" ") for line in lines) if name in NODES}
    if len(found) != len(NODES):
        raise Failure(f"vivid has made {lines}")
    return {**found, "HOSTBLOB_V4L2_UNBIND": "/sys/bus/platform/drivers/vivid/unbind"}


@v4l2.case
def checked(bench):
    """--check says what a node is, and what to do where there is none."""
    found = nodes(bench)
    program = f"LD_LIBRARY_PATH=/{cargo.LIBRARIES} /{cargo.FOLDER}/hostblob-media --kind=v4l2"
    good = bench.run(f"{program} --node={found['HOSTBLOB_V4L2_CAPTURE']} --check 2>/dev/null")
    if "vivid" not in "".join(line for line in good.lines if "with" in line):
        raise Failure(f"--check says {good.lines}")
    bad = bench.run(f"{program} --node=/dev/video99 --socket-path=/tmp/none 2>&1", good=False)
    expect(1, status=bad.status)
    if "/dev/video99 does not open" not in bad.lines[0] or "/dev/video" not in bad.lines[0]:
        raise Failure(f"without a node it says {bad.lines}")


def tell(bench, program):
    """Runs the stories of that program; returns how many were good."""
    return len(cmocka(bench, program, limit=500, **nodes(bench),
                      HOSTBLOB=f"/{cargo.FOLDER}/hostblob",
                      HOSTBLOB_MEDIA=f"/{cargo.FOLDER}/hostblob-media"))


@v4l2.case
def stories(bench):
    """Capture, output, controls, timings, 300 frames in full size, and a camera that goes."""
    expect(9, stories=tell(bench, "test_session_v4l2"))


@v4l2.case
def deaths(bench):
    """Workers that die while the host's driver streams, into the guest's own pages too, a program
    that is exchanged, and front-ends that go."""
    expect(7, stories=tell(bench, "test_session_v4l2_deaths"))
