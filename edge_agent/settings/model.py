"""The settings: frozen, read once, unknown keys refused. Each part of the agent is given its own section."""

from __future__ import annotations

import ipaddress
import os
import socket
from pathlib import Path
from typing import Annotated, Final, Literal, Self, get_args

from pydantic import BeforeValidator, Field, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from edge_agent.ingest.partition import GLOB
from edge_agent.settings.broker import MqttSettings
from edge_agent.settings.section import Section, fits, split_list
from edge_agent.topics import fit_identifier, is_identifier
from edge_agent.wire import Polygon

PrivacyWord = Literal["full", "blurred", "events_only"]
LogLevel = Literal["debug", "info", "warning", "error"]
LOG_LEVELS: Final[tuple[LogLevel, ...]] = get_args(LogLevel)

PREFIX: Final = "EDGE_AGENT_"
"""How the names of our environment variables begin."""

PREFIX_WORDS: Final = "use a topic without + and #, blanks and / at its ends"


def default_workers() -> int:
    """Return one worker a core, at least 2 (one may die) and at most 4 (the memory of a Pi)."""
    return min(4, max(2, os.cpu_count() or 2))


class PoolSettings(Section):
    """The worker processes."""

    workers: int = Field(
        default_factory=default_workers, ge=1, le=16, description="Worker processes; empty: one a core, 2 to 4"
    )
    start_timeout_s: float = Field(20.0, gt=0, description="Longest start of a worker")
    job_timeout_s: float = Field(5.0, gt=0, description="Longest look at one frame; the worker is ended after it")
    accelerator_timeout_s: float = Field(
        2.0, gt=0, description="The same for a worker with an EdgeTPU or a GPU, which has what to fall back on"
    )
    probe_timeout_s: float = Field(10.0, gt=0, description="Longest trial of an EdgeTPU or a GPU")
    probe_backoff_s: float = Field(
        5.0, gt=0, description="Wait before one that failed is tried again; doubles each time"
    )
    probe_backoff_max_s: float = Field(600.0, gt=0, description="Longest such wait")
    max_attempts: int = Field(3, ge=1, description="How often a frame is tried in all")
    retry_delay_s: float = Field(0.05, gt=0, description="Wait before the first retry of a frame; doubles each time")
    restart_intensity: int = Field(
        10, ge=1, description="Deaths of one worker within the window after which it is parked"
    )
    restart_period_s: float = Field(60.0, gt=0, description="The window of the restart threshold")
    restart_delay_s: float = Field(
        0.1, gt=0, description="Wait before a worker that died at once is started again; doubles each time"
    )
    restart_delay_max_s: float = Field(30.0, gt=0, description="Longest such wait, and how long a parked worker rests")
    memory_limit_mb: int = Field(200, ge=50, description="A worker above this is replaced while it is idle")
    max_jobs: int = Field(0, ge=0, description="A worker that has looked at so many frames is replaced; 0: never")
    max_age_s: float = Field(0.0, ge=0, description="A worker of this age is replaced while it is idle; 0: never")
    give_up_s: float = Field(
        300.0, gt=0, description="When no worker can be kept alive for so long, the agent exits with code 1"
    )
    sandbox: bool = Field(
        default=True, description="Workers keep no rights but to read programs and models (Landlock, where there is it)"
    )
    graceful_timeout_s: float = Field(5.0, ge=0, description="At shutdown: how long frames in work may take to finish")


class QueueSettings(Section):
    """The frames that wait for a worker."""

    max_frames: int = Field(100, ge=4, description="Frames that wait, at most; a press pushes out an ordinary one")
    max_megabytes: int = Field(64, ge=10, description="Bytes that wait, at most")
    motion_per_doorbell: int = Field(4, ge=1, description="Motion frames that wait per doorbell; the oldest gives way")
    press_expiry_s: float = Field(
        30.0, gt=0, description="A press frame not looked at by then is answered `failed`, `expired`"
    )
    motion_expiry_s: float = Field(5.0, gt=0, description="A motion frame not looked at by then is dropped")
    continuous_expiry_s: float = Field(2.0, gt=0, description="An ordinary frame not looked at by then is dropped")


