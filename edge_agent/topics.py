"""Every MQTT topic of the agent: the filters it subscribes to, what an incoming topic means, what it publishes to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

IDENTIFIER: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
IDENTIFIER_GLOB: Final = re.compile(r"[A-Za-z0-9_\-*?\[\]!]{1,128}")
"""A pattern of identifiers, as `fnmatch` reads it."""
HOME_ASSISTANT: Final = "homeassistant"
"""The prefix under which Home Assistant reads what is announced, unless it is told otherwise."""

SHARE: Final = "$share"
"""How a filter begins whose messages go to one of its subscribers only."""

LONGEST_REPLY_TOPIC: Final = 256

DOORBELL_OPTIONS: Final = ("detection", "min_confidence")
AGENT_OPTIONS: Final = ("detection", "strategy", "log_level")
AGENT_COMMANDS: Final = ("restart_pool", "health", "remove")


@dataclass(frozen=True, slots=True)
class FrameTopic:
    """A picture of a doorbell."""

    doorbell: str


@dataclass(frozen=True, slots=True)
class SharedFrameTopic:
    """A picture of a doorbell that any agent of a group may look at, whosever the doorbell is."""

    doorbell: str


@dataclass(frozen=True, slots=True)
class PressTopic:
    """A doorbell was pressed."""

    doorbell: str


@dataclass(frozen=True, slots=True)
class DoorbellOptionTopic:
    """An option of one doorbell is to be set."""

    doorbell: str
    option: str


@dataclass(frozen=True, slots=True)
class AgentOptionTopic:
    """An option of the agent is to be set."""

    option: str


@dataclass(frozen=True, slots=True)
class AgentCommandTopic:
    """The agent is to do something once."""

    command: str


@dataclass(frozen=True, slots=True)
class HomeAssistantStatusTopic:
    """Home Assistant started or went away."""


@dataclass(frozen=True, slots=True)
class HomeAssistantDeviceTopic:
    """A device is announced to Home Assistant."""


IncomingTopic = (
    FrameTopic
    | SharedFrameTopic
    | PressTopic
    | DoorbellOptionTopic
    | AgentOptionTopic
    | AgentCommandTopic
    | HomeAssistantStatusTopic
    | HomeAssistantDeviceTopic
)


def is_identifier(text: str) -> bool:
    """Return whether `text` may name a doorbell or an agent."""
    return IDENTIFIER.fullmatch(text) is not None


def fit_identifier(text: str) -> str:
    """Return `text` made to fit the identifier pattern: a host name, say."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text)[:64].strip("-") or "agent"


def may_be_answered(topic: str, prefix: str = HOME_ASSISTANT) -> bool:
    """Return whether an answer may go to a topic that a sender names: to none on which we or Home Assistant act."""
    return (
        0 < len(topic) <= LONGEST_REPLY_TOPIC
        and topic.isprintable()
        and "+" not in topic
        and "#" not in topic
        and not topic.startswith(("doorbell/", "edge_agent/", f"{prefix}/", "$"))
    )


def home_assistant_status(prefix: str = HOME_ASSISTANT) -> str:
    """Return where Home Assistant says that it has started."""
    return f"{prefix}/status"


def subscriptions(agent_id: str, prefix: str = HOME_ASSISTANT) -> tuple[str, ...]:
    """Return the topic filters of an agent, but for those of its doorbells; `prefix` is Home Assistant's."""
    return (
        f"edge_agent/{agent_id}/+/set",
        f"edge_agent/{agent_id}/command/+",
        home_assistant_status(prefix),
        f"{prefix}/device/+/config",
    )


def doorbell_subscriptions(doorbell: str = "+") -> tuple[str, ...]:
    """Return the topic filters of one doorbell, or of all."""
    return (frame(doorbell), press(doorbell), f"doorbell/{doorbell}/+/set")


def shared_subscription(group: str) -> str:
    """Return the topic filter at which the agents of a group take turns (MQTT 5.0, section 4.8.2)."""
    return f"{SHARE}/{group}/{shared_frame('+')}"


