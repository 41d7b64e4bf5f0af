"""The HTTP server of a real agent: its responses to faults and hostile clients."""

from __future__ import annotations

import contextlib
import http.client
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import psutil
import pytest

from edge_agent.web.connections import EXCHANGE_S, MOST_CLIENTS, REQUEST_S
from edge_agent.web.server import HEADER_BYTES
from testing.agent_process import AGENT_ID, AgentProcess
from testing.broker import Mosquitto, free_port
from testing.pictures import jpeg
from testing.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from testing.recorder import Recorder

pytestmark = pytest.mark.broker

SLOW_CLIENTS: Final = 64


def request(port: int, path: str, method: str = "GET", *, host: str = "127.0.0.1") -> tuple[int, bytes]:
    """Return the status and the body; status 0 without a response."""
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


def wait_for(port: int, path: str, status: int) -> bytes:
    wait_until(lambda: request(port, path)[0] == status, why=lambda: str(request(port, path)))
    return request(port, path)[1]


def with_http(broker_port: int, http_port: int) -> AgentProcess:
    return AgentProcess.with_script(broker_port, HTTP__ENABLED="true", HTTP__PORT=str(http_port))


def test_home_assistant_gets_the_address_of_the_page(mosquitto: Mosquitto, recorder: Recorder) -> None:
    """As the settings have it; an agent without a page has none."""
    url, port = "http://pi.lan:8099/", str(free_port())
    for enabled, expected in {"true": url, "false": None}.items():
        recorder.clear()
        with AgentProcess.with_script(mosquitto.port, HTTP__ENABLED=enabled, HTTP__PORT=port, HTTP__URL=url):
            config = recorder.wait_for(f"homeassistant/device/edge_agent_{AGENT_ID}/config")
            assert config["device"].get("configuration_url") == expected


def test_it_is_alive_without_a_broker_but_not_ready(mosquitto: Mosquitto, recorder: Recorder) -> None:
    port = free_port()
    with with_http(mosquitto.port, port) as agent:
        agent.wait_until_ready(recorder)
        assert wait_for(port, "/readyz", 200) == b"ready\n"
        mosquitto.stop()
        assert b"no connection to the broker: " in wait_for(port, "/readyz", 503)
        assert request(port, "/livez") == (200, b"alive\n")
        mosquitto.start()
        wait_for(port, "/readyz", 200)


def test_without_the_setting_there_is_no_server(mosquitto: Mosquitto, recorder: Recorder) -> None:
    port = free_port()
    with AgentProcess.with_script(mosquitto.port, HTTP__PORT=str(port)) as agent:
        agent.wait_until_ready(recorder)
        assert request(port, "/livez")[0] == 0


def test_a_port_in_use_gives_one_sentence(mosquitto: Mosquitto, recorder: Recorder) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = int(taken.getsockname()[1])
        with with_http(mosquitto.port, port) as agent:
            agent.wait_until_ready(recorder)
            complaints = [line for line in agent.log.splitlines() if "no status page and no metrics" in line]
            assert len(complaints) == 1
            assert f"cannot listen on 127.0.0.1:{port} (Address already in use); set http.port" in complaints[0]
            recorder.publish("doorbell/front/frame", jpeg(), user={"trigger": "press"})
            assert recorder.wait_for("doorbell/front/answer")["event_type"] == "face"
            assert agent.stop() == 0


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
def test_other_methods_are_refused(page_port: int, method: str) -> None:
    assert request(page_port, "/", method)[0] == 405


def test_a_head_has_no_body(page_port: int) -> None:
    assert request(page_port, "/", "HEAD") == (200, b"")


@pytest.mark.parametrize(
    "said", [b"\xff\xfe\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /" + b"a" * 70_000 + b"\r\n\r\n"]
)
def test_invalid_requests_are_refused_in_one_line(page_port: int, said: bytes) -> None:
    with socket.create_connection(("127.0.0.1", page_port), timeout=10) as line:
        line.sendall(said)
        try:
            line.shutdown(socket.SHUT_WR)
            assert b"Traceback" not in line.recv(65_536)
        except OSError:
            assert len(said) > HEADER_BYTES  # data after the refusal makes the system reset the connection
    assert request(page_port, "/livez")[0] == 200


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"GET / HTTP/1.1\r\nCookie: ".ljust(HEADER_BYTES, b"a"), b"431"),
        (b"POST / HTTP/1.1\r\nContent-Length: 5000\r\n\r\n", b"413"),
        (b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n" + b"a" * 1024, b"413"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n", b"421"),
    ],
)
def test_large_or_ambiguous_requests_are_refused(page_port: int, said: bytes, status: bytes) -> None:
    with socket.create_connection(("127.0.0.1", page_port), timeout=10) as line:
        line.sendall(said)
        answer = line.recv(65_536)
    assert answer.split()[1] == status


