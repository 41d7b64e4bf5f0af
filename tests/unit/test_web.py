"""HTTP responses: the page, the metrics, and access control."""

from __future__ import annotations

import html.parser
import json
import re
import threading
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from edge_agent import topics
from edge_agent.domain import Pictures, Publication, Trigger, WorkerDetector
from edge_agent.doorbells import events
from edge_agent.doorbells.payloads import StatePayload, encode
from edge_agent.doorbells.presses import Answer
from edge_agent.errors import BrokerLostError
from edge_agent.ingest.recognizer import ObservedTopic, Recognizer
from edge_agent.platform.host_metrics import HostView
from edge_agent.pool.views import (
    AcceleratorState,
    AcceleratorView,
    PoolView,
    SlotState,
    WorkerView,
)
from edge_agent.reasons import ConnectError, ExitReason
from edge_agent.telemetry.counters import Counters, Readings, metrics
from edge_agent.telemetry.health import BrokerPayload, CameraPayload, Run, health
from edge_agent.telemetry.problems import BrokerView, Snapshot
from edge_agent.telemetry.status import ProblemPayload, Verdict
from edge_agent.telemetry.timings import LATENCY_BOUNDS_MS, Timings
from edge_agent.web.board import SILENT_S, Board, Moment
from edge_agent.web.chart import ceiling, chart, span_s
from edge_agent.web.markup import tag
from edge_agent.web.page import ago, page
from edge_agent.web.request import Request
from edge_agent.web.site import FILES, POLICY, Sources, respond
from edge_agent.web.source_search import SourceSearch
from edge_agent.wire import Unavailable
from testing.pictures import jpeg
from testing.values import NOON, NOT_INSTALLED, detected, outcome, press
from testing.waiting import wait_until

if TYPE_CHECKING:
    from edge_agent.web.request import Response

AGENT = "attic"
UNIX_NOW = 1_700_000_000.0
BROKER = BrokerView(connected=True, since_at=NOON, protocol="5", connections=1)
HOSTILE = "\"><script>alert('x')</script>&"
JPEG = b"\xff\xd8 a picture"


def pool_view(**changes: Any) -> PoolView:
    workers = tuple(
        WorkerView(
            slot, SlotState.IDLE, 0.0, 100 + slot, WorkerDetector(slot, "cpu", "yunet_n"), 5, 1.5, 0, 70_000_000, None
        )
        for slot in range(2)
    )
    waiting = {Trigger.PRESS: 1, Trigger.MOTION: 2, Trigger.CONTINUOUS: 3}
    return replace(PoolView(workers, waiting, 0, 0, 0, {ExitReason.KILLED: 2}, ()), **changes)


def problem(text: str) -> ProblemPayload:
    return ProblemPayload("worker_circuit_open", "1", NOON, text)


def health_message(status: str = "ok", *problems: ProblemPayload, **changes: Any) -> Publication:
    """Return a health message of a minute in which one frame was processed."""
    timings = Timings(0.0)
    timings.record(outcome(detected()), 0.5)
    host = HostView(100_000_000, cpu_temperature_c=51.5)
    now_at = NOON + timedelta(seconds=60)
    snapshot = Snapshot(changes.pop("pool", pool_view()), BROKER, host, timings.view(1.0).recent, now_at)
    verdict = Verdict(status, NOON, problems)
    payload = health(snapshot, verdict, Run("1.2.3", NOON, uptime_s=60.0), timings.view(1.0), {0: 2.5})
    return Publication(topics.health(AGENT), encode(msgspec.structs.replace(payload, **changes)), retain=True)


def without_broker(*problems: ProblemPayload) -> Publication:
    reason = "Connection refused"
    broker = BrokerPayload(
        connected=False,
        since=NOON,
        protocol=None,
        connections=1,
        reason=ConnectError.CONNECTION_REFUSED,
        detail=reason,
    )
    return health_message(
        "degraded", *(problems or (problem(f"No connection to the broker: {reason}"),)), broker=broker
    )


def metrics_message() -> Publication:
    counters, timings = Counters(), Timings(0.0)
    counters.received["press"] += 1
    counters.count(outcome(detected(2)))
    timings.record(outcome(detected()), 0.5)
    payload = metrics(counters, pool_view(), timings.view(1.0), Readings("boot", 60.0, 1, 0, 0, 200.0, {}))
    return Publication(topics.metrics(AGENT), encode(payload))


def board_with(*publications: Publication) -> Board:
    """Return a board with these messages, recorded at second 1."""
    board = Board(AGENT, 0.0)
    for publication in publications:
        board.record(publication, 1.0)
    return board


