"""The EdgeTPU's detector, with a fake device."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from edge_agent.detectors.edgetpu import EdgeTpu, load_delegate
from edge_agent.errors import DetectorUnavailableError
from edge_agent.reasons import UnavailableReason
from edge_agent.wire import Box
from tests.stand_in import Stick

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def stick(tmp_path: Path) -> Stick:
    return Stick(tmp_path)


def test_a_face_is_found_where_it_is(stick: Stick) -> None:
    image = np.zeros((480, 640, 3), np.uint8)
    cv2.rectangle(image, (200, 100), (299, 219), (255, 255, 255), cv2.FILLED)
    detector = EdgeTpu(stick.choice())
    (face,) = detector.detect(image)
    assert face.box == Box(200, 100, 100, 120)
    assert face.confidence == pytest.approx(0.9)
    assert detector.detect(np.zeros((100, 50, 3), np.uint8)) == []


def test_missing_parts_are_reported(stick: Stick) -> None:
    with pytest.raises(DetectorUnavailableError, match=r"the library libnowhere\.so cannot be loaded") as missing:
        load_delegate("libnowhere.so", "any")
    assert missing.value.fault.reason is UnavailableReason.LIBRARY_MISSING
    stick.does("no_device")
    with pytest.raises(DetectorUnavailableError, match="no EdgeTPU usb:1 was found") as unplugged:
        load_delegate(str(stick.library), "usb:1")
    assert unplugged.value.fault.reason is UnavailableReason.DEVICE_MISSING
