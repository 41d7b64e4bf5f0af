"""The commands and what they are called; each does its work in a module of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge_agent import __version__
from edge_agent.cli.flags import DOORBELL, AgentId, Config, Flags, takes_broker
from edge_agent.cli.usage import FILE, FOLDER, Command, Group
from edge_agent.domain import Trigger
from edge_agent.errors import EdgeAgentError, SettingsError
from edge_agent.settings.loading import load_settings

commands = typer.Typer(
    name="edge-agent",
    help="Finds faces at the door: pictures of doorbells in over MQTT, face events out.",
    no_args_is_help=True,
    cls=Group,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help"]},
)


def _log_levels() -> list[str]:
    """Return what a shell may complete."""
    return ["debug", "info", "warning", "error"]


def _trigger_words() -> list[str]:
    """Return what a shell may complete."""
    return [each.word for each in Trigger]


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
        str | None, typer.Option(help="debug, info, warning or error.", metavar="LEVEL", autocompletion=_log_levels)
    ] = None,
    simulate: Annotated[
        Path | None,
        typer.Option(help="Play the pictures of this folder as a doorbell.", metavar=FOLDER, file_okay=False),
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(help="Stop after so many seconds.", metavar="SECONDS", min=0.1)
    ] = None,
) -> None:
    """Run the agent. Without a broker: a first look with an embedded one and a simulated doorbell."""
    from edge_agent.cli.run import run_agent  # noqa: PLC0415 - each command loads only what it needs

    flags = {**broker, "agent_id": agent_id, "log": {"level": log_level}}
    raise typer.Exit(run_agent(load_settings(config, flags), folder=simulate, seconds=seconds))


@commands.command(cls=Command)
@takes_broker
def send(  # noqa: PLR0913, PLR0917 - the options of a command
    broker: Flags,
    pictures: Annotated[list[Path], typer.Argument(help="Pictures, or folders of them.", metavar="PATH")],
    doorbell: Annotated[
        str, typer.Option("--doorbell", "-d", help="Whose pictures they are.", metavar=DOORBELL)
    ] = "front",
    press: Annotated[bool, typer.Option("--press", help="The bell is pressed first.")] = False,
    trigger: Annotated[
        str | None,
        typer.Option(help="press, motion or continuous.", metavar="TRIGGER", autocompletion=_trigger_words),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(help="Pictures per second; else as fast as it goes.", metavar="NUMBER", min=0.01),
    ] = None,
    repeat: Annotated[int, typer.Option(help="How often all of them are sent.", metavar="NUMBER", min=1)] = 1,
    config: Config = None,
) -> None:
    """Publish pictures as a doorbell would. The exit code is 3 where no agent listens, or none answers the press."""
    from edge_agent.cli.send import Sending, send_pictures  # noqa: PLC0415 - each command loads only what it needs

    settings = load_settings(config, broker)
    wanted = _trigger(trigger) if trigger else None
    send_pictures(settings.mqtt, pictures, Sending(doorbell, press, wanted, rate, repeat))


@commands.command(cls=Command)
@takes_broker
def watch(
    broker: Flags,
    config: Config = None,
    json: Annotated[bool, typer.Option("--json", help="One line of JSON for each event.")] = False,
    count: Annotated[int | None, typer.Option(help="Stop after so many events.", metavar="NUMBER", min=1)] = None,
) -> None:
    """Show the events of a broker as they come."""
    from edge_agent.cli.watch import watch_events  # noqa: PLC0415 - each command loads only what it needs

    settings = load_settings(config, broker)
    watch_events(settings.mqtt, as_json=json, count=count)


@commands.command(cls=Command)
def detect(  # noqa: PLR0913, PLR0917 - the options of a command
    pictures: Annotated[list[Path], typer.Argument(help="Pictures, or folders of them.", metavar="PATH")],
    config: Config = None,
    json: Annotated[bool, typer.Option("--json", help="One line of JSON for each picture.")] = False,
    show_all: Annotated[bool, typer.Option("--all", help="All detections from a confidence of 0.3.")] = False,
    min_confidence: Annotated[
        float | None, typer.Option(help="What counts as a face, 0.01 to 0.99.", metavar="NUMBER")
    ] = None,
    trigger: Annotated[
        str,
        typer.Option(
            help="Look as at a frame of this trigger; press looks twice where it is unsure.",
            metavar="TRIGGER",
            autocompletion=_trigger_words,
        ),
    ] = "press",
    save_annotated: Annotated[
        Path | None,
        typer.Option(help="Save the pictures with the faces marked in this folder.", metavar=FOLDER, file_okay=False),
    ] = None,
) -> None:
    """Find the faces in image files, without any broker."""
    from edge_agent.cli.detect import LOWEST_CONFIDENCE, detect_faces  # noqa: PLC0415 - as above

    wanted = LOWEST_CONFIDENCE if show_all else min_confidence
    settings = load_settings(config, {"detection": {"min_confidence": wanted}})
    detect_faces(settings, pictures, trigger=_trigger(trigger), as_json=json, save_annotated=save_annotated)


@commands.command(cls=Command)
@takes_broker
def forget(
    broker: Flags,
    doorbell: Annotated[str, typer.Argument(help="The doorbell that is no more.", metavar=DOORBELL)],
    config: Config = None,
    agent_id: AgentId = None,
) -> None:
    """Remove all that the broker and Home Assistant keep of a doorbell."""
    from edge_agent.cli.forget import forget_doorbell  # noqa: PLC0415 - each command loads only what it needs

    flags = {**broker, "agent_id": agent_id}
    forget_doorbell(load_settings(config, flags), doorbell)


@commands.command(cls=Command)
def detectors(
    config: Config = None,
    json: Annotated[bool, typer.Option("--json", help="One line of JSON for each detector.")] = False,
) -> None:
    """Try every detector of the settings, each in a process of its own, and say which work here."""
    from edge_agent.cli.detectors import show_detectors  # noqa: PLC0415 - each command loads only what it needs

    show_detectors(load_settings(config, {}), as_json=json)


@commands.command(cls=Command)
def healthcheck(
    agent_id: Annotated[
        str, typer.Option(help="The agent; else all that have a heartbeat in the folder.", metavar="NAME")
    ] = "",
    runtime_dir: Annotated[
        Path | None,
        typer.Option(help="Where it is; else what systemd or the session gives.", metavar=FOLDER, file_okay=False),
    ] = None,
) -> None:
    """Say whether the agent on this machine is alive, by its heartbeat alone: exit code 0 or 1. For containers."""
    from edge_agent.platform.heartbeat_file import check, runtime_folder  # noqa: PLC0415 - each command loads only what it needs

    if complaint := check(runtime_dir or runtime_folder(), agent_id):
        raise EdgeAgentError(complaint)


@commands.command(cls=Command)
@takes_broker
def doctor(
    broker: Flags,
    config: Config = None,
    agent_id: AgentId = None,
    json: Annotated[bool, typer.Option("--json", help="One line of JSON for each finding.")] = False,
) -> None:
    """Examine broker, detectors and machine: what is wrong, and how to mend it."""
    from edge_agent.cli.doctor import run_doctor  # noqa: PLC0415 - each command loads only what it needs

    raise typer.Exit(run_doctor(load_settings(config, {**broker, "agent_id": agent_id}), as_json=json))


@commands.command(cls=Command)
def bench(
    picture: Annotated[
        Path | None,
        typer.Argument(help="A picture of your own; else a visitor at a simulated door.", metavar=FILE, dir_okay=False),
    ] = None,
    config: Config = None,
    json: Annotated[bool, typer.Option("--json", help="All figures on one line, to send.")] = False,
) -> None:
    """Measure for a minute how fast the agent is on this machine, and which targets it meets."""
    from edge_agent.cli.bench import run_benchmark  # noqa: PLC0415 - each command loads only what it needs

    run_benchmark(config, picture, as_json=json)


models = typer.Typer(
    help="Model files: which there are, which are here, and fetching them.", no_args_is_help=True, cls=Group
)
commands.add_typer(models, name="models")

ModelName = Annotated[str, typer.Argument(help="A name of `edge-agent models list`.", metavar="MODEL")]


@models.command("list", cls=Command)
def list_(config: Config = None) -> None:
    """List every model with its licence, its size, and where it is."""
    from edge_agent.cli.models import list_models  # noqa: PLC0415 - each command loads only what it needs

    list_models(load_settings(config, {}).models)


@models.command(cls=Command)
def pull(
    names: Annotated[list[str], typer.Argument(help="Names of `edge-agent models list`.", metavar="MODEL")],
    config: Config = None,
) -> None:
    """Fetch models, so that no network is needed later; an interrupted download goes on where it was."""
    from edge_agent.cli.models import pull_models  # noqa: PLC0415 - each command loads only what it needs

    pull_models(load_settings(config, {}).models, names)


@models.command(cls=Command)
def verify(config: Config = None) -> None:
    """Check every model that is here against its pinned hash."""
    from edge_agent.cli.models import verify_models  # noqa: PLC0415 - each command loads only what it needs

    verify_models(load_settings(config, {}).models)


@models.command(cls=Command)
def path(name: ModelName, config: Config = None) -> None:
    """Print where a model is."""
    from edge_agent.cli.models import print_path  # noqa: PLC0415 - each command loads only what it needs

    print_path(load_settings(config, {}).models, name)


def _trigger(word: str) -> Trigger:
    trigger = Trigger.from_word(word)
    if trigger is None:
        message = f"--trigger: {word!r} is none; use press, motion or continuous"
        raise SettingsError(message)
    return trigger
