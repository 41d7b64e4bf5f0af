"""Hostile messages, valid and broken ones mixed, against a running agent: `make hostile` sends 100,000 of them.

Exits with 1 if a press frame is unanswered, a process was restarted, or memory grew.
"""

from __future__ import annotations

import base64
import json
import random
import re
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Final, Self

import typer
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from testing.agent_process import AGENT_ID, AgentProcess
from testing.broker import Mosquitto
from testing.pictures import jpeg, png
from testing.processes import descendants, holdings
from testing.recorder import Recorder
from testing.waiting import wait_until
from tests import hostile_pictures
from tests.chaos.door_client import DoorClient

if TYPE_CHECKING:
    from collections.abc import Iterator

BROKER_CONFIG: Final = ("max_queued_messages 0", "max_packet_size 30000000")
PATIENT: Final = {"POOL__MEMORY_LIMIT_MB": "400", "POOL__JOB_TIMEOUT_S": "30"}
"""On a busy machine a detection may take seconds; only a hang should fail the test."""
PRESSED: Final = ("front", "back")
DOORBELLS: Final = ("garage", "gate")
"""The doorbell whose frames belong to no press."""
PRESS_SHARE: Final = 0.02
LARGE_SHARE: Final = 0.0005
MOST_UNANSWERED: Final = 20
SETTLE_S: Final = 120.0
LOOKS: Final = 50
WARM_SHARE: Final = 0.2
MOST_GROWTH_BYTES: Final = {"memory of the agent": 4_000_000, "memory of its workers": 16_000_000}
"""Each of two workers keeps or releases, by chance, the 7 MB of a picture of several megapixels."""
LARGE_BYTES: Final = 100_000

NAMES: Final = ("attic", "a b", "..", "x" * 65, "x" * 2000, "\u202e", "é", "a'; reboot", "%s%n", "-", "_")
WORDS: Final = (
    "press", "motion", "PRESS", "", "\u202e", "x" * 3000, "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00",
    "2026-01-02T12:00:00Z", "1e999", "NaN", "../../etc/passwd", "$(reboot)", "\u2028", "frame-1", "{}", "-1",
)  # fmt: skip
JSONS: Final = (
    b"{", b"{}", b"[]", b"null", b'{"image": 5}', b'{"image": ""}', b'{"image": "===="}', b'{"image":' + b"[" * 1000,
    b'{"a":' * 1000, b'{"image":"","n":' + b"9" * 5000 + b"}", b'{"image": NaN}', b'{"image":"","frame_id":"\\ud800"}',
    b'{"image":"\xff\xfe"}', b'{"image": {"image": "a"}}', b"\xef\xbb\xbf{}", b'{"trigger": "press"}',
)  # fmt: skip
REPLIES: Final = (
    "",
    "my/answers",
    f"edge_agent/{AGENT_ID}/command/restart_pool",
    "doorbell/back/press",
    "homeassistant/status",
)
VALUES: Final = (b"", b"\x00", b"ON", b"yes", b"101", b"1e400", b"nan", b"x" * 4000, b"\xff\xff", b"ON\n", b"70")


@dataclass(frozen=True, slots=True)
class Hostile:
    """One message; the picture of a `press` is answered."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    said: dict[str, str] = field(default_factory=dict)
    reply: str = ""
    press: bool = False


def messages(count: int, seed: int) -> Iterator[Hostile]:
    """Yield that many messages, the same for the same seed."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    pictures = _pictures()
    small = [data for data in pictures if len(data) < LARGE_BYTES]
    for _ in range(count):
        if chance.random() < PRESS_SHARE:
            yield Hostile(chance.choice(PRESSED), chance.choice(small), press=True)
        else:
            picture = chance.choice(pictures if chance.random() < LARGE_SHARE else small)
            yield chance.choice((_frame, _frame, _json, _cut, _order, _stray))(chance, picture)


def _pictures() -> list[bytes]:
    kinds = (hostile_pictures.refused(), hostile_pictures.unusual(), hostile_pictures.damaged())
    made = [data for kind in kinds for data in kind.values()]
    return [*made, *(jpeg(seed=number) for number in range(8)), png(), hostile_pictures.bomb(), bytes(20_000_000)]


