# SPDX-License-Identifier: MIT
"""The command line."""
import argparse
import os
import re
import sys

TEXT = """hostblob-ci: runs a graphics program in a throw-away virtual machine with a GPU of hostblob's.

Usage: hostblob-ci run [OPTION ...] -- COMMAND [ARGUMENT ...]

The guest is a stock Linux with a virtio-gpu device; the host needs no GPU, no KVM and no rights.
COMMAND runs in it as root, in the current folder, which is shared writable with the guest under the
same path; all else that it writes is gone at the end. There is no network. Standard output and error
are passed on as they come; standard input is empty, which some programs take for a key ('tail -f
/dev/null | kmscube' does not).

Devices of the guest:
  --gl                  OpenGL by the host's virglrenderer (virgl). Without --gl and --vulkan there is
                        no 3D on the host's side: Mesa in the guest draws on the guest's processor.
  --vulkan              Vulkan by the host's virglrenderer (Venus), 1.0 or newer. Both may be given.
  --display WxH         the size of the GPU's output (1280x800)
  --camera pattern      a camera that shows a moving test pattern, /dev/video0: it is vivid, which the
                        guest's kernel has. One of hostblob-media's cannot be had, and so none that shows
                        a file: QEMU 11.1 refuses virtio-media, and stock kernels have no driver for it.
  --smp N               processors (2)
  --memory SIZE         memory, such as 2G (2G). Half of it is what COMMAND may write to other folders.

The guest's system:
  --root DIR|IMAGE      another system than the Debian 13 with Mesa that is made by mmdebstrap and kept
                        (in HOSTBLOB_CACHE, or ~/.cache/hostblob): a folder, or an image of one file
                        system: ext4, erofs or squashfs. It is not written to. Kernel and QEMU are
                        always those of the kept one.
  --env NAME[=VALUE]    a variable of COMMAND's environment; without a value it is that of here. No
                        other variables are passed on. May be repeated.

The run:
  --timeout SECONDS     end COMMAND after that time (600; 0: never)
  --screenshot end      take a picture of the output when COMMAND ends or its time is over: not of what
                        a program that draws by KMS had shown before it ended, which is gone by then
  --screenshot every=S  take a picture each S seconds while COMMAND runs, into OUT/film; one that shows
                        the same as the one before is not kept, and after 500 there come no more. They
                        are in the report, and not held against references. May be given beside 'end'.
  --expect DIR          hold the pictures in OUT/pictures, which COMMAND may write too, against those of
                        the same names in DIR, as they are before the guest boots. DIR/limits.ini may
                        allow for differences; 'compare.py --help', beside the modules, says how
  --bless               make references of the pictures of a run that passed: where there is none yet,
                        or where they differ too much
  --trace               have the device write trace.json, for Perfetto (ui.perfetto.dev)
  --out DIR             where run.json, pictures and logs go (hostblob-ci). What an earlier run left
                        there is taken away first.
  --quiet               do not say on standard error how far the run is
  --help, -h            this text
  --version             the version

The exit status is COMMAND's, or 1 if only a picture is not as expected; 126 and 127 if it cannot be run
or is not there, 128 + N if signal N ended it. 124: its time was over. 125: hostblob-ci, the guest or the
device failed. 128 + N: signal N ended hostblob-ci. 'verdict' in run.json says which it was.

Examples:
  hostblob-ci run -- modetest -M virtio_gpu -c
  hostblob-ci run --gl --timeout 60 -- glmark2-es2-drm --off-screen -b build
  hostblob-ci run --gl --screenshot end --timeout 14 -- \\
      glmark2-es2-drm --visual-config alpha=0 -b terrain:duration=60
(Without 'alpha=0' glmark2 takes a format that no output of virtio-gpu shows: 'Failed to set crtc'.)
  hostblob-ci run --gl --screenshot end --expect references --bless -- ./my-program
  hostblob-ci run --env CI --out results -- ./run-tests --all
"""


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line; 125 is what hostblob-ci ends with for what is not COMMAND's."""

    def error(self, message):
        self.exit(125, f"hostblob-ci: {message}; 'hostblob-ci --help' says more\n")

    def format_help(self):
        return TEXT


