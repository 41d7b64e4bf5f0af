"""What every section of the settings is, and how its values may be written."""

from __future__ import annotations

import re
from typing import Final

from pydantic import AfterValidator, BaseModel, ConfigDict

LONGEST_NAME: Final = 100
"""Characters of a doorbell's name in Home Assistant."""


class Section(BaseModel):
    """A part of the settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)


def split_list(value: object) -> object:
    """Return the parts of `a,b`, which is how an environment variable holds a list."""
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


def text_of_number(value: object) -> object:
    """Return the text of a number: YAML takes an unquoted 5 for one."""
    return str(value) if isinstance(value, int) else value


def fits(pattern: str, words: str) -> AfterValidator:
    """Return what refuses a text that is not as the pattern says, in these words."""
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if compiled.fullmatch(value) is None:
            raise ValueError(words)
        return value

    return AfterValidator(check)
