"""Decide from the replies of the broker and the agents whether an agent received what was sent. Pure."""

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
    """The fields of an answer to a press that are shown."""

    event_type: str
    detail: str | None = None
    confidence: float | None = None


class Verdict(NamedTuple):
    """The message for the sender; `is_fault` if no agent received the frames."""

    text: str
    is_fault: bool = False


class Replies:
    """The replies after frames were sent; `unrouted` frames had no subscriber."""

    def __init__(self, doorbell: str, *, is_press: bool) -> None:
        self.doorbell = doorbell
        self.is_press = is_press
        self.unrouted = 0
        self.agents: dict[str, bool] = {}
        """Whether each known agent is online."""
        self.answer: _Answer | None = None

    @property
    def online(self) -> list[str]:
        """The names of the agents that are online."""
        return sorted(name for name, is_online in self.agents.items() if is_online)

    def take(self, message: Message) -> None:
        """Record a message."""
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
        """Return whether an answer to the press can still arrive."""
        return self.is_press and self.answer is None and not self.unrouted

    def is_enough(self) -> bool:
        """Return whether no further message can change the verdict."""
        return self.answer is not None or (bool(self.online) and not self.may_be_answered())


def verdict(replies: Replies, settings: MqttSettings) -> Verdict:  # noqa: PLR0911 - a table: one line a case
    """Return the message for the sender; its text is '' if everything is as expected."""
    if replies.answer is not None:
        return Verdict(_answer(replies.answer))
    if replies.unrouted and replies.online:
        text = (
            f"no agent accepts frames of {replies.doorbell}: check doorbells.include of {' and '.join(replies.online)}"
        )
        return Verdict(text, is_fault=True)
    broker = broker_arguments(settings)
    start = f"start one with `{command('run', *broker)}`"
    if replies.agents and not replies.online:
        return Verdict(f"no agent is listening: {_listed(sorted(replies.agents))} offline; {start}", is_fault=True)
    if replies.unrouted:
        return Verdict(f"no agent is listening on this broker: {start}", is_fault=True)
    if replies.is_press and replies.online:
        text = f"no agent answered the press in time: run `{command('doctor', *broker)}` to find out why"
        return Verdict(text, is_fault=True)
    if replies.is_press:
        text = f"no agent answered the press: {start}, or allow this user to read {topics.answer(replies.doorbell)}"
        return Verdict(text, is_fault=True)
    if not replies.online:
        return Verdict(f"no agent is online on this broker, or this user may not read their availability; {start}")
    return Verdict("")


def broker_arguments(settings: MqttSettings) -> tuple[str, ...]:
    """Return the arguments that select the broker."""
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
