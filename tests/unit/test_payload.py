"""Payloads to pictures: every form that publishers send, and what is refused."""

from __future__ import annotations

import base64
import json
import textwrap
import time
import tracemalloc
from typing import Any, Final

import pytest

from edge_agent.domain import Message, Trigger
from edge_agent.ingest.frames import Arrival, ImageLimits, read_frame
from edge_agent.wire import FailureReason
from testing.pictures import jpeg, png
from testing.values import NOON

LIMITS: Final = ImageLimits(max_bytes=10_000_000, max_pixels=20_000_000)
PLAIN: Final = base64.b64encode(jpeg())
URL_SAFE: Final = base64.urlsafe_b64encode(jpeg())
IN_LINES: Final = "\r\n".join(textwrap.wrap(PLAIN.decode(), 76)).encode()
DATA_URL: Final = b"data:image/jpeg;base64," + PLAIN
BOM: Final = b"\xef\xbb\xbf"


def _arrive(payload: bytes, picture_path: str = "") -> Arrival:
    message = Message("doorbell/front/frame", payload)
    return read_frame(message, "front", LIMITS, now_s=1.0, now_at=NOON, picture_path=picture_path)


def _json(image: bytes, **said: Any) -> bytes:
    return json.dumps({"image": image.decode(), **said}).encode()


@pytest.mark.parametrize(
    "payload",
    [
        jpeg(), b"\n" + jpeg(), BOM + jpeg(), jpeg() + b"\r\n",
        PLAIN, PLAIN + b"\n", b"\r\n " + PLAIN + b"\0", BOM + PLAIN, PLAIN.rstrip(b"="), IN_LINES, IN_LINES + b"\n",
        URL_SAFE, URL_SAFE.rstrip(b"="),
        DATA_URL, DATA_URL + b"\n", b"data:;base64," + PLAIN, b"DATA:IMAGE/JPG;charset=utf-8;BASE64," + URL_SAFE,
        b'"' + DATA_URL + b'"', b'"' + PLAIN + b'"\n',
        _json(PLAIN), BOM + _json(PLAIN), b"\n\t" + _json(PLAIN) + b"\r\n\0", _json(URL_SAFE.rstrip(b"=")),
        _json(IN_LINES),
        _json(DATA_URL), _json(PLAIN).replace(b"/", b"\\/"),
    ],
)  # fmt: skip
def test_every_form_of_a_picture_is_the_picture(payload: bytes) -> None:
    arrival = _arrive(payload)
    assert arrival.failure is None
    assert arrival.frame.image == jpeg()


def test_a_png_comes_as_text_too() -> None:
    assert _arrive(base64.b64encode(png())).frame.image == png()


@pytest.mark.parametrize(
    ("said", "path"),
    [
        ({"img": PLAIN.decode()}, "img"),
        ({"data": {"jpeg": DATA_URL.decode()}}, "data.jpeg"),
        ({"images": [{"b64": PLAIN.decode()}], "image": "front.jpg"}, "images.0.b64"),
    ],
)
def test_a_named_key_holds_the_picture(said: dict[str, Any], path: str) -> None:
    arrival = _arrive(json.dumps({**said, "trigger": "motion", "frame_id": "7"}).encode(), path)
    assert arrival.failure is None
    assert arrival.frame.image == jpeg()
    assert (arrival.frame.trigger, arrival.frame.frame_id) == (Trigger.MOTION, "7")


def test_a_source_with_a_named_key_may_send_the_bare_picture() -> None:
    assert _arrive(jpeg(), "data.image").frame.image == jpeg()


@pytest.mark.parametrize(
    ("payload", "path", "detail"),
    [
        (b"ON", "", "neither a picture, base64 text, a data URL nor JSON"),
        (b"AAAA" * 100, "", "neither a picture"),
        ("/9j/ü".encode(), "", "damaged or cut off base64"),
        (PLAIN[:-3] + b"!", "", "damaged or cut off base64"),
        (PLAIN[:101], "", "damaged or cut off base64"),
        (PLAIN + b"=" + PLAIN, "", "damaged or cut off base64"),
        (b"data:image/jpeg," + PLAIN, "", "holds no picture in base64"),
        (b"data:text/html;base64," + PLAIN, "", "holds no picture in base64"),
        (b"data:" + b"image/jpeg;a=b;" * 1000, "", "holds no picture in base64"),
        (b"data:image/jpeg;base64,PHN2Zz4=", "", "neither a picture"),
        (b"{}", "", "no JSON with a picture as text in `image`"),
        (b'{"image": 5}', "", "in `image`"),
        (b'{"image": "\xc3\xbc"}', "", "neither a picture"),
        (b'{"image": ""}', "", "it is empty"),
        (b'{"a": {"b": []}}', "a.b.0", "in `a.b.0`"),
        (b'{"a": 5}', "a.b", "in `a.b`"),
        (b'"' + PLAIN, "", "no JSON"),
        (b'{"a":' * 5000, "a", "in `a`"),
        (b" \n\0", "", "it is empty"),
    ],
)
def test_what_holds_no_picture_is_refused_with_the_reason(payload: bytes, path: str, detail: str) -> None:
    failure = _arrive(payload, path).failure
    assert failure is not None
    assert failure.reason is FailureReason.BAD_IMAGE
    assert detail in failure.detail
    assert failure.detail.isprintable()


def test_text_in_lines_may_be_as_large_as_its_picture() -> None:
    image = jpeg() + bytes(9_900_000)
    lines = base64.encodebytes(image).replace(b"\n", b"\r\n")
    assert _arrive(lines).failure is None
    assert _arrive(_json(lines)).failure is None


@pytest.mark.parametrize(
    "text", [b"A" * 9_000_000, b"/9j/" + b"!" * 9_000_000, b" " * 9_000_000, b"data:" + b";" * 9_000_000]
)
def test_large_text_without_a_picture_costs_little(text: bytes) -> None:
    spent_ms = []
    for _ in range(3):
        before_s = time.thread_time()
        assert _arrive(text).failure is not None
        spent_ms.append((time.thread_time() - before_s) * 1000)
    assert min(spent_ms) < 100  # hashing for the id takes most of it
    tracemalloc.start()
    _arrive(text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * len(text)