def request(board: Board, path: str = "/", now: float = 2.0, allowed: tuple[str, ...] = (), **said: str) -> Response:
    request = Request(path, **({"client": "127.0.0.1", "host": "localhost:8099"} | said))
    return respond(request, Sources(lambda: board.view(now, UNIX_NOW), board.picture, board.test_picture), allowed)


def request_search(search: SourceSearch | None, path: str) -> Response:
    board = board_with()
    sources = Sources(lambda: board.view(2.0, UNIX_NOW), board.picture, board.test_picture, search)
    return respond(Request(path, client="127.0.0.1", host="localhost"), sources, ())


def visible(document: str) -> tuple[set[str], str]:
    """Return the elements and the text of a page, as a browser reads them."""
    tags, texts = set[str](), list[str]()

    class Reader(html.parser.HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            tags.add(tag)
            assert all(not name.startswith("on") for name, _ in attrs)

        def handle_data(self, data: str) -> None:
            texts.append(data)

    Reader().feed(document)
    return tags, " ".join(texts)


@given(st.text(), st.text())
def test_text_is_always_escaped(text: str, value: str) -> None:
    read: list[Any] = []

    class Reader(html.parser.HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            read.append((tag, attrs))

    Reader().feed(tag("p", text, title=value))
    assert [name for name, _ in read] == ["p"]
    assert [key for key, _ in read[0][1]] == ["title"]


def test_a_hostile_reason_is_shown_escaped() -> None:
    board = board_with(health_message("degraded", problem(HOSTILE)))
    tags, text = visible(request(board).body.decode())
    assert HOSTILE in text
    assert '<script src="page.js" defer></script>' in request(board).body.decode()
    assert request(board).body.decode().count("<script") == 1
    assert "main" in tags


def test_the_page_shows_doorbells_queue_workers_and_status() -> None:
    state = StatePayload(face_present=True, faces=2, confidence=0.97)
    answer = events.answer(Answer(press(), "face", outcome(detected())), events.Stamp("boot", 1, 0.0, NOON))
    board = board_with(
        health_message("degraded", problem("Worker 1 is being replaced")),
        metrics_message(),
        events.availability(topics.doorbell_availability("front"), online=True),
        events.state("front", state),
        answer,
        *events.pictures("front", Pictures(JPEG)),
    )
    document = request(board, now=3.0).body.decode()
    _, text = visible(document)
    for expected in (
        "degraded since", "Worker 1 is being replaced", "front", "online", "2 faces now, confidence 97%",
        "pressed 2 s ago: a face", "picture 2 s ago", "cpu yunet_n", "press 1 · motion 2 · continuous 3",
        "2/2", "52 °C", "1.2.3",
    ):  # fmt: skip
        assert expected in text, expected
    assert 'src="picture/front?' in document
    assert request(board, "/picture/front").body == JPEG


def test_a_removed_doorbell_disappears_with_its_picture() -> None:
    board = board_with(
        events.availability(topics.doorbell_availability("front"), online=True),
        *events.pictures("front", Pictures(JPEG)),
        *events.clear_retained("front"),
    )
    assert board.view(2.0, UNIX_NOW).doorbells == ()
    assert request(board, "/picture/front").status == 404


HOUSE: Final = (
    events.availability(topics.doorbell_availability("front"), online=True),
    events.state("front", StatePayload(face_present=True, faces=2, confidence=0.97)),
)
LOST: Final = ProblemPayload("broker_lost", None, NOON, "No connection to the broker")


@pytest.mark.parametrize(
    ("health", "now", "alarm", "status"),
    [
        (health_message(), 2.0, "", "OK"),
        (health_message(), 8.9, "", "OK"),
        (health_message(), 13.0, "The agent has not responded for 12 s. This page shows its last data.", "no response"),
        (without_broker(LOST), 2.0, "No connection to the broker since ", "no broker"),
        (without_broker(LOST), 13.0, "The agent has not responded for 12 s.", "no response"),
        (without_broker(), 2.0, "", "degraded since"),
        (health_message("degraded", LOST), 2.0, "", "degraded since"),
    ],
)  # fmt: skip
def test_outdated_data_is_not_shown_as_live(health: Publication, now: float, alarm: str, status: str) -> None:
    document = request(board_with(health, *HOUSE), now=now).body.decode()
    (said,) = re.findall(r'<p class="alarm[^"]*" data-part="alarm" role="alert">([^<]*)</p>', document)
    assert said.startswith(alarm) if alarm else said == ""
    assert status in document
    assert ("2 faces now" in document, "online</span>" in document) == (not alarm, not alarm)
    assert ('class="dot">unknown' in document, 'class="status failed"' in document) == (bool(alarm), bool(alarm))
    assert document.index('data-part="alarm"') < document.index("<header>")


def test_an_agent_with_a_heartbeat_is_not_silent() -> None:
    board = board_with(health_message())
    board.beat(40.0)
    assert board.view(42.0, UNIX_NOW).silent_s == 2.0


def test_the_page_of_a_silent_agent_shows_its_state() -> None:
    _, text = visible(request(board_with()).body.decode())
    assert "starting" in text
    assert "No doorbell has sent anything yet" in text


@pytest.mark.parametrize(
    ("prefix", "base"),
    [
        ("", ""),
        ("/api/hassio_ingress/Ab_-9", '<base href="/api/hassio_ingress/Ab_-9/">'),
        ("//elsewhere.example", ""),
        ('/"><script>', ""),
        ("https://elsewhere.example", ""),
    ],
)
def test_links_work_behind_a_prefix_and_stay_local(prefix: str, base: str) -> None:
    document = request(board_with(health_message()), ingress_path=prefix).body.decode()
    assert (base in document) if base else ("<base" not in document)
    assert "://" not in document
    assert 'href="/' not in document.replace(base, "")
    assert 'src="/' not in document


@pytest.mark.parametrize(
    ("path", "status", "content_type"),
    [
        ("/", 200, "text/html; charset=utf-8"),
        ("/page.css", 200, "text/css; charset=utf-8"),
        ("/page.js", 200, "text/javascript; charset=utf-8"),
        ("/icon.svg", 200, "image/svg+xml"),
        ("/livez", 200, "text/plain; charset=utf-8"),
        ("/readyz", 200, "text/plain; charset=utf-8"),
        ("/picture/front", 404, "text/plain; charset=utf-8"),
        ("/picture/..", 404, "text/plain; charset=utf-8"),
        ("/../settings.py", 404, "text/plain; charset=utf-8"),
        ("//", 404, "text/plain; charset=utf-8"),
        ("", 404, "text/plain; charset=utf-8"),
    ],
)
def test_every_path_has_its_response(path: str, status: int, content_type: str) -> None:
    answered = request(board_with(health_message()), path)
    assert (answered.status, answered.content_type) == (status, content_type)


def test_the_files_of_the_page_are_a_few_kilobytes() -> None:
    board = board_with(health_message())
    sizes = {name: len(request(board, f"/{name}").body) for name in FILES}
    assert set(sizes) == {"page.css", "page.js", "actions.js", "icon.svg"}
    assert sizes["page.js"] + sizes["actions.js"] < 6000
    assert sum(sizes.values()) < 18_000
    assert "default-src 'none'" in POLICY


@pytest.mark.parametrize(
    ("board", "now", "live", "ready", "reason"),
    [
        (board_with(health_message()), 2.0, 200, 200, "ready"),
        (board_with(health_message()), 2.0 + SILENT_S, 503, 503, "the agent has been silent for 31 s"),
        (board_with(without_broker()), 2.0, 200, 503, "no connection to the broker: Connection refused"),
        (board_with(health_message("failed", problem("Worker 0 is parked"), workers_alive=0)), 2.0, 200, 503,
         "no worker accepts frames; Worker 0 is parked"),
        (board_with(), 2.0, 200, 503, "the agent has been silent for 2 s"),
    ],
)  # fmt: skip
def test_liveness_and_readiness_probes(board: Board, now: float, live: int, ready: int, reason: str) -> None:
    assert request(board, "/livez", now).status == live
    answered = request(board, "/readyz", now)
    assert (answered.status, answered.body.decode().strip()) == (ready, reason)


@pytest.mark.parametrize(
    ("client", "host", "allowed", "status"),
    [
        ("127.0.0.1", "localhost:8099", (), 200),
        ("127.0.0.1", "127.0.0.1:8099", (), 200),
        ("::1", "[::1]:8099", (), 200),
        ("192.168.1.7", "pi.local:8099", (), 200),
        ("172.18.0.3", "edge-agent:8099", (), 200),
        ("10.42.0.7", "edge-agent.doors.svc.cluster.local:8099", (), 200),
        ("192.168.1.7", "pi.home.arpa", (), 200),
        ("127.0.0.1", "", (), 200),
        ("127.0.0.1", "local.example.org", (), 421),
        ("127.0.0.1", "rebound.example.org", (), 421),
        ("127.0.0.1", "rebound.example.org:8099", (), 421),
        ("172.30.32.2", "home.example.org", ("172.30.32.2",), 200),
        ("::ffff:172.30.32.2", "home.example.org", ("172.30.32.2",), 200),
        ("172.30.32.3", "localhost", ("172.30.32.2",), 403),
        ("10.1.2.3", "localhost", ("172.30.32.2", "10.0.0.0/8"), 200),
        ("fe80::1%eth0", "localhost", ("10.0.0.0/8",), 403),
    ],
)
def test_other_clients_are_rejected(client: str, host: str, allowed: tuple[str, ...], status: int) -> None:
    assert request(board_with(health_message()), client=client, host=host, allowed=allowed).status == status


def samples(board: Board, now: float = 2.0) -> dict[tuple[str, str], float]:
    """Return the samples of the metrics by name and labels as JSON."""
    answered = request(board, "/metrics", now)
    assert answered.content_type.startswith("text/plain")
    families = text_string_to_metric_families(answered.body.decode())
    return {
        (each.name, json.dumps(each.labels, sort_keys=True)): each.value for one in families for each in one.samples
    }


@pytest.mark.usefixtures("wording")
def test_metrics_say_what_mqtt_says() -> None:
    accelerator = AcceleratorView("edgetpu", "ssd", "usb:0", AcceleratorState.IN_USE)
    view = pool_view(accelerators=(accelerator,), missing=(Unavailable("gpu", "", NOT_INSTALLED),))
    board = board_with(health_message("degraded", problem("Hot"), pool=view), metrics_message())
    timings = Timings(0.0)
    timings.record(outcome(detected()), 0.5)
    board.record_times(timings.cumulative_counts(LATENCY_BOUNDS_MS))
    found = samples(board)
    assert found["edge_agent_up", "{}"] == 1
    assert found["edge_agent_status", '{"status": "degraded"}'] == 1
    assert found["edge_agent_problem", '{"code": "worker_circuit_open"}'] == 1
    assert found["edge_agent_broker_connected", "{}"] == 1
    assert found["edge_agent_cpu_temperature_celsius", "{}"] == 51.5
    assert ("edge_agent_under_voltage", "{}") not in found
    bucket = '{"le": "%s", "stage": "inference", "trigger": "press"}'
    assert found["edge_agent_stage_duration_seconds_bucket", bucket % "0.005"] == 0
    assert found["edge_agent_stage_duration_seconds_bucket", bucket % "0.01"] == 1
    assert found["edge_agent_frame_duration_seconds_count", '{"trigger": "press"}'] == 1
    assert found["edge_agent_last_heartbeat_timestamp_seconds", "{}"] == UNIX_NOW - 1
    assert found["edge_agent_queue_frames", '{"trigger": "motion"}'] == 2
    assert found["edge_agent_frames_received_total", '{"trigger": "press"}'] == 1
    assert found["edge_agent_frames_answered_total", '{"outcome": "face"}'] == 1
    assert found["edge_agent_frames_failed_total", '{"reason": "timeout"}'] == 0
    assert found["edge_agent_faces_total", "{}"] == 2
    assert found["edge_agent_worker_deaths_total", '{"reason": "killed"}'] == 2
    assert found["edge_agent_worker_deaths_total", '{"reason": "crashed"}'] == 0
    assert found["edge_agent_messages_dropped_total", '{"reason": "topic"}'] == 0
    assert found["edge_agent_accelerator_usable", '{"device": "usb:0", "model": "ssd", "strategy": "edgetpu"}'] == 1


def test_metrics_of_a_silent_agent() -> None:
    assert samples(board_with())["edge_agent_up", "{}"] == 1
    assert samples(board_with(without_broker()))["edge_agent_broker_connected", "{}"] == 0
    assert samples(board_with(health_message()), 2.0 + SILENT_S)["edge_agent_up", "{}"] == 0


def test_metrics_in_openmetrics_format_on_request() -> None:
    answered = request(
        board_with(health_message(), metrics_message()), "/metrics", accept="application/openmetrics-text"
    )
    assert answered.content_type.startswith("application/openmetrics-text")
    assert answered.body.endswith(b"# EOF\n")


@given(st.floats(min_value=0.001, max_value=1e6))
def test_the_charts_maximum_is_the_next_round_number(highest: float) -> None:
    top = ceiling(highest)
    assert highest <= top * (1 + 1e-6)
    assert top <= 2.1 * highest
    assert f"{top:.0e}"[0] in "1235"


moments = st.lists(
    st.builds(
        lambda age_s, latency: Moment(age_s, *(latency or (None, None))),
        st.floats(0, 900),
        st.none() | st.tuples(st.floats(0, 1e5), st.floats(0, 1e5)),
    ),
    max_size=40,
).map(lambda found: sorted(found, key=lambda each: -each.age_s))


@given(moments)
def test_every_chart_stays_within_its_bounds(found: list[Moment]) -> None:
    drawn = chart(found)
    assert "nan" not in drawn
    assert "inf" not in drawn
    known = [each for each in found if each.p95_ms is not None]
    assert ("<svg" in drawn) == bool(known)
    assert all(0 <= each.age_s <= span_s(found) for each in found)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "just now"), (12.3, "12 s ago"), (61, "1 min ago"), (7200, "2 hours ago"), (90_000, "1 day ago")],
)
def test_ages_are_shown_in_words(seconds: float, words: str) -> None:
    assert ago(seconds) == words


