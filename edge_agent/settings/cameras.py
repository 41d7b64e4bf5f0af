"""The settings of cameras that the agent captures itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator

from edge_agent.settings.section import Section, fits
from edge_agent.topics import is_identifier

if TYPE_CHECKING:
    from edge_agent.settings.home_assistant import HomeAssistantSettings

SCHEMES: Final = ("http", "https", "rtsp", "rtsps", "home-assistant")
ENTITY: Final = re.compile(r"[a-z_]+\.[a-z0-9_]+")
_ENTITY_OR_NONE: Final = fits(r"([a-z_]+\.[a-z0-9_]+)?", "use an entity of Home Assistant, such as event.front_ring")


def check_url(url: str) -> str:
    """Return the URL of a camera; raise ValueError, which does not quote it, if it is none."""
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        has_host, parts = False, urlsplit("")
    if parts.scheme == "home-assistant" and ENTITY.fullmatch(parts.path):
        return url
    if parts.scheme not in SCHEMES[:4] or not has_host or not url.isprintable() or " " in url:
        message = "use http://, https://, rtsp:// or rtsps:// with a host, or home-assistant:camera.front"
        raise ValueError(message)
    return url


def _plain_fingerprint(text: str) -> str:
    """Return a SHA-256 fingerprint in lower case and without colons."""
    plain = text.replace(":", "").replace(" ", "").lower()
    if plain and re.fullmatch(r"[0-9a-f]{64}", plain) is None:
        message = "use the SHA-256 fingerprint of the certificate: 64 hexadecimal digits"
        raise ValueError(message)
    return plain


class CameraSettings(Section):
    """A camera whose pictures the agent takes itself."""

    doorbell: str = Field("front", description="Doorbell that the camera belongs to")
    url: Annotated[str, AfterValidator(check_url)] = Field(
        repr=False,  # it may hold a password
        description="http(s):// (stills or MJPEG), rtsp(s)://, or home-assistant:camera.front",
    )
    username: str = Field("", description="User name of the camera; empty: the one in the URL")
    password: SecretStr = Field(SecretStr(""), description="Password of the camera; empty: the one in the URL")
    password_file: Path | None = Field(None, description="File with the password of the camera")
    fingerprint: Annotated[str, AfterValidator(_plain_fingerprint)] = Field(
        "", description="SHA-256 of the camera's own certificate, which is then the only one accepted"
    )
    press_entity: Annotated[str, _ENTITY_OR_NONE] = Field(
        "", description="Entity of Home Assistant that fires or turns on at a press"
    )
    motion_entity: Annotated[str, _ENTITY_OR_NONE] = Field(
        "", description="Entity of Home Assistant that fires or turns on at motion"
    )
    idle_interval_s: float = Field(10.0, ge=0.1, le=3600, description="Time between two pictures while nothing happens")
    motion_interval_s: float = Field(0.5, ge=0.05, le=60, description="Time between two pictures during motion")
    burst_frames: int = Field(3, ge=0, le=20, description="Number of pictures after a press")
    burst_s: float = Field(2.0, gt=0, le=10, description="Time in which the pictures after a press are taken")
    before_s: float = Field(2.0, ge=0, le=10, description="Time before a press that is kept in memory")
    still_interval_s: float | None = Field(
        None,
        ge=0,
        le=60,
        description="Time between two stills, kept for the moment before a press; 0: only those that are published;"
        " empty: 1 for http(s), 0 for Home Assistant",
    )
    buffer_mb: float = Field(8.0, ge=0.5, le=64, description="Maximum size of what is kept in memory")
    memory_limit_mb: int = Field(200, ge=60, description="Memory above which the capture process is replaced")

    @property
    def needs_home_assistant(self) -> bool:
        """Return whether the camera, a press or motion comes from Home Assistant."""
        is_entity = self.url.startswith("home-assistant:")
        return is_entity or bool(self.press_entity or self.motion_entity)

    @model_validator(mode="after")
    def _is_supported(self) -> Self:
        if not is_identifier(self.doorbell):
            message = "doorbell: use 1 to 64 letters, digits, _ or -"
            raise ValueError(message)
        if self.fingerprint and self.url.startswith("rtsp:"):
            message = "fingerprint works with https://, rtsps:// and Home Assistant only"
            raise ValueError(message)
        if self.password.get_secret_value() and self.password_file:
            message = "set either password or password_file"
            raise ValueError(message)
        return self


def check_cameras(cameras: tuple[CameraSettings, ...], home_assistant: HomeAssistantSettings) -> None:
    """Raise ValueError if two cameras have one doorbell, or if one needs an access that is not set."""
    names = [camera.doorbell for camera in cameras]
    if len(set(names)) < len(names):
        message = "each of `cameras` needs a doorbell of its own"
        raise ValueError(message)
    has_access = bool(home_assistant.url and home_assistant.token.get_secret_value())
    if not has_access and any(camera.needs_home_assistant for camera in cameras):
        message = "entities of Home Assistant in `cameras` need home_assistant.url and home_assistant.token"
        raise ValueError(message)
