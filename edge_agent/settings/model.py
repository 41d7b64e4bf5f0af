"""All settings: frozen, read once, unknown keys rejected. Each part of the agent gets its own section."""

from __future__ import annotations

import ipaddress
import socket
from pathlib import Path
from typing import Annotated, Final, Literal, Self, get_args

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from edge_agent.settings.broker import MqttSettings
from edge_agent.settings.cameras import CameraSettings, check_cameras
from edge_agent.settings.detection import DetectionSettings
from edge_agent.settings.history import HistorySettings
from edge_agent.settings.home_assistant import HomeAssistantSettings
from edge_agent.settings.pool import PoolSettings, QueueSettings
from edge_agent.settings.section import LONGEST_NAME, Section, fits, split_list
from edge_agent.settings.sources import SourceSettings, split_sources
from edge_agent.topics import IDENTIFIER_GLOB, fit_identifier, is_identifier
from edge_agent.wire import Polygon

PrivacyWord = Literal["full", "blurred", "events_only"]
LogLevel = Literal["debug", "info", "warning", "error"]
LOG_LEVELS: Final[tuple[LogLevel, ...]] = get_args(LogLevel)

PREFIX: Final = "EDGE_AGENT_"
"""Prefix of our environment variables."""


class PressSettings(Section):
    """What happens when the bell is pressed."""

    window_s: float = Field(10.0, gt=0, description="Time after a press in which frames belong to it")
    deadline_s: float = Field(5.0, gt=0, description="Maximum time until a press is answered, even if no frame arrives")
    debounce_s: float = Field(
        5.0,
        ge=0,
        le=3600,
        description="Time after a press in which more presses of the doorbell are the same push; 0: none",
    )
    max_age_s: float = Field(
        60.0,
        gt=0,
        description="Age above which a press does not ring: it waited while the agent was away, or captured_at is old",
    )
    remember_s: float = Field(
        86_400.0,
        ge=0,
        le=604_800,
        description="How long presses and their pictures are remembered: sent again, they do not ring again; 0: never",
    )


class ImageSettings(Section):
    """Limits of the pictures, and how often snapshots are published."""

    max_megapixels: float = Field(
        20.0, gt=0, description="Maximum number of pixels; larger pictures are rejected before they are decoded"
    )
    max_megabytes: float = Field(10.0, gt=0, description="Maximum message size; larger messages are rejected")
    accept_retained: bool = Field(default=False, description="Process retained frames, which may be days old")
    snapshot_interval_s: float = Field(
        10.0, ge=0, description="Minimum time between two snapshots of a doorbell; a ring and a visit give one at once"
    )


class QuarantineSettings(Section):
    """Pictures that crashed workers."""

    dir: Path | None = Field(None, description="Folder for pictures that crashed workers; empty: they are not kept")
    max_files: int = Field(20, ge=1, description="Maximum number of pictures kept; the oldest is deleted")


class DoorbellOptions(Section):
    """Settings of one doorbell; a key that is not set has its general value."""

    name: str = Field("", max_length=LONGEST_NAME, description="Name in Home Assistant; empty: made of the doorbell id")
    min_confidence: float | None = Field(
        None,
        ge=0.01,
        le=0.99,
        description="Minimum confidence (0 to 1, over MQTT in percent); a face below it is listed as rejected",
    )
    min_face_height: float | None = Field(
        None, ge=0, le=1, description="Minimum face height, as a fraction of the picture's height"
    )
    rotation: Literal[0, 90, 180, 270] = Field(
        0,
        description="Degrees clockwise that turn the picture upright; zones and masks refer to the upright one",
    )
    zones: tuple[Polygon, ...] = Field((), description="Polygons, in fractions of the picture; only faces inside count")
    masks: tuple[Polygon, ...] = Field(
        (), description="Polygons, in fractions of the picture; faces inside do not count"
    )
    privacy: PrivacyWord | None = Field(None, description="full, blurred or events_only")
    press_only: bool | None = Field(None, description="Process press frames only")
    press_window_s: float | None = Field(None, gt=0, description="Time after a press in which frames belong to it")
    press_deadline_s: float | None = Field(None, gt=0, description="Maximum time until a press is answered")
    press_debounce_s: float | None = Field(
        None, ge=0, le=3600, description="Time after a press in which more presses are the same push; 0: none"
    )


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


class ModelSettings(Section):
    """Where model files are stored."""

    dir: Path | None = Field(
        None,
        description="Folder of model files that you provide; nothing is downloaded. Empty: models are downloaded once",
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
    url: Annotated[str, fits(r"https?://\S+|", "use an address like http://192.168.1.7:8099/, or leave it empty")] = (
        Field("", description="Address of the page, linked in Home Assistant; empty: `host`, if it is one address")
    )
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

    sources: bool = Field(
        default=False, description="Offer a search for sources on the page, which then shows the topics of the broker"
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
        description="Folder for options set over MQTT, presses and the history; empty: edge-agent in the user's state"
        " folder",
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
    sources: Annotated[tuple[SourceSettings, ...], NoDecode, BeforeValidator(split_sources)] = Field(
        (), description="Pictures and presses of other publishers: names of presets, or your own topics"
    )
    cameras: tuple[CameraSettings, ...] = Field((), description="Cameras whose pictures the agent takes itself")
    home_assistant: HomeAssistantSettings = HomeAssistantSettings()
    models: ModelSettings = ModelSettings()
    state: StateSettings = StateSettings()
    history: HistorySettings = HistorySettings()
    http: HttpSettings = HttpSettings()
    log: LogSettings = LogSettings()

    def display_names(self) -> dict[str, str]:
        """Return the names of doorbells that the settings give, by doorbell id."""
        sources = {source.doorbell: source.name for source in self.sources if source.name}
        return sources | {doorbell: own.name for doorbell, own in self.doorbells.each.items() if own.name}

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

    @model_validator(mode="after")
    def _cameras_are_supported(self) -> Self:
        check_cameras(self.cameras, self.home_assistant)
        return self

    @field_validator("agent_id")
    @classmethod
    def _fit_agent_id(cls, value: str) -> str:
        if not value:
            return fit_identifier(socket.gethostname())
        if not is_identifier(value):
            message = "use 1 to 64 letters, digits, _ or -"
            raise ValueError(message)
        return value
