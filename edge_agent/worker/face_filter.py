"""Decides which of the detected faces count, and why the others are rejected."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_agent.wire import Box, Face, FaceRules, ImageSize, Polygon, Rejected, RejectionReason

if TYPE_CHECKING:
    from collections.abc import Iterable


def filter_faces(
    found: Iterable[Face], rules: FaceRules, size: ImageSize
) -> tuple[tuple[Face, ...], tuple[Rejected, ...]]:
    """Return the faces that count, and the rejected ones with reasons; both in pixels of a picture of `size`."""
    faces: list[Face] = []
    rejected: list[Rejected] = []
    for face in found:
        reason = rejection_reason(face, rules, size)
        if reason is not None:
            rejected.append(Rejected(face.box, face.confidence, reason))
        else:
            faces.append(face)
    return tuple(faces), tuple(rejected)


def rejection_reason(face: Face, rules: FaceRules, size: ImageSize) -> RejectionReason | None:
    """Return why a face is rejected, or None."""
    if face.confidence < rules.min_confidence:
        return RejectionReason.BELOW_MIN_CONFIDENCE
    if face.box.height < rules.min_height * size.height:
        return RejectionReason.TOO_SMALL
    if rules.zones and not any(_contains(zone, face.box, size) for zone in rules.zones):
        return RejectionReason.OUTSIDE_ZONES
    if any(_contains(mask, face.box, size) for mask in rules.masks):
        return RejectionReason.MASKED
    return None


def _contains(polygon: Polygon, box: Box, size: ImageSize) -> bool:
    """Return whether the centre of a box lies in a polygon, or on its edge."""
    middle = ((box.x + box.width / 2) / size.width, (box.y + box.height / 2) / size.height)
    return cv2.pointPolygonTest(np.array(polygon, np.float32), middle, measureDist=False) >= 0
