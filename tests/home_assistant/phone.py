"""A phone with the companion app, registered with a real Home Assistant: it receives notifications as a phone does."""

from __future__ import annotations

import http.server
import json
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from testing.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

EXTRA_YAML: Final = "mobile_app:\nmedia_source:\n"
"""What Home Assistant loads for a phone."""


@dataclass(frozen=True, slots=True)
class Notification:
    """One push message; `picture` is what its address showed when it arrived, `at_s` its arrival."""

    message: str
    title: str
    data: dict[str, Any]
    picture: bytes
    at_s: float

    @property
    def tag(self) -> str:
        """A later notification with the same tag takes the place of this one."""
        return str(self.data["tag"])


class Phone:
    """A phone that loads the picture of each notification when it arrives."""

    def __init__(self, home: Any, name: str = "My phone", *, manufacturer: str = "Google") -> None:
        self._home = home
        self._arrived: list[Notification] = []
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        app = {
            "app_id": "io.example.app", "app_name": "Example", "app_version": "1.0", "device_name": name,
            "device_id": name, "manufacturer": manufacturer, "model": "Example", "os_name": "Example",
            "os_version": "1", "supports_encryption": False,
            "app_data": {"push_token": "token", "push_url": f"http://127.0.0.1:{self._server.server_port}/"},
        }  # fmt: skip
        self.webhook_id = str(home.rest("POST", "/api/mobile_app/registrations", app)["webhook_id"])
        self.device_id = str(wait_until(lambda: self._find(name)))

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop receiving."""
        self._server.shutdown()
        self._server.server_close()

    def received(self) -> list[Notification]:
        """Return every push message so far."""
        return list(self._arrived)

    def clear(self) -> None:
        """Forget the push messages."""
        self._arrived.clear()

    def alerts(self) -> dict[str, list[Notification]]:
        """Return the push messages by tag: one alert each, and its updates in place."""
        alerts: dict[str, list[Notification]] = {}
        for each in self._arrived:
            alerts.setdefault(each.tag, []).append(each)
        return alerts

    def wait_for(self, accept: Callable[[Notification], bool], *, timeout_s: float = 20.0) -> Notification:
        """Return the first push message that fits."""
        return wait_until(
            lambda: next((each for each in self._arrived if accept(each)), None),
            timeout_s=timeout_s,
            why=lambda: str([(each.message, each.data) for each in self._arrived]),
        )

    def press(self, button: str) -> None:
        """Press a button of a notification."""
        event = {"event_type": "mobile_app_notification_action", "event_data": {"action": button}}
        self._home.rest("POST", f"/api/webhook/{self.webhook_id}", {"type": "fire_event", "data": event}, raw=True)

    def load(self, address: str) -> bytes:
        """Return what an address of a notification shows now, with the app's login if it is Home Assistant's."""
        if address.startswith("http"):
            with urllib.request.urlopen(address) as answer:  # noqa: S310 - an agent of the test
                return bytes(answer.read())
        _, body = self._home.rest("GET", address, raw=True)
        return bytes(body)

    def _find(self, name: str) -> str | None:
        devices = self._home.ws("config/device_registry/list")
        return next((each["id"] for each in devices if each["name"] == name), None)

    def _receive(self, pushed: dict[str, Any]) -> None:
        data = pushed.get("data", {})
        picture = self.load(data["image"]) if data.get("image") else b""
        self._arrived.append(Notification(pushed["message"], pushed.get("title", ""), data, picture, time.monotonic()))

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        receive = self._receive

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                try:
                    receive(json.loads(body))
                    status = 201
                except urllib.error.HTTPError:
                    status = 500
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: object) -> None:
                pass

        return Handler
