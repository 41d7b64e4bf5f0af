"""A real headless Chromium, driven through chromedriver by W3C WebDriver: JSON over HTTP, no library needed."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Final, Self

from testing.broker import free_port
from testing.programs import program
from testing.waiting import wait_until

ANSWER_S: Final = 30.0
SERIOUS: Final = frozenset({"serious", "critical"})
FLAGS: Final = (
    "--headless",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    *(("--no-sandbox",) if os.geteuid() == 0 else ()),
)

AXE: Final = "EDGE_AGENT_TEST_AXE"
"""Names the file axe.min.js of the npm package axe-core, which checks accessibility."""


class Chromium:
    """One browser with one tab."""

    def __init__(self) -> None:
        self._driver = program("chromedriver")
        self._browser = program("chromium")
        self._port = free_port()
        self._resources = contextlib.ExitStack()
        self._process: subprocess.Popen[bytes] | None = None
        self._session = ""

    def __enter__(self) -> Self:
        """Start it."""
        with contextlib.ExitStack() as undo:
            undo.push(self)
            self._start()
            undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        try:
            if self._session:
                self._ask(self._session, method="DELETE")
        finally:
            if self._process is not None:
                self._process.terminate()
                self._process.wait(ANSWER_S)
            self._resources.close()

    def _start(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True)
        self._resources.enter_context(folder)
        self._process = subprocess.Popen(
            [self._driver, f"--port={self._port}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        wait_until(self._is_up, timeout_s=ANSWER_S)
        options = {"binary": self._browser, "args": [*FLAGS, f"--user-data-dir={folder.name}"]}
        wishes = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}
        self._session = "/session/" + self._ask("/session", {"capabilities": {"alwaysMatch": wishes}})["sessionId"]

    def look_like(self, width: int, height: int, scheme: str) -> None:
        """Emulate a screen of that many pixels that prefers `light` or `dark`."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 2, "mobile": width < 600}
        self._command("Emulation.setDeviceMetricsOverride", metrics)
        self._command("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})

    def open(self, url: str) -> None:
        """Load a page with all its files."""
        self._ask(f"{self._session}/url", {"url": url})

    def run(self, script: str) -> Any:
        """Return the value of a JavaScript expression on the page."""
        return self._ask(f"{self._session}/execute/sync", {"script": f"return {script}", "args": []})

    def wait_for(self, script: str) -> Any:
        """Return the value of a JavaScript expression, once it is true."""
        return wait_until(lambda: self.run(script), timeout_s=ANSWER_S, why=lambda: self.run("document.body.innerText"))

    def save(self, path: Path) -> None:
        """Save a screenshot as PNG."""
        path.write_bytes(base64.b64decode(self._ask(f"{self._session}/screenshot")))

    def complaints(self) -> list[str]:
        """Return the browser's warnings since the last call, such as violations of the content policy."""
        return [entry["message"] for entry in self._ask(f"{self._session}/se/log", {"type": "browser"})]

    def requests(self) -> set[str]:
        """Return the requested addresses since the last call."""
        entries = self._ask(f"{self._session}/se/log", {"type": "performance"})
        events = (json.loads(entry["message"])["message"] for entry in entries)
        return {each["params"]["request"]["url"] for each in events if each["method"] == "Network.requestWillBeSent"}

    def violations(self, axe: str) -> list[str]:
        """Return what axe-core, given as its source, finds wrong with the page; only what is serious."""
        self._ask(f"{self._session}/execute/sync", {"script": axe, "args": []})
        script = "axe.run(document).then((found) => arguments[0](found.violations))"
        found = self._ask(f"{self._session}/execute/async", {"script": script, "args": []})
        return [f"{each['id']}: {each['nodes'][0]['html']}" for each in found if each["impact"] in SERIOUS]

    def _command(self, name: str, parameters: dict[str, Any]) -> None:
        self._ask(f"{self._session}/goog/cdp/execute", {"cmd": name, "params": parameters})

    def _is_up(self) -> bool:
        try:
            return bool(self._ask("/status")["ready"])
        except OSError:
            return False

    def _ask(self, path: str, content: dict[str, Any] | None = None, method: str = "") -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=ANSWER_S)
        body = None if content is None else json.dumps(content)
        connection.request(method or ("GET" if body is None else "POST"), path, body)
        answer = json.loads(connection.getresponse().read())["value"]
        connection.close()
        assert not (isinstance(answer, dict) and "error" in answer), answer
        return answer


def assert_accessible(browser: Chromium) -> None:
    """Check the page with axe-core, if it is there; it is not part of the project."""
    if path := os.environ.get(AXE):
        assert browser.violations(Path(path).read_text(encoding="utf-8")) == []
