"""All settings: frozen, read once, unknown keys rejected. Each part of the agent gets its own section."""

from __future__ import annotations

import ipaddress
import socket
from pathlib import Path
from typing import Annotated, Final, Literal, Self, get_args

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from edge_agent.settings.broker import MqttSettings
from edge_agent.settings.detection import DetectionSettings
from edge_agent.settings.history import HistorySettings
from edge_agent.settings.pool import PoolSettings, QueueSettings
from edge_agent.settings.section import Section, fits, split_list
from edge_agent.topics import IDENTIFIER_GLOB, fit_identifier, is_identifier
from edge_agent.wire import Polygon

PrivacyWord = Literal["full", "blurred", "events_only"]
LogLevel = Literal["debug", "info", "warning", "error"]
LOG_LEVELS: Final[tuple[LogLevel, ...]] = get_args(LogLevel)

PREFIX: Final = "EDGE_AGENT_"
"""Prefix of our environment variables."""

PREFIX_WORDS: Final = "use a topic without + and #, blanks and / at its ends"


class PressSettings(Section):
    """What happens when the bell is pressed."""

    window_s: float = Field(10.0, gt=0, description="Time after a press in which frames belong to it")
    deadline_s: float = Field(5.0, gt=0, description="Maximum time until a press is answered, even if no frame arrives")


class ImageSettings(Section):
    """Limits of the pictures, and how often snapshots are published."""

    max_megapixels: float = Field(
        20.0, gt=0, description="Maximum number of pixels; larger pictures are rejected before they are decoded"
    )
    max_megabytes: float = Field(10.0, gt=0, description="Maximum message size; larger messages are rejected")
    accept_retained: bool = Field(default=False, description="Process retained frames, which may be days old")
    snapshot_interval_s: float = Field(
        2.0, ge=0, description="Minimum time between two snapshots of a doorbell; press frames always give one"
    )


class QuarantineSettings(Section):
    """Pictures that crashed workers."""

    dir: Path | None = Field(None, description="Folder for pictures that crashed workers; empty: they are not kept")
    max_files: int = Field(20, ge=1, description="Maximum number of pictures kept; the oldest is deleted")


class DoorbellOptions(Section):
    """Settings of one doorbell; a key that is not set has its general value."""

    min_confidence: float | None = Field(
        None,
        ge=0.01,
        le=0.99,
        description="Minimum confidence (0 to 1, over MQTT in percent); a face below it is listed as rejected",
    )
    min_face_height: float | None = Field(
        None, ge=0, le=1, description="Minimum face height, as a fraction of the picture's height"
    )
    zones: tuple[Polygon, ...] = Field((), description="Polygons, in fractions of the picture; only faces inside count")
    masks: tuple[Polygon, ...] = Field(
        (), description="Polygons, in fractions of the picture; faces inside do not count"
    )
    privacy: PrivacyWord | None = Field(None, description="full, blurred or events_only")
    press_only: bool | None = Field(None, description="Process press frames only")
    press_window_s: float | None = Field(None, gt=0, description="Time after a press in which frames belong to it")
    press_deadline_s: float | None = Field(None, gt=0, description="Maximum time until a press is answered")


