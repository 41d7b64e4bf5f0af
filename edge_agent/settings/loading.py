"""Where the settings come from: flags > environment > *_FILE > secrets folder > YAML file > defaults.

No message here shows a value: what was misplaced may be a password.
"""

from __future__ import annotations

import codecs
import difflib
import functools
import os
import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml
from pydantic import ValidationError
from pydantic_settings import EnvSettingsSource
from pydantic_settings import SettingsError as UnreadableError

from edge_agent.errors import SettingsError
from edge_agent.settings.error_texts import sentence
from edge_agent.settings.keys import setting_keys
from edge_agent.settings.model import PREFIX, Settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic_core import ErrorDetails

Values = dict[str, Any]

CONFIG_VARIABLE: Final = f"{PREFIX}CONFIG"
SECRETS_VARIABLE: Final = f"{PREFIX}SECRETS_DIR"
TEST_PREFIX: Final = f"{PREFIX}TEST_"
"""What the project's own tests read; nothing of the agent."""
SECRETS_FOLDER: Final = Path("/run/secrets")
CONFIG_FILE: Final = Path("/etc/edge-agent/agent.yaml")
"""Read if it exists and no other file is named; an update leaves it alone."""
FILE_SUFFIX: Final = "_FILE"


@dataclass(frozen=True, slots=True)
class Layer:
    """What one source says, and the source's name for a person."""

    origin: str
    values: Values


def load_settings(
    config: Path | None, flags: Mapping[str, Any], *, environment: Mapping[str, str] = os.environ
) -> Settings:
    """Return the settings; raise SettingsError with one sentence for each problem.

    `flags` is nested as the settings are. A None in it, like an empty variable or a YAML key without a value, says
    nothing.
    """
    layers = _layers(config, flags, _own_variables(environment))
    values = functools.reduce(_merged, (layer.values for layer in reversed(layers)))
    try:
        return Settings(**values)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        message = "\n".join(_sentence(problem, layers) for problem in problems)
    raise SettingsError(message)  # outside of `except`: the error that it replaces holds the values


def remove_secrets(environment: MutableMapping[str, str] = os.environ) -> None:
    """Remove passwords from the environment once they are read: what this process starts does not need them."""
    secret = {key.variable for key in setting_keys() if key.secret}
    for name in [name for name in environment if name.upper() in secret]:
        del environment[name]


def _layers(config: Path | None, flags: Mapping[str, Any], variables: Mapping[str, str]) -> tuple[Layer, ...]:
    """Return what each source says, the strongest first."""
    plain = {name: value for name, value in variables.items() if name in _variable_names()}
    path = config_path(config, variables=variables)
    return (
        Layer("the command line", _without_nulls(flags)),
        Layer("the environment", _nested(plain)),
        Layer(f"a *{FILE_SUFFIX} variable", _nested(_named_files(variables))),
        Layer("the secrets folder", _nested(_secrets(_path(variables.get(SECRETS_VARIABLE))))),
        Layer(str(path), _yaml(path) if path else {}),
    )


def config_path(
    config: Path | None, *, variables: Mapping[str, str] = os.environ, must_exist: bool = True
) -> Path | None:
    """Return the settings file: the given one, that of the environment, or the usual one if it exists."""
    named = config or _path(variables.get(CONFIG_VARIABLE))
    return named or (CONFIG_FILE if not must_exist or CONFIG_FILE.exists() else None)


