"""All that crosses between the parent and its worker processes, and nothing else.

Both sides import this package; it imports neither. Messages travel as msgpack over one pipe a worker
(never as pickle: a worker handles hostile pictures and is not trusted with code), picture bytes through
one anonymous memory file a worker.
"""

from edge_agent.wire.buffer import SharedBuffer
from edge_agent.wire.messages import (
    Box,
    Detected,
    DetectorChoice,
    Face,
    FaceRules,
    Failed,
    FailureReason,
    FromWorker,
    ImageSize,
    Polygon,
    Privacy,
    Ready,
    Rejected,
    SecondLook,
    SnapshotWish,
    StageTimes,
    Stop,
    Task,
    ToWorker,
    Trying,
    Unavailable,
    Unusable,
    WorkerSpec,
    decode_from_worker,
    decode_spec,
    decode_to_worker,
    encode,
)

__all__ = [
    "Box",
    "Detected",
    "DetectorChoice",
    "Face",
    "FaceRules",
    "Failed",
    "FailureReason",
    "FromWorker",
    "ImageSize",
    "Polygon",
    "Privacy",
    "Ready",
    "Rejected",
    "SecondLook",
    "SharedBuffer",
    "SnapshotWish",
    "StageTimes",
    "Stop",
    "Task",
    "ToWorker",
    "Trying",
    "Unavailable",
    "Unusable",
    "WorkerSpec",
    "decode_from_worker",
    "decode_spec",
    "decode_to_worker",
    "encode",
]
