# SPDX-License-Identifier: MIT
"""Unpacks Debian packages into a folder, without installing anything."""
import os
import re
import shutil
import subprocess
import sys

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


class Missing(Exception):
    """Why a peer is not to be had."""


def say(text):
    print("peers: " + text, file=sys.stderr, flush=True)


def last_words(text, count=3):
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if re.match(r"(error|E:|Err|fatal)|.*\bUnable\b", line)]
    return " | ".join((telling or lines)[-count:])[:500]


def run(command, why, **options):
    """Runs a command, quietly; raises Missing with its last words if it fails."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, errors="replace", **options)
    if done.returncode != 0:
        raise Missing(f"{why}: {last_words(done.stderr) or 'status %d' % done.returncode}")
    return done.stdout


def find_mirror():
    """The machine's own mirror, as for the guest's root."""
    command = ["apt-get", "indextargets", "--format", "$(ORIGIN)|$(LABEL)|$(REPO_URI)", "Identifier: Packages"]
    for attempt in range(2):
        found = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
        for line in found.splitlines():
            if line.startswith("Debian|Debian|"):
                return line.split("|")[2]
        if attempt == 0 and os.geteuid() == 0:
            say("apt has no package lists yet; getting them")
            subprocess.run(["apt-get", "update", "-q"], stdout=sys.stderr)
    raise Missing("apt knows of no Debian archive; run apt-get update, or set one up in /etc/apt")


def need_keyring(suite):
    """A keyring older than the suite makes apt refuse it, with a message that does not say why."""
    key = f"/usr/share/keyrings/debian-archive-{suite}-stable.gpg"
    if not os.path.exists(key) and os.geteuid() == 0:
        say(f"the archive keyring does not know {suite}; bringing it up to date")
        subprocess.run(["apt-get", "install", "-q", "-y", "debian-archive-keyring"], stdout=sys.stderr)
    if not os.path.exists(key):
        raise Missing(f"debian-archive-keyring has no {suite} key: apt-get update and upgrade it")


def unpack(folder, suite, packages, backports=False, options=(), exclude=()):
    """Unpacks the packages, separated by commas, and all that they depend on. Raises Missing."""
    if os.uname().machine != "x86_64":
        raise Missing(f"its packages are unpacked for x86-64; this is {os.uname().machine}")
    if not shutil.which("mmdebstrap"):
        raise Missing("mmdebstrap is missing: apt-get install mmdebstrap")
    need_keyring(suite)
    mirror = find_mirror()
    sources = [f"deb {mirror} {suite} main"] + ([f"deb {mirror} {suite}-backports main"] if backports else [])
    pin = rf"Package: *\nPin: release n={suite}-backports\nPin-Priority: 900\n"
    tar = os.path.join(folder, "tar")
    with open(tar, "wb") as out:
        done = subprocess.run(
            ["mmdebstrap", "--quiet", "--mode=chrootless", "--skip=check/chrootless", "--variant=extract",
             "--format=tar", f"--keyring={KEYRING}", "--include=" + packages,
             '--setup-hook=mkdir -p "$1/etc/apt/preferences.d"',
             f"--setup-hook=printf '{pin}' >\"$1/etc/apt/preferences.d/backports\""] + list(options) +
            ["", "-"] + sources,
            stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise Missing("mmdebstrap failed: " + last_words(done.stderr))
    run(["tar", "-x", "-f", tar, "-C", folder, "--no-same-owner"] + [f"--exclude={name}" for name in exclude],
        "the packages cannot be unpacked")
    os.unlink(tar)
