"""Whether an agent listens to what was sent to a broker, by what the broker and the agents say. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from edge_agent import topics
from edge_agent.platform.program_name import command

if TYPE_CHECKING:
    from edge_agent.domain import Message
    from edge_agent.settings.broker import MqttSettings

USUAL_PORT: Final = 1883


class _Answer(msgspec.Struct):
    """Of an answer to a press what is shown."""

    event_type: str
    detail: str | None = None
    confidence: float | None = None


class Verdict(NamedTuple):
    """What to tell the sender: `is_fault` where no agent took what was sent."""

    text: str
    is_fault: bool = False


class Heard:
    """What was heard after pictures of a doorbell were sent; `unheard` of them nobody has subscribed to."""

    def __init__(self, doorbell: str, *, is_press: bool) -> None:
        self.doorbell = doorbell
        self.is_press = is_press
        self.unheard = 0
        self.agents: dict[str, bool] = {}
        """Whether each agent that has ever been there is online."""
        self.answer: _Answer | None = None

    @property
    def online(self) -> list[str]:
        """The agents that are online, by name."""
        return sorted(name for name, is_online in self.agents.items() if is_online)

    def take(self, message: Message) -> None:
        """Use a message."""
        if message.topic == topics.answer(self.doorbell):
            self._take_answer(message.payload)
            return
        match message.topic.split("/"):
            case ["edge_agent", name, "availability"] if message.payload:
                self.agents[name] = message.payload == b"online"

    def _take_answer(self, payload: bytes) -> None:
        try:
            self.answer = self.answer or msgspec.json.decode(payload, type=_Answer)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return

    def may_be_answered(self) -> bool:
        """Return whether an answer to a press may still come."""
        return self.is_press and self.answer is None and not self.unheard

    def is_enough(self) -> bool:
        """Return whether nothing more can change the verdict."""
        return self.answer is not None or (bool(self.online) and not self.may_be_answered())


def verdict(heard: Heard, settings: MqttSettings) -> Verdict:  # noqa: PLR0911 - a table: one line a case
    """Return what is to be told of what was heard at the broker of `settings`, '' where all is as it should be."""
    if heard.answer is not None:
        return Verdict(_answer(heard.answer))
    if heard.unheard and heard.online:
        text = f"no agent takes pictures of {heard.doorbell}: check doorbells.include of {' and '.join(heard.online)}"
        return Verdict(text, is_fault=True)
    broker = broker_arguments(settings)
    start = f"start one with `{command('run', *broker)}`"
    if heard.agents and not heard.online:
        return Verdict(f"no agent listens: {_listed(sorted(heard.agents))} offline; {start}", is_fault=True)
    if heard.unheard:
        return Verdict(f"no agent listens at this broker: {start}", is_fault=True)
    if heard.is_press and heard.online:
        text = f"no agent answered the press in time: `{command('doctor', *broker)}` finds out why"
        return Verdict(text, is_fault=True)
    if heard.is_press:
        text = f"no agent answered the press: {start}, or let this user read {topics.answer(heard.doorbell)}"
        return Verdict(text, is_fault=True)
    if not heard.online:
        return Verdict(f"no agent is known to be online at this broker; {start}")
    return Verdict("")


def broker_arguments(settings: MqttSettings) -> tuple[str, ...]:
    """Return the arguments that lead to a broker."""
    port = () if settings.port == USUAL_PORT else ("--port", str(settings.port))
    return ("--host", settings.host, *port)


def _answer(answer: _Answer) -> str:
    words = [answer.event_type.replace("_", " ")]
    if answer.confidence is not None:
        words.append(f"confidence {answer.confidence:.2f}")
    if answer.detail:
        words.append(answer.detail)
    return "".join(each if each.isprintable() else "\ufffd" for each in f"answer: {', '.join(words)}")


def _listed(names: list[str]) -> str:
    return f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'}"
