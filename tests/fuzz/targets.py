"""The fuzz targets: functions of bytes that fail only if the tested code breaks its contract."""

from __future__ import annotations

import functools
import pathlib
import tempfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from edge_agent import topics
from edge_agent.domain import Message, Packet
from edge_agent.errors import ImageError, SettingsError
from edge_agent.ingest import incoming_topics
from edge_agent.ingest.adapters import Source, read_source
from edge_agent.ingest.frames import Arrival, ImageLimits, read_frame
from edge_agent.ingest.image_header import JPEG_START, PNG_START, check_size, read_header
from edge_agent.ingest.presets import PRESETS, preset_sources
from edge_agent.ingest.router import Incoming, Router, RouterLimits
from edge_agent.settings.loading import load_settings
from ha_discovery.retained import read_retained
from ha_discovery.topics import parse_topic

if TYPE_CHECKING:
    from collections.abc import Callable

AGENT: Final = "hall"
PIXELS: Final = 20_000_000
SOURCES: Final = (
    *(source for name in PRESETS for source in preset_sources(name)),
    Source("cam/{doorbell}/jpeg", "cam/{doorbell}/event", ("ring",), "event.type"),
    Source("deep/{doorbell}/{doorbell}/jpeg", frame_path="a.b"),
)
PARTS: Final = b"\x1e"
"""Separates the parts of one input."""


def topic(data: bytes) -> None:
    """Any topic has a known meaning, or none; names in it are plain identifiers."""
    text = data.decode(errors="replace")
    meaning = incoming_topics.parse(text, AGENT)
    names = [getattr(meaning, "doorbell", "a")]
    source = read_source(SOURCES, text)
    names.append(getattr(source, "doorbell", "a"))
    assert all(map(topics.is_identifier, names)), names
    assert topics.is_identifier(topics.fit_identifier(text))
    if source is not None:
        assert source.display_name.isprintable()
        assert "+" not in source.snapshot_request.split("/") or "+" in text.split("/")
    if topics.may_be_answered(text):
        assert meaning is None
        assert text.isprintable()
    parse_topic(text)


def envelope(data: bytes) -> None:
    """Any message is one delivery; its values can be logged, published and calculated with."""
    payload, *said = data.split(PARTS)
    words = [part.decode(errors="replace") for part in said]
    properties = dict(zip(("trigger", "captured_at", "frame_id", "other"), words, strict=False))
    reply = words[4] if len(words) > 4 else ""
    for name in (
        "doorbell/front/frame",
        "cam/front/event",
        "edge_agent/hall/command/remove",
        "doorbell/a/detection/set",
    ):
        _check(_take(Message(name, payload, packet=Packet(1, 1), properties=properties, response_topic=reply)))
    read_retained("homeassistant/device/a/config", payload)


def payload(data: bytes) -> None:
    """Any payload is a picture within its limits, or refused with a reason; the path of its picture changes nothing."""
    *path, content = data.split(PARTS, 1)
    named = path[0].decode(errors="replace") if path else ""
    where = named if named.isprintable() else ""
    limits, message = ImageLimits(100_000, PIXELS), Message("cam/front/jpeg", content)
    arrival = read_frame(message, "front", limits, now_s=1.0, now_at=datetime.now(UTC), picture_path=where)
    if arrival.failure is None:
        assert arrival.frame.image.startswith((JPEG_START, PNG_START))
        assert 0 < len(arrival.frame.image) == arrival.frame.header.length <= limits.max_bytes
    else:
        assert arrival.failure.detail.isprintable()
        assert not arrival.frame.image


def header(data: bytes) -> None:
    """Any bytes are a picture of an allowed size, or refused with a reason."""
    try:
        found = read_header(data)
        check_size(found, PIXELS)
    except ImageError as error:
        assert error.reason in {"bad_image", "too_large"}
        assert error.detail.isprintable()
    else:
        assert found.format in {"jpeg", "png"}
        assert 0 < found.width * found.height <= PIXELS
        assert 0 < found.length <= len(data)


def settings(data: bytes) -> None:
    """Any file and any variables are settings, or refused with sentences that show no value."""
    text, *said = data.split(PARTS)
    words = [part.decode(errors="replace").partition("=") for part in said]
    environment = {f"EDGE_AGENT_{name}": value for name, _, value in words}
    _file().write_bytes(text)
    try:
        load_settings(_file(), {}, environment=environment)
    except SettingsError as error:
        assert str(error)


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {
    "topic": topic, "envelope": envelope, "payload": payload, "header": header, "settings": settings,
}  # fmt: skip


def _take(message: Message) -> Incoming:
    delivered: list[Incoming] = []
    parse = functools.partial(incoming_topics.parse, agent_id=AGENT)
    limits = RouterLimits(ImageLimits(100_000, PIXELS), accept_retained=False, most_waiting=9, most_presses_waiting=9)
    Router(parse, SOURCES, limits, delivered.append, lambda: 0).route(message)
    (incoming,) = delivered
    return incoming


def _check(incoming: Incoming) -> None:
    for text in (getattr(incoming, "value", ""), getattr(incoming, "doorbell", "")):
        assert text.isprintable()
    if isinstance(incoming, Arrival):
        frame = incoming.frame
        assert frame.frame_id.isprintable()
        assert frame.reply_to is None or topics.may_be_answered(frame.reply_to.topic)
        if frame.captured_at is not None:
            frame.captured_at.astimezone()
            (datetime.now(UTC) - frame.captured_at).total_seconds()
        assert incoming.failure is None or incoming.failure.detail.isprintable()


@functools.cache
def _file() -> pathlib.Path:
    return pathlib.Path(tempfile.mkdtemp(prefix="edge-agent-fuzz-")) / "agent.yaml"
