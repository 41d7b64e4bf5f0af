"""Precision and recall on labelled pictures, through the agent's own pool."""

from __future__ import annotations

import statistics
from collections import defaultdict
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench import labelled as pictures
from bench.intervals import count, precision_and_recall
from bench.labelled import VARIANTS
from edge_agent.errors import NoDetectorError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from bench.labelled import Judged, Labelled, Variant

TABLE_WIDTH = 130


def measure(folder: Path, *, only: str, by_stratum: bool) -> None:
    """Process the pictures of `folder` in every way whose name contains `only`, and print a table."""
    labelled = pictures.read(folder)
    table = _table()
    for variant, judged in process_all(labelled, only):
        for stratum, members in _strata(judged, by_stratum=by_stratum).items():
            table.add_row(*_row(variant, stratum, members, labelled))
        table.add_section()
    Console(width=TABLE_WIDTH).print(table)


def process_all(labelled: Labelled, only: str) -> Iterator[tuple[Variant, list[Judged]]]:
    """Yield the result of every variant whose name contains `only`, and that this installation can run."""
    for variant in track([each for each in VARIANTS if only in each.name], description="detecting", transient=True):
        try:
            judged = pictures.process(labelled, variant)
        except NoDetectorError as error:
            print(f"{variant.name} is left out: {error}")
            continue
        yield variant, judged


def _strata(judged: Sequence[Judged], *, by_stratum: bool) -> dict[str, list[Judged]]:
    strata: defaultdict[str, list[Judged]] = defaultdict(list)
    for each in judged:
        strata["infrared" if each.infrared else "real"].append(each)
        if by_stratum:
            strata[each.truth["stratum"]].append(each)
    return strata


def _row(variant: Variant, stratum: str, members: Sequence[Judged], labelled: Labelled) -> tuple[str, ...]:
    threshold = pictures.default_threshold()
    counts = [count(each.detections, each.faces, threshold) for each in members]
    faces = sum(each.faces for each in members)
    detections = [detection for each in members for detection in each.detections]
    ap = labelled.score.figures(detections, faces, threshold)["ap"]
    milliseconds = [each.result.times.inference for each in members]
    return (
        variant.name,
        stratum,
        str(faces),
        *(map(str, precision_and_recall(counts)) if faces else "--"),
        f"{ap:.3f}" if faces else "-",
        str(sum(each.wrong for each in counts)),
        f"{statistics.fmean(milliseconds):.1f}",
        f"{statistics.quantiles(milliseconds, n=20, method='inclusive')[-1]:.1f}",
        f"{max(each.result.memory_bytes for each in members) / 1e6:.0f}",
    )


def _table() -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for name in ("processed", "pictures"):
        table.add_column(name, no_wrap=True)
    for name in ("faces", "P [95 %]", "R [95 %]", "AP", "false", "ms", "p95", "MB"):
        table.add_column(name, justify="right", no_wrap=True, min_width=5)
    return table