class DoorbellSettings(Section):
    """Which doorbells the agent handles, which faces count, and which pictures are published."""

    include: Annotated[tuple[str, ...], NoDecode, BeforeValidator(split_list)] = Field(
        (), description="Doorbells that this agent handles, as names or globs (`gate-*`); empty: all"
    )
    min_face_height: float = Field(
        0.0, ge=0, le=1, description="Minimum face height, as a fraction of the picture's height"
    )
    privacy: PrivacyWord = Field(
        "full",
        description="full; blurred: faces are unreadable, no best face; events_only: no pictures at all",
    )
    press_only: bool = Field(default=False, description="Process press frames only")
    visit_gap_s: float = Field(30.0, gt=0, description="Time without a face after which a visit ends")
    stale_after_s: float = Field(
        0.0, ge=0, description="Age by `captured_at` above which an ordinary frame is dropped; 0: never"
    )
    skip_duplicates: bool = Field(
        default=True, description="Drop ordinary frames that are identical to the doorbell's previous one"
    )
    skip_unchanged: bool = Field(
        default=True, description="Skip detection in ordinary frames that show the same scene as one without a face"
    )
    detect_every_s: float = Field(
        10.0, gt=0, description="Maximum time between two detections, even if nothing changes"
    )
    each: dict[str, DoorbellOptions] = Field({}, description="Settings of individual doorbells, by doorbell id")
    offline_after_s: float = Field(120.0, gt=0, description="Time without a frame after which a doorbell is offline")
    max_doorbells: int = Field(64, ge=1, description="Maximum number of doorbells; limits memory")

    @field_validator("include")
    @classmethod
    def _are_globs(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(map(IDENTIFIER_GLOB.fullmatch, value)):
            message = "use letters, digits, _ and -, and in globs * ? [ ]"
            raise ValueError(message)
        return value


class SourceSettings(Section):
    """Another publisher of pictures."""

    preset: Literal["ring-mqtt", "wyze-bridge", "frigate"] | None = Field(
        None, description="Project whose topics are built in"
    )
    frame: str = Field("", description="Topic of the pictures; the level {doorbell} names the doorbell")
    press: str = Field("", description="Topic of the presses")
    press_payload: str = Field("", description="Payload that means a press; empty: any message")
    press_path: str = Field(
        "", description="Path of that payload in the JSON, such as event.type; empty: the whole message"
    )
    doorbell: str = Field("", description="Name of the doorbell, for topics without {doorbell}")
    trigger: Literal["motion", "continuous"] = Field(
        "continuous", description="Trigger of pictures that do not belong to a press"
    )

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if bool(self.preset) == bool(self.frame):
            message = "name either a preset or a frame topic"
            raise ValueError(message)
        patterns = [pattern for pattern in (self.frame, self.press) if pattern]
        if "#" in "".join(patterns) or any(
            pattern.count("{doorbell}") + bool(self.doorbell) != 1 for pattern in patterns
        ):
            message = "each topic needs one level {doorbell}, or `doorbell` a name; # cannot be used"
            raise ValueError(message)
        return self


class HomeAssistantSettings(Section):
    """Home Assistant discovery."""

    discovery: bool = Field(default=True, description="Announce the agent and its doorbells to Home Assistant")
    prefix: Annotated[str, fits(r"[^#+/\s\x00]+(/[^#+/\s\x00]+)*", PREFIX_WORDS)] = Field(
        "homeassistant", description="Discovery prefix of Home Assistant"
    )


class ModelSettings(Section):
    """Where model files are stored."""

    dir: Path | None = Field(
        None, description="Folder of model files that you provide; empty: models are downloaded once"
    )
    cache_dir: Path | None = Field(
        None, description="Folder for downloaded models; empty: edge-agent in the user's cache folder"
    )


class HttpSettings(Section):
    """The status page and the Prometheus metrics."""

    enabled: bool = Field(default=False, description="Serve the status page and Prometheus metrics over HTTP")
    host: str = Field(
        "127.0.0.1", min_length=1, description="Address to listen on; 0.0.0.0: all addresses of this host"
    )
    port: int = Field(8099, ge=1, le=65535, description="Port to listen on")
    allowed: Annotated[tuple[str, ...], NoDecode, BeforeValidator(split_list)] = Field(
        (), description="Client addresses or networks that are allowed, such as that of a proxy; empty: all"
    )
    password: SecretStr = Field(
        SecretStr(""),
        description="Password to open the page, or its hash by `edge-agent hash-password`; empty: none is needed."
        " Use a file instead",
    )
    token: SecretStr = Field(
        SecretStr(""),
        description="Token to delete and export visits and to switch detection on the page; empty: the page is"
        " read-only. Use a file instead",
    )
    ingress: Annotated[tuple[str, ...], NoDecode, BeforeValidator(split_list)] = Field(
        (), description="Addresses of Home Assistant's ingress: its users need neither password nor token"
    )

    @field_validator("allowed", "ingress")
    @classmethod
    def _are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(map(_is_network, value)):
            message = "use addresses, like 192.168.1.7, or networks, like 192.168.1.0/24"
            raise ValueError(message)
        return value


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


class StateSettings(Section):
    """What is kept from run to run."""

    dir: Path | None = Field(
        None,
        description="Folder for options set over MQTT and the history; empty: edge-agent in the user's state folder",
    )


class LogSettings(Section):
    """Logging."""

    level: LogLevel = Field("info", description="Minimum level of log messages")
    format: Literal["auto", "text", "json"] = Field(
        "auto", description="text; json: one object per line; auto: text on a terminal, else json"
    )


class Settings(BaseSettings):
    """All settings. The constructor reads nothing; `settings.loading.load_settings` reads all sources, once."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        env_prefix=PREFIX,
        env_nested_delimiter="__",
    )

    agent_id: str = Field("", description="Name of this agent in topics; empty: the host name")
    mqtt: MqttSettings = MqttSettings()
    pool: PoolSettings = PoolSettings()
    queue: QueueSettings = QueueSettings()
    detection: DetectionSettings = DetectionSettings()
    press: PressSettings = PressSettings()
    images: ImageSettings = ImageSettings()
    quarantine: QuarantineSettings = QuarantineSettings()
    doorbells: DoorbellSettings = DoorbellSettings()
    sources: tuple[SourceSettings, ...] = Field(
        (), description="Pictures of other publishers: presets or your own topics"
    )
    home_assistant: HomeAssistantSettings = HomeAssistantSettings()
    models: ModelSettings = ModelSettings()
    state: StateSettings = StateSettings()
    history: HistorySettings = HistorySettings()
    http: HttpSettings = HttpSettings()
    log: LogSettings = LogSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic passes it by name
        init_settings: PydanticBaseSettingsSource,
        *_: object,
        **__: object,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what the constructor is given, and nothing else."""
        return (init_settings,)

    @field_validator("agent_id")
    @classmethod
    def _fit_agent_id(cls, value: str) -> str:
        if not value:
            return fit_identifier(socket.gethostname())
        if not is_identifier(value):
            message = "use 1 to 64 letters, digits, _ or -"
            raise ValueError(message)
        return value
