# SPDX-License-Identifier: MIT
"""What a Debian guest renders on our devices: virgl's OpenGL, Venus's Vulkan, and both."""
import os
import re
import signal
import time

import piglit3d
from bench import expect
from bench3d import VENUS, ZINK, Group3d, number
from picture import write_png
from vm import Failure

OUTPUTS = ["--output=1280x800@60", "--output=1024x768@60"]
# No healthy program may wait longer than that, whatever happens to others; on a busy machine, than
# that and what it has waited for before anything happened.
STALL_MS = 1000


# OpenGL and what is shown of it.

virgl = Group3d("virgl", ["--renderer=virgl", *OUTPUTS], warm=["/hostblob/bin/gl_loop 1"])


def connectors(bench):
    """[(id, first mode)] of the connected outputs, as modetest lists them."""
    found = []
    for line in bench.run("modetest -M virtio_gpu -c").lines:
        match = re.match(r"(\d+)\s+\d+\s+connected", line)
        if match:
            found.append([int(match[1])])
        match = re.match(r"\s+#0 (\S+) ", line)
        if match and found and len(found[-1]) == 1:
            found[-1].append(match[1])
    return found


@virgl.case
def virgl_outputs(bench):
    """modetest sets and page-flips every output at once, at the guest's 60 Hz."""
    outputs = connectors(bench)
    if not bench.peer:
        expect(["1280x800", "1024x768"], modes=[mode for _, mode in outputs])
    words = " ".join(f"-s {connector}:{mode}" for connector, mode in outputs)
    lines = bench.run(f"sleep 4 | modetest -M virtio_gpu {words} -v 2>&1").lines
    rates = [float(rate) for rate in re.findall(r"freq: ([\d.]+)Hz", "\n".join(lines))]
    bench.say(outputs=len(outputs), rates=rates)
    if len(rates) < len(outputs) or max(rates) < 20:
        raise Failure(f"modetest flips at {rates} Hz: {' / '.join(lines[-4:])}")


# At the top of modetest's pattern: the bars of SMPTE, grey to blue.
BARS = [(192, 192, 192), (192, 192, 0), (0, 192, 192), (0, 192, 0), (192, 0, 192), (192, 0, 0),
        (0, 0, 192)]


