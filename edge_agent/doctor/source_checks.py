"""Reads what other publishers keep on the broker."""

from __future__ import annotations

import contextlib
import secrets
from typing import TYPE_CHECKING, Final

from edge_agent.doctor import source_rules as rules
from edge_agent.errors import BrokerUnreachableError, ImageError, SettingsError
from edge_agent.ingest.image_header import read_header
from edge_agent.ingest.presets import preset_sources
from edge_agent.mqtt.connection_check import ConnectionCheck

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge_agent.doctor.finding import Finding
    from edge_agent.domain import ImageHeader
    from edge_agent.settings.model import Settings

ANSWER_S: Final = 3.0
RETAINED_S: Final = 1.0
"""The broker sends retained messages as soon as it has accepted the subscription."""


def check_sources(settings: Settings) -> Iterator[Finding]:
    """Yield the findings about the presets; none without a broker, which has its own finding."""
    bases = [each.base for each in settings.sources if each.preset == "frigate"]
    if not bases or not settings.mqtt.host:
        return
    client_id = f"edge_agent-{settings.agent_id}-doctor-{secrets.token_hex(2)}"
    connection = ConnectionCheck(settings.mqtt, client_id=client_id)
    with contextlib.suppress(BrokerUnreachableError, SettingsError):
        connection.open()
        try:
            yield rules.assess_frigate({topic: each for base in bases for topic, each in _snapshots(connection, base)})
        finally:
            connection.close()


def _snapshots(connection: ConnectionCheck, base: str) -> Iterator[tuple[str, ImageHeader]]:
    """Yield the size of Frigate's last snapshot of each camera; they are retained."""
    for source in preset_sources("frigate", base=base):
        for topic_filter in source.filters():
            connection.subscribe_and_wait(topic_filter, ANSWER_S)
    for message in connection.messages_within(RETAINED_S):
        with contextlib.suppress(ImageError):
            yield message.topic, read_header(message.payload)