@pytest.mark.parametrize("path", ["/", "/livez", "/nowhere"])
def test_no_header_names_the_server_software(page_port: int, path: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", page_port, timeout=5)
    connection.request("GET", path)
    headers = connection.getresponse().headers
    assert headers["Server"] == "edge-agent"
    assert "waitress" not in str(headers).lower()
    connection.close()


@pytest.mark.slow
def test_slow_clients_do_not_block_others(house: House) -> None:
    """Half of them never finish their request, half never read the response."""
    with contextlib.ExitStack() as lines:
        for number in range(SLOW_CLIENTS):
            line = lines.enter_context(socket.create_connection(("127.0.0.1", house.port), timeout=5))
            line.sendall(b"GET /livez HTTP/1.1\r\nHost" if number % 2 else b"GET /page.css HTTP/1.1\r\n\r\n" * 400)
        wait_until(lambda: len(house.connections()) == SLOW_CLIENTS)
        assert request(house.port, "/livez") == (200, b"alive\n")
        assert len(house.connections()) >= SLOW_CLIENTS
        wait_until(lambda: not house.connections(), timeout_s=30)


def test_too_many_clients_do_not_block_others(house: House) -> None:
    with contextlib.ExitStack() as lines:
        for _ in range(3 * MOST_CLIENTS):
            lines.enter_context(socket.create_connection(("127.0.0.1", house.port)))
        assert request(house.port, "/livez") == (200, b"alive\n")
        assert len(house.connections()) <= MOST_CLIENTS


@pytest.mark.slow
def test_a_client_that_sends_a_byte_now_and_then_is_cut_off(house: House) -> None:
    with contextlib.ExitStack() as lines:
        slow = [
            lines.enter_context(socket.create_connection(("127.0.0.1", house.port), timeout=5))
            for _ in range(SLOW_CLIENTS)
        ]
        for line in slow:
            line.sendall(b"GET /livez HTTP/1.1\r\nX: ")
        wait_until(house.connections)
        began_s = time.monotonic()
        wait_until(lambda: house.drip(slow) and not house.connections(), timeout_s=REQUEST_S + 15)
        assert time.monotonic() - began_s >= REQUEST_S - 1
        assert request(house.port, "/livez") == (200, b"alive\n")


@pytest.mark.slow
def test_a_client_that_reads_a_byte_now_and_then_is_cut_off(house: House) -> None:
    with socket.create_connection(("127.0.0.1", house.port), timeout=1) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        line.sendall(b"GET / HTTP/1.1\r\n\r\n" * 400)
        wait_until(lambda: _sip(line) and not house.connections(), timeout_s=EXCHANGE_S + 15)
        assert request(house.port, "/livez") == (200, b"alive\n")


def _sip(line: socket.socket) -> bool:
    with contextlib.suppress(OSError):
        line.recv(1)
    return True


def test_addresses_without_access_take_no_connection(mosquitto: Mosquitto) -> None:
    port = free_port()
    agent = AgentProcess.with_script(
        mosquitto.port, HTTP__ENABLED="true", HTTP__PORT=str(port), HTTP__ALLOWED="127.0.0.2"
    )
    with agent, contextlib.ExitStack() as lines:
        house = House(port, agent)
        wait_until(lambda: _livez_from("127.0.0.2", port) == 200, why=lambda: agent.log)
        for _ in range(2 * MOST_CLIENTS):
            lines.enter_context(socket.create_connection(("127.0.0.1", port))).sendall(b"GET /livez HTTP/1.1\r\nHost")
        assert _livez_from("127.0.0.2", port) == 200
        assert len(house.connections()) <= 1
        status, body = request(port, "/livez")
        assert (status, b"http.allowed" in body) == (403, True)


def _livez_from(address: str, port: int) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5, source_address=(address, 0))
    try:
        connection.request("GET", "/livez")
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def test_the_agent_stops_while_clients_are_connected(mosquitto: Mosquitto, recorder: Recorder) -> None:
    port = free_port()
    with with_http(mosquitto.port, port) as agent, contextlib.ExitStack() as lines:
        agent.wait_until_ready(recorder)
        for _ in range(SLOW_CLIENTS):
            lines.enter_context(socket.create_connection(("127.0.0.1", port))).sendall(b"GET / HTTP/1.1\r\n")
        assert agent.stop() == 0
        assert "Traceback" not in agent.log


@pytest.mark.parametrize("host", ["::1", "::"])
def test_it_listens_on_an_ipv6_address(mosquitto: Mosquitto, host: str) -> None:
    port = free_port()
    with AgentProcess.with_script(mosquitto.port, HTTP__ENABLED="true", HTTP__PORT=str(port), HTTP__HOST=host) as agent:
        wait_until(lambda: request(port, "/livez", host="::1")[0] == 200, why=lambda: agent.log)
        assert f"status page: http://[{host}]:{port}/" in agent.log
        assert request(port, "/livez")[0] == (200 if host == "::" else 0)


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    """Return an agent with its page."""
    port = free_port()
    with Mosquitto() as broker, with_http(broker.port, port) as agent:
        wait_for(port, "/livez", 200)
        yield House(port, agent)
        assert "Traceback" not in agent.log


@dataclass(frozen=True, slots=True)
class House:
    """An agent with its page."""

    port: int
    agent: AgentProcess

    def connections(self) -> list[object]:
        """Return the agent's open connections to clients of its page."""
        found = psutil.Process(self.agent.pid).net_connections("tcp")
        return [each for each in found if each.status == psutil.CONN_ESTABLISHED and each.laddr.port == self.port]

    def drip(self, lines: list[socket.socket]) -> bool:
        """Send one more byte on each line that still takes one."""
        for line in lines:
            with contextlib.suppress(OSError):
                line.send(b"a")
        return True


@pytest.fixture
def page_port(house: House) -> int:
    """Return the port of an agent's page."""
    return house.port


def test_an_action_of_another_site_is_refused_and_has_no_cors(page_port: int) -> None:
    """A browser asks first (OPTIONS) before another site may send the header with the page's key."""
    assert request(page_port, "/doorbells/front/detection/off", "OPTIONS")[0] == 405
    assert request(page_port, "/doorbells/front/detection/off", "POST")[0] == 403
    connection = http.client.HTTPConnection("127.0.0.1", page_port, timeout=5)
    connection.request("GET", "/", headers={"Origin": "http://evil.example"})
    assert "Access-Control-Allow-Origin" not in connection.getresponse().headers
    connection.close()
