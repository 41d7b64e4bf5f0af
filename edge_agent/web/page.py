"""The status page, rendered from the board. Pure. page.js renews every element with `data-part`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edge_agent.web.cameras import cameras
from edge_agent.web.chart import chart
from edge_agent.web.controls import Controls, dialog, doorbell_controls
from edge_agent.web.markup import Markup, tag
from edge_agent.web.visits import timeline

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from edge_agent.telemetry.health import AcceleratorPayload, HealthPayload, WorkerPayload
    from edge_agent.web.board import DoorbellView, View
    from edge_agent.web.visits import Day

MINUTE_S: Final = 60
HOUR_S: Final = 3600
DAY_S: Final = 86400
JUST_NOW_S: Final = 1.5
QUIET_S: Final = 8.0
"""The agent's thread sends a heartbeat every 2 s: after four times that, the page's content is out of date."""
BROKER_LOST: Final = "broker_lost"
"""The code of that problem in the health message."""
READ_ONLY: Final = Controls()


def ago(seconds: float) -> str:
    """Return an age in words."""
    return "just now" if seconds < JUST_NOW_S else f"{duration(seconds)} ago"


def duration(seconds: float) -> str:
    """Return a time in its largest unit."""
    for unit_s, unit in ((DAY_S, "day"), (HOUR_S, "hour"), (MINUTE_S, "min")):
        if seconds >= unit_s:
            number = int(seconds // unit_s)
            return f"{number} {unit}{'s' if number > 1 and unit != 'min' else ''}"
    return f"{max(0, seconds):.0f} s"


def page(
    view: View, base: str = "", today: Day | None = None, controls: Controls = READ_ONLY, *, has_search: bool = False
) -> str:
    """Return the status page; `base` is the path under which a proxy serves it, or ''.

    `today` are the visits of today, None without a history. `has_search` adds a link to the search for sources.
    """
    layout = "one" if len(view.doorbells) == 1 else None
    return document(view, base, _main(view, today, controls), controls, layout=layout, has_search=has_search)


def document(  # noqa: PLR0913 - what differs between pages
    view: View,
    base: str,
    parts: Sequence[Markup],
    controls: Controls = READ_ONLY,
    *,
    layout: str | None = None,
    title: str = "",
    has_search: bool = False,
) -> str:
    """Return a whole page with these parts; every page shows the agent's status, and whether it responds."""
    key = tag("meta", name="edge-agent-key", content=controls.key) if controls.are_shown else ""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("base", href=base) if base else "",
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{title} - edge-agent {view.agent_id}" if title else f"edge-agent {view.agent_id}"),
        tag("link", rel="icon", href="icon.svg", type="image/svg+xml"),
        tag("link", rel="stylesheet", href="page.css"),
        key,
        tag("script", src="page.js", defer=True),
        tag("script", src="actions.js", defer=True) if controls.are_shown else "",
    )
    main = tag("main", *parts, class_=layout)
    body = tag("body", _alarm(view), _header(view), main, _footer(view, has_search=has_search), dialog(controls))
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def _alarm(view: View) -> Markup:
    """Return why the page is not live, or an empty element; page.js writes here too.

    Without a broker only the doorbells are out of date: the agent still reports its own health.
    """
    said, class_ = "", "alarm"
    if view.silent_s > QUIET_S:
        said = f"The agent has not responded for {duration(view.silent_s)}. This page shows its last data."
    elif lost_at := _broker_lost_at(view):
        said = f"No connection to the broker since {lost_at:%H:%M:%S}. Doorbells show their last pictures."
        class_ = "alarm broker"
    return tag("p", said, class_=class_, data_part="alarm", role="alert")


def _is_live(view: View) -> bool:
    return view.silent_s <= QUIET_S and not _broker_lost_at(view)


def _broker_lost_at(view: View) -> datetime | None:
    """Return when the broker was lost, or None: it is connected, or not away long enough to be a problem."""
    health = view.health
    if health is None or health.broker.connected:
        return None
    is_problem = any(problem.code == BROKER_LOST for problem in health.problems)
    return health.broker.since.astimezone() if is_problem else None