def _own_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Return our variables that are set; raise SettingsError for one that sets nothing."""
    ours = {name.upper(): value for name, value in environment.items() if name.upper().startswith(PREFIX)}
    known = (*_variable_names(), *_file_variables(), CONFIG_VARIABLE, SECRETS_VARIABLE)
    _refuse_unknown("The environment variable", (name for name in ours if not name.startswith(TEST_PREFIX)), known)
    return {name: value for name, value in ours.items() if value}


def _refuse_unknown(kind: str, names: Iterable[str], known: Iterable[str]) -> None:
    known = tuple(known)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SettingsError(
            "\n".join(
                f"{kind} {name} is not a setting; the nearest one is {_nearest(name, known)}." for name in unknown
            )
        )


def _named_files(variables: Mapping[str, str]) -> dict[str, str]:
    """Return what the files that the *_FILE variables name hold, by the variable of the setting."""
    files = _file_variables()
    return {
        files[name]: read_value(Path(path), f" ({name} names it)") for name, path in variables.items() if name in files
    }


def _secrets(folder: Path | None) -> dict[str, str]:
    """Return what the files in the secrets folder hold, by the variable of the setting."""
    if folder is None and not SECRETS_FOLDER.is_dir():
        return {}
    try:
        paths = sorted((folder or SECRETS_FOLDER).iterdir())
    except OSError as error:
        message = f"The secrets folder {folder or SECRETS_FOLDER} cannot be read: {error.strerror}."
        raise SettingsError(message) from error
    ours = {path.name.upper(): path for path in paths if path.name.upper().startswith(PREFIX)}
    _refuse_unknown("The file in the secrets folder", ours, _variable_names())
    return {name: read_text(path) for name, path in ours.items()}


def _yaml(path: Path) -> Values:
    """Return what a YAML file says."""
    text = read_text(path)
    try:
        content = yaml.safe_load(text)
        if isinstance(content, Mapping | None):
            return _without_nulls(content or {})
        message = f"The settings file {path} holds no `key: value` pairs."
    except RecursionError:
        message = f"The settings file {path} is nested too deeply, or an alias in it stands for itself."
    except (yaml.YAMLError, ValueError) as error:  # ValueError: of what looks like a number or a date and is none
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        message = f"The settings file {path} is not valid YAML{place}; put text with special characters in quotes."
    raise SettingsError(message)  # outside of `except`: the error that it replaces quotes the file


def read_text(path: Path, note: str = "") -> str:
    """Return a file's text less a byte order mark and the line's end; raise SettingsError where there is none.

    `note` is how the file came to be named, for the message.
    """
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig").rstrip("\r\n")
    except OSError as error:
        fault = f"cannot be read: {error.strerror}"
    except UnicodeDecodeError:
        is_utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        fault = f"is not text in UTF-8{', but in UTF-16' if is_utf16 else ''}: save it as UTF-8"
    else:
        if "\0" not in text:
            return text
        fault = "is not text in UTF-8: it holds zero bytes"
    message = f"The file {path}{note} {fault}."
    raise SettingsError(message)


def read_value(path: Path, note: str) -> str:
    """Return the value of a setting that a file of its own holds; raise SettingsError where it holds none."""
    if value := read_text(path, note):
        return value
    message = f"The file {path}{note} is empty."
    raise SettingsError(message)


def _nested(values: Mapping[str, str]) -> Values:
    """Return values by variable as values by section and key; raise SettingsError for those that cannot be read."""
    try:
        return _parsed(values)
    except UnreadableError:
        wrong = [name for name, value in values.items() if not _is_readable(name, value)]
    message = "\n".join(f"{name} cannot be used: its value has several parts; write them as JSON." for name in wrong)
    raise SettingsError(message)  # outside of `except`: the error that it replaces holds the values


def _is_readable(name: str, value: str) -> bool:
    try:
        _parsed({name: value})
    except UnreadableError:
        return False
    return True


def _parsed(values: Mapping[str, str]) -> Values:
    source = EnvSettingsSource(Settings)
    source.env_vars = {name.lower(): value for name, value in values.items() if value}
    return source()


def _without_nulls(values: Mapping[Any, Any], above: tuple[str, ...] = ()) -> Values:
    """Return nested values less the known keys that are None; unknown ones stay, to be refused."""
    tidy: Values = {}
    for key, value in values.items():
        path = (*above, str(key))
        if isinstance(value, Mapping):
            tidy[str(key)] = _without_nulls(value, path)
        elif value is not None or ".".join(path) not in _names():
            tidy[str(key)] = value
    return tidy


def _merged(below: Values, above: Values) -> Values:
    """Return nested values of which those `above` win."""
    both = {
        key: _merged(below[key], value)
        for key, value in above.items()
        if isinstance(value, dict) and isinstance(below.get(key), dict)
    }
    return below | above | both


def _sentence(problem: ErrorDetails, layers: Iterable[Layer]) -> str:
    """Return a problem that pydantic found as a sentence that names the key and where it stands."""
    path = tuple(str(part) for part in problem["loc"])
    origin = next((layer.origin for layer in layers if _says(layer.values, path)), "the settings")
    name = ".".join(_word(part) for part in path)
    if problem["type"] == "extra_forbidden":
        return f"{name}, from {origin}, is not a setting; the nearest one is {_nearest(name, _names())}."
    return f"{name}, from {origin}, cannot be used: {sentence(problem['type'], problem.get('ctx', {}))}."


def _says(values: object, path: tuple[str, ...]) -> bool:
    """Return whether nested values say something about a key; a list is looked at as a whole."""
    if not path or not isinstance(values, Mapping):
        return True
    return path[0] in values and _says(values[path[0]], path[1:])


def _word(key: str) -> str:
    """Return a key if it looks like one: a password may stand in its place."""
    return key if re.fullmatch(r"[a-z0-9_]{1,40}", key, re.IGNORECASE) else "(no plain word)"


def _nearest(name: str, known: Iterable[str]) -> str:
    return difflib.get_close_matches(name, list(known), n=1, cutoff=0.0)[0]


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None


@functools.cache
def _names() -> frozenset[str]:
    """Return the names of all keys and sections."""
    return frozenset(".".join(key.path[:depth]) for key in setting_keys() for depth in range(1, len(key.path) + 1))


def _variable_names() -> dict[str, str]:
    return {key.variable: key.name for key in setting_keys()}


def _file_variables() -> dict[str, str]:
    """Return the variables that name a file, and the variable that each stands for."""
    return {key.variable + FILE_SUFFIX: key.variable for key in setting_keys()}
