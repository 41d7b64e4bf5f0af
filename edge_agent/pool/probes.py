"""The probes that run, on the supervisor's thread: started, watched, and logged with their results."""

from __future__ import annotations

import functools
import logging
import selectors
from typing import TYPE_CHECKING

from edge_agent.errors import reason_of
from edge_agent.pool.probe import Probe
from edge_agent.reasons import DetectorFault, UnavailableReason

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.context import BaseContext

    from edge_agent.pool.tasks import WorkerPlan

log = logging.getLogger(__name__)


class Probes:
    """The probes of accelerators by number; `report` gets each result: why an accelerator is unavailable, or None."""

    def __init__(
        self,
        context: BaseContext,
        plan: WorkerPlan,
        selector: selectors.BaseSelector,
        report: Callable[[int, DetectorFault | None], None],
    ) -> None:
        self._context = context
        self._plan = plan
        self._selector = selector
        self._report = report
        self._running: dict[int, Probe] = {}
        self._proven: set[int] = set()
        """The accelerators that have worked in this run: only the loss of such a one is logged as a loss."""

    def start(self, accelerator: int) -> DetectorFault | None:
        """Start the probe of an accelerator; return why that fails, or None."""
        try:
            probe = Probe.start(self._context, self._plan.detectors.accelerators[accelerator], self._plan.max_pixels)
        except OSError as error:
            return DetectorFault(UnavailableReason.START_FAILED, reason_of(error))
        self._running[accelerator] = probe
        self._selector.register(probe.pidfd, selectors.EVENT_READ, functools.partial(self._on_exit, accelerator))
        return None

    def kill(self, accelerator: int) -> None:
        """Kill the probe of an accelerator; its exit is reported as usual."""
        self._running[accelerator].kill()

    def kill_all(self) -> None:
        """Kill every probe; may be called from any thread."""
        for probe in tuple(self._running.values()):
            probe.kill()

    def stop(self) -> None:
        """Kill every probe, and report nothing."""
        for probe in self._running.values():
            self._selector.unregister(probe.pidfd)
            probe.kill()
            probe.result()

    def _on_exit(self, accelerator: int) -> None:
        probe = self._running.pop(accelerator)
        self._selector.unregister(probe.pidfd)
        result = probe.result()
        if result.works:
            self._proven.add(accelerator)
        self._log(accelerator, result.fault)
        self._report(accelerator, result.fault)

    def _log(self, accelerator: int, fault: DetectorFault | None) -> None:
        choice = self._plan.detectors.accelerators[accelerator]
        is_missed = choice.strategy in self._plan.detectors.asked or accelerator in self._proven
        log.log(
            logging.INFO if fault is None else logging.WARNING if is_missed else logging.DEBUG,
            "%s %s (%s) %s",
            choice.strategy,
            choice.model,
            choice.device,
            "works" if fault is None else f"cannot be used: {fault.text}",
        )
