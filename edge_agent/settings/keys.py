"""Every key of the settings: its name in the YAML file, its environment variable, its default, what it means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from pydantic import BaseModel, SecretStr

from edge_agent.settings.model import PREFIX, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo


@dataclass(frozen=True, slots=True)
class SettingKey:
    """One key of the settings."""

    path: tuple[str, ...]
    meaning: str
    default: object
    """None where the agent finds the value out when it starts."""
    secret: bool = False

    @property
    def name(self) -> str:
        """The key as people write it: `mqtt.host`."""
        return ".".join(self.path)

    @property
    def variable(self) -> str:
        """The environment variable that sets it: `EDGE_AGENT_MQTT__HOST`."""
        return PREFIX + "__".join(self.path).upper()


def setting_keys() -> tuple[SettingKey, ...]:
    """Return every key, in the order of the settings."""
    return tuple(_keys(Settings, ()))


def _keys(model: type[BaseModel], above: tuple[str, ...]) -> Iterator[SettingKey]:
    for name, field in model.model_fields.items():
        path = (*above, name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _keys(field.annotation, path)
        else:
            secret = SecretStr in {field.annotation, *get_args(field.annotation)}
            yield SettingKey(path, field.description or "", _plain_default(field), secret)


def secret_values(section: BaseModel) -> tuple[str, ...]:
    """Return the passwords that the settings hold."""
    fields = [getattr(section, name) for name in type(section).model_fields]
    values = [each for field in fields for each in (field if isinstance(field, tuple) else (field,))]
    own = [value.get_secret_value() for value in values if isinstance(value, SecretStr)]
    below = [secret for value in values if isinstance(value, BaseModel) for secret in secret_values(value)]
    return tuple(secret for secret in (*own, *below) if secret)


def _plain_default(field: FieldInfo) -> object:
    """Return a default as YAML would hold it."""
    if field.default_factory:
        return None
    if isinstance(field.default, SecretStr):
        return field.default.get_secret_value()
    return list(field.default) if isinstance(field.default, tuple) else field.default
