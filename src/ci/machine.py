# SPDX-License-Identifier: MIT
"""QEMU with a guest in it."""
import ctypes
import os
import signal
import socket
import subprocess

PORTS = ("control", "out", "err")

# A panic ends QEMU. Without mitigations, KASLR and audit a boot is 0.2 s shorter: not worth a guest
# that is less like others.
KERNEL_WORDS = "console=ttyS0 quiet panic=-1"


def child():
    """For a child process: whatever ends us, SIGKILL too, ends it (Linux's PR_SET_PDEATHSIG); and
    Ctrl-C is ours to handle."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    os.setsid()


def quoted(value):
    """A value of QEMU's, in which a comma is written twice."""
    return value.replace(",", ",,")


def folder_share(tag, path, readonly):
    """The words that lend the guest a folder by 9p."""
    return ["-fsdev", f"local,id={tag},path={quoted(path)},security_model=none,multidevs=remap,"
            f"readonly={'on' if readonly else 'off'}",
            "-device", f"virtio-9p-pci,fsdev={tag},mount_tag={tag}"]


def image_disk(path):
    """The words that lend the guest an image, to read only."""
    return ["-drive", f"file={quoted(path)},if=none,id=root,format=raw,readonly=on",
            "-device", "virtio-blk-pci,drive=root"]


def gpu_device(path):
    """The words for hostblob-gpu at that socket."""
    return ["-chardev", f"socket,id=gpu,path={quoted(path)}",
            "-device", "vhost-user-test-device-pci,virtio-id=16,num_vqs=2,config_size=24,vq_size=256,"
            "chardev=gpu"]


class Machine:
    """One QEMU. Its ports are sockets, in 'ports' by name once accept() has said so."""

    def __init__(self, tools, work, initramfs, accelerator, extra, smp, memory, console, log):
        """work: a folder for its sockets. extra: QEMU's words for devices. console, log: the files
        that the guest's kernel, and QEMU, write to."""
        self.listeners = {}
        self.ports = {}
        for name in PORTS:
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(os.path.join(work, name))
            listener.listen(1)
            self.listeners[name] = listener
        command = tools.qemu() + ["-M", "q35", "-cpu", "max", "-smp", str(smp), "-m", memory,
                                  "-object", f"memory-backend-memfd,id=mem,size={memory},share=on",
                                  "-machine", "memory-backend=mem", "-nodefaults", "-no-reboot",
                                  "-display", "none", "-monitor", "none"]
        command += ["-accel", "kvm"] if accelerator == "kvm" else ["-accel", "tcg,thread=multi"]
        command += ["-chardev", f"file,id=console,path={quoted(console)}", "-serial", "chardev:console",
                    "-device", "virtio-serial-pci", "-object", "rng-builtin,id=rng",
                    "-device", "virtio-rng-pci,rng=rng"]
        for name in PORTS:
            command += ["-chardev", f"socket,id={name},path={quoted(os.path.join(work, name))}",
                        "-device", f"virtserialport,chardev={name},name={name}"]
        command += ["-kernel", tools.kernel, "-initrd", initramfs,
                    "-append", KERNEL_WORDS, *extra]
        with open(log, "wb") as file:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                                            preexec_fn=child, env=tools.environment())

    def accept(self, name):
        """QEMU has connected: the port's socket."""
        end, _ = self.listeners[name].accept()
        self.ports[name] = end
        return end

    def stop(self, patience=3):
        """Ends QEMU, whatever the guest does; its status, negative for a signal."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(patience)
            except subprocess.TimeoutExpired:  # as when it waits for a back-end
                self.process.kill()
        for end in [*self.listeners.values(), *self.ports.values()]:
            end.close()
        return self.process.wait()
