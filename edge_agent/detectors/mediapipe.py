"""MediaPipe's own face detector, with BlazeFace, full range.

The package contains no models, and reads the normalization of its input from metadata that the pinned file lacks: they
are added in memory (https://ai.google.dev/edge/litert/models/metadata).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from edge_agent.detectors.blazeface import KNOTS, LOWEST_SCORE, POINTS
from edge_agent.detectors.boxes import rescale, to_faces
from edge_agent.detectors.letterbox import fit

# The library reports its use to its vendor, and has no setting against it. This agent sends data only to the broker: at
# this address, nothing answers. A worker uses no other proxy.
os.environ["https_proxy"] = os.environ["HTTPS_PROXY"] = "http://127.0.0.1:9"
for drawing in ("matplotlib", "matplotlib.pyplot"):  # imported for drawing in three dimensions; not installed with it
    sys.modules.setdefault(drawing, ModuleType(drawing))

import flatbuffers  # noqa: E402 - after the proxy
from mediapipe import Image, ImageFormat  # noqa: E402
from mediapipe.tasks.metadata import metadata_schema_py_generated as metadata  # noqa: E402
from mediapipe.tasks.metadata import schema_py_generated as tflite  # noqa: E402
from mediapipe.tasks.python import BaseOptions, vision  # noqa: E402

if TYPE_CHECKING:
    import numpy.typing as npt

    from edge_agent.wire import DetectorChoice, Face

MIDDLE: Final = 127.5
"""Input of the network: (value - MIDDLE) / MIDDLE."""


class MediaPipe:
    """Finds fewer faces than YuNet, in about 3 ms on one core of a small server."""

    strategy = "cpu"
    model = "mediapipe"
    uses_pixels = True
    side = 192

    def __init__(self, choice: DetectorChoice) -> None:
        options = BaseOptions(model_asset_buffer=with_metadata(Path(choice.path).read_bytes()))
        self._detector = vision.FaceDetector.create_from_options(
            vision.FaceDetectorOptions(base_options=options, min_detection_confidence=LOWEST_SCORE)
        )

    def detect(self, image: npt.NDArray[np.uint8]) -> list[Face]:
        """Return the faces, best first, in pixels of `image` (height x width x 3, uint8, BGR)."""
        height, width = image.shape[:2]
        pixels = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        found = self._detector.detect(Image(image_format=ImageFormat.SRGB, data=pixels)).detections
        found.sort(key=lambda each: -each.categories[0].score)
        boxes = [each.bounding_box for each in found]
        return to_faces(
            np.array([(box.origin_x, box.origin_y, box.width, box.height) for box in boxes], np.float32).reshape(-1, 4),
            np.array(
                [[(point.x * width, point.y * height) for point in each.keypoints] for each in found], np.float32
            ).reshape(-1, len(POINTS), 2),
            rescale(np.array([each.categories[0].score for each in found], np.float32), KNOTS),
            image=image,
            layout=fit(width, height, side=max(width, height), multiple=1),
            names=POINTS,
        )


def with_metadata(content: bytes) -> bytes:
    """Return a model (TensorFlow Lite) with metadata that name the normalization of its input picture."""
    model = tflite.ModelT.InitFromObj(tflite.Model.GetRootAsModel(bytearray(content), 0))
    entry, buffer = tflite.MetadataT(), tflite.BufferT()
    buffer.data = np.frombuffer(_metadata(len(model.subgraphs[0].outputs)), np.uint8)
    entry.name, entry.buffer = "TFLITE_METADATA", len(model.buffers)
    model.buffers.append(buffer)
    model.metadata = [*(model.metadata or ()), entry]
    return _pack(model, b"TFL3")


def _metadata(outputs: int) -> bytes:
    unit = metadata.ProcessUnitT()
    unit.optionsType = metadata.ProcessUnitOptions.NormalizationOptions
    unit.options = metadata.NormalizationOptionsT()
    unit.options.mean = unit.options.std = [MIDDLE]
    picture = metadata.TensorMetadataT()
    picture.content = metadata.ContentT()
    picture.content.contentPropertiesType = metadata.ContentProperties.ImageProperties
    picture.content.contentProperties = metadata.ImagePropertiesT()
    picture.content.contentProperties.colorSpace = metadata.ColorSpaceType.RGB
    picture.processUnits = [unit]
    graph = metadata.SubGraphMetadataT()
    graph.inputTensorMetadata = [picture]
    graph.outputTensorMetadata = [metadata.TensorMetadataT() for _ in range(outputs)]
    whole = metadata.ModelMetadataT()
    whole.subgraphMetadata = [graph]
    return _pack(whole, b"M001")


def _pack(table: object, identifier: bytes) -> bytes:
    builder = flatbuffers.Builder(0)
    builder.Finish(table.Pack(builder), identifier)  # type: ignore[attr-defined] # generated classes
    return bytes(builder.Output())
