# SPDX-License-Identifier: MIT
"""Listens in between QEMU and a back-end: passes on all that they say, descriptors too, and puts
itself into the display socket as well. What goes over that is kept for a test to look at."""
import array
import os
import socket
import struct
import threading

from vm import Failure

SET_SOCKET = 33
NAMES = {1: "GET_PROTOCOL_FEATURES", 2: "SET_PROTOCOL_FEATURES", 3: "GET_DISPLAY_INFO",
         4: "CURSOR_POS", 5: "CURSOR_POS_HIDE", 6: "CURSOR_UPDATE", 7: "SCANOUT", 8: "UPDATE",
         9: "DMABUF_SCANOUT", 10: "DMABUF_UPDATE", 11: "GET_EDID", 12: "DMABUF_SCANOUT2"}


def receive(end, size):
    """Bytes and descriptors; b'' at the end."""
    fds = array.array("i")
    data, ancillary, _, _ = end.recvmsg(size, socket.CMSG_LEN(64 * fds.itemsize))
    for level, kind, body in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(body[:len(body) - len(body) % fds.itemsize])
    return data, list(fds)


def send(end, data, fds):
    if fds:
        sent = end.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))])
        data = data[sent:]
    for fd in fds:
        os.close(fd)
    end.sendall(data)


class Wire:
    """One direction of a stream of messages with 12-byte headers, passed on whole."""

    def __init__(self, source, target, look):
        self.source, self.target, self.look = source, target, look
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def whole(self, size, fds):
        data = b""
        while len(data) < size:
            more, came = receive(self.source, size - len(data))
            fds += came
            if not more:
                raise OSError("the end")
            data += more
        return data

    def run(self):
        try:
            while True:
                fds = []
                header = self.whole(12, fds)
                request, flags, size = struct.unpack("=III", header)
                payload = self.whole(size, fds)
                fds = self.look(request, flags, payload, fds)
                send(self.target, header + payload, fds)
        except OSError:
            pass
        for end in (self.source, self.target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class Tap:
    """Stands at 'path' for the back-end at 'target'."""

    def __init__(self, path, target):
        self.path, self.target = path, target
        self.lock = threading.Lock()
        self.said = []     # (request's name, payload) of the back-end; of UPDATE the first 20 bytes
        self.answers = []  # the same of QEMU
        self.sockets = 0   # display sockets that QEMU gave
        self.ends = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(1)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        try:
            while True:
                front, _ = self.listener.accept()
                back = socket.socket(socket.AF_UNIX)
                back.connect(self.target)
                self.ends += [front, back]
                Wire(front, back, self.from_front)
                Wire(back, front, lambda request, flags, payload, fds: fds)
        except OSError:
            pass

    def from_front(self, request, _flags, _payload, fds):
        if request != SET_SOCKET:
            return fds
        theirs = socket.socket(fileno=fds[0])
        ours, given = socket.socketpair(socket.AF_UNIX)
        self.ends += [theirs, ours]
        self.sockets += 1
        Wire(ours, theirs, self.from_back)
        Wire(theirs, ours, self.to_back)
        return [given.detach()]

    def from_back(self, request, _flags, payload, fds):
        with self.lock:
            self.said.append((NAMES.get(request, str(request)),
                              payload[:20] if request == 8 else payload))
        return fds

    def to_back(self, request, _flags, payload, fds):
        with self.lock:
            self.answers.append((NAMES.get(request, str(request)), payload))
        return fds

    def mark(self):
        """A place in what the back-end said, for 'since'."""
        with self.lock:
            return len(self.said)

    def since(self, mark, *names):
        """What it has said since then, of those requests."""
        with self.lock:
            return [(name, payload) for name, payload in self.said[mark:]
                    if not names or name in names]

    def last(self, mark, name):
        found = self.since(mark, name)
        if not found:
            raise Failure(f"the back-end has not said {name}: "
                          f"{[name for name, _ in self.since(mark)][-20:]}")
        return found[-1][1]

    def close(self):
        self.listener.close()
        for end in self.ends:
            end.close()
