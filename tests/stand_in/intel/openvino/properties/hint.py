"""Names of options, which the stand-in ignores."""

from enum import Enum

performance_mode = "PERFORMANCE_HINT"
enable_cpu_pinning = "ENABLE_CPU_PINNING"


class PerformanceMode(Enum):
    """What to optimise."""

    LATENCY = "LATENCY"
