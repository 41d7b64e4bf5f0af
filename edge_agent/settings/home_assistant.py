"""The settings of Home Assistant: discovery over MQTT, and its API for cameras."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field, SecretStr

from edge_agent.settings.section import Section, fits

PREFIX_WORDS: Final = "use a topic without + and #, blanks and / at its ends"
URL_WORDS: Final = "use http://host:8123 or https://host"


class HomeAssistantSettings(Section):
    """Home Assistant discovery, and its API."""

    discovery: bool = Field(default=True, description="Announce the agent and its doorbells to Home Assistant")
    prefix: Annotated[str, fits(r"[^#+/\s\x00]+(/[^#+/\s\x00]+)*", PREFIX_WORDS)] = Field(
        "homeassistant",
        description="Discovery prefix of Home Assistant; its birth message is expected on `homeassistant/status` and"
        " on `status` below this prefix",
    )
    url: Annotated[str, fits(r"(https?://[^\s/@?#]+(/[^\s?#]*)?)?", URL_WORDS)] = Field(
        "", description="URL of Home Assistant, for cameras that it knows; the app sets it"
    )
    token: SecretStr = Field(
        SecretStr(""), description="Access token of Home Assistant, for `home_assistant.url`; use a file instead"
    )
