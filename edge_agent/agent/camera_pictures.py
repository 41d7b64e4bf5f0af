"""The last picture of each captured camera, for the status page: to see what the camera shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_agent.wire import Privacy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from edge_agent.doorbells.policy import DetectionPolicy
    from edge_agent.ingest.frames import Arrival


class CameraPictures:
    """Keeps a picture only where the doorbell's privacy lets whole pictures be published."""

    def __init__(
        self,
        cameras: Iterable[str],
        policy_for: Callable[[str], DetectionPolicy],
        record: Callable[[str, bytes], None],
    ) -> None:
        self._cameras = frozenset(cameras)
        self._policy_for = policy_for
        self._record = record

    def on_frame(self, arrival: Arrival) -> None:
        """Keep the picture of a frame."""
        frame = arrival.frame
        if frame.doorbell not in self._cameras or frame.shared or not frame.image:
            return
        is_public = self._policy_for(frame.doorbell).privacy is Privacy.FULL
        self._record(frame.doorbell, frame.image if is_public else b"")
