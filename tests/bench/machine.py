# SPDX-License-Identifier: MIT
"""The machine that is measured on: what is built there, and what it is called."""
import os
import platform
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.realpath(__file__))
PROJECT = os.path.dirname(os.path.dirname(HERE))
STARTED = time.monotonic()


def say(text):
    print(f"[{time.monotonic() - STARTED:4.0f} s] {text}", flush=True)


def stop(text):
    print(f"tests/bench/run: {text}", file=sys.stderr)
    sys.exit(2)


def build_programs(build, names):
    """Their paths."""
    if not os.path.exists(os.path.join(build, "build.ninja")):
        setup = ["meson", "setup", build, "-Dtests=enabled", "-Dbuildtype=debugoptimized"]
    else:
        setup = ["meson", "configure", build, "-Dtests=enabled", "-Dbuildtype=debugoptimized"]
    say(f"building in {build}, with -O2")
    for command in (setup, ["ninja", "-C", build] + names):
        done = subprocess.run(command, cwd=PROJECT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            print("\n".join(done.stdout.splitlines()[-30:]), file=sys.stderr)
            stop(f"{command[0]} failed")
    return [os.path.join(build, name) for name in names]


def processor():
    with open("/proc/cpuinfo") as file:
        found = re.search(r"^model name\s*: (.*)$", file.read(), re.M)
    return found.group(1) if found else platform.machine()


def system_name():
    with open("/etc/os-release") as file:
        found = re.search(r'^PRETTY_NAME="?([^"\n]*)', file.read(), re.M)
    return found.group(1) if found else platform.system()


def commit():
    done = subprocess.run(["git", "-C", PROJECT, "describe", "--always", "--dirty"], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True)
    return done.stdout.strip() or "unknown"
