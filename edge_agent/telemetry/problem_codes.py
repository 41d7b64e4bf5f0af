"""The kinds of problems: an enum, and one table with the sentence of each."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from edge_agent.reasons import FailureReason


class ProblemCode(StrEnum):
    """Every kind of problem; the codes of the MQTT interface."""

    NO_WORKERS = "no_workers"
    WORKER_CIRCUIT_OPEN = "worker_circuit_open"
    WORKER_AWAY = "worker_away"
    WORKERS_DYING = "workers_dying"
    ACCELERATOR_LOST = "accelerator_lost"
    DETECTOR_UNAVAILABLE = "detector_unavailable"
    BROKER_LOST = "broker_lost"
    BROKER_REFUSES = "broker_refuses"
    BROKER_UNSTABLE = "broker_unstable"
    TWO_AGENTS = "two_agents"
    OVERLOAD = "overload"
    FRAMES_FAILING = "frames_failing"
    CAMERA_AWAY = "camera_away"
    STATE = "state"
    QUARANTINE = "quarantine"
    HISTORY = "history"
    HEARTBEAT = "heartbeat"
    TEMPORARY_FOLDER = "temporary_folder"
    HOT = "hot"
    THROTTLED = "throttled"
    UNDER_VOLTAGE = "under_voltage"
    MEMORY_LOW = "memory_low"
    DISK_LOW = "disk_low"


SENTENCES: Final = {
    ProblemCode.NO_WORKERS: "No worker stays alive, so no picture is processed: the last worker {why}",
    ProblemCode.WORKER_CIRCUIT_OPEN: "Worker {about} died too often and pauses; the last time it {why}",
    ProblemCode.WORKER_AWAY: "Worker {about} is being replaced: it {why}",
    ProblemCode.WORKERS_DYING: "Workers died {deaths} times in the last minute; the last one {why}",
    ProblemCode.ACCELERATOR_LOST: "{name} lost since {since} ({why}); {instead}",
    ProblemCode.DETECTOR_UNAVAILABLE: "The detector {about} cannot be used: {why}",
    ProblemCode.BROKER_LOST: "No connection to the broker since {since}: {why}",
    ProblemCode.BROKER_REFUSES: "{why}",
    ProblemCode.BROKER_UNSTABLE: "The connection to the broker was lost {losses} times in the last minute: {why}",
    ProblemCode.TWO_AGENTS: "{why}",
    ProblemCode.OVERLOAD: (
        "Pictures arrive faster than they can be processed: {share} % were dropped in the last seconds"
    ),
    ProblemCode.FRAMES_FAILING: "{count} of the last {wanted} pictures {why}",
    ProblemCode.CAMERA_AWAY: "The camera of {about} is away: {why}",
    ProblemCode.STATE: "{why}",
    ProblemCode.QUARANTINE: "{why}",
    ProblemCode.HISTORY: "{why}",
    ProblemCode.HEARTBEAT: "{why}",
    ProblemCode.TEMPORARY_FOLDER: "{why}",
    ProblemCode.HOT: "The processor is at {temperature_c:.0f} °C and may be throttled: improve its cooling",
    ProblemCode.THROTTLED: "The processor is throttled because of heat or a weak power supply",
    ProblemCode.UNDER_VOLTAGE: (
        "The supply voltage is too low: use the power supply made for this board, and a short cable"
    ),
    ProblemCode.MEMORY_LOW: (
        "Only {free_mb:.0f} MB of memory are free: stop other programs, or use fewer workers (pool.workers)"
    ),
    ProblemCode.DISK_LOW: "Only {free_mb:.0f} MB are free on the disk: options may not be saved",
}
FAILURES: Final = {
    FailureReason.BAD_IMAGE: "could not be read: check what the camera sends",
    FailureReason.TOO_LARGE: "were too large: see images.max_megapixels and images.max_megabytes",
    FailureReason.EXPIRED: "waited too long for a free worker",
    FailureReason.OVERLOAD: "arrived while the queue was full",
    FailureReason.TIMEOUT: "took too long in the detector",
    FailureReason.QUARANTINED: "crashed the workers that processed them",
    FailureReason.DETECTOR_ERROR: "failed in the detector",
}
"""Each follows the words `N of the last M pictures`."""