def parse(topic: str, agent_id: str, prefix: str = HOME_ASSISTANT) -> IncomingTopic | None:  # noqa: PLR0911 - a table: one line a topic
    """Return what an incoming topic means, or None when it is none of ours or names no valid doorbell."""
    match topic.split("/"):
        case ["doorbell", doorbell, "frame"] if is_identifier(doorbell):
            return FrameTopic(doorbell)
        case ["doorbell", doorbell, "shared_frame"] if is_identifier(doorbell):
            return SharedFrameTopic(doorbell)
        case ["doorbell", doorbell, "press"] if is_identifier(doorbell):
            return PressTopic(doorbell)
        case ["doorbell", doorbell, option, "set"] if is_identifier(doorbell) and option in DOORBELL_OPTIONS:
            return DoorbellOptionTopic(doorbell, option)
        case ["edge_agent", agent, option, "set"] if agent == agent_id and option in AGENT_OPTIONS:
            return AgentOptionTopic(option)
        case ["edge_agent", agent, "command", command] if agent == agent_id and command in AGENT_COMMANDS:
            return AgentCommandTopic(command)
        case [*start, "status"] if start == prefix.split("/"):
            return HomeAssistantStatusTopic()
        case [*start, "device", _, "config"] if start == prefix.split("/"):
            return HomeAssistantDeviceTopic()
        case _:
            return None


def of_doorbell(topic: str) -> tuple[str, str] | None:
    """Return the doorbell and the last level of `doorbell/<id>/<what>`, or None for another topic."""
    match topic.split("/"):
        case ["doorbell", doorbell, what]:
            return doorbell, what
        case _:
            return None


def frame(doorbell: str) -> str:
    """Return where a doorbell's pictures arrive."""
    return f"doorbell/{doorbell}/frame"


def shared_frame(doorbell: str) -> str:
    """Return where pictures arrive that one agent of a group looks at, and that may be shed."""
    return f"doorbell/{doorbell}/shared_frame"


def press(doorbell: str) -> str:
    """Return where a press of the bell arrives."""
    return f"doorbell/{doorbell}/press"


def faces(doorbell: str) -> str:
    """Return where each frame's result is published."""
    return f"doorbell/{doorbell}/faces"


def ring(doorbell: str) -> str:
    """Return where a press is announced at once."""
    return f"doorbell/{doorbell}/ring"


def answer(doorbell: str) -> str:
    """Return where the one answer to each press is published."""
    return f"doorbell/{doorbell}/answer"


def visit(doorbell: str) -> str:
    """Return where visits are published."""
    return f"doorbell/{doorbell}/visit"


def doorbell_state(doorbell: str) -> str:
    """Return where a doorbell's state is retained."""
    return f"doorbell/{doorbell}/state"


def snapshot(doorbell: str) -> str:
    """Return where the annotated picture is published."""
    return f"doorbell/{doorbell}/snapshot"


def best_face(doorbell: str) -> str:
    """Return where the picture of the best face is published."""
    return f"doorbell/{doorbell}/best_face"


def doorbell_availability(doorbell: str) -> str:
    """Return where is retained whether frames of the doorbell come."""
    return f"doorbell/{doorbell}/availability"


def doorbell_option(doorbell: str, option: str) -> str:
    """Return where the value of a doorbell's option is retained."""
    return f"doorbell/{doorbell}/{option}"


def doorbell_option_set(doorbell: str, option: str) -> str:
    """Return where a doorbell's option is set."""
    return f"doorbell/{doorbell}/{option}/set"


def agent_availability(agent_id: str) -> str:
    """Return where is retained whether the agent is connected; also its will."""
    return f"edge_agent/{agent_id}/availability"


def health(agent_id: str) -> str:
    """Return where the agent's health is retained."""
    return f"edge_agent/{agent_id}/health"


def metrics(agent_id: str) -> str:
    """Return where counters and timings are published."""
    return f"edge_agent/{agent_id}/metrics"


def error(agent_id: str) -> str:
    """Return where each failed frame or component is published."""
    return f"edge_agent/{agent_id}/error"


def agent_option(agent_id: str, option: str) -> str:
    """Return where the value of an option of the agent is retained."""
    return f"edge_agent/{agent_id}/{option}"


def agent_option_set(agent_id: str, option: str) -> str:
    """Return where an option of the agent is set."""
    return f"edge_agent/{agent_id}/{option}/set"


def agent_command(agent_id: str, command: str) -> str:
    """Return where the agent is told to do something once."""
    return f"edge_agent/{agent_id}/command/{command}"
