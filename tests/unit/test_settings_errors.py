"""Errors of settings in our own text, for every setting and every kind of invalid value."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import ValidationError

from edge_agent.errors import SettingsError
from edge_agent.settings.error_texts import SENTENCES, UNKNOWN
from edge_agent.settings.keys import SettingKey, setting_keys
from edge_agent.settings.loading import load_settings
from edge_agent.settings.model import Settings, SourceSettings

WRONG: tuple[Any, ...] = (
    "", " ", "wrong value!", "\ud800", "#/+", "-1", 0, -1, 1.5, 10**30, 10**5000, float("nan"), float("inf"), True,
    b"\xff", [], [[]], ["wrong value!"], [5], {}, {"wrong": 1}, {"wrong": {"wrong": 1}}, {5: 5}, [{}], [{"frame": 5}],
    {"front": {"zones": 5}}, {"front": {"zones": [[[1]]]}}, {"front": {"zones": [[[1, 2, 3]]]}},
    {"front": {"privacy": "none"}}, {"front": {"min_confidence": 7}}, {"front": 5}, [{"preset": "wrong"}],
    [{"preset": "frigate", "frame": "a/b"}], [{"frame": "a/#"}],
)  # fmt: skip
LIBRARY = re.compile(
    r"input|should|valid\b|unable to|parse|field required|value error|validation|got an|pydantic|errno|traceback"
    r"|EnvSettingsSource|instance|NoneType|\bstr\b|\bint\b|\bdict\b|\btuple\b|expecting|line 1",
    re.IGNORECASE,
)


def nested(key: SettingKey, value: Any) -> dict[str, Any]:
    """Return nested settings with one value."""
    for name in reversed(key.path):
        value = {name: value}
    assert isinstance(value, dict)
    return value


def error_text(flags: dict[str, Any], environment: dict[str, str]) -> str:
    """Return the error text for these settings, '' if they are valid."""
    try:
        load_settings(None, flags, environment=environment)
    except SettingsError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("key", setting_keys(), ids=lambda key: key.name)
def test_no_library_text_is_shown(key: SettingKey) -> None:
    said = [error_text(nested(key, value), {}) for value in WRONG]
    texts = ("wrong value!", "-1", "1.5", "nan", "[", "{", '{"a": ', "[[1,", "5", "[5]", '{"front": 5}')
    said += [error_text({}, {key.variable: text}) for text in texts]
    lines = [line for message in said for line in message.splitlines()]
    assert lines, "every setting has invalid values"
    for line in lines:
        assert key.path[0] in line or key.variable in line
        words = line.partition("cannot be used")[2]
        assert LIBRARY.search(words.replace("docs/settings.md", "")) is None, line
        assert UNKNOWN not in line
        assert "wrong value!" not in line.replace("'wrong value!' is no address", "")


def test_every_pydantic_error_type_has_its_sentence() -> None:
    kinds = {kind for key in setting_keys() for value in WRONG for kind in found(nested(key, value))}
    assert len(kinds) > 15
    assert kinds - {"extra_forbidden"} <= set(SENTENCES)


def found(values: dict[str, Any]) -> set[str]:
    """Return the error types that pydantic finds."""
    try:
        Settings(**values)
    except ValidationError as error:
        return {each["type"] for each in error.errors(include_input=False, include_context=False)}
    return set()


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"detection": {"strategies": []}}, "detection.strategies, from S, cannot be used: use a list of at least 1."),
        ({"mqtt": {"port": 99999}}, "mqtt.port, from S, cannot be used: use a number of at most 65535."),
        ({"mqtt": {"websocket_path": "mqtt"}},
         "mqtt.websocket_path, from S, cannot be used: begin with /, and use no blanks."),
        ({"log": {"level": "loud"}}, "log.level, from S, cannot be used: use debug, info, warning or error."),
        ({"mqtt": {"max_publish_bytes": 5}},
         "mqtt.max_publish_bytes, from S, cannot be used: use a number of at least 10000."),
        ({"pool": {"workers": "many"}}, "pool.workers, from S, cannot be used: use a whole number."),
        ({"home_assistant": {"prefix": "a b"}},
         "home_assistant.prefix, from S, cannot be used: use a topic without + and #, blanks and / at its ends."),
    ],
)  # fmt: skip
def test_the_sentence_names_the_allowed_values(values: dict[str, Any], sentence: str) -> None:
    assert error_text(values, {}) == sentence.replace("from S", "from the command line")


def test_a_name_of_a_source_needs_its_doorbell() -> None:
    with pytest.raises(ValidationError, match=r"`name` needs `doorbell`"):
        SourceSettings(preset="ring-mqtt", name="Gate")
    settings = Settings.model_validate(
        {
            "sources": [{"frame": "cam/image", "doorbell": "cam", "name": "Garden"}],
            "doorbells": {"each": {"cam": {"name": "Gate"}, "front": {}}},
        }
    )
    assert settings.display_names() == {"cam": "Gate"}, "the doorbell's own setting comes first"
