"""The settings of the broker connection. An unsupported combination is rejected, never ignored."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from edge_agent.settings.address import Address, read_address
from edge_agent.settings.broker_url import with_host_read
from edge_agent.settings.section import Section, fits, split_list, text_of_number


class TlsSettings(Section):
    """Encryption of the broker connection: TLS 1.2 or newer, and the broker's certificate is checked."""

    enabled: bool = Field(default=False, description="Use TLS; the broker's port is then usually 8883")
    ca_file: Path | None = Field(
        None, description="PEM file of the CA that signed the broker's certificate; empty: the system's CAs"
    )
    cert_file: Path | None = Field(None, description="PEM file of the client certificate, if the broker requires one")
    key_file: Path | None = Field(None, description="PEM file of the client certificate's key, without a passphrase")
    insecure: bool = Field(
        default=False,
        description="Skip the check of the broker's certificate; an attacker can then read and change messages",
    )

    @model_validator(mode="after")
    def _is_supported(self) -> Self:
        given = [name for name in ("ca_file", "cert_file", "key_file", "insecure") if getattr(self, name)]
        message = ""
        if given and not self.enabled:
            message = f"without enabled (--tls) nothing is encrypted, and {' and '.join(given)} would do nothing"
        elif bool(self.cert_file) != bool(self.key_file):
            message = "cert_file and key_file need each other"
        elif self.insecure and self.ca_file:
            message = "insecure checks no certificate, and ca_file would do nothing: leave one of them out"
        if message:
            raise ValueError(message)
        return self


class MqttSettings(Section):
    """How to reach the broker."""

    host: str = Field(
        "",
        description="Broker: host name or address, host:port, mqtt://host or mqtts://host (TLS); empty: the demo",
    )
    port: int = Field(1883, ge=1, le=65535, description="Port of the broker")
    fallbacks: Annotated[tuple[str, ...], NoDecode, BeforeValidator(split_list)] = Field(
        (),
        description="More addresses of the same broker, `host` or `host:port`; tried in this order after `mqtt.host`",
    )
    transport: Literal["tcp", "websockets"] = Field("tcp", description="tcp or websockets")
    websocket_path: Annotated[str, fits(r"/[!-~]*", "begin with /, and use no blanks")] = Field(
        "/mqtt", description="Path of the broker's WebSocket"
    )
    tls: TlsSettings = TlsSettings()
    username: str = Field("", description="User name; empty: none")
    password: SecretStr = Field(SecretStr(""), description="Password; use a file instead, see docs/settings.md")
    protocol: Annotated[Literal["auto", "5", "3.1.1"], BeforeValidator(text_of_number)] = Field(
        "auto", description="MQTT version; auto: 5, then 3.1.1"
    )
    keepalive_s: int = Field(20, ge=5, le=600, description="Keepalive interval of the connection")
    session_expiry_s: int = Field(
        3600, ge=0, description="How long the broker keeps presses while the agent is disconnected (MQTT 5)"
    )
    receive_maximum: int = Field(64, ge=1, le=65535, description="Maximum number of unacknowledged messages")
    outbox_age_s: float = Field(600.0, gt=0, description="Age after which an unsent message is dropped and counted")
    max_publish_bytes: int = Field(
        1_900_000,
        ge=10_000,
        description="Maximum size of a published message; brokers disconnect clients that exceed their limit",
    )
    share_group: Annotated[str, fits(r"[A-Za-z0-9_-]{0,64}", "use up to 64 letters, digits, _ or -")] = Field(
        "",
        description="Group of agents that share the frames on `doorbell/+/shared_frame` (MQTT 5); empty: none",
    )

    @model_validator(mode="before")
    @classmethod
    def _read_host(cls, values: object) -> object:
        return with_host_read(values) if isinstance(values, dict) and isinstance(values.get("host"), str) else values

    @field_validator("fallbacks")
    @classmethod
    def _are_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            read_address(text, 1)
        return value

    def addresses(self) -> tuple[Address, ...]:
        """Return where the broker may be reached, in the order in which it is tried."""
        return (Address(self.host, self.port), *(read_address(text, self.port) for text in self.fallbacks))
