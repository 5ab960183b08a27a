# SPDX-License-Identifier: MIT
"""KVM or emulation: /dev/kvm may open and still not boot a stock kernel, so a short trial decides."""
import os
import select
import tempfile
import time

import initramfs
import job
import machine
from places import cache

TRIAL_S = 20


def choose(tools, say):
    """('kvm' or 'tcg', why). The trial's answer is kept for this machine's kernel and the guest's."""
    if not os.path.exists("/dev/kvm"):
        return "tcg", "there is no /dev/kvm"
    try:
        os.close(os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        return "tcg", f"/dev/kvm cannot be opened: {error.strerror}"
    question = f"{os.uname().release} {os.uname().version} {tools.path}"
    kept = os.path.join(cache(), "ci-accelerator")
    try:
        with open(kept) as file:
            asked, _, answer = file.read().strip().rpartition("\n")
    except OSError:
        asked = answer = ""
    if asked != question:
        say("trying whether KVM boots the guest's kernel (once)")
        answer = "kvm" if boots(tools) else "tcg"
        with open(f"{kept}.{os.getpid()}", "w") as file:
            file.write(f"{question}\n{answer}\n")
        os.rename(f"{kept}.{os.getpid()}", kept)
    return answer, {"kvm": "/dev/kvm boots the guest's kernel",
                    "tcg": "/dev/kvm opens, but does not boot the guest's kernel"}[answer]


def boots(tools):
    """Does the guest's kernel come up with KVM?"""
    with tempfile.TemporaryDirectory(prefix="hostblob-ci-") as work:
        path = os.path.join(work, "initramfs")
        initramfs.write(path, tools, job.settings({"root_kind": "none"}))
        guest = machine.Machine(tools, work, path, "kvm", [], 1, "512M",
                                os.path.join(work, "console"), os.path.join(work, "log"))
        try:
            return ready(guest, time.monotonic() + TRIAL_S)
        finally:
            guest.stop(0)


def ready(guest, until):
    text = b""
    ends = [guest.listeners["control"]]
    while b"ready\n" not in text and guest.process.poll() is None and time.monotonic() < until:
        if not select.select(ends, [], [], 0.2)[0]:
            continue
        if "control" not in guest.ports:
            ends = [guest.accept("control")]
            continue
        more = guest.ports["control"].recv(100)
        if not more:
            return False
        text += more
    return b"ready\n" in text