def _header(view: View) -> Markup:
    return tag(
        "header",
        tag("img", src="icon.svg", alt="", width=36, height=36),
        tag("h1", tag("a", "edge-agent", href="./"), tag("small", view.agent_id)),
        _status(view),
    )


def _status(view: View) -> Markup:
    status, text = _status_text(view)
    return tag("p", text, class_=f"status {status}", data_part="status")


def _status_text(view: View) -> tuple[str, str]:
    """Return the class and the text of the status."""
    if view.silent_s > QUIET_S:
        return "failed", "no response"
    if _broker_lost_at(view):
        return "failed", "no broker"
    if view.health is None:
        return "degraded", "starting"
    if view.health.status == "ok":
        return "ok", "OK"
    return view.health.status, f"{view.health.status} since {view.health.since.astimezone():%H:%M}"


def _main(view: View, today: Day | None, controls: Controls) -> list[Markup]:
    visits = [timeline(today, controls, is_live=_is_live(view))] if today is not None else []
    parts = [_reasons(view), *visits, _doorbells(view.doorbells, controls, is_live=_is_live(view))]
    if view.health is not None:
        shown = [cameras(view.health.cameras, view.test_pictures)] if view.health.cameras else []
        parts += [_tiles(view.health), *shown, _latency(view), _workers(view.health)]
    return parts


def _reasons(view: View) -> Markup:
    reasons = view.health.reasons if view.health else ()
    items = tag("ul", *(tag("li", reason) for reason in reasons)) if reasons else ""
    return tag("section", items, class_="reasons", data_part="reasons", aria_live="polite")


def _doorbells(doorbells: Sequence[DoorbellView], controls: Controls, *, is_live: bool) -> Markup:
    if not doorbells:
        hint = ("No doorbell has sent anything yet. To add one, publish a picture to ",
                tag("code", "doorbell/<id>/frame"), ".")  # fmt: skip
        return tag("section", tag("p", *hint, class_="empty"), data_part="no-doorbell")
    shown = (_doorbell(each, controls, is_live=is_live) for each in doorbells)
    return tag("section", *shown, class_="doors", aria_label="Doorbells")


def _doorbell(doorbell: DoorbellView, controls: Controls, *, is_live: bool) -> Markup:
    caption = _caption(doorbell, controls) if is_live else _stale_caption(doorbell)
    return tag("article", _picture(doorbell), caption, class_="door")


def _picture(doorbell: DoorbellView) -> Markup:
    if doorbell.picture:
        source = f"picture/{doorbell.name}?{doorbell.picture_number}"
        content = tag("img", src=source, alt=f"Last picture of {doorbell.name}")
    else:
        content = tag("p", "no picture", class_="none")
    class_ = "picture" if doorbell.online else "picture away"
    return tag("div", content, class_=class_, data_part=f"picture-{doorbell.name}")


def _caption(doorbell: DoorbellView, controls: Controls) -> Markup:
    availability = "online" if doorbell.online else "offline"
    taken = f"picture {ago(doorbell.picture_age_s)}" if doorbell.picture else ""
    return tag(
        "div",
        tag("h2", doorbell.name, tag("span", availability, class_=f"dot {availability}"), _muted(doorbell)),
        tag("p", _faces(doorbell), class_="faces"),
        tag("p", " · ".join(filter(None, (_last_press(doorbell), taken))), class_="dim"),
        doorbell_controls(doorbell.name, controls),
        class_="caption",
        data_part=f"caption-{doorbell.name}",
    )


def _muted(doorbell: DoorbellView) -> Markup:
    return tag("span", "muted", class_="dot") if doorbell.is_muted else Markup()


def _stale_caption(doorbell: DoorbellView) -> Markup:
    """Return a caption without outdated data."""
    name = tag("h2", doorbell.name, tag("span", "unknown", class_="dot"))
    return tag("div", name, class_="caption", data_part=f"caption-{doorbell.name}")


def _faces(doorbell: DoorbellView) -> str:
    faces, confidence = doorbell.state.faces, doorbell.state.confidence
    if faces is None:
        return "no frame processed yet"
    if not faces:
        return "no face now"
    sure = f", confidence {confidence:.0%}" if confidence is not None else ""
    return f"{faces} face{'s' if faces > 1 else ''} now{sure}"


