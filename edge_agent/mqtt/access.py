"""How to reach the broker, as plain values: the settings without pydantic, which weighs 20 MB in each process."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path

    from edge_agent.settings.address import Address
    from edge_agent.settings.broker import MqttSettings, TlsSettings


@dataclass(frozen=True, slots=True)
class Secret:
    """A password that no log shows."""

    _value: str = field(repr=False)

    def get_secret_value(self) -> str:
        """Return it, as pydantic's secrets do."""
        return self._value


@dataclass(frozen=True, slots=True)
class TlsAccess:
    """The values of `TlsSettings`."""

    enabled: bool
    ca_file: Path | None
    cert_file: Path | None
    key_file: Path | None
    insecure: bool

    @classmethod
    def of(cls, settings: TlsSettings) -> Self:
        """Copy the settings."""
        return cls(settings.enabled, settings.ca_file, settings.cert_file, settings.key_file, settings.insecure)


@dataclass(frozen=True, slots=True)
class BrokerAccess:
    """The values of `MqttSettings` that a connection needs."""

    host: str
    all_addresses: tuple[Address, ...]
    transport: str
    websocket_path: str
    tls: TlsAccess
    username: str
    password: Secret
    protocol: str
    keepalive_s: int
    session_expiry_s: int
    receive_maximum: int

    @classmethod
    def of(cls, settings: MqttSettings) -> Self:
        """Copy the settings."""
        return cls(
            settings.host, settings.addresses(), settings.transport, settings.websocket_path,
            TlsAccess.of(settings.tls), settings.username, Secret(settings.password.get_secret_value()),
            settings.protocol, settings.keepalive_s, settings.session_expiry_s, settings.receive_maximum,
        )  # fmt: skip

    def addresses(self) -> tuple[Address, ...]:
        """Return where the broker may be reached, in the order in which it is tried."""
        return self.all_addresses
