"""Metrics, alerts and dashboard match: checked by Prometheus' own tools, with the metrics of a real run."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from testing.agent_process import AgentProcess
from testing.broker import Mosquitto, free_port
from testing.pictures import jpeg
from testing.programs import program
from testing.recorder import Recorder
from testing.shared_data import PROJECT
from testing.waiting import wait_until
from tests.cameras import agent_with, camera_health, is_live, still_camera

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ALERTS = PROJECT / "config" / "prometheus" / "alerts.yaml"
DASHBOARD = PROJECT / "config" / "grafana" / "dashboard.json"
NAME = re.compile(r"\bedge_agent_[a-z0-9_]+")


def promtool(*arguments: str, text: str = "") -> str:
    """Return promtool's output; fail with it if it reports an error."""
    command = program("promtool", "promtool (of Debian's package prometheus)")
    done = subprocess.run([command, *arguments], input=text, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def alert_expressions() -> list[str]:
    groups = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    return [rule["expr"] for group in groups for rule in group["rules"]]


def dashboard_expressions() -> list[str]:
    """Return the panels' queries, with Grafana's variables replaced."""
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    asked = [target["expr"] for panel in panels for target in panel["targets"]]
    return [each.replace("$instance", ".*").replace("$__rate_interval", "1m") for each in asked]


@pytest.fixture(scope="module")
def page_port() -> Iterator[int]:
    """Return the port of an agent that has processed three frames, failed at one, and published its metrics."""
    port = free_port()
    with (
        Mosquitto() as broker,
        Recorder(broker.port) as recorder,
        AgentProcess.with_script(broker.port, HTTP__ENABLED="true", HTTP__PORT=str(port)) as agent,
    ):
        agent.wait_until_ready(recorder)
        for trigger in ("press", "motion", "continuous"):
            recorder.publish("doorbell/front/frame", jpeg(), user={"trigger": trigger})
        recorder.publish("doorbell/front/frame", b"no picture", user={"trigger": "press"})
        told = recorder.wait_for("edge_agent/test/metrics", lambda each: sum(each["received"].values()) == 4)
        assert told["failed"] == {"bad_image": 1}
        assert told["in_flight"] == 0
        yield port


def scrape(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        return str(answer.read().decode())


def test_prometheus_accepts_the_alerts_and_they_fire() -> None:
    assert "SUCCESS" in promtool("check", "rules", str(ALERTS))
    assert "SUCCESS" in promtool("test", "rules", str(PROJECT / "tests" / "prometheus" / "alerts.yaml"))


def test_every_alert_is_tested() -> None:
    played = (PROJECT / "tests" / "prometheus" / "alerts.yaml").read_text(encoding="utf-8")
    names = re.findall(r"(?m)- alert: (\w+)", ALERTS.read_text(encoding="utf-8"))
    assert [name for name in names if f'alertname="{name}"' not in played] == []


def test_the_dashboards_queries_are_valid(tmp_path: Path) -> None:
    rules = [{"record": f"panel:{number}", "expr": expr} for number, expr in enumerate(dashboard_expressions())]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}), encoding="utf-8")
    assert f"{len(rules)} rules found" in promtool("check", "rules", str(file))


@pytest.mark.slow
@pytest.mark.broker
def test_promtool_accepts_the_metrics_of_a_real_run(page_port: int) -> None:
    assert promtool("check", "metrics", text=scrape(page_port)) == ""


@pytest.mark.slow
@pytest.mark.broker
def test_alerts_and_dashboard_use_existing_metrics(page_port: int) -> None:
    text = scrape(page_port)
    there = {each.name for family in text_string_to_metric_families(text) for each in family.samples}
    there |= set(re.findall(r"(?m)^# TYPE (\S+)", text))
    asked = {name for expr in (*alert_expressions(), *dashboard_expressions()) for name in NAME.findall(expr)}
    assert len(asked) > 20
    assert asked - there == set()


