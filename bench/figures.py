"""Figures as a table."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def show(title: str, unit: str, series: Mapping[str, Sequence[float]]) -> None:
    """Print minimum, median, 95th percentile and maximum of each series."""
    table = Table(title=f"{title} ({unit})", title_justify="left", box=None, header_style="bold")
    table.add_column("")
    for name in ("n", "min", "median", "p95", "max"):
        table.add_column(name, justify="right")
    for name, values in series.items():
        if not values:
            continue
        p95 = statistics.quantiles(values, n=20, method="inclusive")[-1] if len(values) > 1 else values[0]
        figures = (min(values), statistics.median(values), p95, max(values))
        table.add_row(name, str(len(values)), *(f"{figure:.2f}" for figure in figures))
    Console().print(table)