def size(text):
    match = re.fullmatch(r"([1-9][0-9]{1,4})x([1-9][0-9]{1,4})", text)
    if not match:
        raise argparse.ArgumentTypeError(f"'{text}' is no size; write it as 1280x800")
    return text


def memory(text):
    match = re.fullmatch(r"([1-9][0-9]{0,6})([MG])", text)
    if not match:
        raise argparse.ArgumentTypeError(f"'{text}' is no size; write it as 2G or 512M")
    if int(match[1]) << (10 if match[2] == "G" else 0) < 256:
        raise argparse.ArgumentTypeError(f"{text} is too little for the guest: 256M at least")
    return text


def processors(text):
    if not re.fullmatch(r"[1-9][0-9]?", text):
        raise argparse.ArgumentTypeError(f"'{text}' is no number from 1 to 99")
    return int(text)


def seconds(text):
    if not re.fullmatch(r"[0-9]{1,7}(\.[0-9]+)?", text):
        raise argparse.ArgumentTypeError(f"'{text}' is no number of seconds")
    return float(text)


def camera(text):
    if text not in ("pattern", "none"):
        raise argparse.ArgumentTypeError(
            f"'{text}' cannot be shown: there is only 'pattern'. A camera that shows a file is one of "
            "hostblob-media's, which QEMU 11.1 refuses")
    return text


def screenshot(text):
    """'end', or the seconds between pictures."""
    if text == "end":
        return text
    match = re.fullmatch(r"every=([0-9]{1,4}(?:\.[0-9]{1,3})?)s?", text)
    if not match:
        raise argparse.ArgumentTypeError(f"'{text}' is no time for a picture; there are 'end' and "
                                         "'every=SECONDS', such as every=0.5")
    if float(match[1]) < 0.1:
        raise argparse.ArgumentTypeError(f"{text} is too often: every=0.1 at most")
    return float(match[1])


def show(text):
    """What was asked for, and the end."""
    print(text)
    sys.exit(0)


def parse(words, version):
    """The options of 'run'; version: called to say which it is."""
    parser = Parser(prog="hostblob-ci", add_help=False, allow_abbrev=False)
    if words[:1] == ["--version"]:
        show(f"hostblob-ci {version()}")
    if words[:1] in (["--help"], ["-h"], ["help"]):
        show(TEXT.rstrip())
    if words[:1] != ["run"]:
        parser.error(f"'{words[0]}' is no command; there is 'run'" if words else "there is no command")
    words = words[1:]
    # What is behind '--' is the command's, whatever it looks like.
    at = words.index("--") if "--" in words else len(words)
    own, command = words[:at], words[at + 1:]
    parser.add_argument("--help", "-h", action="help")
    parser.add_argument("--version", action="store_true")
    for name in ("gl", "vulkan", "trace", "quiet", "bless"):
        parser.add_argument("--" + name, action="store_true")
    parser.add_argument("--display", type=size, default="1280x800")
    parser.add_argument("--camera", type=camera, default="none")
    parser.add_argument("--smp", type=processors, default=2)
    parser.add_argument("--memory", type=memory, default="2G")
    parser.add_argument("--root")
    parser.add_argument("--env", action="append", default=[])
    parser.add_argument("--timeout", type=seconds, default=600.0)
    parser.add_argument("--screenshot", type=screenshot, action="append", default=[])
    parser.add_argument("--expect")
    parser.add_argument("--out", default="hostblob-ci")
    parser.add_argument("rest", nargs="*")
    options = parser.parse_args(own)
    if options.version:
        show(f"hostblob-ci {version()}")
    if options.rest:
        parser.error(f"'{options.rest[0]}' is no option; the command goes behind '--'")
    if not command or not command[0]:
        parser.error("there is no command; it goes behind '--'")
    if options.bless and not options.expect:
        parser.error("--bless needs --expect DIR, where the references are to be")
    options.every = next((word for word in reversed(options.screenshot) if word != "end"), None)
    options.command = command
    options.out = os.path.abspath(options.out)
    if options.root:
        options.root = os.path.realpath(options.root)
    return options
