"""A voice, a speaker and a model for a real Home Assistant: an integration of the test's own, with real entities."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

MANIFEST: Final = {
    "domain": "stand_in",
    "name": "Stand-in",
    "version": "1.0.0",
    "documentation": "https://example.org",
    "codeowners": [],
    "requirements": [],
    "iot_class": "calculated",
    "dependencies": ["ai_task", "tts", "media_player"],
}

SOURCE: Final = """
import asyncio
from pathlib import Path

from homeassistant.components import ai_task, media_player, tts
from homeassistant.components.ai_task.const import DATA_COMPONENT as MODELS
from homeassistant.components.media_player.const import DATA_COMPONENT as SPEAKERS
from homeassistant.components.tts.const import DATA_COMPONENT as VOICES
from homeassistant.exceptions import HomeAssistantError


class Model(ai_task.AITaskEntity):
    _attr_name = "Stand-in model"
    _attr_supported_features = (
        ai_task.AITaskEntityFeature.GENERATE_DATA | ai_task.AITaskEntityFeature.SUPPORT_ATTACHMENTS
    )

    async def _async_generate_data(self, task, chat_log):
        picture = await asyncio.to_thread(Path(task.attachments[0].path).read_bytes)
        if "fail" in task.instructions:
            raise HomeAssistantError("the model is away")
        return ai_task.GenDataTaskResult(chat_log.conversation_id, f"A picture of {len(picture)} bytes")


class Voice(tts.TextToSpeechEntity):
    _attr_name = "Stand-in voice"
    _attr_default_language = "en"
    _attr_supported_languages = ["en"]


class Speaker(media_player.MediaPlayerEntity):
    _attr_name = "Stand-in speaker"
    _attr_should_poll = False
    _attr_supported_features = media_player.MediaPlayerEntityFeature.PLAY_MEDIA

    async def async_play_media(self, media_type, media_id, **kwargs):
        self._attr_media_title = media_id
        self._attr_state = media_player.MediaPlayerState.PLAYING
        self.async_write_ha_state()


async def async_setup(hass, config):
    for key, entity in ((MODELS, Model()), (VOICES, Voice()), (SPEAKERS, Speaker())):
        await hass.data[key].async_add_entities([entity])
    return True
"""


def install(home: Any) -> None:
    """Add the integration to a Home Assistant, and restart it."""
    config = Path(home.d["config"])
    folder = config / "custom_components" / "stand_in"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps(MANIFEST), encoding="utf-8")
    (folder / "__init__.py").write_text(SOURCE, encoding="utf-8")
    with (config / "configuration.yaml").open("a", encoding="utf-8") as settings:
        settings.write("stand_in:\n")
    home.restart_ha()
