"""The cameras on the status page: each with its state and a test picture. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_agent.web.markup import Markup, tag

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edge_agent.telemetry.health import CameraPayload

COLUMNS = ("camera", "state", "sends", "pictures", "memory", "test picture")


def cameras(found: Sequence[CameraPayload], test_pictures: Mapping[str, int]) -> Markup:
    """Return a card; `test_pictures` are the numbers of the last pictures, by doorbell."""
    head = tag("tr", *(tag("th", name) for name in COLUMNS))
    rows = (_row(each, test_pictures.get(each.doorbell)) for each in found)
    table = tag("table", tag("thead", head), tag("tbody", *rows))
    return tag("section", tag("h2", "Cameras"), tag("div", table, class_="wide", data_part="cameras"), class_="card")


def _row(camera: CameraPayload, number: int | None) -> Markup:
    size = f" {camera.width}x{camera.height}" if camera.width else ""
    cells = (
        camera.detail or camera.address,
        f"{camera.codec or '-'}{size}",
        f"{camera.frames}",
        f"{camera.memory_mb:.0f} MB",
        _test_picture(camera.doorbell, number),
    )
    name = tag("td", f"{camera.doorbell} ", tag("span", camera.state, class_=f"state {camera.state}"))
    return tag("tr", name, *(tag("td", cell) for cell in cells))


def _test_picture(doorbell: str, number: int | None) -> Markup | str:
    if number is None:
        return "-"
    return tag("img", src=f"camera/{doorbell}?{number}", alt=f"What the camera of {doorbell} shows", class_="test")
