"""One look at a camera, for `edge-agent doctor`: in a process of its own, with a deadline and the sandbox."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import time
from typing import TYPE_CHECKING, Final

import msgspec

from edge_agent.capture.camera import CameraSpec, CaptureError, CaptureReason, Item, Picture
from edge_agent.capture.ring import Ring
from edge_agent.capture.sandbox import enter_sandbox
from edge_agent.capture.sources import open_source
from edge_agent.capture.tls_tunnel import entrance_for
from edge_agent.ingest.image_header import read_header

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from edge_agent.capture.camera import Source
    from edge_agent.capture.tls_tunnel import TunnelEntrance
    from edge_agent.mqtt.access import BrokerAccess

APART_S: Final = 3.0
"""Between the two pictures that are compared: every real camera's noise differs by then."""
LIMIT_S: Final = 25.0


class Trial(msgspec.Struct, frozen=True):
    """What came of it: a reason, or the first picture; `is_same` is whether the second one is identical.

    `clock_difference_s` is how far the camera's clock is ahead, None if it does not tell the time.
    """

    reason: CaptureReason | None = None
    detail: str = ""
    first_picture_s: float = 0.0
    codec: str = ""
    width: int = 0
    height: int = 0
    size_bytes: int = 0
    is_same: bool = False
    clock_difference_s: float | None = None


def try_camera(spec: CameraSpec, mqtt: BrokerAccess, limit_s: float = LIMIT_S) -> Trial:
    """Return what a camera sends, or why it sends nothing; never take longer than `limit_s`."""
    context = multiprocessing.get_context("spawn")
    pipe, child_pipe = context.Pipe(duplex=False)
    child_life, life = context.Pipe(duplex=False)
    process = context.Process(
        target=_run, args=(child_pipe, child_life, msgspec.msgpack.encode(spec), mqtt), daemon=True
    )
    with pipe, life:
        with child_pipe, child_life:
            process.start()
        try:
            return _receive(pipe, limit_s)
        finally:
            process.kill()
            process.join()
            process.close()


def _receive(pipe: Connection, limit_s: float) -> Trial:
    if not pipe.poll(limit_s):
        return Trial(CaptureReason.TIMED_OUT)
    try:
        return msgspec.msgpack.decode(pipe.recv_bytes(maxlength=10_000), type=Trial)
    except (EOFError, OSError, msgspec.MsgspecError):
        return Trial(CaptureReason.EXITED)


def _run(pipe: Connection, life: Connection, encoded: bytes, mqtt: BrokerAccess) -> None:
    """Run in the child, which ends with its parent."""
    from edge_agent.worker.guards import die_with_parent  # noqa: PLC0415 - only the child needs it

    die_with_parent(life)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    spec = msgspec.msgpack.decode(encoded, type=CameraSpec)
    entrance = entrance_for(spec)
    enter_sandbox(spec, mqtt, entrance)
    pipe.send_bytes(msgspec.msgpack.encode(look(spec, entrance)))


def look(spec: CameraSpec, entrance: TunnelEntrance | None = None) -> Trial:
    """Take two pictures from a camera."""
    began_s = time.monotonic()
    try:
        source = open_source(spec, entrance)
        with contextlib.closing(source):
            return _compare(source, spec, began_s)
    except CaptureError as error:
        return Trial(error.reason, error.detail)


def _compare(source: Source, spec: CameraSpec, began_s: float) -> Trial:
    ring = Ring(spec.before_s, spec.buffer_bytes)
    first: Picture | None = None
    first_s = 0.0
    last: Item | None = None
    for item in source.read(lambda: False):
        if item is not last:
            ring.add(item)
        last, now = item, time.monotonic()
        if first is None:
            first, first_s = source.decoder.decode(ring.newest()) if ring.newest() else None, now
        elif now - first_s >= APART_S:
            second = source.decoder.decode(ring.newest())
            return _trial(source, first, second, first_s - began_s)
    raise CaptureError(CaptureReason.ENDED)


def _trial(source: Source, first: Picture, second: Picture | None, first_picture_s: float) -> Trial:
    header = read_header(first.image)
    return Trial(
        first_picture_s=first_picture_s,
        codec=source.decoder.codec,
        width=header.width,
        height=header.height,
        size_bytes=len(first.image),
        is_same=second is not None and second.image == first.image,
        clock_difference_s=source.clock_difference_s,
    )
