# SPDX-License-Identifier: MIT
"""Chromium without a window, led through its DevTools protocol over a pipe."""
import base64
import json
import os
import select
import subprocess
import tempfile
import time

LIMIT = 60  # seconds for each answer


class Chromium:
    """To be used with 'with'."""

    def __init__(self, program="chromium"):
        self.profile = tempfile.TemporaryDirectory(prefix="hostblob-chromium.")
        in_read, in_write = os.pipe()
        out_read, out_write = os.pipe()

        def arrange():
            # It reads from 3 and writes to 4; the copies keep these two from being overwritten.
            read, write = os.dup(in_read), os.dup(out_write)
            os.dup2(read, 3)
            os.dup2(write, 4)

        self.process = subprocess.Popen(
            [program, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--hide-scrollbars",
             "--remote-debugging-pipe", f"--user-data-dir={self.profile.name}", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=arrange, close_fds=False)
        os.close(in_read)
        os.close(out_write)
        self.to, self.back, self.rest = in_write, out_read, b""
        self.number, self.session, self.events = 0, None, []

    def __enter__(self):
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(LIMIT)
        os.close(self.to)
        os.close(self.back)
        self.profile.cleanup()

    def _message(self, until):
        while b"\0" not in self.rest:
            ready, _, _ = select.select([self.back], [], [], max(until - time.monotonic(), 0))
            data = os.read(self.back, 1 << 20) if ready else b""
            if not data:
                raise RuntimeError("Chromium " + ("ended" if ready else "does not answer"))
            self.rest += data
        message, _, self.rest = self.rest.partition(b"\0")
        return json.loads(message)

    def call(self, method, **parameters):
        self.number += 1
        order = {"id": self.number, "method": method, "params": parameters}
        if self.session is not None:
            order["sessionId"] = self.session
        data = json.dumps(order).encode() + b"\0"
        while data:
            data = data[os.write(self.to, data):]
        until = time.monotonic() + LIMIT
        while True:
            message = self._message(until)
            if message.get("id") == self.number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]
            self.events.append(message)

    def wait_for(self, method):
        until = time.monotonic() + LIMIT
        while not any(event.get("method") == method for event in self.events):
            self.events.append(self._message(until))

    def open(self, path, width, height, dark=False, script=True):
        """Shows a file, as a window of that size would."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=width < 600)
        self.call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.call("Emulation.setScriptExecutionDisabled", value=not script)
        self.events.clear()
        self.call("Page.navigate", url="file://" + os.path.realpath(path))
        self.wait_for("Page.loadEventFired")

    def ask(self, expression):
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def press(self, key):
        text = {"text": "\r"} if key == "Enter" else {}
        for kind, more in (("keyDown", text), ("keyUp", {})):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, **more,
                      windowsVirtualKeyCode={"ArrowLeft": 37, "ArrowRight": 39, "Enter": 13}[key])

    def drag(self, x1, y1, x2, y2):
        for kind, x, y in (("mousePressed", x1, y1), ("mouseMoved", x2, y2), ("mouseReleased", x2, y2)):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1,
                      clickCount=1)

    def picture(self, path):
        """Of the whole page, however long it is."""
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))

    def requests(self):
        """The addresses that the page asked for."""
        return [event["params"]["request"]["url"] for event in self.events
                if event.get("method") == "Network.requestWillBeSent"]

    def complaints(self):
        """What stands in its console."""
        return [event["params"]["entry"]["text"] for event in self.events
                if event.get("method") == "Log.entryAdded"] + [
                    str(event["params"]["exceptionDetails"]) for event in self.events
                    if event.get("method") == "Runtime.exceptionThrown"]
