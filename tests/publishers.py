"""What known publishers send, made here after their documentation or source; see docs/cameras.md."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Final

from testing.pictures import jpeg

STILL: Final = jpeg(seed=20)
NEXT: Final = jpeg(seed=21)
NOW: Final = 1_767_355_200
"""A time of a publisher, in seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A message of a publisher."""

    topic: str
    payload: bytes
    retain: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """What a publisher sends, and what the agent makes of it: rings, frames, availability and display name.

    `asked` is the topic where the agent requests a picture.
    """

    preset: str
    what: str
    sent: tuple[Sent, ...]
    doorbell: str
    rings: int = 0
    frames: int = 0
    available: str = "online"
    name: str = ""
    asked: str = ""


def data_url(picture: bytes) -> bytes:
    """Return a picture as a data URL."""
    return b"data:image/jpeg;base64," + base64.b64encode(picture)


def ring_topic(camera: str, what: str) -> str:
    """Return a topic of ring-mqtt."""
    return f"ring/8f2e-11/camera/{camera}/{what}"


def ding(camera: str, state: str, time: int) -> tuple[Sent, Sent]:
    """Return what ring-mqtt sends of a ding; it sends the state first."""
    attributes = {"lastDing": time, "lastDingTime": "2026-01-02T12:00:00Z"}
    return (
        Sent(ring_topic(camera, "ding/state"), state.encode()),
        Sent(ring_topic(camera, "ding/attributes"), json.dumps(attributes).encode()),
    )


def snapshot(camera: str, picture: bytes, time: int) -> tuple[Sent, Sent]:
    """Return what ring-mqtt sends of a picture; it sends the picture first."""
    attributes = {"timestamp": time, "type": "interval"}
    return (
        Sent(ring_topic(camera, "snapshot/image"), picture),
        Sent(ring_topic(camera, "snapshot/attributes"), json.dumps(attributes).encode()),
    )


def _ring(camera: str, *messages: tuple[Sent, ...]) -> tuple[Sent, ...]:
    """Return the messages of a camera that was idle."""
    start = (Sent(ring_topic(camera, "status"), b"online"), *ding(camera, "OFF", NOW - 9000))
    return (*start, *(each for group in messages for each in group))


def _dahua(action: str) -> bytes:
    data = {"CallID": "1", "LockNum": 2, "LocaleTime": "2026-01-02 12:00:00", "UTC": NOW}
    return json.dumps({"Action": action, "Code": "Invite", "Data": data, "deviceType": "DH-VTO2211G-P"}).encode()


CASES: Final = (
    Case("ring-mqtt", "a snapshot with its time", _ring("a1", snapshot("a1", STILL, NOW)), "a1", frames=1),
    Case(
        "ring-mqtt", "the same snapshot after its restart", _ring("a2", *(snapshot("a2", STILL, NOW),) * 3), "a2",
        frames=1,
    ),
    Case("ring-mqtt", "a ding", _ring("a3", ding("a3", "ON", NOW), ding("a3", "OFF", NOW)), "a3", rings=1),
    Case("ring-mqtt", "a ding that is sent six times", _ring("a4", *(ding("a4", "ON", NOW),) * 6), "a4", rings=1),
    Case(
        "ring-mqtt", "a second ding within 180 s", _ring("a5", ding("a5", "ON", NOW), ding("a5", "ON", NOW + 60)), "a5",
        rings=2,
    ),
    Case("ring-mqtt", "a ding that it missed", _ring("a6", ding("a6", "OFF", NOW)), "a6"),
    Case(
        "ring-mqtt", "its camera goes offline",
        _ring("a7", snapshot("a7", STILL, NOW), (Sent(ring_topic("a7", "status"), b"offline"),)), "a7",
        frames=1, available="offline",
    ),
    Case("wyze-bridge", "a picture of the Python version",
         (Sent("wyzebridge/front-door/image", STILL, retain=True),), "front-door", frames=1),
    Case("wyze-bridge", "a picture of the Go version",
         (Sent("wyzebridge/back-door/thumbnail", STILL, retain=True),), "back-door", frames=1),
    Case("frigate", "a snapshot, and the same at the end of the event",
         (Sent("frigate/porch/person/snapshot", STILL, retain=True),) * 2,
         "porch", frames=1),
    Case("frigate", "a count, and the snapshot of a car",
         (Sent("frigate/yard/person", b"1"), Sent("frigate/yard/car/snapshot", STILL),
          Sent("frigate/yard/person/snapshot", NEXT)), "yard", frames=1),
    Case("amcrest2mqtt", "snapshots as base64 text",
         (Sent("amcrest2mqtt/AMC0001/image/snapshot", base64.b64encode(STILL)),
          Sent("amcrest2mqtt/AMC0001/image/motion_snapshot", base64.b64encode(NEXT))), "AMC0001", frames=2),
    Case("amcrest2mqtt", "the button, with its state repeated",
         tuple(Sent("amcrest2mqtt/AMC0002/doorbell", each) for each in (b"off", b"on", b"on", b"off", b"on", b"off")),
         "AMC0002", rings=2),
    Case("amcrest2mqtt", "a retained availability",
         (Sent("amcrest2mqtt/AMC0003/availability", b"offline", retain=True),
          Sent("amcrest2mqtt/AMC0003/image/snapshot", base64.b64encode(STILL))), "AMC0003",
         frames=1, available="offline"),
    Case("homebridge-unifi-protect", "a press, and the picture that the agent requests",
         (Sent("unifi/protect/AB12CD34EF56/doorbell", b"true"),
          Sent("unifi/protect/AB12CD34EF56/snapshot", data_url(STILL))), "AB12CD34EF56", rings=1, frames=1,
         asked="unifi/protect/AB12CD34EF56/snapshot/set"),
    Case("homebridge-unifi-protect", "motion is no press",
         (Sent("unifi/protect/AB12CD34EF57/motion", b"true"), Sent("unifi/protect/AB12CD34EF57/doorbell", b"false"),
          Sent("unifi/protect/AB12CD34EF57/snapshot", data_url(STILL))), "AB12CD34EF57", frames=1),
    Case("blue-iris", "an alert as base64 text",
         (Sent("BlueIris/Haustür vorn/alert-image-b64", base64.encodebytes(STILL)),), "Haustur-vorn-051a44aeae",
         frames=1, name="Haustür vorn"),
    Case("blue-iris", "a press", (Sent("BlueIris/Gate/press", b"1"),), "Gate", rings=1),
    Case("dahua-vto", "a call", (Sent("DahuaVTO/Invite/Event", _dahua("Pulse")),), "dahua-vto", rings=1),
    Case("hikvision", "a call, polled",
         tuple(Sent("hmd/sensor/Front-station/Call-state/state", each, retain=True)
               for each in (b"idle", b"ringing", b"ringing", b"dismissed", b"idle")), "Front-station", rings=1),
    Case("esp32-cam", "a picture without tables and end, with zeros",
         (Sent("esp32-cam/shed/image", STILL[:-2] + bytes(500)),), "shed", frames=1),
    Case("esp32-cam", "a button", (Sent("esp32-cam/barn/button", b""),), "barn", rings=1),
)  # fmt: skip
"""A table of publishers, their messages, and what comes out."""
