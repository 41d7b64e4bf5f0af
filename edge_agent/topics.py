"""The agent's MQTT topics: subscribed filters and published topics. ingest/incoming_topics.py reads incoming ones."""

from __future__ import annotations

import re
from typing import Final

IDENTIFIER: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
IDENTIFIER_GLOB: Final = re.compile(r"[A-Za-z0-9_\-*?\[\]!]{1,128}")
"""The identifier pattern, in the syntax of `fnmatch`."""
HOME_ASSISTANT: Final = "homeassistant"
"""Home Assistant's default discovery prefix."""

SHARE: Final = "$share"
"""The prefix of a shared subscription: each message goes to one of its subscribers."""

LONGEST_REPLY_TOPIC: Final = 256

NOBODY: Final = "edge-agent.doctor"
"""No doorbell is called so: messages about it only test the broker."""

DOORBELL_OPTIONS: Final = ("detection", "min_confidence", "mute")
AGENT_OPTIONS: Final = ("detection", "strategy", "log_level")
AGENT_COMMANDS: Final = ("restart_pool", "health", "remove")
ENTITY_EVENTS: Final = ("ring", "visit")
"""The events that Home Assistant's entities have topics of their own for."""
PICTURES: Final = ("snapshot", "best_face", "picture")
"""The pictures of a doorbell, and the notice that follows a snapshot."""


def is_identifier(text: str) -> bool:
    """Return whether `text` is a valid name of a doorbell or an agent."""
    return IDENTIFIER.fullmatch(text) is not None


def fit_identifier(text: str) -> str:
    """Return `text` converted to an identifier: a host name, for example."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text)[:64].strip("-") or "agent"


def may_be_answered(topic: str, prefix: str = HOME_ASSISTANT) -> bool:
    """Return whether replies to a topic named by a sender are allowed: not if we or Home Assistant act on it."""
    return (
        0 < len(topic) <= LONGEST_REPLY_TOPIC
        and topic.isprintable()
        and "+" not in topic
        and "#" not in topic
        and not topic.startswith(("doorbell/", "edge_agent/", f"{HOME_ASSISTANT}/", f"{prefix}/", "$"))
    )


def home_assistant_status(prefix: str = HOME_ASSISTANT) -> str:
    """Return Home Assistant's birth topic."""
    return f"{prefix}/status"


def birth_topics(prefix: str = HOME_ASSISTANT) -> tuple[str, ...]:
    """Return where Home Assistant's birth is expected: its default topic does not follow its discovery prefix."""
    return tuple(dict.fromkeys((home_assistant_status(), home_assistant_status(prefix))))


def subscriptions(agent_id: str, prefix: str = HOME_ASSISTANT) -> tuple[str, ...]:
    """Return the topic filters of an agent, without those of its doorbells; `prefix` is Home Assistant's."""
    return (
        f"edge_agent/{agent_id}/+/set",
        f"edge_agent/{agent_id}/command/+",
        *birth_topics(prefix),
        f"{prefix}/device/+/config",
        agent_availability("+"),
    )


def doorbell_subscriptions(doorbell: str = "+") -> tuple[str, ...]:
    """Return the topic filters of one doorbell, or of all."""
    return (frame(doorbell), press(doorbell), f"doorbell/{doorbell}/+/set")


def shared_subscription(group: str) -> str:
    """Return the shared topic filter of a group of agents (MQTT 5.0, section 4.8.2)."""
    return f"{SHARE}/{group}/{shared_frame('+')}"


def of_doorbell(topic: str) -> tuple[str, str] | None:
    """Return the doorbell and the last level of `doorbell/<id>/<what>`, or None for another topic."""
    match topic.split("/"):
        case ["doorbell", doorbell, what]:
            return doorbell, what
        case _:
            return None


def doorbell_of(topic: str) -> str:
    """Return the doorbell of a topic below `doorbell/<id>`, or ''."""
    match topic.split("/"):
        case ["doorbell", doorbell, _, *_]:
            return doorbell
        case _:
            return ""


def frame(doorbell: str) -> str:
    """Return the topic of a doorbell's pictures."""
    return f"doorbell/{doorbell}/frame"


