"""The HTTP server of a real agent: what it says when things go wrong, and that it can harm nobody."""

from __future__ import annotations

import http.client
import socket
from typing import TYPE_CHECKING

import pytest

from edge_agent.web.server import MOST_REQUESTS
from tests.agent_process import AgentProcess
from tests.broker import Mosquitto, free_port
from tests.pictures import jpeg
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.recorder import Recorder

pytestmark = pytest.mark.broker


def ask(port: int, path: str, method: str = "GET") -> tuple[int, bytes]:
    """Return the status and the body; status 0 where nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


def wait_for(port: int, path: str, status: int) -> bytes:
    wait_until(lambda: ask(port, path)[0] == status, why=lambda: str(ask(port, path)))
    return ask(port, path)[1]


def with_http(broker_port: int, http_port: int) -> AgentProcess:
    return AgentProcess.with_script(broker_port, HTTP__ENABLED="true", HTTP__PORT=str(http_port))


def test_it_is_alive_without_a_broker_but_not_ready(mosquitto: Mosquitto, recorder: Recorder) -> None:
    port = free_port()
    with with_http(mosquitto.port, port) as agent:
        agent.wait_until_ready(recorder)
        assert wait_for(port, "/readyz", 200) == b"ready\n"
        mosquitto.stop()
        assert b"no connection to the broker: " in wait_for(port, "/readyz", 503)
        assert ask(port, "/livez") == (200, b"alive\n")
        mosquitto.start()
        wait_for(port, "/readyz", 200)


def test_there_is_nothing_where_nobody_asked_for_it(mosquitto: Mosquitto, recorder: Recorder) -> None:
    port = free_port()
    with AgentProcess.with_script(mosquitto.port, HTTP__PORT=str(port)) as agent:
        agent.wait_until_ready(recorder)
        assert ask(port, "/livez")[0] == 0


def test_a_port_in_use_costs_one_sentence_and_no_more(mosquitto: Mosquitto, recorder: Recorder) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = int(taken.getsockname()[1])
        with with_http(mosquitto.port, port) as agent:
            agent.wait_until_ready(recorder)
            complaints = [line for line in agent.log.splitlines() if "no page and no metrics" in line]
            assert len(complaints) == 1
            assert f"127.0.0.1:{port} cannot be listened on (Address already in use); set http.port" in complaints[0]
            recorder.publish("doorbell/front/frame", jpeg(), user={"trigger": "press"})
            assert recorder.wait_for("doorbell/front/answer")["event_type"] == "face"
            assert agent.stop() == 0


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
def test_it_only_reads(page_port: int, method: str) -> None:
    assert ask(page_port, "/", method)[0] == 405


def test_a_head_has_no_body(page_port: int) -> None:
    assert ask(page_port, "/", "HEAD") == (200, b"")


@pytest.mark.parametrize(
    "said", [b"\xff\xfe\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /" + b"a" * 70_000 + b"\r\n\r\n"]
)
def test_what_is_no_request_is_refused_in_a_line(page_port: int, said: bytes) -> None:
    with socket.create_connection(("127.0.0.1", page_port), timeout=10) as line:
        line.sendall(said)
        line.shutdown(socket.SHUT_WR)
        assert b"Traceback" not in line.recv(65_536)
    assert ask(page_port, "/livez")[0] == 200


def test_clients_that_say_nothing_cost_a_few_threads_for_a_few_seconds(page_port: int) -> None:
    lines = [socket.create_connection(("127.0.0.1", page_port)) for _ in range(3 * MOST_REQUESTS)]
    try:
        wait_for(page_port, "/livez", 200)
    finally:
        for line in lines:
            line.close()


@pytest.fixture(scope="module")
def page_port() -> Iterator[int]:
    """Return the port of an agent's page."""
    port = free_port()
    with Mosquitto() as broker, with_http(broker.port, port):
        wait_for(port, "/livez", 200)
        yield port