def _frame(chance: random.Random, picture: bytes) -> Hostile:
    names = chance.sample(["captured_at", "frame_id", "trigger", "\u202e", ""], chance.randrange(4))
    said = {name: chance.choice([word for word in WORDS if name != "trigger" or word != "press"]) for name in names}
    topic = f"doorbell/{chance.choice([*DOORBELLS, *NAMES, f'door{chance.randrange(300)}'])}/frame"
    return Hostile(
        topic, picture, chance.randrange(2), said=said, reply=chance.choice(REPLIES), retain=chance.random() < 0.02
    )


def _json(chance: random.Random, picture: bytes) -> Hostile:
    words = {name: chance.choice(WORDS[1:]) for name in ("captured_at", "frame_id", "trigger")}
    whole = json.dumps({"image": base64.b64encode(picture[:LARGE_BYTES]).decode(), **words}).encode()
    payload = chance.choice((*JSONS, whole, whole, whole[: len(whole) // 2]))
    return Hostile(f"doorbell/{chance.choice(DOORBELLS)}/frame", payload, chance.randrange(2))


def _cut(chance: random.Random, picture: bytes) -> Hostile:
    """Return a picture with changed or missing bytes."""
    data = bytearray(picture[: chance.randrange(1, 2 * len(picture) + 2)])
    for _ in range(chance.randrange(6)):
        start = chance.randrange(len(data) + 1)
        data[start : start + chance.randrange(5)] = chance.randbytes(chance.randrange(5))
    return Hostile(f"doorbell/{chance.choice(DOORBELLS)}/frame", bytes(data))


def _order(chance: random.Random, _picture: bytes) -> Hostile:
    """Return an option or a command that is invalid, or changes nothing."""
    topics = (
        f"doorbell/{chance.choice(NAMES)}/min_confidence/set",
        f"doorbell/{chance.choice(DOORBELLS)}/privacy/set",
        f"edge_agent/{AGENT_ID}/strategy/set",
        f"edge_agent/{AGENT_ID}/command/remove",
        f"edge_agent/{AGENT_ID}/command/{chance.choice(NAMES)}",
        f"edge_agent/{AGENT_ID}/command/health",
        "homeassistant/status",
        "homeassistant/device/edge_agent_front/config",
    )
    return Hostile(
        chance.choice(topics), chance.choice((*VALUES, *JSONS)), chance.randrange(2), reply=chance.choice(REPLIES)
    )


def _stray(chance: random.Random, picture: bytes) -> Hostile:
    levels = [chance.choice(("doorbell", "frame", "press", "set", "", *NAMES)) for _ in range(chance.randrange(1, 6))]
    return Hostile("/".join(levels) or "a", picture[:200])


class Attacker:
    """A client that sends everything the broker accepts, and reconnects after a disconnect."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._client = paho.Client(CallbackAPIVersion.VERSION2, "attacker", protocol=paho.MQTTv5)
        self._client.max_queued_messages_set(0)
        self._client.reconnect_delay_set(1, 1)

    def __enter__(self) -> Self:
        """Connect."""
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()
        return self

    def __exit__(self, *_: object) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()

    def send(self, message: Hostile) -> None:
        """Send a message unchanged."""
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.UserProperty = list(message.said.items())
        if message.reply:
            properties.ResponseTopic = message.reply
        info = self._client.publish(message.topic, message.payload, message.qos, message.retain, properties)
        if len(message.payload) > LARGE_BYTES:
            info.wait_for_publish(SETTLE_S)


class Assault:
    """The messages in flight, and the final report."""

    def __init__(self, agent: AgentProcess, doors: DoorClient, attacker: Attacker, recorder: Recorder) -> None:
        self._agent = agent
        self._doors = doors
        self._attacker = attacker
        self._recorder = recorder
        self.presses = 0
        self.stacks: list[str] = []
        self.before: dict[str, float] = {}
        self.after: dict[str, float] = {}

    def run(self, count: int, seed: int) -> None:
        """Send all messages; the agent sets the pace, since at most a few presses wait for it."""
        self._warm_up()
        for number, message in enumerate(messages(count, seed)):
            if number == int(count * WARM_SHARE):
                self.before = self._settled()
            if not message.press:
                self._attacker.send(message)
                continue
            self._doors.send_press(self.presses, message.topic, message.payload)
            self.presses += 1
            wait_until(lambda: len(self._doors.unanswered()) < MOST_UNANSWERED, timeout_s=SETTLE_S)
        self.after = self._settled()

    def _warm_up(self) -> None:
        """Make each process reach its largest memory use, two at a time, and start all processes."""
        self._recorder.publish(f"doorbell/{DOORBELLS[0]}/detection/set", "ON")
        for picture in sorted(_pictures(), key=len) * 2:
            for doorbell in PRESSED:
                self._doors.send_press(self.presses, doorbell, picture)
                self.presses += 1
            wait_until(lambda: not self._doors.unanswered(), timeout_s=SETTLE_S)

    def metrics(self) -> dict[str, Any]:
        """Return the newest counters."""
        newest: dict[str, Any] = self._recorder.events(f"edge_agent/{AGENT_ID}/metrics")[-1]
        return newest

    def faults(self) -> list[str]:
        """Return the failed expectations."""
        metrics = self.metrics()
        gone = sum(sum(metrics[key].values()) for key in ("answered", "failed", "shed"))
        broken = {
            "press frames are unanswered": bool(self._doors.unanswered()),
            "a press frame has two events": any(len(ids) > 1 for ids in self._doors.answers.values()),
            "workers were restarted": bool(metrics["restarts"] or metrics["deaths"]),
            "something was not expected": bool(metrics["dropped"].get("internal_error")),
            "a traceback is in the log": "Traceback" in self._agent.log,
            "frames are unaccounted for": sum(metrics["received"].values()) != gone,
            **{f"{name} grew": self.after[name] - self.before[name] > most for name, most in MOST_GROWTH_BYTES.items()},
            "descriptors were left open": self.after["descriptors"] > self.before["descriptors"],
            "threads were left behind": self.after["threads"] > self.before["threads"],
        }
        return [fault for fault, is_present in broken.items() if is_present]

    def _settled(self) -> dict[str, float]:
        """Return the smallest memory use of many samples, once every press is answered."""
        wait_until(lambda: not self._doors.unanswered(), timeout_s=SETTLE_S)
        looks = [self._held() for _ in range(LOOKS)]
        return {name: min(look[name] for look in looks) for name in looks[0]}

    def _held(self) -> dict[str, float]:
        agent, workers = holdings(self._agent.pid), [holdings(pid) for pid in descendants(self._agent.pid)]
        return {
            "memory of the agent": agent["memory"],
            "memory of its workers": sum(each["memory"] for each in workers),
            "descriptors": sum(each["descriptors"] for each in (agent, *workers)),
            "threads": sum(each["threads"] for each in (agent, *workers)),
        }


def assault(count: int, seed: int) -> tuple[Assault, list[str]]:
    """Send that many messages to a new agent; return the results, and the failed expectations."""
    with (
        Mosquitto(*BROKER_CONFIG) as broker,
        Recorder(broker.port, topic_filter="edge_agent/#") as recorder,
        DoorClient(broker.port) as doors,
        Attacker(broker.port) as attacker,
        AgentProcess.with_script(broker.port, {"faces": 1}, **PATIENT) as agent,
    ):
        agent.wait_until_ready(recorder)
        for doorbell in (*PRESSED, *DOORBELLS):
            recorder.publish(f"doorbell/{doorbell}/frame", jpeg())
        made = Assault(agent, doors, attacker, recorder)
        made.run(count, seed)
        recorder.clear()
        wait_until(lambda: recorder.messages(f"edge_agent/{AGENT_ID}/metrics"), timeout_s=SETTLE_S)
        faults = made.faults()
        made.stacks = re.findall(r"ended with this stack:\n(?:.*\n){1,12}", agent.log)
        if agent.stop():
            faults.append("the agent did not end as asked")
    return made, faults


def main(
    count: Annotated[int, typer.Option("--messages", help="How many are sent.")] = 100_000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same messages.")] = 1,
) -> None:
    """Send hostile messages to an agent, and print the results."""
    began_s = time.monotonic()
    made, faults = assault(count, seed)
    metrics = made.metrics()
    print(f"{count} messages with {made.presses} press frames in {time.monotonic() - began_s:.0f} s")  # noqa: T201
    for name in ("received", "answered", "failed", "shed", "dropped", "restarts", "deaths"):
        print(f"  {name}: {metrics[name]}")  # noqa: T201
    for name, value in made.before.items():
        print(f"  {name}: {value:,.0f} after a fifth, {made.after[name]:,.0f} at the end")  # noqa: T201
    print(*made.stacks, sep="")  # noqa: T201
    print(f"FAILED: {', '.join(faults)}" if faults else "passed")  # noqa: T201
    sys.exit(bool(faults))


if __name__ == "__main__":
    typer.run(main)
