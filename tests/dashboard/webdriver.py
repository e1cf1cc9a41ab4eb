"""The little of the W3C WebDriver protocol that a look at a page needs, spoken with Debian's chromedriver.

Standard library only: chromium and chromium-driver come from the same archive and fit each other.
"""

from __future__ import annotations

import base64
import json
import re
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

CHROMIUM = "/usr/bin/chromium"
DRIVER = "/usr/bin/chromedriver"
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the key of an element's reference, fixed by the protocol

# Root needs --no-sandbox; the others keep Chromium from talking to anybody but the page.
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --disable-quic --no-first-run --hide-scrollbars "
    "--disable-background-networking --disable-component-update --disable-sync --disable-default-apps --no-proxy-server"
).split()


class BrowserError(Exception):
    """The browser could not do it; the message says what was asked of it."""


class Browser:
    """One window. Coordinates and sizes are CSS pixels."""

    def __init__(self, driver_url: str, profile: str) -> None:
        self._driver = driver_url
        options = {"binary": CHROMIUM, "args": [*FLAGS, f"--user-data-dir={profile}"]}
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "SEVERE"}}
        session = self._send("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self._session = f"/session/{session['sessionId']}"

    def _send(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._driver + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            fault = json.load(error)["value"]
            raise BrowserError(f"{method} {path}: {fault['error']}: {fault['message'].splitlines()[0]}") from error
        except urllib.error.URLError as error:
            raise BrowserError(f"{DRIVER} at {self._driver} does not answer: {error.reason}") from error

    def _command(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        return self._send(method, self._session + path, body)

    def devtools(self, command: str, **parameters: Any) -> Any:
        return self._command("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def open(self, url: str) -> None:
        self._command("POST", "/url", {"url": url})

    def script(self, text: str) -> Any:
        """The value of a JavaScript expression on the page."""
        return self._command("POST", "/execute/sync", {"script": f"return ({text});", "args": []})

    def wait(self, text: str, seconds: float, what: str) -> Any:
        """The value of the expression as soon as it is true; an error that says *what* was waited for."""
        end = time.monotonic() + seconds
        while not (value := self.script(text)):
            if time.monotonic() > end:
                raise BrowserError(f"{what}: not seen within {seconds:.0f} s")
            time.sleep(0.1)
        return value

    def _element(self, selector: str) -> str:
        found = self._command("POST", "/element", {"using": "css selector", "value": selector})
        return str(found[ELEMENT])

    def type(self, selector: str, text: str) -> None:
        self._command("POST", f"/element/{self._element(selector)}/value", {"text": text})

    def click(self, selector: str) -> None:
        self._command("POST", f"/element/{self._element(selector)}/click", {})

    def window(self, width: int, height: int, *, mobile: bool = False, dark: bool = False) -> None:
        scale = 2 if mobile else 1
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=mobile)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.devtools("Emulation.setEmulatedMedia", features=[scheme])

    def screenshot(self, path: Path) -> None:
        """The whole page, also what is below the window's edge."""
        picture = self.devtools("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(picture["data"]))

    def complaints(self) -> list[str]:
        """What the page wrote to the console as errors since the last call."""
        return [entry["message"] for entry in self._command("POST", "/se/log", {"type": "browser"})]

    def close(self) -> None:
        with suppress(BrowserError, OSError):
            self._command("DELETE", "")


@contextmanager
def browser() -> Iterator[Browser]:
    """A fresh Chromium with an empty profile; it and its driver are gone at the end."""
    for program in (CHROMIUM, DRIVER):
        if not Path(program).exists():
            raise BrowserError(f"{program} is missing. Install Debian's packages: apt-get install chromium chromium-driver")
    with tempfile.TemporaryDirectory(prefix="dashboard-", ignore_cleanup_errors=True) as profile:
        with subprocess.Popen([DRIVER, f"--port={_free_port()}"], stdout=subprocess.PIPE, text=True) as driver:
            page = None
            try:
                page = Browser(f"http://127.0.0.1:{_port(driver)}", profile)
                yield page
            finally:
                if page:
                    page.close()
                driver.terminate()


def _free_port() -> int:
    """Asked for any port, the driver tells 0 where the machine has no IPv6."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def _port(driver: subprocess.Popen[str]) -> int:
    for line in driver.stdout or ():
        if found := re.search(r"started successfully on port (\d+)", line):
            return int(found[1])
    raise BrowserError(f"{DRIVER} ended before it listened, with status {driver.wait()}")
