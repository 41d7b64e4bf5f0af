"""Precision and recall in difficult views of the labelled pictures, and false alarms in pictures without faces."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench import labelled as pictures
from bench.hard_views import VIEWS, Scene
from bench.intervals import count, per_thousand, precision_and_recall
from bench.labelled import FRAME, PRESS, is_infrared

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.hard_views import View
    from bench.intervals import Counts
    from bench.labelled import Judged, Labelled, Truth

JPEG_QUALITY: Final = 90
LEAST_SHARE: Final = 0.05
LEAST_PX: Final = 40
"""The labels' own rule: a required face has this share of the picture's height, or this longer side."""
WITHOUT_FACES: Final = "neg_"
TABLE_WIDTH: Final = 130


def measure(folder: Path, *, only: str) -> None:
    """Process every view whose name contains `only` as ordinary and as press frames, and print the tables."""
    labelled = pictures.read(folder)
    table = _table("view", "processed", "faces", "P [95 %]", "R [95 %]", "false")
    for name in track([name for name in VIEWS if only in name], description="detecting", transient=True):
        for row in _view_rows(labelled, name):
            table.add_row(*row)
    Console(width=TABLE_WIDTH).print(table)
    if not only:
        _show_false_alarms(labelled)


def _view_rows(labelled: Labelled, name: str) -> Iterator[tuple[str, ...]]:
    """Yield a row for ordinary and press frames by day, and one for infrared, where they are the same."""
    for infrared, variants in ((False, (FRAME, PRESS)), (True, (FRAME,))):
        with tempfile.TemporaryDirectory() as folder:
            shown = draw(labelled, VIEWS[name], Path(folder), infrared=infrared)
            for variant in variants:
                counts = _counts(pictures.process(shown, variant))
                faces, wrong = sum(each.faces for each in counts), sum(each.wrong for each in counts)
                kind = "infrared" if infrared else variant.name
                yield name, kind, str(faces), *map(str, precision_and_recall(counts)), str(wrong)


def draw(labelled: Labelled, view: View, folder: Path, *, infrared: bool) -> Labelled:
    """Write the pictures with faces, real or infrared ones, as `view` shows them; return their labels."""
    truths: list[Truth] = []
    for truth in labelled.truths:
        if not truth["boxes"] or is_infrared(truth) is not infrared:
            continue
        pixels = np.asarray(cv2.imread(str(labelled.folder / truth["image"]), cv2.IMREAD_COLOR), np.uint8)
        scene = view(Scene(pixels, [tuple(box) for box in truth["boxes"]], [tuple(box) for box in truth["ignore"]]))
        if scene is not None:
            name = f"{len(truths):04}.jpg"
            cv2.imwrite(str(folder / name), scene.pixels, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
            truths.append(labels(name, scene, truth["stratum"]))
    return replace(labelled, folder=folder, truths=truths)


def labels(name: str, scene: Scene, stratum: str) -> Truth:
    """Return the labels of a scene; faces that the lens made too small are not required."""
    height, width = scene.pixels.shape[:2]
    small = [box for box in scene.boxes if box[3] < LEAST_SHARE * height and max(box[2:]) < LEAST_PX]
    return {
        "image": name,
        "width": width,
        "height": height,
        "boxes": [box for box in scene.boxes if box not in small],
        "ignore": [*scene.ignore, *small],
        "stratum": stratum,
    }


def _show_false_alarms(labelled: Labelled) -> None:
    without = replace(labelled, truths=[each for each in labelled.truths if each["stratum"].startswith(WITHOUT_FACES)])
    table = _table("pictures without faces", "processed", "pictures", "false alarms per 1,000 [95 %]")
    for variant in (FRAME, PRESS):
        judged = pictures.process(without, variant)
        for stratum in ("", *sorted({each.truth["stratum"] for each in judged})):
            counts = _counts([each for each in judged if each.truth["stratum"].startswith(stratum)])
            found = per_thousand(counts)
            shown = f"{found.value:.0f} [{found.low:.0f}-{found.high:.0f}]"
            table.add_row(stratum.removeprefix(WITHOUT_FACES) or "all", variant.name, str(len(counts)), shown)
    Console(width=TABLE_WIDTH).print(table)


def _counts(judged: Sequence[Judged]) -> list[Counts]:
    threshold = pictures.default_threshold()
    return [count(each.detections, each.faces, threshold) for each in judged]


def _table(*columns: str) -> Table:
    return Table(*columns, box=None, pad_edge=False, header_style="bold")
