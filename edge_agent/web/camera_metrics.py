"""The cameras that the agent captures, for Prometheus. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from edge_agent.capture.camera import CaptureReason
from edge_agent.capture.reports import CameraState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from prometheus_client.metrics_core import Metric

    from edge_agent.telemetry.health import CameraPayload

FAULTS: Final = tuple(reason.value for reason in CaptureReason if reason is not CaptureReason.STARTING)
"""Each has a sample, 0 included: `increase()` does not see a first sample."""


def of_cameras(cameras: Sequence[CameraPayload]) -> Iterator[Metric]:
    """Yield every metric; a value that is not known yet has no sample."""
    yield _family(GaugeMetricFamily, "up", "1 while a camera sends pictures",
                  {each.doorbell: each.state == CameraState.LIVE for each in cameras})  # fmt: skip
    yield _family(
        GaugeMetricFamily,
        "last_frame_timestamp_seconds",
        "Unix time at which the last published frame of a camera was taken",
        {each.doorbell: each.last_frame_at.timestamp() for each in cameras if each.last_frame_at},
    )
    yield _family(GaugeMetricFamily, "process_memory_bytes", "Memory used by the capture process of a camera",
                  {each.doorbell: each.memory_mb * 1e6 for each in cameras if each.pid is not None})  # fmt: skip
    yield _family(CounterMetricFamily, "frames_published", "Frames of a camera that were published",
                  {each.doorbell: each.frames for each in cameras})  # fmt: skip
    yield _family(CounterMetricFamily, "connection_attempts", "Attempts to connect to a camera",
                  {each.doorbell: each.attempts for each in cameras})  # fmt: skip
    yield _family(CounterMetricFamily, "process_restarts", "Capture processes that were replaced",
                  {each.doorbell: each.restarts for each in cameras})  # fmt: skip
    yield _faults(cameras)


def _family(
    kind: type[GaugeMetricFamily | CounterMetricFamily], name: str, meaning: str, samples: Mapping[str, float]
) -> Metric:
    family = kind(f"edge_agent_camera_{name}", meaning, labels=["doorbell"])
    for doorbell, sample in samples.items():
        family.add_metric([doorbell], sample)
    return family


def _faults(cameras: Sequence[CameraPayload]) -> Metric:
    family = CounterMetricFamily("edge_agent_camera_faults", "Failures of a camera", labels=["doorbell", "reason"])
    for camera in cameras:
        for reason in FAULTS:
            family.add_metric([camera.doorbell, reason], camera.faults.get(reason, 0))
    return family
