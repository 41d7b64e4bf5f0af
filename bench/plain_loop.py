"""The loop that anyone would write, to compare processor time with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from edge_agent.detectors.letterbox import Canvas, fit
from edge_agent.detectors.yunet import OUTPUTS, YuNet, faces_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_agent.wire import DetectorChoice

PLAIN_SIDE: Final = 640


def plain_detection(choice: DetectorChoice) -> Callable[[bytes], int]:
    """Return the loop that anyone would write: `cv2.imdecode`, resize, YuNet-n at 640."""
    cv2.setNumThreads(1)
    network, canvas = YuNet(choice).network, Canvas()

    def look(data: bytes) -> int:
        image = np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), np.uint8)
        layout = fit(image.shape[1], image.shape[0], side=PLAIN_SIDE, multiple=32)
        blob = cv2.dnn.blobFromImage(canvas.draw(image, layout))
        return len(faces_in(network.run(OUTPUTS, {"input": blob}), layout, image))

    return look
