# SPDX-License-Identifier: MIT
"""What guest tests are made of: groups of cases, and the bench on which a group's cases run."""
import contextlib
import json
import os
import shutil
import sys
import tempfile
import time

from cargo import archive
from devices import Device
from vm import HERE, Failure, Machine

CENSUS = ("resources", "contexts", "mapped", "bytes", "sessions")
TOP = os.path.dirname(os.path.dirname(HERE))
GROUPS = {}  # name -> Group, in the order written


class Skip(Exception):
    """The case cannot be run here; the text says why."""


class Group:
    """Cases that share a boot. devices: {kind: options of its program}. noise: what QEMU may say
    on its standard error without being at fault. extra: more words for its command line. cargo:
    programs, of the build tree or of this one, that are put into the guest. bench: the kind of
    Bench that it runs on, if not the usual one. modules: more of the kernel's modules, loaded
    before the first case. limit: seconds after which its machine is ended."""

    def __init__(self, name, devices, noise=(), extra=(), cargo=(), bench=None, modules=(),
                 limit=1500):
        self.name = name
        self.devices = devices
        self.bench = bench
        self.noise = noise
        self.extra = extra
        self.cargo = cargo
        self.modules = modules
        self.limit = limit
        self.cases = {}
        GROUPS[name] = self

    def case(self, function):
        name = function.__name__.replace("_", "-")
        if not name.startswith(self.name + "-"):
            name = f"{self.name}-{name}"
        self.cases[name] = function
        return function


class Bench:
    """The back-ends of a group and a booted guest."""

    def __init__(self, group, options):
        self.group = group
        self.verbose = options.verbose
        self.build = options.build
        self.folder = tempfile.mkdtemp(prefix=f"hostblob-{group.name}-")
        self.keep = options.keep
        self.devices = {}
        self.machine = None
        try:
            for kind, arguments in group.devices.items():
                self.devices[kind] = self.make_device(options, kind, arguments)
            self.machine = self.make_machine(options)
            self.boot_seconds = self.machine.ready()
            self.seen = len(self.machine.console)
            self.tolerated = []  # (first line, line after the last, what it may say)
            self.baseline = {}
            self.remember()
        except BaseException:
            self.discard()
            raise

    def __getattr__(self, name):
        # bench.gpu, bench.media
        try:
            return self.__dict__["devices"][name]
        except KeyError:
            raise AttributeError(name) from None

    def make_device(self, options, kind, arguments):
        return Device(options.build, kind, self.folder, arguments)

    def make_machine(self, options):
        return Machine(self.pairs(), limit=self.group.limit, show=self.show, accelerator=options.accel,
                       console=self.note, extra=self.group.extra, archive=self.load(options.build))

    def pairs(self):
        """The back-ends as a machine wants them named."""
        return [(kind, device.socket) for kind, device in self.devices.items()]

    def load(self, build):
        """The group's cargo as an archive; empty if it has none."""
        paths = []
        for name in self.group.cargo:
            places = [os.path.join(folder, name) for folder in (build, TOP)]
            found = [path for path in places if os.access(path, os.X_OK)]
            if not found:
                raise Skip(f"there is no {name} in {build}")
            paths.append(found[0])
        return archive(paths, self.group.modules) if paths else b""

    def show(self, line):
        if self.verbose:
            print("    " + line, file=sys.stderr, flush=True)
        elif line.startswith("@@ progress=") and sys.stderr.isatty():
            print("    " + line[3:], end="\r", file=sys.stderr, flush=True)

    def note(self, line):
        with open(os.path.join(self.folder, "console.log"), "a") as file:
            file.write(line + "\n")
        if self.verbose:
            print("    console: " + line, file=sys.stderr, flush=True)

    def run(self, command, limit=120, **options):
        return self.machine.run(command, limit, **options)

    def warm_up(self):
        if "gpu" in self.devices:
            self.run("blob fresh 4 64")
        if "media" in self.devices:
            self.run("media stream --frames 3")

    def remember(self):
        """Takes how the back-ends are now as how they have to be after each case. A device is put
        to use once before, so that what is made on first use counts as there."""
        self.warm_up()
        time.sleep(0.3)
        for kind, device in self.devices.items():
            self.baseline[kind] = (device.state(), device.usage())

    def at_rest(self, slack_kb=2048):
        """Raises Failure unless every back-end is as remember() found it."""
        for kind, device in self.devices.items():
            before, used = self.baseline[kind]
            if device.process.poll() is not None:
                raise Failure(f"{device.stop()}")
            # The guest's kernel gives things back a moment after the program's end.
            device.wait(lambda state: same(state, before), f"{kind}: the state of before "
                        f"({json.dumps(summary(before))})", 5)
            compare_usage(kind, used, device.usage(), slack_kb)
        fresh = self.machine.console[self.seen:]
        self.seen += len(fresh)
        errors = [line for line in fresh if "ERROR" in line]
        if errors:
            raise Failure("the guest's kernel said: " + errors[0])

    def forgive(self, noise):
        """Errors of the guest's kernel up to now that have 'noise' in them had to come."""
        fresh = self.machine.console[self.seen:]
        self.seen += len(fresh)
        errors = [line for line in fresh if "ERROR" in line and noise not in line]
        if errors:
            raise Failure("the guest's kernel said: " + errors[0])

    @contextlib.contextmanager
    def tolerate(self, noise):
        """For as long as it lasts QEMU may say 'noise'. Yields a function that tells how often it
        has said so."""
        def lines():
            return self.machine.stderr().splitlines()

        first = len(lines())
        yield lambda: sum(noise in line for line in lines()[first:])
        self.tolerated.append((first, len(lines()), noise))

    def is_noise(self, number, line):
        if any(noise in line for noise in self.group.noise):
            return True
        return any(first <= number < end and noise in line for first, end, noise in self.tolerated)

    def complaint(self):
        """Ends the guest; what QEMU or the kernel had to complain of beyond the group's noise."""
        text = self.machine.finish()
        if not text.startswith("QEMU said: "):
            return text
        lines = enumerate(self.machine.stderr().splitlines())
        rest = [line for number, line in lines if not self.is_noise(number, line)]
        return "QEMU said: " + "\n".join(rest) if rest else ""

    def discard(self):
        """Ends everything, whatever its state."""
        if self.machine:
            self.machine.kill("its case failed")
            self.machine.__exit__()
        for device in self.devices.values():
            device.stop()
        if self.keep:
            print(f"    logs: {self.folder}", file=sys.stderr)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)


