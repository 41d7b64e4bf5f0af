"""What other rooms see of the pool: slots, workers and accelerators. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_agent.domain import Trigger, WorkerDetector
    from edge_agent.reasons import DetectorFault, ExitReason, WorkerExit
    from edge_agent.wire import Unavailable


class SlotState(StrEnum):
    """The state of a slot's worker; the codes of the health message."""

    STARTING = "starting"
    IDLE = "idle"
    BUSY = "busy"
    STOPPING = "stopping"
    EXITING = "exiting"
    BACKOFF = "backoff"
    CIRCUIT_OPEN = "circuit_open"


@dataclass(frozen=True, slots=True)
class WorkerView:
    """A slot and its worker."""

    slot: int
    state: SlotState
    since_s: float
    pid: int | None
    detector: WorkerDetector | None
    jobs_done: int
    busy_s: float
    restarts: int
    memory_bytes: int
    last_error: WorkerExit | None
    sandbox: str = ""


class AcceleratorState(StrEnum):
    """The state of an accelerator; the codes of the health message."""

    PROBING = "probing"
    AVAILABLE = "available"
    IN_USE = "in_use"
    UNAVAILABLE = "unavailable"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class AcceleratorView:
    """An accelerator: why it is unavailable, and for how long if it was in use before."""

    strategy: str
    model: str
    device: str
    state: AcceleratorState
    fault: DetectorFault | None = None
    lost_for_s: float | None = None


@dataclass(frozen=True, slots=True)
class PoolView:
    """The whole pool; `deaths` counts workers that ended unexpectedly, by reason.

    `unavailable` are detectors that should work but fail, `missing` those that were never present. `unfinished` counts
    the submitted frames without an outcome, `service_ms` is the service time by strategy.
    """

    workers: tuple[WorkerView, ...]
    waiting: dict[Trigger, int]
    retrying: int
    retries: int
    restarts: int
    deaths: dict[ExitReason, int]
    unavailable: tuple[Unavailable, ...]
    accelerators: tuple[AcceleratorView, ...] = ()
    missing: tuple[Unavailable, ...] = ()
    accelerator_assignments: int = 0
    accelerator_releases: int = 0
    unfinished: int = 0
    service_ms: dict[str, float] = field(default_factory=dict)

    def working(self) -> int:
        """Return the number of workers that can take frames."""
        return sum(worker.state in {SlotState.IDLE, SlotState.BUSY} for worker in self.workers)


@dataclass(frozen=True, slots=True)
class PoolLiveness:
    """When the supervisor's thread, and a worker that can take frames, were last seen; monotonic, 0: not yet."""

    supervisor_s: float = 0.0
    worker_s: float = 0.0