def test_the_page_is_identical_without_changes() -> None:
    board = board_with(health_message(), metrics_message())
    assert page(board.view(2.0, UNIX_NOW)) == page(board.view(2.0, UNIX_NOW))


def observed_topics(_seconds: float) -> list[ObservedTopic]:
    recognizer = Recognizer()
    recognizer.take("ring/1/camera/2/snapshot/image", jpeg(), retained=True)
    recognizer.take("cam/<b>yard<b>/jpg", jpeg(), retained=False)
    return list(recognizer.observed.values())


def searched(search: SourceSearch) -> str:
    """Return the page after a search."""
    answer = request_search(search, "/sources/search")
    assert (answer.status, answer.headers["Location"]) == (303, "../sources")
    wait_until(lambda: not search.view().left_s)
    return request_search(search, "/sources").body.decode()


def test_the_page_of_sources_shows_topics_presets_and_lines() -> None:
    search = SourceSearch(observed_topics, 30.0)
    assert "Search for 30 s" in request_search(search, "/sources").body.decode()
    tags, text = visible(searched(search))
    assert tags <= {"html", "head", "meta", "title", "link", "body", "main", "section", "h1", "h2", "p", "a", "table",
                    "thead", "tbody", "tr", "th", "td", "pre"}  # fmt: skip
    assert "ring/1/camera/2/snapshot/image" in text
    assert "- preset: ring-mqtt" in text
    assert "cam/<b>yard<b>/jpg" in text


