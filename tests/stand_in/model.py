"""A TensorFlow Lite model like those compiled for the EdgeTPU, in about 2 kB."""

from __future__ import annotations

from typing import Any, Final

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers

SIDE: Final = 320
ON_STICK: Final = "edgetpu-custom-op"
ON_PROCESSOR: Final = "TFLite_Detection_PostProcess"
MOST_FACES: Final = 10
OPTIONS: Final = {
    "max_detections": MOST_FACES,
    "max_classes_per_detection": 1,
    "detections_per_class": 1,
    "use_regular_nms": False,
    "nms_score_threshold": 0.1,
    "nms_iou_threshold": 0.5,
    "num_classes": 1,
    "y_scale": 1.0,
    "x_scale": 1.0,
    "h_scale": 1.0,
    "w_scale": 1.0,
}


def build_model() -> bytes:
    """Return the model: an input picture, the EdgeTPU's operation, and the postprocessing on the CPU."""
    picture = _tensor("picture", (1, SIDE, SIDE, 3), schema.TensorType.UINT8)
    picture.quantization = schema.QuantizationParametersT()
    picture.quantization.scale, picture.quantization.zeroPoint = [1 / 128], [128]
    tensors = [
        picture,
        _tensor("box encodings", (1, 1, 4)),
        _tensor("class predictions", (1, 1, 2)),
        _tensor("anchors", (1, 4), buffer=1),
        _tensor("boxes", (1, MOST_FACES, 4)),
        _tensor("classes", (1, MOST_FACES)),
        _tensor("scores", (1, MOST_FACES)),
        _tensor("count", (1,)),
    ]
    graph = schema.SubGraphT()
    graph.tensors, graph.inputs, graph.outputs = tensors, [0], [4, 5, 6, 7]
    graph.operators = [
        _operator(0, [0], [1, 2], b"a compiled program"),
        _operator(1, [1, 2, 3], [4, 5, 6, 7], bytes(flexbuffers.Dumps(OPTIONS))),
    ]
    model = schema.ModelT()
    model.version, model.description = 3, "a stand-in"
    model.operatorCodes = [_code(ON_STICK), _code(ON_PROCESSOR)]
    model.subgraphs = [graph]
    anchor = np.array([0.5, 0.5, 1, 1], np.float32)
    model.buffers = [_buffer(b""), _buffer(anchor.tobytes())]
    builder = flatbuffers.Builder(4096)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _tensor(name: str, shape: tuple[int, ...], kind: int = schema.TensorType.FLOAT32, buffer: int = 0) -> Any:
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.type, tensor.buffer = name, list(shape), kind, buffer
    return tensor


def _operator(code: int, inputs: list[int], outputs: list[int], options: bytes) -> Any:
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = code, inputs, outputs
    operator.customOptions = list(options)
    return operator


def _code(name: str) -> Any:
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    code.customCode, code.version = name, 1
    return code


def _buffer(data: bytes) -> Any:
    buffer = schema.BufferT()
    buffer.data = list(data)
    return buffer
