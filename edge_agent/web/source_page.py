"""The page of found sources, as `edge-agent sources` shows them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edge_agent.ingest.recognizer import Kind, source_entries
from edge_agent.settings.source_lines import source_lines
from edge_agent.web.markup import Markup, join, tag

if TYPE_CHECKING:
    from edge_agent.ingest.recognizer import ObservedTopic
    from edge_agent.web.source_search import SearchView

MINUTE_S: Final = 60.0
RELOAD_S: Final = 3
HEADS: Final = ("topic", "kind", "size", "per minute", "preset")
NOTHING: Final = (
    "No pictures and no presses were found. Press the button during the search, and check that the agent's user may"
    " read all topics."
)


def source_page(view: SearchView, seconds: float, base: str = "") -> str:
    """Return the page; it reloads itself during a search of that many seconds."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("base", href=base) if base else "",
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", http_equiv="refresh", content=RELOAD_S) if view.left_s else "",
        tag("title", "edge-agent sources"),
        tag("link", rel="icon", href="icon.svg", type="image/svg+xml"),
        tag("link", rel="stylesheet", href="page.css"),
    )
    parts = (tag("h1", "Sources"), *_body(view, seconds), tag("p", tag("a", "Status page", href="./")))
    return f"<!doctype html>\n{tag('html', head, tag('body', tag('main', tag('section', *parts))), lang='en')}\n"


def _body(view: SearchView, seconds: float) -> tuple[Markup, ...]:
    if view.left_s:
        return (tag("p", f"Listening for {view.left_s:.0f} more seconds. Press the button now.", role="status"),)
    again = tag("p", tag("a", f"Search for {seconds:.0f} s", href="sources/search"))
    if view.fault:
        return (tag("p", f"The search failed: {view.fault}", role="alert"), again)
    if view.observed is None:
        return (tag("p", "Find the topics that carry pictures or presses."), again)
    if not view.observed:
        return (tag("p", NOTHING), again)
    lines = f"sources:\n{source_lines(source_entries(list(view.observed)))}"
    return (_table(view.observed, seconds), tag("h2", "Lines for agent.yaml"), tag("pre", lines), again)


def _table(observed: tuple[ObservedTopic, ...], seconds: float) -> Markup:
    head = tag("tr", *(tag("th", each) for each in HEADS))
    rows = (tag("tr", *(tag("td", cell) for cell in source_cells(each, seconds))) for each in observed)
    return tag("table", tag("thead", head), tag("tbody", join(rows)))


def source_cells(observed: ObservedTopic, seconds: float) -> tuple[str, str, str, str, str]:
    """Return a found topic as the cells of a table."""
    content, kilobytes = observed.content, observed.largest_bytes / 1000
    kind = f"{content.kind} ({content.path})" if content.path else content.kind
    is_press = content.kind is Kind.PRESS
    size = f"{observed.largest_bytes} B" if is_press else f"{content.width}x{content.height}, {kilobytes:.0f} kB"
    rate = f"{observed.live * MINUTE_S / seconds:.3g}" if observed.live else "retained"
    return observed.topic, kind, size, rate, observed.fit.preset if observed.fit else "none"
