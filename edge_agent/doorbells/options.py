"""The options that can be set over MQTT while the agent runs: allowed values and current values. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from edge_agent import topics
from edge_agent.domain import AUTO, Publication, Setting
from edge_agent.doorbells.options_file import StoredOptions
from edge_agent.doorbells.policy import policy_for
from edge_agent.settings.model import LOG_LEVELS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from edge_agent.doorbells.policy import DetectionPolicy
    from edge_agent.settings.detection import DetectionSettings
    from edge_agent.settings.model import DoorbellSettings

ON, OFF = "ON", "OFF"
MUTE: Final = timedelta(hours=1)
"""How long notifications stay muted. The option `mute` is stored as the time of its end."""
MAX_CACHED_POLICIES: Final = 1000
"""A sender of shared frames may name any number of doorbells."""


class Options:
    """The options of the agent and of each doorbell; stored values override the settings."""

    def __init__(
        self,
        stored_options: StoredOptions,
        agent_id: str,
        *,
        detection: DetectionSettings,
        doorbells: DoorbellSettings,
        log_level: str,
    ) -> None:
        self._agent_id = agent_id
        self._detection = detection
        self._doorbells = doorbells
        self._log_level = log_level
        self.stored = self._valid(stored_options)
        self._policies: dict[str, DetectionPolicy] = {}
        """The detection policy of each doorbell, cached until an option is set."""

    @property
    def strategies(self) -> tuple[str, ...]:
        """Return the allowed values of the option `strategy`."""
        return (AUTO, *self._detection.strategies)

    @property
    def strategy(self) -> str:
        """Return the selected strategy, or `auto`."""
        return self.value(Setting("strategy"))

    @property
    def log_level(self) -> str:
        """Return the least severe level that is logged."""
        return self.value(Setting("log_level"))

    def set(self, setting: Setting, now_at: datetime) -> str:
        """Set an option; return '', or why its value is invalid, as a phrase that follows its name."""
        value = self._normalize(setting)
        if value is None:
            return f"must be {self._allowed_values(setting)}"
        if setting.option == "mute" and value == ON:
            value = (now_at + MUTE).isoformat(timespec="seconds")
        own = self._own(setting) | {setting.option: value}
        self.stored = _with(self.stored, setting.doorbell, own)
        self._policies.clear()
        return ""

    def value(self, setting: Setting) -> str:
        """Return the value of an option."""
        stored_options = self._own(setting).get(setting.option)
        if stored_options is not None and setting.option == "mute":
            return OFF if stored_options == OFF else ON
        return self._default(setting) if stored_options is None else stored_options

    def ended(self, now_at: datetime) -> list[Setting]:
        """Return what ends the mutes whose hour is over; one that ends much later is of a clock that was set back."""
        ends = {name: _time(values.get("mute", "")) for name, values in self.stored.doorbells.items()}
        return [
            Setting("mute", name, OFF)
            for name, end_at in ends.items()
            if end_at and not now_at < end_at <= now_at + MUTE
        ]

    def publication(self, setting: Setting) -> Publication:
        """Return the retained message with the value of an option."""
        topic = (
            topics.doorbell_option(setting.doorbell, setting.option)
            if setting.doorbell
            else topics.agent_option(self._agent_id, setting.option)
        )
        return Publication(topic, self.value(setting).encode(), qos=1, retain=True)

    def publications(self, doorbells: Iterable[str]) -> list[Publication]:
        """Return the retained messages with the values of all options."""
        own = [Setting(option) for option in topics.AGENT_OPTIONS]
        return [self.publication(each) for each in (*own, *(each for name in doorbells for each in options_of(name)))]

    def remove(self, doorbell: str) -> None:
        """Remove the options of a doorbell."""
        doorbells = {name: values for name, values in self.stored.doorbells.items() if name != doorbell}
        self.stored = StoredOptions(agent=self.stored.agent, doorbells=doorbells)
        self._policies.clear()

    def policy_for(self, doorbell: str) -> DetectionPolicy:
        """Return the current detection policy of a doorbell."""
        if doorbell not in self._policies:
            if len(self._policies) >= MAX_CACHED_POLICIES:
                self._policies.clear()
            self._policies[doorbell] = self._policy_for(doorbell)
        return self._policies[doorbell]

    def _policy_for(self, doorbell: str) -> DetectionPolicy:
        policy = policy_for(doorbell, self._doorbells, self._detection.min_confidence)
        confidence = int(self.value(Setting("min_confidence", doorbell))) / 100
        detecting = OFF not in {self.value(Setting("detection", doorbell)), self.value(Setting("detection"))}
        if round(100 * policy.rules.min_confidence) == round(100 * confidence):
            return replace(policy, detecting=detecting)
        rules = msgspec.structs.replace(policy.rules, min_confidence=confidence)
        return replace(policy, rules=rules, detecting=detecting)

    def _own(self, setting: Setting) -> dict[str, str]:
        return self.stored.doorbells.get(setting.doorbell, {}) if setting.doorbell else self.stored.agent

    def _default(self, setting: Setting) -> str:
        match setting.option:
            case "detection":
                return ON
            case "mute":
                return OFF
            case "min_confidence":
                rules = policy_for(setting.doorbell, self._doorbells, self._detection.min_confidence).rules
                return str(min(99, max(1, round(100 * rules.min_confidence))))
            case "log_level":
                return self._log_level
            case _:
                return AUTO

    def _normalize(self, setting: Setting) -> str | None:
        """Return a value in its stored form, or None if it is invalid."""
        value = setting.value.strip()
        match setting.option:
            case "detection" | "mute":
                return value.upper() if value.upper() in {ON, OFF} else None
            case "min_confidence":
                return _percent(value)
            case "log_level":
                return value.lower() if value.lower() in LOG_LEVELS else None
            case _:
                return value.lower() if value.lower() in self.strategies else None

    def _allowed_values(self, setting: Setting) -> str:
        match setting.option:
            case "detection" | "mute":
                return "ON or OFF"
            case "min_confidence":
                return "a whole number from 1 to 99"
            case "log_level":
                return f"one of {', '.join(LOG_LEVELS)}"
            case _:
                return f"one of {', '.join(self.strategies)}, the strategies of the settings"

    def _valid(self, stored_options: StoredOptions) -> StoredOptions:
        """Return the stored values that are still valid: the settings may have changed."""
        agent = self._valid_values(stored_options.agent, topics.AGENT_OPTIONS, "")
        doorbells = {
            name: self._valid_values(values, topics.DOORBELL_OPTIONS, name)
            for name, values in stored_options.doorbells.items()
            if topics.is_identifier(name)
        }
        return StoredOptions(agent=agent, doorbells=doorbells)

    def _valid_values(self, values: dict[str, str], options: Iterable[str], doorbell: str) -> dict[str, str]:
        normal = {option: self._normalize(Setting(option, doorbell, values.get(option, ""))) for option in options}
        if _time(values.get("mute", "")):
            normal["mute"] = values["mute"]
        return {option: value for option, value in normal.items() if value is not None}


def options_of(name: str) -> list[Setting]:
    """Return the options of a doorbell."""
    return [Setting(option, name) for option in topics.DOORBELL_OPTIONS]


def _with(stored_options: StoredOptions, doorbell: str, values: dict[str, str]) -> StoredOptions:
    if doorbell:
        return StoredOptions(agent=stored_options.agent, doorbells=stored_options.doorbells | {doorbell: values})
    return StoredOptions(agent=values, doorbells=stored_options.doorbells)


def _time(text: str) -> datetime | None:
    """Return a time with its time zone, or None."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else None


def _percent(text: str) -> str | None:
    """Return a whole number from 1 to 99 as its digits; Home Assistant sends 70.0 for 70."""
    try:
        number = float(text)
    except ValueError:
        return None
    return str(int(number)) if number.is_integer() and 1 <= number <= 99 else None  # noqa: PLR2004 - the range itself