@pytest.mark.slow
@pytest.mark.broker
def test_every_metric_is_documented(page_port: int) -> None:
    page = (PROJECT / "docs" / "monitoring.md").read_text(encoding="utf-8")
    names = set(re.findall(r"(?m)^# TYPE (\S+)", scrape(page_port)))
    assert {name for name in names if f"`{name}" not in page} == set()


@pytest.mark.slow
@pytest.mark.broker
def test_each_camera_has_its_metrics() -> None:
    port, began_at = free_port(), time.time()
    with (
        Mosquitto() as broker,
        Recorder(broker.port) as recorder,
        still_camera() as camera,
        agent_with(
            broker,
            {"url": camera.url, "idle_interval_s": 0.2},
            {"url": "http://127.0.0.1:1/x.jpg", "doorbell": "gate"},
            HTTP__ENABLED="true",
            HTTP__PORT=str(port),
        ) as agent,
    ):
        agent.wait_until_ready(recorder)
        os.kill(camera_health(recorder, is_live)["pid"], signal.SIGKILL)
        camera_health(recorder, lambda each: is_live(each) and each["restarts"] == 1)
        found = camera_health(recorder, lambda each: each["faults"].get("unreachable", 0) > 1, "gate")
        text = scrape(port)
        assert promtool("check", "metrics", text=text) == ""
    values = {
        (sample.name.removeprefix("edge_agent_camera_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith("edge_agent_camera_") and not sample.name.endswith("_created")
    }
    assert (values["up", "front"], values["up", "gate"]) == (1, 0)
    assert values["frames_published_total", "front"] > 1
    assert values["frames_published_total", "gate"] == 0
    assert values["connection_attempts_total", "front"] == 2, "one of each process"
    assert values["connection_attempts_total", "gate"] >= found["attempts"] > 1
    assert values["faults_total", "front", "exited"] == values["process_restarts_total", "front"] == 1
    assert values["faults_total", "gate", "unreachable"] >= found["faults"]["unreachable"]
    assert values["faults_total", "gate", "timed_out"] == 0
    assert began_at < values["last_frame_timestamp_seconds", "front"] < time.time()
    assert ("last_frame_timestamp_seconds", "gate") not in values
    assert 1e7 < values["process_memory_bytes", "front"] < 8e7


@pytest.mark.slow
@pytest.mark.broker
def test_the_sum_of_frames_adds_up(page_port: int) -> None:
    sums: dict[str, float] = {}
    for family in text_string_to_metric_families(scrape(page_port)):
        sums[family.name] = sum(each.value for each in family.samples if not each.name.endswith("_created"))
    gone = sum(sums[f"edge_agent_frames_{what}"] for what in ("answered", "failed", "shed"))
    assert sums["edge_agent_frames_received"] == gone + sums["edge_agent_frames_in_flight"] == 4


@pytest.mark.slow
@pytest.mark.broker
def test_a_real_prometheus_scrapes_it_and_answers_every_panel(page_port: int, tmp_path: Path) -> None:
    port = free_port()
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(ALERTS)],
        "scrape_configs": [{"job_name": "edge-agent", "static_configs": [{"targets": [f"127.0.0.1:{page_port}"]}]}],
    }
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    command = [
        program("prometheus"),
        f"--config.file={tmp_path}/prometheus.yml",
        f"--storage.tsdb.path={tmp_path}/data",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as prometheus:
        try:
            wait_until(lambda: answers(port, 'up{job="edge-agent"} == 1'), why=lambda: str(answers(port, "up")))
            assert answers(port, 'edge_agent_status{status="ok"} == 1')
            assert [expr for expr in dashboard_expressions() if answers(port, expr) is None] == []
            assert answers(port, 'ALERTS{alertstate="firing"}') == []
        finally:
            prometheus.send_signal(signal.SIGTERM)


def answers(port: int, expression: str) -> list[Any] | None:
    """Return Prometheus' result of an expression, None if it is invalid or Prometheus is not running yet."""
    query = urllib.parse.urlencode({"query": expression})
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/query?{query}", timeout=10) as answer:
            found: list[Any] = json.loads(answer.read())["data"]["result"]
            return found
    except OSError:
        return None
