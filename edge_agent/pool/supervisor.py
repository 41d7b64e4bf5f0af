"""The thread that owns the worker processes: it carries out what the core decides.

It sleeps until a worker sends a message or exits, a frame is submitted, or a timer is due.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import selectors
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Final

import msgspec

from edge_agent.domain import Pictures
from edge_agent.errors import reason_of
from edge_agent.platform.threads import start_thread
from edge_agent.pool.actions import Action, Assign, EndProbe, KillWorker, Report, StartProbe, StartWorker, StopWorker
from edge_agent.pool.core import PoolCore
from edge_agent.pool.fork_server import prepare
from edge_agent.pool.probes import Probes
from edge_agent.pool.tasks import message_of
from edge_agent.pool.views import PoolLiveness
from edge_agent.pool.worker_process import WorkerProcess
from edge_agent.reasons import ExitReason, WorkerExit
from edge_agent.wire import Detected, Failed, FromWorker, Loading, Ready, Stop, Unchanged, Unusable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from edge_agent.domain import Job, Outcome
    from edge_agent.pool.limits import PoolLimits
    from edge_agent.pool.tasks import WorkerPlan
    from edge_agent.pool.views import PoolView
    from edge_agent.reasons import DetectorFault

log = logging.getLogger(__name__)

POLL_INTERVAL_S: Final = 0.5
EXIT_TIMEOUT_S: Final = 0.5
"""Time for idle workers to exit by themselves before they are killed."""
MOST_MESSAGES: Final = 64
"""Of one worker at a time: a worker that sends too much must not block the others."""
STOP_S: Final = 4.0
"""Time for the thread to end the workers, in addition to graceful_timeout_s."""
SANDBOX_OFF: Final = "pool.sandbox is off"


class Pool:
    """Worker processes that detect faces in frames. Each job returns as exactly one outcome.

    `report` gets the outcomes, and `changed` the pool's view: when a worker comes or goes, when `request_view` asks,
    and at the end of `stop`. Both must be fast and never block. `crashed` is called if the supervisor's thread fails.
    All methods may be called from any thread.
    """

    def __init__(
        self,
        limits: PoolLimits,
        plan: WorkerPlan,
        report: Callable[[Outcome], None],
        changed: Callable[[PoolView], None] = lambda _view: None,
        crashed: Callable[[], None] = lambda: None,
    ) -> None:
        self._core = PoolCore(limits, plan.detectors)
        self._limits = limits
        self._plan = plan
        self._report = report
        self._changed = changed
        self._crashed = crashed
        self._workers: dict[int, WorkerProcess] = {}
        self._requests: deque[Callable[[float], Iterable[Action]]] = deque()
        self._thread = threading.Thread(target=self._run, name="pool-supervisor", daemon=True)
        self._running = True
        self._drained = threading.Event()
        self._liveness = PoolLiveness()
        self._wakeup = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._selector = selectors.DefaultSelector()
        self._context = prepare(plan.max_pixels)
        self._probes = Probes(self._context, plan, self._selector, self._on_probe_result)

    def start(self) -> None:
        """Start the workers, in the background."""
        self._selector.register(self._wakeup, selectors.EVENT_READ, self._run_requests)
        self._submit(self._core.start)
        start_thread(self._thread)

    def offer(self, job: Job) -> None:
        """Submit a frame."""
        self._submit(functools.partial(self._core.offer, job))

    def prioritize(self, doorbell: str) -> None:
        """Make the waiting frames of a doorbell press frames."""
        self._submit(functools.partial(self._core.prioritize, doorbell))

    def allow_strategy(self, strategy: str) -> None:
        """Use accelerators of one strategy alone, or of all of them (`auto`)."""
        self._submit(functools.partial(self._core.allow_strategy, strategy))

    def restart(self) -> None:
        """Replace every worker."""
        self._submit(self._core.restart_all)

    def liveness(self) -> PoolLiveness:
        """Return the last sign of life, and request another one for the next call."""
        self._submit(self._refresh_liveness)
        return self._liveness

    def request_view(self) -> None:
        """Request a call of `changed` with the current state."""
        self._submit(self._report_view)

    def view(self) -> PoolView:
        """Return the current state of workers and queue."""
        answer: deque[PoolView] = deque()
        seen = threading.Event()

        def look(now: float) -> Iterable[Action]:
            answer.append(self._core.view(now))
            seen.set()
            return ()

        if self._running:
            self._submit(look)
        while not seen.wait(POLL_INTERVAL_S):
            if not self._thread.is_alive():
                return self._core.view(time.monotonic())
        return answer[0]

    def stop(self, graceful_timeout_s: float) -> None:
        """Finish the frames in progress within `graceful_timeout_s`, give up the rest, and end the workers."""
        self._submit(lambda _now: self._core.drain())
        self._drained.wait(graceful_timeout_s)
        self._submit(self._shut_down)
        self._thread.join(STOP_S)
        if not self._thread.is_alive():
            self._changed(self._core.view(time.monotonic()))

    def kill(self) -> None:
        """Kill all processes of the pool now; nothing is reported."""
        for worker in self._workers.values():
            worker.kill()
        self._probes.kill_all()

    # The supervisor's thread

    def _submit(self, request: Callable[[float], Iterable[Action]]) -> None:
        """Run `request` on the supervisor's thread; after `stop` this does nothing."""
        self._requests.append(request)
        with contextlib.suppress(OSError):
            os.eventfd_write(self._wakeup, 1)

    def _run(self) -> None:
        try:
            self._supervise()
        except Exception:
            log.critical("the pool's supervisor failed: no frame can be processed any more", exc_info=True)
            self._running = False
            self.kill()
            self._crashed()

    def _supervise(self) -> None:
        while self._running:
            due_s = self._core.next_due_s()
            timeout_s = None if due_s is None else max(0.0, due_s - time.monotonic())
            for key, _ in self._selector.select(timeout_s):
                if self._selector.get_map().get(key.fd) is key:  # an earlier event may have removed its worker
                    key.data()
            if due_s is not None and due_s <= time.monotonic():
                self._execute(self._core.tick(time.monotonic()))
            if self._core.is_drained():
                self._drained.set()
        self._selector.close()
        os.close(self._wakeup)

    def _run_requests(self) -> None:
        os.eventfd_read(self._wakeup)
        while self._requests:
            self._execute(self._requests.popleft()(time.monotonic()))

    def _refresh_liveness(self, now: float) -> Iterable[Action]:
        works = self._core.view(now).working()
        self._liveness = PoolLiveness(now, now if works else self._liveness.worker_s)
        return ()

    def _report_view(self, now: float) -> Iterable[Action]:
        self._changed(self._core.view(now))
        return ()

    def _shut_down(self, _now: float) -> Iterable[Action]:
        self._running = False
        for slot in self._workers:
            self._send(slot, Stop())
        give_up_s = time.monotonic() + EXIT_TIMEOUT_S
        self._probes.stop()
        for slot in list(self._workers):
            self._workers[slot].wait(give_up_s - time.monotonic())
            self._workers[slot].kill()
            self._reap(slot)
        return self._core.abandon()

    def _execute(self, actions: Iterable[Action]) -> None:
        """Carry out the actions, then those that follow from them."""
        waiting = deque(actions)
        while waiting:
            match waiting.popleft():
                case Report(outcome):
                    self._report(outcome)
                case Assign(slot, job_id, job, limit_s, more):
                    waiting.extend(self._assign(slot, ((job_id, job), *more), limit_s))
                case StartWorker(slot, without, accelerator):
                    waiting.extend(self._spawn_worker(slot, without, accelerator))
                case StartProbe(accelerator):
                    waiting.extend(self._start_probe(accelerator))
                case EndProbe(accelerator):
                    self._probes.kill(accelerator)
                case StopWorker(slot):
                    self._send(slot, Stop())
                case KillWorker(slot, end):
                    log.error("killing worker %d: it %s", slot, end.text, extra={"worker": slot})
                    if slot in self._workers:
                        self._workers[slot].kill()

    def _spawn_worker(
        self, slot: int, without: frozenset[tuple[str, str]], accelerator: int | None
    ) -> Iterable[Action]:
        try:
            worker = WorkerProcess.start(self._context, self._plan.spec(slot, without, accelerator))
        except OSError as error:
            return self._core.on_exit(slot, WorkerExit(ExitReason.NOT_STARTED, reason_of(error)), time.monotonic())
        self._workers[slot] = worker
        self._core.on_started(slot, worker.pid)
        self._selector.register(worker.pipe, selectors.EVENT_READ, functools.partial(self._read_messages, slot))
        self._selector.register(worker.pidfd, selectors.EVENT_READ, functools.partial(self._on_worker_exit, slot))
        return ()

    def _start_probe(self, accelerator: int) -> Iterable[Action]:
        fault = self._probes.start(accelerator)
        return self._core.on_probe_result(accelerator, fault, time.monotonic()) if fault else ()

    def _on_probe_result(self, accelerator: int, fault: DetectorFault | None) -> None:
        now = time.monotonic()
        actions = self._core.on_probe_result(accelerator, fault, now)
        self._changed(self._core.view(now))
        self._execute(actions)

    def _assign(self, slot: int, jobs: Sequence[tuple[int, Job]], limit_s: float) -> Iterable[Action]:
        try:
            self._workers[slot].assign(message_of(jobs, limit_s), [job.frame.image for _, job in jobs])
        except OSError as error:
            log.warning("cannot send a frame to worker %d: %s", slot, reason_of(error))
            self._workers[slot].kill()
            return self._core.on_undelivered(slot, time.monotonic())
        return ()

    def _send(self, slot: int, message: Stop) -> None:
        try:
            self._workers[slot].send(message)
        except OSError:
            self._workers[slot].kill()

    def _read_messages(self, slot: int) -> None:
        """Read the messages of a worker: all results of a batch, before its deadline is checked."""
        worker = self._workers[slot]
        try:
            for _ in range(MOST_MESSAGES):
                if not worker.poll():
                    break
                self._execute(self._handle_message(slot, worker, worker.receive()))
        except (EOFError, OSError, msgspec.MsgspecError) as error:
            if isinstance(error, msgspec.MsgspecError):
                log.error("worker %d sent an invalid message (%s)", slot, error)  # noqa: TRY400 - a traceback says nothing more
            self._stop_reading(worker)
            worker.kill()

    def _handle_message(self, slot: int, worker: WorkerProcess, message: FromWorker) -> Iterable[Action]:
        now = time.monotonic()
        match message:
            case Ready():
                detector = f"{message.strategy} {message.model} in {message.load_ms:.0f} ms"
                note = "" if message.sandbox.mechanism else f" (not sandboxed: {message.sandbox.reason or SANDBOX_OFF})"
                log.info("worker %d ready: %s%s", slot, detector, note, extra={"worker": slot})
                actions = self._core.on_ready(slot, message, now)
                self._changed(self._core.view(now))
                return actions
            case Loading():
                self._core.on_loading(slot, message)
                return ()
            case Unusable():
                self._core.on_unusable(slot, message.unavailable)
                return ()
            case Detected():
                return self._core.on_answer(slot, message, worker.pictures(message), now)
            case Failed() | Unchanged():
                return self._core.on_answer(slot, message, Pictures(), now)

    def _on_worker_exit(self, slot: int) -> None:
        """Handle the end of a worker process: read its last messages, then tell the core."""
        worker = self._workers[slot]
        self._core.on_exiting(slot, time.monotonic())
        while worker.poll() and self._is_reading(worker):
            self._read_messages(slot)
        end = self._reap(slot)
        now = time.monotonic()
        actions = self._core.on_exit(slot, end, now)
        view = self._core.view(now)
        state = view.workers[slot].state.value
        log.log(end.level, "worker %d %s; now %s", slot, end.text, state, extra={"worker": slot})
        self._changed(view)
        self._execute(actions)

    def _reap(self, slot: int) -> WorkerExit:
        worker = self._workers.pop(slot)
        self._selector.unregister(worker.pidfd)
        self._stop_reading(worker)
        return worker.reap()

    def _stop_reading(self, worker: WorkerProcess) -> None:
        if self._is_reading(worker):
            self._selector.unregister(worker.pipe)

    def _is_reading(self, worker: WorkerProcess) -> bool:
        return worker.pipe.fileno() in self._selector.get_map()
