"""Rectangles in a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from edge_agent.wire.messages import Box


class Rectangle(NamedTuple):
    """A box with edges between pixels: left, top, width and height."""

    x: float
    y: float
    width: float
    height: float


def iou(one: Box | Rectangle, other: Box | Rectangle) -> float:
    """Return the overlap of two boxes: intersection over union, 0..1."""
    width = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    height = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    shared = max(0, width) * max(0, height)
    union = one.width * one.height + other.width * other.height - shared
    return shared / union if union else 0.0
