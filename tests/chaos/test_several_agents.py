"""Two agents on one broker, one of them killed and restarted under presses: minutes, excluded from `make test`."""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING

import pytest

from testing.broker import Mosquitto
from tests.chaos.nats_cluster import NatsCluster
from tests.chaos.several_agents import play

if TYPE_CHECKING:
    from testing.agent_process import AgentProcess

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(300)]

SECONDS = 60.0
AWAY_S = 2.0
BROKER = ("persistence true", "autosave_on_changes true", "autosave_interval 1")


def _kill_and_start(agent: AgentProcess) -> None:
    """Kill an agent; restart it a little later, like an orchestrator."""
    agent.kill()
    threading.Event().wait(AWAY_S)
    agent.start()


def test_presses_of_two_agents_while_one_is_killed_repeatedly(capsys: pytest.CaptureFixture[str]) -> None:
    with Mosquitto(*BROKER) as broker:
        tale = play([broker.port], seconds=SECONDS, kill=_kill_and_start)
    with capsys.disabled():
        print(f"\n{tale}")  # noqa: T201 - figures for docs/scaling.md
    assert tale.killed == 3
    assert (tale.lost, tale.unconfirmed, tale.ambiguous) == ([], 0, 0)
    assert tale.answered == tale.presses


def test_the_same_while_a_node_of_a_clustered_broker_is_killed(capsys: pytest.CaptureFixture[str]) -> None:
    with NatsCluster() as cluster:
        kills = itertools.cycle((1, 2))

        def kill(agent: AgentProcess) -> None:
            """Kill the agent, and a node that the doorbells do not use; restart both a little later."""
            node = next(kills)
            cluster.kill(node)
            _kill_and_start(agent)
            cluster.start(node)

        tale = play(cluster.ports, seconds=SECONDS, kill=kill, mqtt5=False)
    with capsys.disabled():
        print(f"\n{tale}")  # noqa: T201 - figures for docs/scaling.md
    assert tale.ambiguous == 0
    assert tale.answered + len(tale.lost) + tale.unconfirmed == tale.presses
