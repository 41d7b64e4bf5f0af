"""Checks the broker, with messages that neither an agent nor Home Assistant reacts to, and that are not retained."""

from __future__ import annotations

import contextlib
import functools
import ipaddress
import re
import secrets
import socket
from collections import deque
from typing import TYPE_CHECKING, Final

import msgspec
import psutil

from edge_agent import topics
from edge_agent.agent.source_settings import sources_of
from edge_agent.app import link_filters
from edge_agent.doctor import broker_rules as rules
from edge_agent.doctor.finding import Finding, error
from edge_agent.domain import Publication
from edge_agent.errors import BrokerUnreachableError, SettingsError
from edge_agent.ingest.adapters import NAMED_LEVEL
from edge_agent.mqtt.connection import Connection
from edge_agent.mqtt.connection_check import ConnectionCheck
from edge_agent.reasons import ConnectError, ConnectFault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from edge_agent.settings.model import Settings

ANSWER_S: Final = 3.0
ECHO_S: Final = 1.0
RIVAL_S: Final = 3.0
"""Another client that was disconnected returns within a second or two."""
NAME: Final = re.compile(r"edge[-_]agent$")
"""Commands of a user who runs an agent."""
DOORBELL: Final = "edge-agent-doctor"
"""A valid name that nobody subscribes to."""


class _Worker(msgspec.Struct, frozen=True):
    pid: int | None


class _Health(msgspec.Struct, frozen=True):
    """The fields of a health message that say where the agent runs; the same in all versions."""

    workers: tuple[_Worker, ...]


def check_broker(settings: Settings) -> Iterator[Finding]:
    """Yield the findings about the broker."""
    mqtt = settings.mqtt
    if not mqtt.host:
        yield error(
            "broker",
            "no broker is configured: the agent would only run the demo",
            "set mqtt.host, EDGE_AGENT_MQTT__HOST or --host",
        )
        return
    trial = _trial(settings)
    try:
        trial.open()
    except BrokerUnreachableError as unreachable:
        yield rules.judge_faults(unreachable.faults)
        return
    except SettingsError as wrong:
        yield rules.judge_faults({mqtt.host: ConnectFault(ConnectError.SETTINGS_INVALID, str(wrong))})
        return
    try:
        yield rules.judge_connected(str(mqtt.addresses()[0]), trial.protocol)
        yield rules.assess_encryption(
            enabled=mqtt.tls.enabled,
            insecure=mqtt.tls.insecure,
            has_password=bool(mqtt.username),
            is_near=_is_near(mqtt.host),
        )
        yield from _check_rights(settings, trial)
        yield _check_packet_size(settings, trial.largest_packet_bytes)
        yield _check_client_id(settings)
    finally:
        trial.close()


def _is_near(host: str) -> bool:
    """Return whether a host is in a private network; False if its name is unknown."""
    try:
        found = {each[4][0] for each in socket.getaddrinfo(host, None)}
    except OSError:
        return False
    return all(ipaddress.ip_address(str(each).partition("%")[0]).is_private for each in found)


def _check_rights(settings: Settings, trial: ConnectionCheck) -> Iterator[Finding]:
    tells = trial.protocol == "5"
    filters = [each for each in link_filters(settings) if tells or not each.startswith(topics.SHARE)]
    yield rules.assess_subscriptions([_try_subscription(trial, each) for each in filters], tells=tells)
    wanted = _published(settings)
    refused = list(_refused(settings, wanted))
    echoed = tells or _is_echoed(settings, trial)
    yield rules.assess_publishing(refused, len(wanted), tells=tells, echoed=echoed)


def _try_subscription(trial: ConnectionCheck, topic_filter: str) -> rules.Subscribed:
    refused = trial.subscribe_and_wait(topic_filter, ANSWER_S)
    is_shared = topic_filter.startswith(topics.SHARE)
    if refused != "" or "+" not in topic_filter or is_shared or trial.protocol != "5":
        return rules.Subscribed(topic_filter, refused)
    # an empty device configuration means that there is no such device
    name = DOORBELL if topic_filter.endswith("/config") else topics.NOBODY
    topic = topic_filter.replace("+", name)
    written = trial.publish_and_wait(Publication(topic, b"", qos=1), ANSWER_S)
    echoed = written == "" and trial.wait_for_message(topic, ECHO_S) is not None
    return rules.Subscribed(topic_filter, refused, written, echoed=echoed)


def _refused(settings: Settings, wanted: dict[str, Publication]) -> Iterator[str]:
    """Yield the filters of the topics that the broker denies; some brokers close the connection for each."""
    untested = deque(wanted.items())
    while untested:
        with _connected(settings) as trial:
            while untested and not trial.lost.is_set():
                topic_filter, message = untested.popleft()
                if trial.publish_and_wait(message, ANSWER_S) != "":
                    yield topic_filter


def _is_echoed(settings: Settings, trial: ConnectionCheck) -> bool:
    """Return whether a message to the agent's availability topic comes back; an empty, not retained one is harmless."""
    topic = topics.agent_availability(settings.agent_id)
    trial.subscribe_and_wait(topic, ANSWER_S)
    trial.publish_and_wait(Publication(topic, b"", qos=1), ANSWER_S)
    while message := trial.wait_for_message(topic, ECHO_S):
        if not message.payload:
            return True
    return False


