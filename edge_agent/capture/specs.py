"""Settings to camera specs: credentials leave the URL, files are read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlsplit

from edge_agent.capture.camera import CameraSpec, Kind, split_credentials
from edge_agent.capture.process import Surroundings
from edge_agent.mqtt.access import BrokerAccess
from edge_agent.settings.loading import read_value

if TYPE_CHECKING:
    from edge_agent.settings.cameras import CameraSettings
    from edge_agent.settings.model import Settings

SECRET_NAME: Final = re.compile(r"(?i)pass|pwd|psw|token|auth|key|secret")
MEGABYTE: Final = 1_000_000
STILL_INTERVAL_S: Final = {Kind.HTTP: 1.0, Kind.RTSP: 0.0, Kind.HOME_ASSISTANT: 0.0}
"""Home Assistant may have to wake a battery camera, or to wait for a key frame: it is asked only for what is used."""


def camera_specs(settings: Settings) -> tuple[CameraSpec, ...]:
    """Return all cameras of the settings; raise SettingsError if a password file cannot be read."""
    return tuple(_spec(camera, settings) for camera in settings.cameras)


def surroundings(settings: Settings) -> Surroundings:
    """Return what all capture processes share."""
    return Surroundings(settings.agent_id, BrokerAccess.of(settings.mqtt), settings.log.level, settings.log.format)


def camera_secrets(specs: tuple[CameraSpec, ...]) -> tuple[str, ...]:
    """Return what must never be logged."""
    said = [(spec.password, spec.token, *_of_query(spec.url)) for spec in specs]
    return tuple(secret for secrets in said for secret in secrets if secret)


def _of_query(url: str) -> tuple[str, ...]:
    """Return the passwords in the query of a URL: some cameras take them there."""
    return tuple(value for name, value in parse_qsl(urlsplit(url).query) if SECRET_NAME.search(name))


def _spec(camera: CameraSettings, settings: Settings) -> CameraSpec:
    url, in_url = split_credentials(camera.url)
    home_assistant = settings.home_assistant if camera.needs_home_assistant else None
    return CameraSpec(
        doorbell=camera.doorbell,
        url=url,
        username=camera.username or in_url.username,
        password=_password(camera) or in_url.password,
        token=home_assistant.token.get_secret_value() if home_assistant else "",
        home_assistant=home_assistant.url if home_assistant else "",
        fingerprint=camera.fingerprint,
        press_entity=camera.press_entity,
        motion_entity=camera.motion_entity,
        idle_interval_s=camera.idle_interval_s,
        motion_interval_s=camera.motion_interval_s,
        burst_s=camera.burst_s,
        burst_frames=camera.burst_frames,
        before_s=camera.before_s,
        still_interval_s=_still_interval_s(camera, url),
        max_bytes=round(settings.images.max_megabytes * MEGABYTE),
        max_pixels=round(settings.images.max_megapixels * MEGABYTE),
        buffer_bytes=round(camera.buffer_mb * MEGABYTE),
        memory_limit_bytes=camera.memory_limit_mb * MEGABYTE,
        sandbox=settings.pool.sandbox,
    )


def _password(camera: CameraSettings) -> str:
    if camera.password_file:
        return read_value(camera.password_file, " (password_file of a camera names it)")
    return camera.password.get_secret_value()


def _still_interval_s(camera: CameraSettings, url: str) -> float:
    if camera.still_interval_s is not None:
        return camera.still_interval_s
    return STILL_INTERVAL_S[CameraSpec(camera.doorbell, url).kind]
