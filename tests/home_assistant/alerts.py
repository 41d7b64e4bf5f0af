"""A house: broker, agent, Home Assistant and phone, and what its visitors do."""

from __future__ import annotations

import contextlib
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from testing.pictures import jpeg
from testing.recorder import Recorder
from testing.waiting import wait_until
from tests.home_assistant.at_home import BLUEPRINTS, agent_for, entity, wait_state
from tests.home_assistant.phone import Phone

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from testing.agent_process import AgentProcess
    from tests.home_assistant.phone import Notification

PRIVATE = '{"private": {"privacy": "events_only"}}'


def broken() -> bytes:
    """Return a JPEG that ends in its header."""
    return jpeg()[:120]


def with_comment(picture: bytes, comment: bytes) -> bytes:
    """Return a JPEG with a comment behind its first marker."""
    return picture[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + picture[2:]


def alert_input(house: House, **inputs: Any) -> dict[str, Any]:
    """Return the inputs of an alert to the phone."""
    return {"doorbell": house.device_id(), "phones": [house.phone.device_id], **inputs}


class House:
    """What a test does at the door, and what it sees on the phone."""

    def __init__(self, home: Any, recorder: Recorder, agent: AgentProcess, phone: Phone, media: Path) -> None:
        self.home = home
        self.recorder = recorder
        self.agent = agent
        self.phone = phone
        self.media = media
        self.device = "edge_doorbell_front"
        self._serial = 0
        self._frames = 0

    @classmethod
    @contextlib.contextmanager
    def start(cls, home: Any, media: Path, **settings: str) -> Iterator[Self]:
        """Start the agent, connect a phone, and wait until both doorbells are known."""
        settings = {"DOORBELLS__EACH": PRIVATE, "PRESS__DEBOUNCE_S": "0", **settings}
        with Recorder(home.d["mqtt_port"]) as recorder, agent_for(home, **settings) as agent:
            agent.wait_until_ready(recorder)
            with Phone(home) as phone:
                house = cls(home, recorder, agent, phone, media)
                for doorbell in ("front", "private"):
                    house.frame(jpeg(), doorbell)
                    house.wait_until_subscribed(doorbell)
                yield house

    def reset(self) -> None:
        """Remove the automations and forget the notifications."""
        self.home.automations([])
        wait_until(lambda: not self._automations())
        self.phone.clear()
        self.recorder.clear()

    def device_id(self, doorbell: str = "front") -> str:
        return str(self.home.device_id(f"edge_doorbell_{doorbell}"))

    def automate(self, blueprint: str, inputs: dict[str, Any], **others: dict[str, Any]) -> None:
        """Create an automation of a blueprint, and others; their ids are new, as is the time of their last alert."""
        self._serial += 1
        path = self.home.blueprint(BLUEPRINTS / f"{blueprint}.yaml")
        wanted = {self.automation(name): given for name, given in {blueprint: inputs, **others}.items()}
        self.home.automations(
            [
                {"id": name, "alias": name, "use_blueprint": {"path": path, "input": given}}
                for name, given in wanted.items()
            ]
        )
        wait_until(lambda: len(self._automations()) == len(wanted))

    def automation(self, name: str) -> str:
        """Return the id of an automation of this test; its entity has the same name."""
        return f"{name}_{self._serial}"

    def _automations(self) -> list[str]:
        states = self.home.states("automation.").values()
        return [each["entity_id"] for each in states if each["state"] == "on"]

    # At the door

    def ring(self, picture: bytes | None = None, doorbell: str = "front") -> str:
        """Press the bell, and send a picture if there is one; return the id of the press."""
        topic = f"doorbell/{doorbell}/ring"
        count = len(self.recorder.messages(topic))
        self.recorder.publish(f"doorbell/{doorbell}/press")
        if picture is not None:
            self.frame(picture, doorbell)
        return str(self.recorder.wait_for_count(topic, count + 1)[-1].json["press_id"])

    def frame(self, picture: bytes, doorbell: str = "front") -> None:
        """Send a picture, and wait for its result; as from a camera, no two pictures are the same."""
        topic = f"doorbell/{doorbell}/faces"
        count = len(self.recorder.messages(topic))
        self._frames += 1
        self.recorder.publish(f"doorbell/{doorbell}/frame", with_comment(picture, b"%08d" % self._frames))
        self.recorder.wait_for_count(topic, count + 1)

    # On the phone

    def tag(self, press_id: str) -> str:
        return f"edge-agent-{press_id}"

    def alert_of(self, press_id: str) -> Notification:
        """Return the alert of a ring."""
        return self.phone.wait_for(lambda each: each.tag == self.tag(press_id), timeout_s=10)

    def updated(self, press_id: str, *, timeout_s: float = 20.0) -> Notification:
        """Return the alert of a ring once it has a picture."""
        return self.phone.wait_for(
            lambda each: each.tag == self.tag(press_id) and "image" in each.data, timeout_s=timeout_s
        )

    def picture_of(self, press_id: str, doorbell: str = "front") -> bytes:
        """Return the first snapshot that the agent published for a press, once there is one."""
        self.recorder.wait_for(f"doorbell/{doorbell}/picture", lambda event: event["press_id"] == press_id)
        return self.snapshot_of("press_id", press_id, doorbell)

    def snapshot_of(self, key: str, value: str, doorbell: str = "front") -> bytes:
        """Return the first snapshot of a press or a visit: the one before the first notice that names it."""
        snapshot = b""
        for each in self.recorder.messages(f"doorbell/{doorbell}/+"):
            if each.topic.endswith("/snapshot"):
                snapshot = each.payload
            elif each.topic.endswith("/picture") and each.json[key] == value:
                break
        return snapshot

    def own_alerts(self, count: int) -> list[dict[str, Any]]:
        """Return what the actions of the test published, once there are `count` of them."""
        return [each.json for each in self.recorder.wait_for_count("house/alerted", count)]

    # Waiting

    def wait_until_subscribed(self, doorbell: str = "front") -> None:
        """Wait until Home Assistant shows the doorbell."""
        device = f"edge_doorbell_{doorbell}"
        wait_state(self.home, entity(self.home, device, "camera"), "on")
        wait_state(self.home, entity(self.home, device, "face_present"), "off")

    def wait_until_visit_ends(self, doorbell: str = "front") -> None:
        """Wait for the end of the visit to which the last face belongs."""

        def times(what: str, key: str, value: str) -> list[datetime]:
            events = self.recorder.events(f"doorbell/{doorbell}/{what}")
            return [datetime.fromisoformat(each["published_at"]) for each in events if each[key] == value]

        def ended() -> bool:
            faces, left = times("faces", "outcome", "face"), times("visit", "event_type", "face_left")
            return not faces or (bool(left) and faces[-1] < left[-1])

        wait_until(ended)

    def wait_until_idle(self, *, timeout_s: float = 40.0) -> None:
        """Wait until no automation runs."""
        wait_until(
            lambda: not any(each["attributes"].get("current") for each in self.home.states("automation.").values()),
            timeout_s=timeout_s,
            why=lambda: str(self.home.states("automation.")),
        )

    def wait_until_quiet(self) -> None:
        """Wait until nobody is at the door."""
        for doorbell in ("front", "private"):
            self.wait_until_visit_ends(doorbell)
        present = entity(self.home, self.device, "face_present")
        wait_state(self.home, present, "off")
