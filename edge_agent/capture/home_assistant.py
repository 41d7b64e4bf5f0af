"""Cameras and doorbells that Home Assistant knows: stills over REST, presses and motion over its WebSocket."""

from __future__ import annotations

import json
import logging
import ssl
import threading
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit, urlunsplit

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from edge_agent.capture.camera import DEFAULT_PORTS, CaptureError, CaptureReason, Kind
from edge_agent.capture.certificates import explain, tls_context
from edge_agent.capture.doorbell_events import LastEvents, Meaning, StateChange, meaning
from edge_agent.capture.http import HttpSource
from edge_agent.capture.http_client import CONNECT_S
from edge_agent.capture.reconnect import Reconnect

if TYPE_CHECKING:
    from collections.abc import Callable

    from websockets.sync.connection import Connection

    from edge_agent.capture.camera import CameraSpec

log = logging.getLogger(__name__)

LARGEST_BYTES: Final = 1_000_000
ANSWER_S: Final = 10.0
PING_S: Final = 15.0
POLL_INTERVAL_S: Final = 1.0


def camera_source(spec: CameraSpec) -> HttpSource:
    """Return the source of an entity's stills."""
    entity = urlsplit(spec.url).path
    return HttpSource(spec, f"{spec.home_assistant.rstrip('/')}/api/camera_proxy/{entity}", spec.token)


def websocket_url(home_assistant: str) -> str:
    """Return the WebSocket's URL: `/api/websocket`, and below the Supervisor's proxy `/core/websocket`."""
    parts = urlsplit(home_assistant.rstrip("/"))
    scheme = "wss" if parts.scheme == "https" else "ws"
    path = f"{parts.path}/websocket" if parts.path.endswith("/core") else f"{parts.path}/api/websocket"
    return urlunsplit((scheme, parts.netloc, path, "", ""))


class EntityEvents:
    """Follows the press and motion entities on a thread of its own; `failure` is why it cannot."""

    def __init__(self, spec: CameraSpec, report: Callable[[Meaning], None]) -> None:
        self.failure: CaptureError | None = None
        self._spec = spec
        self._fingerprint = spec.fingerprint if spec.kind is Kind.HOME_ASSISTANT else ""  # else it is the camera's
        self._report = report
        self._last = LastEvents()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="home-assistant", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def close(self) -> None:
        """Stop."""
        self._closing.set()

    def _run(self) -> None:
        reconnect = Reconnect()
        while not self._closing.is_set():
            try:
                self._follow(reconnect)
            except CaptureError as error:
                self.failure = error
            except ssl.SSLError as error:
                parts = urlsplit(self._spec.home_assistant)
                self.failure = explain(error, parts.hostname or "", parts.port or DEFAULT_PORTS["https"])
            except (OSError, WebSocketException, ValueError, KeyError) as error:
                log.debug("the WebSocket of Home Assistant ended: %s", type(error).__name__)
                self.failure = CaptureError(CaptureReason.UNREACHABLE, "Home Assistant's WebSocket")
            if not self._closing.is_set():
                self._closing.wait(reconnect.on_failure((self.failure or _ended()).reason))

    def _follow(self, reconnect: Reconnect) -> None:
        url = websocket_url(self._spec.home_assistant)
        context = tls_context(self._fingerprint) if url.startswith("wss") else None
        with connect(
            url, ssl=context, open_timeout=CONNECT_S, max_size=LARGEST_BYTES, ping_interval=PING_S, proxy=None
        ) as websocket:
            log_in(websocket, self._spec.token)
            entities = [each for each in (self._spec.press_entity, self._spec.motion_entity) if each]
            trigger = {"platform": "state", "entity_id": entities}
            websocket.send(json.dumps({"id": 1, "type": "subscribe_trigger", "trigger": trigger}))
            while not self._closing.is_set():
                self._take(websocket, reconnect)

    def _take(self, websocket: Connection, reconnect: Reconnect) -> None:
        try:
            message = json.loads(websocket.recv(timeout=POLL_INTERVAL_S))
        except TimeoutError:
            return
        if message.get("type") == "result":
            if not message.get("success"):
                raise CaptureError(CaptureReason.NOT_FOUND, "Home Assistant does not know the press or motion entity")
            self.failure = None
            reconnect.on_success()
        elif (change := state_change(message)) is not None and self._last.is_new(change):
            said = meaning(change, press=self._spec.press_entity, motion=self._spec.motion_entity)
            if said is not None:
                self._report(said)


def log_in(websocket: Connection, token: str) -> None:
    """Answer Home Assistant's question for the token; raise CaptureError if it refuses it."""
    websocket.recv(timeout=ANSWER_S)  # auth_required
    websocket.send(json.dumps({"type": "auth", "access_token": token}))
    answer = json.loads(websocket.recv(timeout=ANSWER_S))
    if answer.get("type") != "auth_ok":
        raise CaptureError(CaptureReason.PASSWORD_REFUSED, "Home Assistant's access token")


def state_change(message: dict[str, Any]) -> StateChange | None:
    """Return the change of a state in a message of the WebSocket, None if it has none."""
    try:
        trigger = message["event"]["variables"]["trigger"]
        before, after = trigger["from_state"] or {}, trigger["to_state"]
        return StateChange(
            entity=str(trigger["entity_id"]),
            before=str(before.get("state", "")),
            after=str(after["state"]),
            changed_at=str(after["last_changed"]),
        )
    except (KeyError, TypeError):
        return None


def _ended() -> CaptureError:
    return CaptureError(CaptureReason.ENDED, "Home Assistant's WebSocket")
