"""The latency chart of the last minutes. Pure."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Final

from edge_agent.web.markup import Markup, tag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_agent.web.board import Moment

WIDTH: Final = 600
HEIGHT: Final = 160
NOTHING_MS: Final = 1e-6
SHORTEST_S: Final = 120.0
"""The shortest time that the chart shows, even just after the start."""


def ceiling(highest: float) -> float:
    """Return the smallest round number, starting with 1, 2, 3 or 5, that is at least `highest`."""
    if highest < NOTHING_MS:
        return 1.0
    power = 10.0 ** math.floor(math.log10(highest))
    return next(step * power for step in (1, 2, 3, 5, 10) if step * power >= highest * (1 - 1e-9))


def span_s(moments: Sequence[Moment]) -> float:
    """Return the time that the chart shows, in whole minutes."""
    oldest_s = max((each.age_s for each in moments), default=0.0)
    return max(SHORTEST_S, 60 * math.ceil(oldest_s / 60))


def chart(moments: Sequence[Moment]) -> Markup:
    """Return median and 95th percentile over time, the newest at the right; a gap where no frame was processed."""
    known = [each for each in moments if each.p95_ms is not None and each.p50_ms is not None]
    if not known:
        return tag("p", "No frame was processed in the last minutes.", class_="empty")
    top_ms, long_s = ceiling(max(each.p95_ms or 0.0 for each in known)), span_s(moments)
    runs = [
        [(_x(each.age_s, long_s), each.p50_ms or 0.0, each.p95_ms or 0.0) for each in run]
        for is_known, run in itertools.groupby(moments, lambda each: each.p95_ms is not None)
        if is_known
    ]
    p50, p95 = ([[(x, _y(row[which], top_ms)) for x, *row in run] for run in runs] for which in (0, 1))
    drawing = tag(
        "svg",
        *(tag("line", x1=0, x2=WIDTH, y1=y, y2=y, class_="grid") for y in (1, HEIGHT // 2, HEIGHT - 1)),
        *(tag("path", d=_area(points), class_="area") for points in p95),
        *(tag("path", d=_line(points), class_="p95") for points in p95),
        *(tag("path", d=_line(points), class_="p50") for points in p50),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        preserveAspectRatio="none",
        role="img",
        aria_label=_summary(known[-1]),
    )
    scale = tag("div", *(tag("span", f"{value:g} ms") for value in (top_ms, top_ms / 2, 0)), class_="scale")
    minutes = long_s / 60
    ages = tag("div", tag("span", f"{minutes:g} min ago"), tag("span", "now"), class_="ages")
    return tag("div", scale, drawing, ages, class_="chart")


def _summary(last: Moment) -> str:
    return f"Latency: median {last.p50_ms:g} ms, 95th percentile {last.p95_ms:g} ms"


def _x(age_s: float, long_s: float) -> float:
    return WIDTH * (1 - age_s / long_s)


def _y(value_ms: float, top_ms: float) -> float:
    return HEIGHT - 1 - (HEIGHT - 2) * min(1.0, value_ms / top_ms)


def _line(points: Sequence[tuple[float, float]]) -> str:
    """Return the path through points; a single point is drawn as a dash."""
    if len(points) == 1:
        points = [points[0], (min(WIDTH, points[0][0] + 4), points[0][1])]
    return "M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _area(points: Sequence[tuple[float, float]]) -> str:
    return f"{_line(points)}V{HEIGHT}H{points[0][0]:.1f}Z"
