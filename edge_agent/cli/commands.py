"""The commands and their options; each command has its own module."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge_agent import __version__
from edge_agent.cli.flags import DOORBELL, AgentId, Config, Flags, takes_broker
from edge_agent.cli.history_commands import history
from edge_agent.cli.model_commands import models
from edge_agent.cli.usage import FILE, FOLDER, Command, Group
from edge_agent.domain import Trigger
from edge_agent.errors import EdgeAgentError, SettingsError
from edge_agent.settings.loading import load_settings
from edge_agent.settings.model import LOG_LEVELS

commands = typer.Typer(
    name="edge-agent",
    help="Detect faces in doorbell images and publish the results over MQTT.",
    no_args_is_help=True,
    cls=Group,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help"]},
)
commands.add_typer(models, name="models")
commands.add_typer(history, name="history")


Pictures = Annotated[
    list[Path],
    # readable=False: a file that this user cannot read must not stop the others
    typer.Argument(help="Image files, or folders of them.", metavar="PATH", readable=False),
]


def _trigger_words() -> list[str]:
    """Return the words for shell completion."""
    return [each.code for each in Trigger]


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"edge-agent {__version__}")
        raise typer.Exit


@commands.callback()
def _main(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


@commands.command(cls=Command)
@takes_broker
def run(  # noqa: PLR0913, PLR0917 - the options of a command
    broker: Flags,
    config: Config = None,
    agent_id: Annotated[str | None, typer.Option(help="Name of this agent in topics.", metavar="NAME")] = None,
    log_level: Annotated[
        str | None,
        typer.Option(help="debug, info, warning or error.", metavar="LEVEL", autocompletion=lambda: list(LOG_LEVELS)),
    ] = None,
    simulate: Annotated[
        Path | None,
        typer.Option(help="Simulate a doorbell with the images in this folder.", metavar=FOLDER, file_okay=False),
    ] = None,
    camera: Annotated[
        str | None, typer.Option(help="Capture this camera as the doorbell `front`.", metavar="URL")
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(help="Stop after this many seconds.", metavar="SECONDS", min=0.1)
    ] = None,
) -> None:
    """Run the agent. Without a broker, run a demo with an embedded broker and a simulated doorbell."""
    from edge_agent.cli.run import run_agent  # noqa: PLC0415 - each command loads only what it needs

    flags = {**broker, "agent_id": agent_id, "log": {"level": log_level}}
    if camera:
        flags["cameras"] = [{"url": camera}]
    raise typer.Exit(run_agent(load_settings(config, flags), folder=simulate, seconds=seconds))


@commands.command(cls=Command)
@takes_broker
def send(  # noqa: PLR0913, PLR0917 - the options of a command
    broker: Flags,
    pictures: Pictures,
    doorbell: Annotated[
        str, typer.Option("--doorbell", "-d", help="Doorbell to publish as.", metavar=DOORBELL)
    ] = "front",
    press: Annotated[bool, typer.Option("--press", help="Publish a press first.")] = False,
    trigger: Annotated[
        str | None,
        typer.Option(help="press, motion or continuous.", metavar="TRIGGER", autocompletion=_trigger_words),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(help="Images per second. Default: as fast as possible.", metavar="NUMBER", min=0.01),
    ] = None,
    repeat: Annotated[int, typer.Option(help="How many times to send all images.", metavar="NUMBER", min=1)] = 1,
    config: Config = None,
) -> None:
    """Publish images as a doorbell does. Exit code 3: no agent is listening, or none answered the press."""
    from edge_agent.cli.send import Sending, send_pictures  # noqa: PLC0415 - each command loads only what it needs

    settings = load_settings(config, broker)
    wanted = _trigger(trigger) if trigger else None
    send_pictures(settings.mqtt, pictures, Sending(doorbell, press, wanted, rate, repeat))


@commands.command(cls=Command)
@takes_broker
def capture(  # noqa: PLR0913, PLR0917 - the options of a command
    broker: Flags,
    url: Annotated[
        str,
        typer.Argument(help="http(s):// (stills or MJPEG), rtsp(s)://, or home-assistant:camera.front.", metavar="URL"),
    ],
    doorbell: Annotated[
        str, typer.Option("--doorbell", "-d", help="Doorbell to publish as.", metavar=DOORBELL)
    ] = "front",
    camera_username: Annotated[str, typer.Option(help="User name of the camera.", metavar="NAME")] = "",
    camera_password_file: Annotated[
        Path | None, typer.Option(help="File with the password of the camera.", metavar=FILE, dir_okay=False)
    ] = None,
    fingerprint: Annotated[str, typer.Option(help="SHA-256 of the camera's own certificate.", metavar="SHA256")] = "",
    press_entity: Annotated[
        str, typer.Option(help="Entity of Home Assistant that fires or turns on at a press.", metavar="ENTITY")
    ] = "",
    motion_entity: Annotated[
        str, typer.Option(help="Entity of Home Assistant that fires or turns on at motion.", metavar="ENTITY")
    ] = "",
    seconds: Annotated[
        float | None, typer.Option(help="Stop after this many seconds.", metavar="SECONDS", min=0.1)
    ] = None,
    config: Config = None,
) -> None:
    """Take pictures from a camera and publish them as a doorbell does. An agent detects the faces in them."""
    from edge_agent.cli.capture import capture as run_capture  # noqa: PLC0415 - each command loads only what it needs

    camera = {
        "url": url,
        "doorbell": doorbell,
        "username": camera_username,
        "password_file": camera_password_file,
        "fingerprint": fingerprint,
        "press_entity": press_entity,
        "motion_entity": motion_entity,
    }
    raise typer.Exit(run_capture(load_settings(config, {**broker, "cameras": [camera]}), seconds))


@commands.command(cls=Command)
@takes_broker
def watch(
    broker: Flags,
    config: Config = None,
    json: Annotated[bool, typer.Option("--json", help="Print one line of JSON per event.")] = False,
    count: Annotated[int | None, typer.Option(help="Stop after this many events.", metavar="NUMBER", min=1)] = None,
) -> None:
    """Show events as they are published."""
    from edge_agent.cli.watch import watch_events  # noqa: PLC0415 - each command loads only what it needs

    settings = load_settings(config, broker)
    watch_events(settings.mqtt, as_json=json, count=count)


@commands.command(cls=Command)
def detect(  # noqa: PLR0913, PLR0917 - the options of a command
    pictures: Pictures,
    config: Config = None,
    json: Annotated[bool, typer.Option("--json", help="Print one line of JSON per image.")] = False,
    show_all: Annotated[
        bool, typer.Option("--all", help="Show all detections with a confidence of at least 0.3.")
    ] = False,
    min_confidence: Annotated[
        float | None, typer.Option(help="Minimum confidence of a face, 0.01 to 0.99.", metavar="NUMBER")
    ] = None,
    trigger: Annotated[
        str,
        typer.Option(
            help="Treat images as frames of this trigger. A press runs the second stage if the first is unsure.",
            metavar="TRIGGER",
            autocompletion=_trigger_words,
        ),
    ] = "press",
    save_annotated: Annotated[
        Path | None,
        typer.Option(help="Save annotated images in this folder.", metavar=FOLDER, file_okay=False),
    ] = None,
) -> None:
    """Detect faces in image files. No broker is needed."""
    from edge_agent.cli.detect import LOWEST_CONFIDENCE, detect_faces  # noqa: PLC0415 - as above

    wanted = LOWEST_CONFIDENCE if show_all else min_confidence
    settings = load_settings(config, {"detection": {"min_confidence": wanted}})
    detect_faces(settings, pictures, trigger=_trigger(trigger), as_json=json, save_annotated=save_annotated)


@commands.command(cls=Command)
@takes_broker
def remove(
    broker: Flags,
    doorbell: Annotated[str, typer.Argument(help="The doorbell to remove.", metavar=DOORBELL)],
    config: Config = None,
    agent_id: AgentId = None,
) -> None:
    """Remove a doorbell from the broker and from Home Assistant."""
    from edge_agent.cli.remove import remove_doorbell  # noqa: PLC0415 - each command loads only what it needs

    flags = {**broker, "agent_id": agent_id}
    remove_doorbell(load_settings(config, flags), doorbell)


@commands.command(cls=Command)
@takes_broker
def sources(
    broker: Flags,
    config: Config = None,
    seconds: Annotated[float, typer.Option(help="How long to listen.", metavar="SECONDS", min=1.0)] = 30.0,
    write: Annotated[
        bool, typer.Option("--write", help="Add the lines to the settings file, after a question.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --write: do not ask.")] = False,
) -> None:
    """Find topics that carry pictures or presses, the preset of each, and the lines for agent.yaml."""
    from edge_agent.cli.sources import Search, find_sources  # noqa: PLC0415 - each command loads only what it needs

    find_sources(load_settings(config, broker).mqtt, config, Search(seconds, write, yes))


@commands.command(cls=Command)
def detectors(
    config: Config = None,
    json: Annotated[bool, typer.Option("--json", help="Print one line of JSON per detector.")] = False,
) -> None:
    """Try every configured detector in its own process, and show which ones work."""
    from edge_agent.cli.detectors import show_detectors  # noqa: PLC0415 - each command loads only what it needs

    show_detectors(load_settings(config, {}), as_json=json)


@commands.command(cls=Command)
def healthcheck(
    agent_id: Annotated[
        str,
        typer.Option(help="Name of the agent. Default: every agent with a heartbeat in the folder.", metavar="NAME"),
    ] = "",
    runtime_dir: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the heartbeat. Default: the runtime folder of systemd or of the session.",
            metavar=FOLDER,
            file_okay=False,
        ),
    ] = None,
) -> None:
    """Check the heartbeat of the agent on this host: exit code 0 if it is alive, else 1. For containers."""
    from edge_agent.platform.heartbeat_file import (  # noqa: PLC0415 - each command loads only what it needs
        check,
        is_named,
        runtime_folder,
    )

    named = runtime_dir is not None or is_named()
    if complaint := check(runtime_dir or runtime_folder(), agent_id, named=named):
        raise EdgeAgentError(complaint)


@commands.command(cls=Command)
@takes_broker
def doctor(
    broker: Flags,
    config: Config = None,
    agent_id: AgentId = None,
    json: Annotated[bool, typer.Option("--json", help="Print one line of JSON per finding.")] = False,
) -> None:
    """Check the broker, detectors and host, and suggest fixes."""
    from edge_agent.cli.doctor import run_doctor  # noqa: PLC0415 - each command loads only what it needs

    raise typer.Exit(run_doctor(load_settings(config, {**broker, "agent_id": agent_id}), as_json=json))


@commands.command(cls=Command)
def bench(
    picture: Annotated[
        Path | None,
        typer.Argument(
            help="Image to measure with. Default: a visitor at the simulated doorbell.", metavar=FILE, dir_okay=False
        ),
    ] = None,
    config: Config = None,
    json: Annotated[bool, typer.Option("--json", help="Print all results as one line of JSON.")] = False,
) -> None:
    """Measure the agent's speed on this host for a minute, and compare it with the targets."""
    from edge_agent.cli.bench import run_benchmark  # noqa: PLC0415 - each command loads only what it needs

    run_benchmark(config, picture, as_json=json)


@commands.command("hash-password", cls=Command)
def hash_password() -> None:
    """Ask for a password, or read it from a pipe, and print its hash for the setting http.password."""
    from edge_agent.cli.password import print_hash  # noqa: PLC0415 - each command loads only what it needs

    print_hash()


def _trigger(word: str) -> Trigger:
    trigger = Trigger.from_code(word)
    if trigger is None:
        message = f"unknown trigger {word!r}: use --trigger press, motion or continuous"
        raise SettingsError(message)
    return trigger
