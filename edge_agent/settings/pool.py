"""The settings of the pool: its worker processes, and the frames that wait for them."""

from __future__ import annotations

import os

from pydantic import Field

from edge_agent.settings.section import Section


def default_workers() -> int:
    """Return one worker per core, at least 2 (one may crash) and at most 4 (the memory of a Pi)."""
    return min(4, max(2, os.cpu_count() or 2))


class PoolSettings(Section):
    """The worker processes."""

    workers: int = Field(
        default_factory=default_workers,
        ge=1,
        le=16,
        description="Number of worker processes; empty: one per core, 2 to 4",
    )
    start_timeout_s: float = Field(20.0, gt=0, description="Maximum time for a worker to start")
    job_timeout_s: float = Field(
        5.0, gt=0, description="Maximum time for one frame; a worker that exceeds it is replaced"
    )
    accelerator_timeout_s: float = Field(
        2.0, gt=0, description="Maximum time for one frame on an accelerator; the CPU then takes over"
    )
    probe_timeout_s: float = Field(10.0, gt=0, description="Maximum time to test an accelerator")
    probe_backoff_s: float = Field(
        5.0, gt=0, description="Wait before a failed accelerator is tested again; doubles each time"
    )
    probe_backoff_max_s: float = Field(
        600.0, gt=0, description="Maximum wait before a failed accelerator is tested again"
    )
    max_attempts: int = Field(3, ge=1, description="Maximum number of attempts per frame")
    retry_delay_s: float = Field(0.05, gt=0, description="Wait before the first retry of a frame; doubles each time")
    restart_intensity: int = Field(
        10,
        ge=1,
        description="Number of exits within `pool.restart_period_s` after which a worker is not restarted for a while",
    )
    restart_period_s: float = Field(60.0, gt=0, description="Period in which the exits of a worker are counted")
    restart_delay_s: float = Field(
        0.1, gt=0, description="Wait before a worker that exited right after its start is restarted; doubles each time"
    )
    restart_delay_max_s: float = Field(
        30.0, gt=0, description="Maximum wait before a restart, also after `pool.restart_intensity` is exceeded"
    )
    memory_limit_mb: int = Field(200, ge=50, description="Memory above which an idle worker is replaced")
    max_jobs: int = Field(0, ge=0, description="Number of frames after which a worker is replaced; 0: never")
    max_age_s: float = Field(0.0, ge=0, description="Age after which an idle worker is replaced; 0: never")
    give_up_s: float = Field(
        300.0, gt=0, description="Time without a working worker after which the agent exits with code 1"
    )
    sandbox: bool = Field(
        default=True,
        description="Restrict workers to reading programs and models (Landlock, if the kernel supports it)",
    )
    graceful_timeout_s: float = Field(
        3.0, ge=0, description="Maximum time to finish the frames in progress at shutdown"
    )


class QueueSettings(Section):
    """The frames that wait for a worker."""

    max_frames: int = Field(
        100, ge=4, description="Maximum number of waiting frames; a press frame replaces an ordinary one"
    )
    max_megabytes: int = Field(64, ge=10, description="Maximum size of all waiting frames")
    motion_per_doorbell: int = Field(
        4, ge=1, description="Maximum number of waiting motion frames per doorbell; the oldest is dropped"
    )
    press_expiry_s: float = Field(
        30.0, gt=0, description="Maximum wait of a press frame; it is then answered `failed` with the reason `expired`"
    )
    motion_expiry_s: float = Field(5.0, gt=0, description="Maximum wait of a motion frame; it is then dropped")
    continuous_expiry_s: float = Field(2.0, gt=0, description="Maximum wait of a continuous frame; it is then dropped")
