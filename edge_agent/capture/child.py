"""The capture process, from its start to its end."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
from typing import TYPE_CHECKING, Final

import msgspec

from edge_agent import logs
from edge_agent.capture.camera import CameraSpec, CaptureError
from edge_agent.capture.loop import CameraLoop
from edge_agent.capture.reports import Report, encode
from edge_agent.capture.sandbox import enter_sandbox
from edge_agent.capture.tls_tunnel import entrance_for
from edge_agent.platform.malloc import return_large_blocks
from edge_agent.worker.guards import die_with_parent, limit_memory

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from edge_agent.capture.process import Start

PLANE_BYTES: Final = 128 << 10
"""Planes of pictures are larger; they are freed seconds before the next one is needed."""


def serve(pipe: Connection, life: Connection, start: Start) -> None:
    """Capture one camera until the parent asks for the end, or dies."""
    die_with_parent(life)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    shared = start.surroundings
    spec = msgspec.msgpack.decode(start.spec, type=CameraSpec)
    secrets = (spec.password, spec.token, shared.mqtt.password.get_secret_value())
    logs.set_up(shared.log_level, shared.log_format, secrets=secrets)
    logging.getLogger("edge_agent.mqtt").setLevel(logging.ERROR)  # the agent reports the same broker
    limit_memory(spec.memory_limit_bytes)
    return_large_blocks(PLANE_BYTES)
    entrance = entrance_for(spec)
    sandbox = enter_sandbox(spec, shared.mqtt, entrance)

    def report(said: Report) -> None:
        with contextlib.suppress(OSError):
            pipe.send_bytes(encode(said))

    loop = CameraLoop(spec, shared.mqtt, shared.agent_id, report, sandbox, entrance)
    signal.signal(signal.SIGTERM, lambda *_: loop.stop())
    with contextlib.suppress(CaptureError):  # it hangs; the parent starts another process
        loop.run()
    os._exit(0)  # a thread may still wait for the camera
