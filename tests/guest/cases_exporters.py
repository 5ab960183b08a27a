# SPDX-License-Identifier: MIT
"""Host-side code in the guest, whose kernel makes dmabufs also where this machine's does not: every
kind of memory that --exporter knows, driven by the scripted front-end."""
import json
import os
import re

import cargo
from bench import Group, Skip, expect
from vm import Failure

PROGRAMS = ["hostblob-gpu", "tests/unit/test_buffer", "tests/session/test_session_exporters"]
MESA = "mesa"  # the tag of the folder with libgbm and the drivers that it loads

exporters = Group("exporters", {}, cargo=[*PROGRAMS, "tests/session/test_session_blobs",
                                          "tests/unit/test_gpu_scanout",
                                          "tests/bench/hostblob-bench",
                                          "tests/guest/gpu-udmabuf"])


def settings(**values):
    """Words before a command. What a driver keeps for its process's life is no leak of ours."""
    values = {"LD_LIBRARY_PATH": f"/{cargo.LIBRARIES}:/{MESA}", "LIBGL_DRIVERS_PATH": f"/{MESA}/dri",
              "GBM_BACKENDS_PATH": f"/{MESA}/gbm", "ASAN_OPTIONS": "detect_leaks=0",
              "HOSTBLOB_TEST_SLOW": "1", **values}
    return " ".join(f"{key}='{value}'" for key, value in values.items())


def cmocka(bench, program, limit=240, skipped=(), **values):
    """Runs a test program; returns the names of its good tests. Those named must be skipped, for
    want of what this guest does not have, and no other."""
    result = bench.run(f"cd /tmp && {settings(**values)} /{cargo.FOLDER}/{program} 2>&1", limit)
    found = [re.match(r"\[ *(OK|SKIPPED) *\] ([a-z_]\w*.*)$", line) for line in result.lines]
    names = {what: [m[2] for m in found if m and m[1] == what] for what in ("OK", "SKIPPED")}
    expect(sorted(skipped), skipped=sorted(set(names["SKIPPED"])))
    return names["OK"]


def check(bench):
    """What --check says of each kind: {kind: {"in": ..., "why" or "with": ...}}."""
    lines = bench.run(f"{settings()} /{cargo.FOLDER}/hostblob-gpu --check 2>/dev/null").lines
    return json.loads("\n".join(lines))["exporters"]


def stories(bench, kinds):
    """Bytes and images of these kinds, each told four stories."""
    good = cmocka(bench, "test_session_exporters", HOSTBLOB_EXPORTERS=" ".join(kinds),
                  HOSTBLOB_GPU=f"/{cargo.FOLDER}/hostblob-gpu")
    expect(4 * len(kinds), stories=len(good))


def measured(bench, items, options="", limit=240):
    """What hostblob-bench tells of the items named, an object for each round of each."""
    lines = bench.run(f"cd /tmp && rm -f figures && {settings()} /{cargo.FOLDER}/hostblob-bench {items} --no-floors "
                      f"--json figures --exec /{cargo.FOLDER}/hostblob-gpu --fd=3 --log-level=error {options} "
                      ">figures.log 2>&1; cat figures figures.log", limit).lines
    found = [json.loads(line) for line in lines if line.startswith('{"kind":"item"')]
    expect(([], True), trouble=([line["failed"] or line["unsupported"] for line in found
                                 if line["failed"] or line["unsupported"]], bool(found)))
    return found


@exporters.case
def checked(bench):
    """--check knows what this kernel has, and why GBM is out."""
    found = check(bench)
    expect({"memfd": True, "udmabuf": True, "dma_heap": True, "gbm": False},
           kinds={kind: item["in"] for kind, item in found.items()})
    if "no DRM node" not in found["gbm"]["why"]:
        raise Failure(f"GBM is out because {found['gbm']['why']}")


@exporters.case
def buffers(bench):
    """The unit tests of src/buffer; those of dmabufs are skipped elsewhere."""
    good = cmocka(bench, "test_buffer", skipped=["gbm_works", "images_of_gbm"])
    expect((1, 1), tests_of_dmabufs=(good.count("udmabufs_work"), good.count("dma_heaps_work")))


@exporters.case
def guest_pages(bench):
    """A blob of the guest's pages is shown as one dmabuf, without a copy."""
    good = cmocka(bench, "test_gpu_scanout")
    expect(1, tests_of_dmabufs=good.count("guest_pages_become_a_dmabuf"))