def bars_of(bench, outputs):
    """The bars that the outputs show, side by side, and their sizes; or why there is no picture."""
    try:
        pictures = [bench.screenshot(output, f"modetest-{output}.png") for output in range(outputs)]
    except Failure as why:
        return str(why)
    row = b"".join(picture.rows[10] for picture in pictures)
    middles = [(2 * bar + 1) * len(row) // 3 // 14 for bar in range(7)]
    return ([tuple(row[3 * x:3 * x + 3]) for x in middles],
            [f"{picture.width}x{picture.height}" for picture in pictures])


@virgl.case
def virgl_pictures(bench):
    """Screenshots: modetest's pattern on every output, and kmscube's cube on the first."""
    bench.own("screenshots")
    outputs = connectors(bench)
    words = " ".join(f"-s {connector}:{mode}" for connector, mode in outputs)
    wanted = (BARS, [mode for _, mode in outputs])
    # What it waits for at the end, on its standard input, never comes.
    pattern = bench.start("pattern", f"sh -c \"sleep 1000 | modetest -M virtio_gpu {words}\"")
    end = time.monotonic() + 60
    while (found := bars_of(bench, len(outputs))) != wanted and time.monotonic() < end:
        time.sleep(0.2)
    expect(wanted, bars_and_sizes=found)
    for output in range(len(outputs)):
        bench.keep_picture(f"modetest-{output}.png")
    bench.run("pkill modetest; pkill sleep", good=False)
    pattern.exit()
    picture_of(bench, "kmscube", "kmscube -c 100000")


def picture_of(bench, name, command, program=None):
    """out/NAME.png: what the first output shows while the command draws."""
    drawing = bench.start(name, f"sh -c \"sleep 1000 | {command}\"")
    colours = 0
    end = time.monotonic() + 60
    while colours < 200 and time.monotonic() < end:
        colours = bench.screenshot(0, f"{name}.png").colours()
    bench.keep_picture(f"{name}.png")
    bench.say(**{name + "_colours": colours})
    if colours < 200:
        raise Failure(f"the picture of {name} has {colours} colours")
    bench.run(f"pkill {program or name}; pkill sleep", good=False)
    drawing.exit()


@virgl.case
def virgl_flips(bench):
    """Plain 2D: dumb buffers of every output flipped for five seconds."""
    lines = bench.run("/hostblob/bin/kms_loop 5")
    bench.say(flips=lines.values["ticked"], longest_ms=lines.values["longest"])


@virgl.case
def virgl_kmscube(bench):
    """kmscube draws 100 frames."""
    lines = bench.run("kmscube -c 100 2>&1", 120).lines
    if not any("virgl" in line for line in lines):
        raise Failure("kmscube does not draw with virgl")
    bench.say(fps=number(r"Rendered (?:99|100) frames in .* \(([\d.]+) fps\)", lines, "rate"))


@virgl.case
def virgl_glmark2(bench):
    """glmark2: a picture of it on the screen, and three of its scenes off-screen."""
    scenes = " ".join(f"-b {name}:duration=2" for name in ("build", "texture", "buffer"))
    lines = bench.run(f"glmark2-es2-drm --off-screen {scenes} 2>&1", 240).lines
    if not any("GL_RENDERER:" in line and "virgl" in line for line in lines):
        raise Failure("glmark2 does not draw with virgl")
    expect(3, scenes=sum("FPS:" in line for line in lines))
    bench.say(score=number(r"glmark2 Score: (\d+)", lines, "score"))
    if not bench.peer:
        # It takes no configuration of its own accord that the kernel can show.
        picture_of(bench, "glmark2", "glmark2-es2-drm --visual-config id=0x3d "
                   "-b texture:duration=100", "glmark2-es2-drm")


@virgl.case
def virgl_verified(bench):
    """Pictures drawn off-screen, each pixel of each verified."""
    values = bench.run("/hostblob/bin/gl_loop 3").values
    expect("virg", renderer=values["renderer"])


@virgl.case
def virgl_again(bench):
    """One program after another leaves hardly anything behind. The first dozen does: what the
    renderer has once taken from the system it keeps."""
    bench.run("for i in $(seq 12); do /hostblob/bin/gl_loop 1 || exit 1; done", 200)
    before = bench.own("memory to look at").usage()["worker"]["own_kb"]
    bench.run("for i in $(seq 8); do /hostblob/bin/gl_loop 1 || exit 1; done", 200)
    grown = bench.gpu.usage()["worker"]["own_kb"] - before
    bench.say(grown_kb=grown)
    if grown > 4096:
        raise Failure(f"the worker has {grown} kB more after eight programs")


@virgl.case
def virgl_piglit(bench):
    """Nothing of piglit.list that passes on QEMU's own device fails here."""
    before = piglit3d.read_results()
    results = piglit3d.run(bench, piglit3d.read_list())
    piglit3d.save(bench.out("piglit.ours"), [
        "What became of the programs of piglit.list on our device, by", "",
        "    tests/guest/run3d virgl-piglit", "",
        f"Host and guest: {bench.versions()}",
        "Persistent mappings of OpenGL's own buffers are not to be had over vhost-user: skipped."],
        results)
    worse = piglit3d.worse(results, before)
    passed = sum(result == "pass" for result, _, _ in results)
    bench.say(piglit=len(results), passed=passed,
              passed_there=sum(result == "pass" for result in before.values()))
    if worse:
        again = piglit3d.run(bench, [line.split(" ", 1)[1] for line in worse], limit=60)
        worse = piglit3d.worse(again, before)
        bench.say(tried_again=len(again), still=len(worse))
    if worse:
        raise Failure(f"{len(worse)} pass on QEMU's own device and not here: {'; '.join(worse)}")


@virgl.case
def virgl_sample(bench):
    """A few of piglit.list."""
    results = piglit3d.run(bench, piglit3d.read_list()[::20])
    worse = piglit3d.worse(results, piglit3d.read_results())
    if worse:
        raise Failure("; ".join(worse))


# Vulkan. /dev/udmabuf is not there on such a host, so memory is made of memfds by our Vulkan layer.

venus = Group3d("venus", ["--renderer=venus", *OUTPUTS],
                warm=[f"{VENUS} /hostblob/bin/vulkan_loop 1"])


@venus.case
def venus_vulkaninfo(bench):
    """vulkaninfo names Venus on lavapipe."""
    lines = bench.run(f"{VENUS} vulkaninfo --summary 2>&1").lines
    names = [line.split("=", 1)[1].strip() for line in lines if "deviceName" in line]
    with open(bench.out("vulkaninfo.txt"), "w") as file:
        file.write("\n".join(lines) + "\n")
    bench.say(device=names)
    if not names or not names[0].startswith("Virtio-GPU Venus (llvmpipe"):
        raise Failure(f"vulkaninfo names {names}")


@venus.case
def venus_image(bench):
    """Memory of 100 bytes to 64 MiB mapped and verified; a picture whose bytes are those that the
    host's lavapipe draws."""
    here = os.path.join(bench.share, "host.raw")
    bench.on_host([os.path.join(bench.share, "bin/vulkan_image"), here])
    result = bench.run(f"{VENUS} /hostblob/bin/vulkan_image /hostblob/guest.raw", 240)
    if not result.values["device"].startswith("Virtio-GPU_Venus"):
        raise Failure(f"the device is {result.values['device']}")
    sizes = [record for record in result.records if "size" in record]
    expect(9, sizes=len(sizes))
    expect([("0", "0")] * 9, results=[(record["result"], record["bad"]) for record in sizes])
    with open(here, "rb") as file:
        wanted = file.read()
    with open(os.path.join(bench.share, "guest.raw"), "rb") as file:
        found = file.read()
    width, height = int(result.values["width"]), int(result.values["height"])
    write_png(bench.out("vulkan-host.png"), wanted, "AB24", width, height, 4 * width)
    write_png(bench.out("vulkan-guest.png"), found, "AB24", width, height, 4 * width)
    wrong = sum(a != b for a, b in zip(wanted, found))
    expect((len(wanted), 0), bytes_and_wrong=(len(found), wrong))


@venus.case
def venus_many(bench):
    """1,000 allocations mapped, written at once, verified and freed, 100 of them at a time."""
    values = bench.run(f"{VENUS} /hostblob/bin/vulkan_many 1000 100", 400).values
    bench.say(**{key: values[key] for key in ("lost", "map_ms_mean", "map_ms_longest")})
    expect("1000", allocations=values["allocations"])
    expect("0", lost=values["lost"])


@venus.case
def venus_shared(bench):
    """Memory that one process exports as a dmabuf, and another imports: read and written there."""
    bench.own("exportable memory on a host without /dev/udmabuf")
    result = bench.run(f"{VENUS} /hostblob/bin/vulkan_share", 120)
    sizes = [record for record in result.records if "shared" in record]
    expect([("0", "0")] * 5, results=[(record["bad"], record["back"]) for record in sizes])


@venus.case
def venus_vkmark(bench):
    """vkmark, whose windowless mode wants memory that can be exported."""
    bench.own("exportable memory on a host without /dev/udmabuf")
    scenes = " ".join(f"-b {name}:duration=2" for name in ("vertex", "texture", "cube"))
    lines = bench.run(f"{VENUS} vkmark --winsys headless -s 640x480 {scenes} 2>&1", 240).lines
    expect(3, scenes=sum("FPS:" in line for line in lines))
    bench.say(score=number(r"vkmark Score: (\d+)", lines, "score"))


def zink_picture(bench):
    """out/zink.png: three balls over a chequered ground."""
    here = os.path.join(bench.share, "gl-host.raw")
    bench.on_host([os.path.join(bench.share, "bin/gl_loop"), "1", here])
    result = bench.run(f"{ZINK} /hostblob/bin/gl_loop 1 /hostblob/zink.raw", 120)
    expect("zink", renderer=result.values["renderer"])
    expect("0", wrong_pixels=result.values["wrong_pixels"])
    side = int(result.values["side"])
    with open(os.path.join(bench.share, "zink.raw"), "rb") as file:
        found = file.read()
    write_png(bench.out("zink.png"), found, "AB24", side, side, 4 * side)
    with open(here, "rb") as file:
        wanted = file.read()
    wrong = sum(a != b for a, b in zip(wanted, found))
    expect((len(wanted), 0), bytes_and_wrong=(len(found), wrong))


@venus.case
def venus_zink(bench):
    """OpenGL made of Vulkan: a picture whose pixels are those that its formula gives and those that
    the host's llvmpipe draws, and some of piglit.list on zink."""
    lines = bench.run(f"{ZINK} wflinfo -p surfaceless_egl -a gl 2>&1 | head -n 8").lines
    if not any("zink" in line and "Venus" in line for line in lines):
        raise Failure(f"this is not zink on Venus: {' / '.join(lines)}")
    zink_picture(bench)
    chosen = piglit3d.read_list()[::24]
    results = piglit3d.run(bench, chosen, ZINK, limit=60, name="zink")
    bench.say(zink_piglit=len(results), passed=sum(result == "pass" for result, _, _ in results))
    failed = [f"{result} {line}" for result, _, line in results if result != "pass"]
    if failed:
        raise Failure(f"{len(failed)} of {len(results)} do not pass: {'; '.join(failed)}")


# Both, and what becomes of them when processes die or hang.

both = Group3d("both", ["--renderer=auto", *OUTPUTS],
               warm=["/hostblob/bin/gl_loop 1", f"{VENUS} /hostblob/bin/vulkan_loop 1"])


class Crowd:
    """Programs that run side by side: a victim, and others that nothing may happen to."""

    def __init__(self, bench, seconds):
        self.bench = bench
        self.victim = bench.start("victim", f"{VENUS} /hostblob/bin/vulkan_loop {seconds + 60}")
        self.victim.wait("tick")
        # It is the only one with a render process so far.
        self.victim_pids = list(bench.render_processes())
        self.others = {
            "vulkan": bench.start("vulkan", f"{VENUS} /hostblob/bin/vulkan_loop {seconds}"),
            "gl": bench.start("gl", f"/hostblob/bin/gl_loop {seconds}"),
            "kms": bench.start("kms", f"/hostblob/bin/kms_loop {seconds}")}
        for program in self.others.values():
            program.wait("tick", 60)
        time.sleep(2)
        self.before = {name: program.longest() for name, program in self.others.items()}

    def finish(self, *names):
        """The others, or those named, come to their good end, without a stall."""
        for name in names or self.others:
            longest = self.others[name].finish(STALL_MS + self.before[name], 120)
            self.bench.say(program=name, longest_ms=longest, before_ms=self.before[name])

    def lost(self):
        """The victim ends, and not well."""
        status = self.victim.exit(60)
        self.bench.say(victim_ended_with=status)
        if status == 0:
            raise Failure("the program whose render process was lost ended well")


def left_out(bench):
    """{renderer: why it is left out} as 'hostblob check' says; what it says is kept in out/."""
    text = bench.ask_host("check")
    with open(bench.out(f"check-{bench.suite}.txt"), "w") as file:
        file.write(text)
    part = text[text.index("renderers"):text.index("exporters")]
    found = dict(re.findall(r"^    (?:in|out) +(\S+)(.*)$", part, re.M))
    expect(["memory", "venus", "virgl"], renderers=sorted(set(found) - {"virgl,venus"}))
    return {name: why.strip() for name, why in re.findall(r"^    out +(\S+) +(.*)$", part, re.M)}


@both.case
def both_check(bench):
    """'auto' picks everything here, and 'hostblob check' knows of nothing that would be out."""
    bench.own("choice")
    expect({}, left_out=left_out(bench))
    if "Renderer virgl,venus works" not in bench.gpu.log():
        raise Failure(f"not both were picked: {bench.gpu.log()[-800:]}")


def fresh_contexts(bench):
    """New contexts of both kinds work."""
    bench.run(f"{VENUS} /hostblob/bin/vulkan_loop 1", 60)
    bench.run("/hostblob/bin/gl_loop 1", 60)


@both.case
def both_quiet(bench):
    """Four programs side by side, and nothing happens: how long the longest step is then."""
    crowd = Crowd(bench, 6)
    crowd.finish()
    crowd.victim.end()
    crowd.victim.exit()


@both.case
def both_process_killed(bench):
    """kill -9 of a render process."""
    bench.own("render process of its own")
    crowd = Crowd(bench, 12)
    for pid in crowd.victim_pids:
        os.kill(pid, signal.SIGKILL)
    crowd.lost()
    fresh_contexts(bench)
    crowd.finish()
    bench.forgive()


@both.case
def both_process_stopped(bench):
    """A render process stopped for ten seconds."""
    bench.own("render process of its own")
    crowd = Crowd(bench, 20)
    for pid in crowd.victim_pids:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(10)
    for pid in crowd.victim_pids:
        try:
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            pass  # the watchdog has ended it
    crowd.lost()
    fresh_contexts(bench)
    crowd.finish()
    bench.forgive()


@both.case
def both_server_killed(bench):
    """kill -9 of the render server: another is started, and new contexts work."""
    bench.own("render server of its own")
    crowd = Crowd(bench, 12)
    old = bench.render_server()
    os.kill(old, signal.SIGKILL)
    end = time.monotonic() + 10
    while bench.render_server(missing=True) in (0, old):
        if time.monotonic() > end:
            raise Failure("no other render server was started")
        time.sleep(0.1)
    fresh_contexts(bench)
    crowd.finish("gl", "kms")
    # What the dead server had begun may go on or be lost, but not hang.
    bench.say(vulkan_ended_with=crowd.others["vulkan"].exit(60))
    bench.say(victim_goes_on=not crowd.victim.find("exit"))
    crowd.victim.end()
    crowd.victim.exit()
    bench.forgive()


# An older host: its virglrenderer serves OpenGL; a current guest refuses its Venus.

old = Group3d("old", ["--renderer=auto", *OUTPUTS], warm=["/hostblob/bin/gl_loop 1"],
              hosts=("bookworm",))


@old.case
def old_check(bench):
    """'auto' picks virgl; it and 'hostblob check' say why Venus is out."""
    out = left_out(bench)
    expect(["venus"], left_out=list(out))
    lines = [line for line in bench.gpu.log().splitlines() if "venus is left out" in line]
    bench.say(check=out["venus"], log=lines)
    if len(lines) != 1 or "virglrenderer 0.10" not in lines[0] or "0.10" not in out["venus"]:
        raise Failure(f"no good reason is given: {out}, {lines}")


def lend(group, *cases):
    """Has a group run another's cases as well, by a name of its own."""
    for case in cases:
        group.cases["-".join([group.name, *case.__name__.split("_")[1:]])] = case


lend(old, virgl_outputs, virgl_kmscube, virgl_verified, virgl_pictures)
lend(both, virgl_outputs, virgl_pictures, virgl_sample, venus_vulkaninfo, venus_image)

# Something of everything, on one boot, in some minutes.
SHORT = ["both-check", "both-outputs", "both-pictures", "both-sample", "both-vulkaninfo",
         "both-image", "both-process-killed", "both-end"]