def _last_press(doorbell: DoorbellView) -> str:
    if doorbell.answer is None:
        return ""
    found = {"face": "a face", "no_face": "no face", "failed": "no answer"}.get(doorbell.answer.event_type, "")
    return f"pressed {ago(doorbell.answer_age_s)}: {found}"


def _tiles(health: HealthPayload) -> Markup:
    shown = [
        ("frames processed", f"{health.fps:g}", "per second"),
        ("latency", _ms(health.latency_p95_ms), "95th percentile"),
        ("queued", f"{health.queue_depth}", " · ".join(f"{word} {n}" for word, n in health.queue.items() if n)),
        ("workers", f"{health.workers_alive}/{len(health.workers)}", f"detector: {health.detector}"),
        ("memory", f"{health.memory_mb:.0f} MB", "agent and workers"),
    ]
    if health.host.cpu_temperature_c is not None:
        shown.append(("CPU", f"{health.host.cpu_temperature_c:.0f} °C", "temperature"))
    tiles = (
        tag("div", tag("dt", name), tag("dd", tag("b", value), tag("span", note or "frames")))
        for name, value, note in shown
    )
    return tag("section", tag("dl", *tiles, class_="tiles"), class_="figures", data_part="tiles", aria_label="Figures")


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f} ms"


def _latency(view: View) -> Markup:
    legend = tag("span", tag("i", class_="p50"), "median", tag("i", class_="p95"), "95th percentile", class_="legend")
    return tag("section", tag("h2", "Latency", legend), chart(view.history), class_="card", data_part="latency")


def _workers(health: HealthPayload) -> Markup:
    columns = ("worker", "detector", "utilization", "frames", "memory", "restarts")
    head = tag("tr", *(tag("th", name) for name in columns))
    table = tag("table", tag("thead", head), tag("tbody", *(_worker(each) for each in health.workers)))
    return tag(
        "section",
        tag("h2", "Workers"),
        tag("div", table, class_="wide", data_part="workers", role="region", aria_label="Workers", tabindex="0"),
        _accelerators(health),
        class_="card",
    )


def _accelerators(health: HealthPayload) -> Markup:
    """Return the accelerators in use, and, folded, the unavailable ones with the reason."""
    used = [tag("li", _accelerator(each)) for each in health.accelerators]
    missing = [tag("li", f"{each.strategy}: {each.detail}") for each in health.missing]
    names = ", ".join(each.strategy for each in health.missing)
    folded = tag("details", tag("summary", f"Unavailable: {names}"), tag("ul", *missing), data_part="missing")
    parts = [*([tag("ul", *used, data_part="accelerators")] if used else []), *([folded] if missing else [])]
    return tag("div", *parts, class_="dim") if parts else Markup()


def _worker(worker: WorkerPayload) -> Markup:
    detector = " ".join(filter(None, (worker.strategy, worker.model))) or worker.last_error_detail or "none"
    cells = (
        detector,
        f"{worker.utilization_percent:g} %",
        f"{worker.jobs}",
        f"{worker.memory_mb:.0f} MB",
        f"{worker.restarts}",
    )
    name = tag("td", f"{worker.slot} ", tag("span", worker.state.replace("_", " "), class_=f"state {worker.state}"))
    return tag("tr", name, *(tag("td", cell) for cell in cells))


def _accelerator(accelerator: AcceleratorPayload) -> str:
    said = f"{accelerator.strategy} ({accelerator.device}): {accelerator.state.replace('_', ' ')}"
    return f"{said}: {accelerator.detail}" if accelerator.detail else said


def _footer(view: View, *, has_search: bool) -> Markup:
    version = view.health.version if view.health else ""
    search = (" · ", tag("a", "find sources", href="sources")) if has_search else ()
    said = f"edge-agent {version} · up for {duration(view.running_s)} · "
    return tag("footer", tag("p", said, tag("a", "metrics", href="metrics"), *search, data_part="footer"))
