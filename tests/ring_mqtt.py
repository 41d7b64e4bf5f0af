"""ring-mqtt as its source has it, in compressed time: what it publishes, and what it repeats at restarts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.publishers import NOW, ding, ring_topic, snapshot

if TYPE_CHECKING:
    from testing.recorder import Recorder
    from tests.publishers import Sent

DING_S: Final = 180
"""A ding stays ON for this time; a ding within it extends it."""
REPUBLISH_S: Final = 30
REPUBLISH_COUNT: Final = 6
INTERVAL_S: Final = 30
"""Between two pictures while nothing happens."""


class RingMqtt:
    """One camera. `at` is its clock, in seconds since the start of the play; nothing waits."""

    def __init__(self, recorder: Recorder, camera: str, picture: bytes) -> None:
        self._recorder = recorder
        self._camera = camera
        self._picture = picture
        self._taken = 0
        self._last_ding = -9000
        self._on_until: int | None = None
        self._republish: list[int] = []
        self._is_running = False

    def start(self, at: int) -> None:
        """Start or restart: it reads the last ding and its last picture from Ring, but not that a ding is active."""
        self._is_running, self._on_until = True, None
        self._republish = [at + REPUBLISH_S * number for number in range(REPUBLISH_COUNT)]

    def stop(self) -> None:
        """Stop."""
        self._publish_status("offline")
        self._is_running = False

    def on_home_assistant_birth(self, at: int) -> None:
        """Send everything again, several times."""
        self._republish = [at + REPUBLISH_S * number for number in range(REPUBLISH_COUNT)]

    def ring(self, at: int) -> None:
        """Handle a push notification of Ring; while it is stopped, Ring remembers the ding."""
        self._last_ding = at
        if self._is_running:
            self._on_until = at + DING_S
            self._publish_ding()

    def take_picture(self, at: int, picture: bytes) -> None:
        """Take a new picture."""
        self._picture, self._taken = picture, at
        if self._is_running:
            self._publish_snapshot()

    def tick(self, at: int) -> None:
        """Do what is due: end a ding, send states again."""
        if self._is_running and self._on_until is not None and at >= self._on_until:
            self._on_until = None
            self._publish_ding()
        if self._is_running and self._republish and at >= self._republish[0]:
            self._republish.pop(0)
            self._publish_status("online")
            self._publish_ding()
            self._publish_snapshot()

    def _publish_ding(self) -> None:
        self._publish(ding(self._camera, "OFF" if self._on_until is None else "ON", NOW + self._last_ding))

    def _publish_snapshot(self) -> None:
        self._publish(snapshot(self._camera, self._picture, NOW + self._taken))

    def _publish_status(self, status: str) -> None:
        self._recorder.publish(ring_topic(self._camera, "status"), status)

    def _publish(self, messages: tuple[Sent, ...]) -> None:
        for each in messages:
            self._recorder.publish(each.topic, each.payload)
