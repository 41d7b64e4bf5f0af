"""What is wrong with a value of the settings, in words of our own. Pure.

No sentence here holds a value: what was misplaced may be a password.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

UNKNOWN: Final = "docs/settings.md says what it may be"

_NUMBER: Final = "use a number"
_WHOLE_NUMBER: Final = "use a whole number"
_SWITCH: Final = "use true or false"
_TEXT: Final = "use text; put quotes around it where it looks like something else"
_PATH: Final = "use the path of a file or folder"
_LIST: Final = "use a list"
_SECTION: Final = "use keys and values, one `key: value` a line"

SENTENCES: Final = {
    "bool_parsing": _SWITCH,
    "bool_type": _SWITCH,
    "dict_type": _SECTION,
    "finite_number": _NUMBER,
    "float_parsing": _NUMBER,
    "float_type": _NUMBER,
    "greater_than": "use a number above {gt:g}",
    "greater_than_equal": "use a number of at least {ge:g}",
    "int_from_float": _WHOLE_NUMBER,
    "int_parsing": _WHOLE_NUMBER,
    "int_parsing_size": _WHOLE_NUMBER,
    "int_type": _WHOLE_NUMBER,
    "invalid_key": "use text for the keys",
    "less_than": "use a number below {lt:g}",
    "less_than_equal": "use a number of at most {le:g}",
    "literal_error": "use {expected}",
    "missing": "it is missing",
    "model_attributes_type": _SECTION,
    "model_type": _SECTION,
    "path_type": _PATH,
    "string_too_short": "it is empty",
    "string_type": _TEXT,
    "string_unicode": _TEXT,
    "too_long": "use a list of at most {max_length}",
    "too_short": "use a list of at least {min_length}",
    "tuple_type": _LIST,
    "unexpected_positional_argument": _LIST,
    "value_error": "{error}",
}
"""By pydantic's type of the error; its context fills in the limits."""


def sentence(kind: str, context: Mapping[str, Any]) -> str:
    """Return what to do about a value; `kind` and `context` are the type and the context that pydantic gives."""
    words = SENTENCES.get(kind, UNKNOWN)
    return words.format(**{name: _plain(value) for name, value in context.items()})


def _plain(value: object) -> object:
    """Return pydantic's list of words without its quotes, and anything else as it is."""
    return value.replace("'", "") if isinstance(value, str) else value
