"""`edge-agent capture`: one camera, without an agent. It publishes for any agent on the broker."""

from __future__ import annotations

import logging
import signal
from typing import TYPE_CHECKING

from edge_agent import logs
from edge_agent.capture.camera import CaptureError, CaptureReason, Kind, sentence
from edge_agent.capture.loop import CameraLoop
from edge_agent.capture.reports import CameraState, Report
from edge_agent.capture.sandbox import enter_sandbox
from edge_agent.capture.sources import open_source
from edge_agent.capture.specs import camera_secrets, camera_specs
from edge_agent.capture.tls_tunnel import entrance_for
from edge_agent.errors import EdgeAgentError, SettingsError
from edge_agent.mqtt.access import BrokerAccess
from edge_agent.mqtt.tls import tls_context
from edge_agent.settings.keys import secret_values
from edge_agent.settings.loading import remove_secrets

if TYPE_CHECKING:
    from edge_agent.capture.camera import CameraSpec
    from edge_agent.settings.model import Settings

log = logging.getLogger(__name__)


def capture(settings: Settings, seconds: float | None) -> int:
    """Publish the pictures of the first camera of the settings until SIGTERM or Ctrl-C; return the exit code."""
    specs = camera_specs(settings)
    logs.set_up(settings.log.level, settings.log.format, secrets=(*secret_values(settings), *camera_secrets(specs)))
    if not settings.mqtt.host:
        message = "no broker is configured: use --host, or set EDGE_AGENT_MQTT__HOST"
        raise SettingsError(message)
    tls_context(settings.mqtt.tls)
    remove_secrets()
    _check(specs[0])
    entrance = entrance_for(specs[0])
    mqtt = BrokerAccess.of(settings.mqtt)
    sandbox = enter_sandbox(specs[0], mqtt, entrance)
    loop = CameraLoop(specs[0], mqtt, settings.agent_id, _Log(specs[0]).report, sandbox, entrance)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
        signal.signal(number, lambda *_: loop.stop())
    if seconds:
        signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        loop.run()
    except CaptureError as error:
        message = f"the camera {specs[0].shown}: {error}"
        raise EdgeAgentError(message) from error
    return 0


def _check(spec: CameraSpec) -> None:
    """Raise EdgeAgentError if an extra is missing: waiting does not add it."""
    if spec.kind is Kind.RTSP:
        try:
            open_source(spec).close()
        except CaptureError as error:
            raise EdgeAgentError(str(error)) from error


class _Log:
    """Logs the changes of a camera's state."""

    def __init__(self, spec: CameraSpec) -> None:
        self._spec = spec
        self._last: tuple[CameraState, CaptureReason | None, str] | None = None

    def report(self, report: Report) -> None:
        """Log a report if it says something new."""
        said = (report.state, report.reason, report.detail)
        if said == self._last or report.reason is CaptureReason.STARTING:
            return
        self._last = said
        if report.state is CameraState.LIVE:
            log.info("%s: pictures of %s are published", self._spec.doorbell, self._spec.shown)
        else:
            why = sentence(report.reason or CaptureReason.STARTING, report.detail)
            log.warning("%s: the camera %s is away: %s", self._spec.doorbell, self._spec.shown, why)
