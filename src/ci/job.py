# SPDX-License-Identifier: MIT
"""The command as the guest is given it: a script for busybox's shell, in which every word that came
from the user is quoted."""
import os
import shlex

# What a program may count on. The rest of the host's environment stays on the host.
ENVIRONMENT = {
    "HOME": "/root",
    "USER": "root",
    "LANG": "C.UTF-8",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "XDG_RUNTIME_DIR": "/run/user/0",
}

# Folders of the guest that a shared one would hide or be hidden by.
OWN = ("/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/run/hostblob-ci", "/sbin", "/sys",
       "/usr")


class Unfit(Exception):
    """What the user asked for cannot be; the text says why, and what else to do."""


def environment(settings, own=None):
    """The guest's environment. settings: words NAME=VALUE, or NAME: as it is here (own)."""
    own = os.environ if own is None else own
    found = dict(ENVIRONMENT)
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not name:
            raise Unfit(f"--env {setting}: there is no name before the '='")
        if not equals:
            if name not in own:
                raise Unfit(f"--env {name}: it is not set here; give its value with --env {name}=VALUE")
            value = own[name]
        found[name] = value
    return found


def shared_folder(path):
    """The folder's path, which is the same in the guest; Unfit if that cannot be."""
    path = os.path.realpath(path)
    if path in ("/", "/run") or any(path == own or path.startswith(own + "/") for own in OWN):
        raise Unfit(f"{path} cannot be shared with the guest, which has its own folder there: "
                    "change to the folder of your program first")
    return path


def script(command, variables, folder):
    """The script, as bytes. Its status is the command's: 127 if there is none of that name, 126 if it
    cannot be run."""
    words = ["exec", "/run/hostblob-ci/busybox", "env", "-i"]
    words += [f"{name}={value}" for name, value in variables.items()]
    if "=" in command[0]:  # env would take it for one more setting
        words += ["/bin/sh", "-c", 'exec "$@"', "sh"]
    text = f"cd {shlex.quote(folder)} || exit 125\n"
    text += " ".join(shlex.quote(word) for word in words + list(command)) + "\n"
    return os.fsencode(text)


def settings(values):
    """Assignments for the shell of the guest's first process, as bytes."""
    return os.fsencode("".join(f"{name}={shlex.quote(str(value))}\n" for name, value in values.items()))
