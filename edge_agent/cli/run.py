"""`edge-agent run`: the agent; the demo if no broker is configured."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.text import Text

from edge_agent import app, logs, topics
from edge_agent.agent.press_control import VISITORS
from edge_agent.capture.specs import camera_secrets, camera_specs
from edge_agent.cli.listeners import broker_arguments
from edge_agent.cli.palette import ATTENTION, QUIET
from edge_agent.cli.watch import EVENTS, Watcher, show
from edge_agent.demo import EmbeddedBroker, SimulatedDoorbell, check_pictures, resolve_visitors
from edge_agent.domain import Message
from edge_agent.errors import BrokerLostError, BrokerUnreachableError, SettingsError
from edge_agent.platform.program_name import command
from edge_agent.platform.threads import start_thread
from edge_agent.settings.keys import secret_values

if TYPE_CHECKING:
    from edge_agent.settings.model import Settings

DOORBELL: Final = "front"
PICTURES: Final = Path("demo-pictures")
PICTURES_KEPT: Final = 20
BOX_WIDTH: Final = 4
"""Both sides of a box."""


def run_agent(settings: Settings, *, folder: Path | None, seconds: float | None) -> int:
    """Run the agent until it is stopped, in a demo if no broker is configured; return the exit code."""
    secrets = (*secret_values(settings), *camera_secrets(camera_specs(settings)))
    logs.set_up(settings.log.level, settings.log.format, secrets=secrets)
    if settings.mqtt.tls.enabled and (folder is not None or not settings.mqtt.host):
        message = (
            "the simulated doorbell and the embedded broker do not support TLS: use your own broker, or disable TLS"
        )
        raise SettingsError(message)
    if folder is not None:
        check_pictures(folder)
    if settings.mqtt.host:
        with _simulation(settings, folder) if folder else contextlib.nullcontext():
            return app.run(settings, seconds=seconds)
    with EmbeddedBroker() as broker:
        own = settings.mqtt.model_copy(
            update={"host": broker.host, "port": broker.port, "protocol": "3.1.1", "transport": "tcp"}
        )
        settings = settings.model_copy(update={"mqtt": own})
        keeps = folder is None or folder.resolve() != PICTURES.resolve()
        with contextlib.nullcontext() if settings.cameras and not folder else _simulation(settings, folder):
            console = Console()
            console.print(_welcome(settings, console.width), soft_wrap=True)
            if console.is_terminal:
                logging.getLogger(VISITORS).setLevel(logging.WARNING)  # the table shows them
            start_thread(threading.Thread(target=_show, args=(settings, keeps), name="demo-table", daemon=True))
            return app.run(settings, seconds=seconds)


def _simulation(settings: Settings, folder: Path | None) -> SimulatedDoorbell:
    visitors = () if folder else resolve_visitors(settings.models.dir, settings.models.cache_dir)
    return SimulatedDoorbell(
        settings.mqtt.host, settings.mqtt.port, doorbell=DOORBELL, folder=folder, visitors=visitors
    )


def _show(settings: Settings, keeps: bool) -> None:
    """Show the agent's events, as any subscriber receives them; `keeps` says whether pictures are saved."""
    with (
        contextlib.suppress(BrokerUnreachableError, BrokerLostError),
        Watcher(settings.mqtt, (*EVENTS, topics.snapshot("+"))) as watcher,
    ):
        show(_keep_pictures(watcher.messages()) if keeps else watcher.messages(), Console())


def _keep_pictures(messages: Iterator[Message]) -> Iterator[Message]:
    """Save the newest PICTURES_KEPT annotated pictures, and yield all other messages."""
    number = 0
    for message in messages:
        if message.topic != topics.snapshot(DOORBELL):
            yield message
            continue
        with contextlib.suppress(OSError):
            PICTURES.mkdir(exist_ok=True)
            (PICTURES / f"{number % PICTURES_KEPT:02}.jpg").write_bytes(message.payload)
        number += 1


def _welcome(settings: Settings, width: int) -> RenderableType:
    """Return the next steps, in a box if they fit: a wrapped command cannot be copied."""
    commands = (
        ("Use your own broker", command("run", "--host", "BROKER")),
        ("Watch the events", command("watch", *broker_arguments(settings.mqtt))),
        ("Annotated pictures", f"{PICTURES.absolute()}"),
    )
    what = "your camera" if settings.cameras else "a simulated doorbell"
    lines = Group(
        Text(f"Demo only: an embedded broker and {what}.", ATTENTION),
        *(Text.assemble(f"{name + ':':<21}", (value, "bold")) for name, value in commands),
        Text("Press Ctrl-C to stop.", QUIET),
    )
    longest = max(21 + len(value) for _, value in commands)
    if longest + BOX_WIDTH > width:
        return lines
    return Panel(lines, title="edge-agent", title_align="left", expand=False)