def shared_frame(doorbell: str) -> str:
    """Return the topic of shared pictures: one agent of a group processes each, and may shed it."""
    return f"doorbell/{doorbell}/shared_frame"


def press(doorbell: str) -> str:
    """Return the topic of a doorbell's presses."""
    return f"doorbell/{doorbell}/press"


def is_press_filter(topic_filter: str) -> bool:
    """Return whether a filter is that of our presses."""
    match topic_filter.split("/"):
        case ["doorbell", _, "press"]:
            return True
        case _:
            return False


def faces(doorbell: str) -> str:
    """Return the topic of each frame's result."""
    return f"doorbell/{doorbell}/faces"


def ring(doorbell: str) -> str:
    """Return the topic that announces a press at once."""
    return f"doorbell/{doorbell}/ring"


def answer(doorbell: str) -> str:
    """Return the topic of the one answer to each press."""
    return f"doorbell/{doorbell}/answer"


def visit(doorbell: str) -> str:
    """Return the topic of visits."""
    return f"doorbell/{doorbell}/visit"


def doorbell_state(doorbell: str) -> str:
    """Return the retained topic of a doorbell's state."""
    return f"doorbell/{doorbell}/state"


def snapshot(doorbell: str) -> str:
    """Return the topic of the annotated picture."""
    return f"doorbell/{doorbell}/snapshot"


def last_snapshot(doorbell: str) -> str:
    """Return the topic of a snapshot that was published before, for a Home Assistant that has started since."""
    return f"doorbell/{doorbell}/snapshot/last"


def every_snapshot(doorbell: str) -> str:
    """Return the filter of new and last snapshots, for a camera entity: automations do not run on its pictures."""
    return f"doorbell/{doorbell}/snapshot/#"


def entity_event(doorbell: str, what: str) -> str:
    """Return the topic of an event for Home Assistant's entities."""
    return f"doorbell/{doorbell}/home_assistant/{what}"


def is_entity_event(topic: str) -> bool:
    """Return whether a topic is one of Home Assistant's entities."""
    match topic.split("/"):
        case ["doorbell", _, "home_assistant", what]:
            return what in ENTITY_EVENTS
        case _:
            return False


def best_face(doorbell: str) -> str:
    """Return where the picture of the best face is published."""
    return f"doorbell/{doorbell}/best_face"


def picture(doorbell: str) -> str:
    """Return the topic of the notice that follows a snapshot: which press and which visit it shows."""
    return f"doorbell/{doorbell}/picture"


def visits_today(doorbell: str) -> str:
    """Return the retained topic of the number of visits since midnight."""
    return f"doorbell/{doorbell}/visits_today"


def doorbell_availability(doorbell: str) -> str:
    """Return the retained topic that is online while the doorbell's frames arrive."""
    return f"doorbell/{doorbell}/availability"


def doorbell_option(doorbell: str, option: str) -> str:
    """Return the retained topic of a doorbell's option."""
    return f"doorbell/{doorbell}/{option}"


def doorbell_option_set(doorbell: str, option: str) -> str:
    """Return the topic that sets a doorbell's option."""
    return f"doorbell/{doorbell}/{option}/set"


def agent_availability(agent_id: str) -> str:
    """Return the retained topic that is online while the agent is connected; also its will."""
    return f"edge_agent/{agent_id}/availability"


def health(agent_id: str) -> str:
    """Return the retained topic of the agent's health."""
    return f"edge_agent/{agent_id}/health"


def metrics(agent_id: str) -> str:
    """Return the topic of counters and timings."""
    return f"edge_agent/{agent_id}/metrics"


def error(agent_id: str) -> str:
    """Return the topic of error events."""
    return f"edge_agent/{agent_id}/error"


def agent_option(agent_id: str, option: str) -> str:
    """Return the retained topic of an agent's option."""
    return f"edge_agent/{agent_id}/{option}"


def agent_option_set(agent_id: str, option: str) -> str:
    """Return the topic that sets an agent's option."""
    return f"edge_agent/{agent_id}/{option}/set"


def agent_command(agent_id: str, command: str) -> str:
    """Return the topic of a one-time command to the agent."""
    return f"edge_agent/{agent_id}/command/{command}"
