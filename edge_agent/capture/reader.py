"""The reader: a thread that follows a camera, fills the ring, and tries again when the camera fails."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from edge_agent.capture.camera import CaptureError, CaptureReason, Item
from edge_agent.capture.reconnect import PATIENT, Reconnect
from edge_agent.capture.ring import Ring
from edge_agent.capture.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edge_agent.capture.camera import CameraSpec, Decoder, Source


class Reader:
    """Reads one camera. `on_item` is called after each item that somebody waits for, on the reader's thread."""

    def __init__(
        self, spec: CameraSpec, open_source: Callable[[CameraSpec], Source], on_item: Callable[[], None]
    ) -> None:
        self.failure: CaptureError | None = CaptureError(CaptureReason.STARTING)
        self.eager = False
        """Whether every picture is wanted, as soon as it comes."""
        self.progress_s = time.monotonic()
        """When the reader last did something other than wait for the camera."""
        self.tally = Tally()
        self._spec = spec
        self._open_source = open_source
        self._on_item = on_item
        self._ring = Ring(spec.before_s, spec.buffer_bytes)
        self._lock = threading.Lock()
        self._source: Source | None = None
        self._decoder: Decoder | None = None
        self._last: Item | None = None
        self._closing = False
        self._retry = threading.Event()
        self._thread = threading.Thread(target=self._run, name="camera-reader", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def close(self) -> None:
        """Stop; the thread is a daemon and is not waited for."""
        self._closing = True
        self.wake()
        if (source := self._source) is not None:
            source.close()

    def wake(self) -> None:
        """Ask for a picture now, and for another attempt if the camera is away; a refused password still waits."""
        if self._closing or self.failure is None or self.failure.reason not in PATIENT:
            self._retry.set()
        if (source := self._source) is not None:
            source.wake()

    def select(self, choose: Callable[[Ring], Sequence[Item]]) -> tuple[Sequence[Item], Decoder | None]:
        """Return what `choose` takes from the ring, and the decoder of these items."""
        with self._lock:
            return choose(self._ring), self._decoder

    def _run(self) -> None:
        reconnect = Reconnect()
        while not self._closing:
            try:
                self._follow(reconnect)
            except CaptureError as error:
                self.failure = error
                self.tally.on_fault(error.reason)
                self._retry.clear()
                self._pause(reconnect.on_failure(error.reason))

    def _follow(self, reconnect: Reconnect) -> None:
        self.progress_s = time.monotonic()
        self.tally.on_attempt()
        self._source = source = self._open_source(self._spec)
        try:
            for item in source.read(lambda: self.eager):
                self._take(item, source)
                reconnect.on_success()
        finally:
            self._source = None
            source.close()

    def _take(self, item: Item, source: Source) -> None:
        self.progress_s = time.monotonic()
        if item is not self._last:
            with self._lock:
                if self._decoder is not source.decoder:
                    self._ring.clear()
                    self._decoder = source.decoder
                self._ring.add(item)
                self._last = item
        self.failure = None
        if self.eager:
            self._on_item()

    def _pause(self, delay_s: float) -> None:
        until_s = time.monotonic() + delay_s
        while not self._closing and (remaining_s := until_s - time.monotonic()) > 0:
            self.progress_s = time.monotonic()
            if self._retry.wait(min(1.0, remaining_s)):
                return