class DetectionSettings(Section):
    """What looks for faces, and what counts as one."""

    strategies: Annotated[
        tuple[Literal["edgetpu", "gpu", "cpu", "mock"], ...], NoDecode, BeforeValidator(split_list)
    ] = Field(("edgetpu", "gpu", "cpu"), min_length=1, description="In order of preference")
    cpu_model: Literal["auto", "yunet_n", "yunet_opencv", "centerface", "blazeface"] = Field(
        "auto", description="auto: yunet_n, or centerface where only the package index is reachable"
    )
    second_stage: Literal["night_and_press", "press", "off"] = Field(
        "night_and_press",
        description="When centerface looks too: at a press where the first look is unsure, and in place of the first"
        " model where a picture is dark",
    )
    edgetpu_model: Path | None = Field(
        None, description="Your own model file, compiled for the EdgeTPU, with the SSD post-processing; empty: ours"
    )
    edgetpu_library: str = Field("libedgetpu.so.1", min_length=1, description="The EdgeTPU's library")
    edgetpu_devices: Annotated[tuple[str, ...], NoDecode, BeforeValidator(split_list)] = Field(
        ("any",), min_length=1, description="One a stick: any, or as libedgetpu names them: usb:0, usb:1, pci:0"
    )
    gpu_provider: Literal["CUDAExecutionProvider", "TensorrtExecutionProvider", "CPUExecutionProvider"] = Field(
        "CUDAExecutionProvider", description="How onnxruntime uses the GPU; CPUExecutionProvider is a rehearsal"
    )
    gpu_devices: Annotated[tuple[str, ...], NoDecode, BeforeValidator(split_list)] = Field(
        ("0",), min_length=1, description="Numbers of the GPUs"
    )
    mock_script: str = Field("", description="What the strategy mock plays, as JSON; for tests and rehearsals")
    min_confidence: float = Field(0.7, ge=0.01, le=0.99, description="A face below this is listed as rejected")


class PressSettings(Section):
    """What happens when the bell is pressed."""

    window_s: float = Field(10.0, gt=0, description="Frames this long after a press belong to it")
    deadline_s: float = Field(5.0, gt=0, description="Every press is answered by then, also when no frame came")


class ImageSettings(Section):
    """Which pictures are taken on."""

    max_megapixels: float = Field(20.0, gt=0, description="Larger pictures are refused before they are decoded")
    max_megabytes: float = Field(10.0, gt=0, description="Larger messages are refused")
    accept_retained: bool = Field(
        default=False, description="Whether a retained frame, which may be days old, is looked at"
    )
    snapshot_interval_s: float = Field(
        2.0, ge=0, description="Shortest time between two annotated pictures of a doorbell; a press has one at once"
    )


class QuarantineSettings(Section):
    """The pictures on which workers died."""

    dir: Path | None = Field(None, description="Folder in which they are kept for study; empty: they are not kept")
    max_files: int = Field(20, ge=1, description="The newest so many are kept")


class DoorbellOptions(Section):
    """What may be set for one doorbell alone; what is left out is as for all."""

    min_confidence: float | None = Field(None, ge=0.01, le=0.99, description="A face below this is listed as rejected")
    min_face_height: float | None = Field(None, ge=0, le=1, description="Smallest face, as a fraction of the picture")
    zones: tuple[Polygon, ...] = Field(
        (), description="Polygons in fractions of the picture; faces elsewhere do not count"
    )
    masks: tuple[Polygon, ...] = Field((), description="Polygons in which none counts")
    privacy: PrivacyWord | None = Field(None, description="full, blurred or events_only")
    press_only: bool | None = Field(None, description="Look at nothing but frames of a press")
    press_window_s: float | None = Field(None, gt=0, description="Frames this long after a press belong to it")
    press_deadline_s: float | None = Field(None, gt=0, description="A press is answered by then")