def summary(state):
    """What of a state has to be the same again."""
    ledger = [(entry["state"], entry["size"], entry.get("name")) for entry in state["ledger"]]
    return {"ledger": ledger,
            "device": {key: state["device"].get(key, 0) for key in CENSUS},
            "door": state["door"]["pid"], "worker": state["worker"]["pid"],
            "starts": state["worker"]["starts"]}


def same(state, before):
    return summary(state) == summary(before)


def compare_usage(kind, before, now, slack_kb):
    for role, was in before.items():
        value = now[role]
        if value["fds"] != was["fds"]:
            raise Failure(f"{kind}: the {role} has {value['fds']} descriptors, had {was['fds']}")
        for what in ("own_kb", "shared_kb"):
            if value[what] > was[what] + slack_kb:
                raise Failure(f"{kind}: the {role}'s {what} grew from {was[what]} to {value[what]}")


def expect(wanted, **found):
    for key, value in found.items():
        if value != wanted:
            raise Failure(f"{key} is {value}, not {wanted}")


def end_case(bench):
    """The end of a group: the guest powers off; ledger, back-end and QEMU leave nothing."""
    complaint = bench.complaint()
    for kind, device in bench.devices.items():
        state = device.wait(lambda state: state["front_end"] == "none",
                            f"{kind}: the news of QEMU's end")
        if state["ledger"]:
            raise Failure(f"{kind}: the ledger holds {state['ledger']}")
        # Nobody is there to have mappings now; what counts is what there was at the last moment.
        expect(0, left_mapped=state["counters"]["left_mapped"])
        for key in CENSUS:
            expect(0, **{key: state["device"].get(key, 0)})
        complaint = complaint or device.stop()
    if complaint:
        raise Failure(complaint)


def show_logs(bench):
    """After a failure: the last words of everybody, on standard error."""
    for kind, device in bench.devices.items():
        for line in device.log().splitlines()[-15:]:
            print(f"    {kind}: {line}", file=sys.stderr)
    for line in bench.machine.console[-5:]:
        print(f"    console: {line}", file=sys.stderr)
    for number, line in list(enumerate(bench.machine.stderr().splitlines()))[-2000:]:
        if not bench.is_noise(number, line):
            print(f"    qemu: {line[:300]}", file=sys.stderr)