def _published(settings: Settings) -> dict[str, Publication]:
    """Return the message to send for each topic filter that the agent publishes to."""
    agent, prefix = settings.agent_id, settings.home_assistant.prefix
    builders: list[Callable[[str], str]] = [
        topics.faces,
        topics.ring,
        topics.answer,
        topics.visit,
        topics.doorbell_state,
        topics.visits_today,
        topics.snapshot,
        topics.last_snapshot,
        *(functools.partial(topics.entity_event, what=each) for each in topics.ENTITY_EVENTS),
        topics.best_face,
        topics.picture,
        topics.doorbell_availability,
        *(functools.partial(topics.doorbell_option, option=each) for each in topics.DOORBELL_OPTIONS),
    ]
    tried = {f"edge_agent/{agent}/#": Publication(f"edge_agent/{agent}/doctor", b"", qos=1)}
    if not settings.doorbells.include:
        tried |= {build("+"): Publication(build(DOORBELL), b"", qos=1) for build in builders}
    requests = {each.snapshot_request.replace(NAMED_LEVEL, "+") for each in sources_of(settings)} - {""}
    tried |= {each: Publication(each.replace("+", topics.NOBODY), b"", qos=1) for each in requests}
    if settings.home_assistant.discovery:
        tried[f"{prefix}/device/+/config"] = Publication(f"{prefix}/device/{DOORBELL}/config", b"", qos=1)
    return tried


def _check_client_id(settings: Settings) -> Finding:
    """Connect with the agent's client id, to find another client with it; not if the agent is online, or may be."""
    client_id, topic = f"edge_agent-{settings.agent_id}", topics.agent_availability(settings.agent_id)
    with _connected(settings) as trial:
        trial.subscribe_and_wait(topic, ANSWER_S)
        said = trial.wait_for_message(topic, ECHO_S)
        if said is None and not _is_echoed(settings, trial):
            return rules.assess_client_id(client_id, rules.Use(is_known=False))
        if said is not None and said.payload == b"online":
            return rules.assess_client_id(client_id, rules.Use(is_online=True, is_here=_runs_here(settings, trial)))
    return rules.assess_client_id(client_id, rules.Use(kicked=_try_client_id(settings, client_id)))


@contextlib.contextmanager
def _connected(settings: Settings) -> Iterator[ConnectionCheck]:
    """Open a separate connection for a test that may end it."""
    trial = _trial(settings)
    trial.open()
    try:
        yield trial
    finally:
        trial.close()


def _try_client_id(settings: Settings, client_id: str) -> str:
    """Return why a connection with the agent's client id ended soon, or ''. Queued messages stay queued."""
    connection = Connection(settings.mqtt, client_id=client_id, clean=False)
    connection.open()
    kicked = connection.end.text if connection.lost.wait(RIVAL_S) else ""
    was_there = connection.session_present
    connection.close()
    if not kicked and not was_there:  # leave no session behind
        clean = Connection(settings.mqtt, client_id=client_id)
        clean.open()
        clean.close()
    return kicked


def _runs_here(settings: Settings, trial: ConnectionCheck) -> bool:
    """Return whether the agent runs on this host: by its workers' pids, or by its name if they are unknown."""
    topic = topics.health(settings.agent_id)
    trial.subscribe_and_wait(topic, ANSWER_S)
    said = trial.wait_for_message(topic, ECHO_S)
    try:
        health = msgspec.json.decode(said.payload if said else b"", type=_Health)
    except msgspec.MsgspecError:
        return any(_is_agent(each) for each in psutil.process_iter())
    return any(_is_of_an_agent(worker.pid) for worker in health.workers if worker.pid)


def _is_of_an_agent(pid: int) -> bool:
    try:
        return any(map(_is_agent, psutil.Process(pid).parents()))
    except psutil.Error:
        return False


def _is_agent(process: psutil.Process) -> bool:
    try:
        words = process.cmdline()
    except psutil.Error:
        return False
    return "run" in words and any(NAME.search(word) for word in words)


def _check_packet_size(settings: Settings, largest_bytes: int | None) -> Finding:
    """Send the largest message if the broker does not announce a limit; the broker may close the connection."""
    mqtt, refused = settings.mqtt, ""
    if largest_bytes is None:
        topic = f"edge_agent/{settings.agent_id}/doctor"
        message = Publication(topic, bytes(mqtt.max_publish_bytes - rules.OVERHEAD_BYTES), qos=1)
        with _connected(settings) as trial:
            refused = trial.publish_and_wait(message, 2 * ANSWER_S) or ""
    return rules.assess_packet_size(
        largest_bytes,
        refused=refused,
        publish_bytes=mqtt.max_publish_bytes,
        image_bytes=round(settings.images.max_megabytes * 1e6),
    )


def _trial(settings: Settings) -> ConnectionCheck:
    return ConnectionCheck(settings.mqtt, client_id=f"edge_agent-{settings.agent_id}-doctor-{secrets.token_hex(2)}")