@exporters.case
def frames(bench):
    """A flipped blob is shown as a dmabuf: it costs the same, however large it is."""
    found = {}
    for line in measured(bench, "--items present --rounds 3 --seconds 0.2"):
        if line["parameters"]["path"] == "blob":
            expect(1, dmabuf=line["values"].get("dmabuf"))
            if line["values"]["socket_bytes"] > 200:
                raise Failure(f"a frame took {line['values']['socket_bytes']} bytes of the socket")
            found.setdefault(line["parameters"]["size"], []).append(line["backend_cpu_us"] / line["n"])
    # A busy machine only ever adds to what a frame costs, so the cheapest round tells best.
    costs = {size: min(values) for size, values in found.items()}
    ratio = costs["4k"] / costs["1080p"]
    print(f"    processor per frame: {costs['1080p']:.0f} us at 1080p, {costs['4k']:.0f} us at 4K, {ratio:.2f} times")
    if ratio > 2: # 1, but for that disorder; 4 if its pixels are touched
        raise Failure(f"a 4K frame costs {ratio:.2f} times one of 1080p")


def mappings(bench, live=30000):
    """A buffer that is mapped by itself takes as long, however many there are. tests/guest/runbench
    has it: to make so many takes an emulated processor minutes."""
    costs = {}
    for line in measured(bench, f"--items map --live 0,{live} --rounds 3 --seconds 0.5",
                         f"--mapping=single --window=512M --limit=mappings={live + 100}", 1200):
        where = line["parameters"]
        if (where["size"], where["front_end"]) == ("4096", "plain"):
            costs.setdefault(where["live"], []).append(line["min_us"])
    # Of a frame as of a mapping: a busy machine only adds to what it takes.
    costs = {live: min(values) for live, values in costs.items()}
    ratio = costs[live] / costs[0]
    print(f"    map and unmap: {costs[0]:.0f} us, beside {live} others {costs[live]:.0f} us, {ratio:.2f} times")
    if ratio > 1.5:
        raise Failure(f"beside {live} others a mapping costs {ratio:.2f} times as much")


@exporters.case
def bytes_and_images(bench):
    stories(bench, ["arena", "memfd", "udmabuf", "dma_heap", "single"])


@exporters.case
def blobs(bench):
    """The stories of blobs, told with a hostblob-gpu whose blobs are dmabufs."""
    good = cmocka(bench, "test_session_blobs", HOSTBLOB_GPU=f"/{cargo.FOLDER}/gpu-udmabuf")
    single = sum("_single)" in name for name in good)
    if not single:
        raise Failure("no story maps its blobs one by one")
    expect(single, stories_with_dmabufs=len(bench.run("cat /tmp/dmabuf-runs").lines))


# GBM, with a DRM device made of software and this machine's own Mesa.

def mesa_folder():
    """Where this machine has libgbm, beside its drivers; None if nowhere."""
    for folder in ("/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib"):
        if os.path.exists(os.path.join(folder, "libgbm.so.1")):
            return folder
    return None


def share():
    """QEMU's words for that folder, read-only."""
    folder = mesa_folder()
    if not folder:
        return []
    return ["-fsdev", f"local,id={MESA},path={folder},security_model=none,readonly=on",
            "-device", f"virtio-9p-pci,fsdev={MESA},mount_tag={MESA}"]


gbm = Group("gbm", {}, cargo=PROGRAMS, modules=["vgem", "9p", "9pnet_virtio"], extra=share())


def with_mesa(bench):
    if not mesa_folder():
        raise Skip("there is no libgbm.so.1 here: apt-get install libgbm1 libgl1-mesa-dri")
    bench.run(f"test -d /{MESA} || {{ mkdir /{MESA} && mount -t 9p -o "
              f"trans=virtio,version=9p2000.L,msize=524288,cache=loose,ro {MESA} /{MESA}; }}")


@gbm.case
def gbm_checked(bench):
    """--check finds the primary node of vgem, whose render node makes no buffers."""
    with_mesa(bench)
    item = check(bench)["gbm"]
    expect(True, gbm=item["in"])
    if "/dev/dri/card" not in item["with"] or "vgem" not in item["with"]:
        raise Failure(f"GBM works with {item['with']}")


@gbm.case
def gbm_buffers(bench):
    with_mesa(bench)
    good = cmocka(bench, "test_buffer")
    expect((1, 1), tests_of_gbm=(good.count("gbm_works"), good.count("images_of_gbm")))


@gbm.case
def gbm_bytes_and_images(bench):
    """Forced, and as the choice by trying, where images are GBM's and bytes are not."""
    with_mesa(bench)
    stories(bench, ["gbm", "single"])