def test_a_search_that_fails_says_why() -> None:
    def fail(_seconds: float) -> list[ObservedTopic]:
        message = "the broker is away"
        raise BrokerLostError(message)

    assert "The search failed: the broker is away" in searched(SourceSearch(fail))
    assert "internal error" in searched(SourceSearch(lambda _seconds: [next(iter(()))]))
    assert "No pictures and no presses were found" in searched(SourceSearch(lambda _seconds: []))


def test_one_search_runs_at_a_time_and_the_page_reloads_meanwhile() -> None:
    begun, release = list[float](), threading.Event()

    def wait(seconds: float) -> list[ObservedTopic]:
        begun.append(seconds)
        release.wait(30)
        return []

    search = SourceSearch(wait)
    for _ in range(3):
        request_search(search, "/sources/search")
    document = request_search(search, "/sources").body.decode()
    assert 'http-equiv="refresh"' in document
    assert "more seconds" in document
    release.set()
    wait_until(lambda: not search.view().left_s)
    assert begun == [30.0]


def test_without_the_setting_there_is_no_search() -> None:
    assert request_search(None, "/sources").status == 404
    assert request_search(None, "/sources/search").status == 404
    assert "find sources" not in request_search(None, "/").body.decode()
    assert "find sources" in request_search(SourceSearch(observed_topics), "/").body.decode()


def test_the_page_shows_a_test_picture_of_each_camera() -> None:
    camera = CameraPayload(
        doorbell="front", kind="rtsp", address="rtsp://camera/live", state="live", reason=None, detail=None,
        codec="h264", width=640, height=360, frames=7, attempts=1, faults={}, last_frame_at=None,
        memory_mb=50.0, restarts=0, pid=1, sandbox=None,
    )  # fmt: skip
    board = board_with(health_message(cameras=(camera,)))
    assert "camera/front" not in request(board).body.decode()
    assert request(board, "/camera/front").status == 404
    board.record_camera("front", b"\xff\xd8picture")
    assert "camera/front?" in request(board).body.decode()
    assert "h264 640x360" in request(board).body.decode()
    assert request(board, "/camera/front").body == b"\xff\xd8picture"
    board.record_camera("front", b"")
    assert request(board, "/camera/front").status == 404
