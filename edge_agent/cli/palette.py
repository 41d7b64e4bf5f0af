"""The terminal's styles: readable on black and on white; none carries information that the words lack."""

from __future__ import annotations

from typing import Final

GOOD: Final = "color(28)"
"""Dark green (#008700): the usual one is pale on white."""
WARNING: Final = "color(166)"
"""Orange (#d75f00): yellow vanishes on white."""
BAD: Final = "red"
ATTENTION: Final = "bold magenta"
QUIET: Final = "dim"