class DoorbellSettings(Section):
    """The doorbells: when one counts as present, which faces count, which pictures are published."""

    include: Annotated[tuple[str, ...], NoDecode, BeforeValidator(split_list)] = Field(
        (), description="Names or globs (`gate-*`) of the doorbells that are this agent's; empty: all"
    )
    min_face_height: float = Field(0.0, ge=0, le=1, description="Smallest face, as a fraction of the picture's height")
    privacy: PrivacyWord = Field(
        "full",
        description="full; blurred: faces unreadable, no picture of a face; events_only: no picture at all",
    )
    press_only: bool = Field(default=False, description="Look at nothing but frames of a press")
    visit_gap_s: float = Field(30.0, gt=0, description="A visit ends when no face was seen for so long")
    stale_after_s: float = Field(
        0.0, ge=0, description="An ordinary frame whose `captured_at` is longer ago is dropped; 0: none (clocks differ)"
    )
    skip_duplicates: bool = Field(
        default=True, description="Drop an ordinary frame that is byte for byte the doorbell's last one"
    )
    skip_unchanged: bool = Field(
        default=True, description="Do not look at an ordinary frame that shows what one without a face showed"
    )
    detect_every_s: float = Field(10.0, gt=0, description="Look at least so often, also where nothing changed")
    each: dict[str, DoorbellOptions] = Field({}, description="Settings of single doorbells, by their id")
    offline_after_s: float = Field(120.0, gt=0, description="A doorbell that sent no frame for so long is offline")
    max_doorbells: int = Field(64, ge=1, description="More doorbell names than this are refused: a limit on memory")

    @field_validator("include")
    @classmethod
    def _are_globs(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(map(GLOB.fullmatch, value)):
            message = "use letters, digits, _ and -, and in globs * ? [ ]"
            raise ValueError(message)
        return value


class SourceSettings(Section):
    """Another publisher whose pictures are looked at."""

    preset: Literal["ring-mqtt", "wyze-bridge", "frigate"] | None = Field(
        None, description="A project whose topics are known"
    )
    frame: str = Field("", description="Topic of pictures; the level {doorbell} names the doorbell")
    press: str = Field("", description="Topic of presses")
    press_payload: str = Field("", description="What a press says; empty: any message is one")
    press_path: str = Field("", description="Where in its JSON, like event.type; empty: it is the whole message")
    doorbell: str = Field("", description="Name of the doorbell, for topics that name none")
    trigger: Literal["motion", "continuous"] = Field("continuous", description="What its pictures are, but for a press")

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
    """What Home Assistant is told."""

    discovery: bool = Field(
        default=True, description="Whether the agent and its doorbells appear in Home Assistant by themselves"
    )
    prefix: Annotated[str, fits(r"[^#+/\s\x00]+(/[^#+/\s\x00]+)*", PREFIX_WORDS)] = Field(
        "homeassistant", description="Home Assistant's discovery prefix"
    )


class ModelSettings(Section):
    """Where model files are."""

    dir: Path | None = Field(
        None, description="A folder of model files that you provide; empty: they are downloaded once"
    )
    cache_dir: Path | None = Field(
        None, description="Where downloads are kept; empty: edge-agent in the user's cache folder"
    )


class HttpSettings(Section):
    """The page, and the metrics for Prometheus."""

    enabled: bool = Field(default=False, description="Whether there are a page and metrics over HTTP")
    host: str = Field("127.0.0.1", min_length=1, description="Address to listen on; 0.0.0.0: every one of this machine")
    port: int = Field(8099, ge=1, le=65535, description="Port to listen on")
    allowed: Annotated[tuple[str, ...], NoDecode, BeforeValidator(split_list)] = Field(
        (), description="Addresses or networks that may ask, a proxy's for example; empty: all that can reach it"
    )

    @field_validator("allowed")
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
    """What is remembered from run to run."""

    dir: Path | None = Field(
        None, description="Where what was set over MQTT is kept; empty: edge-agent in the user's state folder"
    )


class LogSettings(Section):
    """What is logged."""

    level: LogLevel = Field("info", description="The least severe messages that are shown")
    format: Literal["auto", "text", "json"] = Field(
        "auto", description="text for people, json one object a line; auto: text on a terminal, else json"
    )


class Settings(BaseSettings):
    """All settings. To construct them reads nothing: `settings_sources.load_settings` reads, once."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        env_prefix=PREFIX,
        env_nested_delimiter="__",
    )

    agent_id: str = Field("", description="Name of this agent in topics; empty: the host's name")
    mqtt: MqttSettings = MqttSettings()
    pool: PoolSettings = PoolSettings()
    queue: QueueSettings = QueueSettings()
    detection: DetectionSettings = DetectionSettings()
    press: PressSettings = PressSettings()
    images: ImageSettings = ImageSettings()
    quarantine: QuarantineSettings = QuarantineSettings()
    doorbells: DoorbellSettings = DoorbellSettings()
    sources: tuple[SourceSettings, ...] = Field((), description="Other publishers whose pictures are looked at")
    home_assistant: HomeAssistantSettings = HomeAssistantSettings()
    models: ModelSettings = ModelSettings()
    state: StateSettings = StateSettings()
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
