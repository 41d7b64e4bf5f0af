"""The seeds of fuzzing: generated inputs, and those that earlier runs kept."""

from __future__ import annotations

import base64
import struct
import zlib
from pathlib import Path
from typing import Final

from edge_agent.settings.keys import setting_keys
from testing.shared_data import PROJECT
from tests.fuzz.targets import PARTS

FOLDER: Final = Path(__file__).with_name("corpus")
TOPICS: Final = (
    "doorbell/front/frame", "doorbell/front/press", "doorbell/front/shared_frame", "doorbell/a-b_C9/min_confidence/set",
    "edge_agent/hall/strategy/set", "edge_agent/hall/command/remove", "homeassistant/status", "my/answers",
    "homeassistant/device/a/config", "ring/1/camera/2/snapshot/image", "ring/1/camera/2/ding/state", "doorbell//frame",
    "wyzebridge/door/image", "frigate/door/person/snapshot", "doorbell/+/#/$", "doorbell/a\0b\n/frame", "", "$SYS/a",
)  # fmt: skip
PIECES: Final = (
    "mqtt: {host: a, port: 1883}", "doorbells: {each: {front: {zones: [[[0, 0], [1, 0], [1, 1]]]}}}", "a: &a [*a]",
    "sources: [{preset: frigate}]", "!!python/object:os.system {}", "detection: {strategies: [cpu]}", "- 1",
    "mqtt:\n\thost: a", "doorbells: {include: [front]}", "port: 9999999999999999999999999999", "a: &a {b: *a}",
)  # fmt: skip
SAID: Final = (b"press", b"2026-01-02T12:00:00+01:00", b"frame-7", b"other", b"my/answers")


def seeds(target: str) -> list[bytes]:
    """Return the first inputs of a target."""
    return [*_WRITTEN[target](), *kept(target)]


def kept(target: str) -> list[bytes]:
    """Return the inputs that earlier runs kept."""
    path = FOLDER / f"{target}.hex"
    return [bytes.fromhex(line) for line in path.read_text(encoding="ascii").splitlines()] if path.exists() else []


def keep(target: str, inputs: list[bytes]) -> None:
    """Keep inputs for later runs, one per line."""
    lines = sorted({each.hex() for each in inputs}, key=lambda line: (len(line), line))
    (FOLDER / f"{target}.hex").write_text("".join(f"{line}\n" for line in lines), encoding="ascii")


def small_jpeg(width: int = 16, height: int = 8, *, sof: int = 0xC0) -> bytes:
    """Return the markers of a JPEG without a picture."""
    segments = (
        (0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0"),
        (0xDB, bytes(65)),
        (sof, struct.pack(">BHHB", 8, height, width, 1) + b"\1\x11\0"),
        (0xDA, b"\1\1\0\0\x3f\0"),
    )
    body = b"".join(struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data for marker, data in segments)
    return b"\xff\xd8" + body + b"\x12\x34\xff\xd9"


def small_png(width: int = 16, height: int = 8) -> bytes:
    """Return a grey PNG; a large one contains only a corner."""
    rows = zlib.compress(b"".join(b"\0" + bytes(min(width, 64)) for _ in range(min(height, 64))))
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)), (b"IDAT", rows), (b"IEND", b""))
    body = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def _topics() -> list[bytes]:
    return [text.encode() for text in TOPICS]


def _envelopes() -> list[bytes]:
    image = base64.b64encode(small_jpeg())
    payloads = (
        small_jpeg(),
        small_png(),
        b'{"image": "%s"}' % image,
        b'{"image": "%s", "trigger": "press", "captured_at": "0001-01-01T00:00:00+14:00", "frame_id": "7"}' % image,
        b'{"image": NaN, "frame_id": 1e999}',
        b'{"image": "\\ud800"}',
        b'{"event": {"type": "ring"}}',
        b'{"device": {"identifiers": ["a"]}, "cmps": {"b": {"p": "sensor"}}, "origin": {"name": "edge-agent"}}',
        b'{"a":' * 40,
        b"front",
        b"ON",
    )
    return [*payloads, *(PARTS.join((payload, *SAID)) for payload in payloads)]


def _payloads() -> list[bytes]:
    pictures = (small_jpeg(), small_png())
    texts = [
        make(each) for each in pictures for make in (base64.b64encode, base64.urlsafe_b64encode, base64.encodebytes)
    ]
    urls = [b"data:image/jpeg;base64," + text for text in texts]
    blanks = [b"\xef\xbb\xbf" + texts[0] + b"\r\n", b"\n " + pictures[0] + bytes(9), texts[0].rstrip(b"=") + b"\0"]
    objects = [b'{"image": "%s"}' % each.replace(b"\n", b"\\n") for each in (*texts, *urls)]
    keyed = [
        b"a.0.b" + PARTS + b'{"a": [{"b": "%s"}]}' % texts[0],
        b"image" + PARTS + objects[0],
        b"a" + PARTS + texts[0],
    ]
    return [*pictures, *texts, *urls, *blanks, *objects, *keyed, b'"' + urls[0] + b'"', b"data:;base64,", b'{"a":' * 40]


def _headers() -> list[bytes]:
    sizes = ((16, 8), (65535, 65535), (0, 1), (20000, 20000))
    pictures = [make(*size) for make in (small_jpeg, small_png) for size in sizes]
    progressive = [small_jpeg(sof=sof) for sof in (0xC2, 0xC3, 0xCB)]
    return [*pictures, *progressive, b"GIF89a", b"BM", b"II*\0", b"#?RADIANCE\n", b"\xff\xd8" + b"\xff" * 40, b""]


def _settings() -> list[bytes]:
    text = (PROJECT / "config" / "agent.yaml").read_bytes()
    lines = [line for line in text.splitlines() if not line.lstrip().startswith(b"#")]
    variables = [key.variable.removeprefix("EDGE_AGENT_").encode() for key in setting_keys()]
    environments = [
        PARTS.join((b"", *(name + b"=5" for name in variables[start : start + 3]))) for start in range(0, 60, 3)
    ]
    pieces = [piece.encode() for piece in PIECES]
    return [b"\n".join(lines[start : start + 12]) for start in range(0, len(lines), 12)] + pieces + environments


_WRITTEN: Final = {
    "topic": _topics,
    "envelope": _envelopes,
    "payload": _payloads,
    "header": _headers,
    "settings": _settings,
}
