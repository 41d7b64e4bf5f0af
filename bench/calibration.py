"""Shows whether confidences are right: reliability tables by day and night, frames and presses; and fits their tables.

A table is fitted to four fifths of the pictures and judged on the others, five times; the printed one is fitted to all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from bench import labelled as pictures
from bench.accuracy import process_all
from bench.fitting import fit
from bench.reliability import LEAST_CONFIDENCE, calibration_error, error_by_chance, reliability
from edge_agent.domain import Trigger
from edge_agent.worker.calibration import BOTH_STAGES, SCORES, score_of, table_for
from edge_agent.worker.cascade import is_night

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from bench.labelled import Judged, Labelled, Truth, Variant
    from edge_agent.worker.calibration import Confidences

    Floats = npt.NDArray[np.float64]

FOLDS: Final = 5
SEED: Final = 1
SIDE: Final = 640
"""The size at which the worker measures brightness."""


class Place(NamedTuple):
    """What made a confidence: a model alone, by day or night, or ('') both stages."""

    model: str
    dark: bool

    def table(self) -> Confidences:
        """Return the agent's table for this."""
        return table_for(self.model, dark=self.dark) if self.model else BOTH_STAGES

    def __str__(self) -> str:
        return f"{self.model or 'both stages'}, {'night' if self.dark else 'day'}"


class Samples(NamedTuple):
    """Detections: the number of their picture's fold, their score, confidence, and whether they are faces (1 or 0)."""

    fold: Floats
    score: Floats
    confidence: Floats
    is_face: Floats

    def where(self, chosen: npt.NDArray[np.bool_]) -> Samples:
        """Return the chosen ones."""
        return Samples(*(column[chosen] for column in self))


def measure(folder: Path, *, only: str) -> None:
    """Print reliability tables of every variant whose name contains `only`, and the fitted tables."""
    labelled = pictures.read(folder)
    dark = [is_dark(labelled, truth) for truth in labelled.truths]
    folds = np.random.default_rng(SEED).permutation(len(dark)) % FOLDS
    fitted: dict[Place, list[Confidences]] = {}
    for variant, judged in process_all(labelled, only):
        by_place = samples_by_place(variant, judged, dark, folds)
        for place, samples in by_place.items():
            if place not in fitted:
                fitted[place] = fit_folds(samples)
        for infrared, name in ((False, "real"), (True, "infrared")):
            members = np.array([each.infrared is infrared for each in judged])
            parts = samples_by_place(variant, judged, dark, folds, members)
            _show(f"{variant.name}, {name}", parts, fitted)
    for place, tables in fitted.items():
        print(f"{place}: {tables[-1]}")


def is_dark(labelled: Labelled, truth: Truth) -> bool:
    """Return whether the worker processes a picture as one of the night."""
    return is_night(pictures.decoded(labelled, truth, SIDE).pixels)


def place_of(variant: Variant, judged: Judged, *, dark: bool) -> Place:
    """Return what made the confidences of a picture."""
    second = judged.result.second_model
    if not second:
        return Place(variant.first_model, dark)
    return Place(second, dark) if dark or variant.trigger is not Trigger.PRESS else Place("", dark)


def samples_by_place(
    variant: Variant,
    judged: Sequence[Judged],
    dark: Sequence[bool],
    folds: Iterable[int],
    members: npt.NDArray[np.bool_] | None = None,
) -> dict[Place, Samples]:
    """Return the detections of the pictures (all, or the members), by what made their confidences."""
    rows: dict[Place, list[tuple[float, ...]]] = {}
    for number, (each, is_night_picture, fold) in enumerate(zip(judged, dark, folds, strict=True)):
        if members is None or members[number]:
            place = place_of(variant, each, dark=is_night_picture)
            rows.setdefault(place, []).extend(
                (fold, score_of(confidence, place.table()), confidence, is_face)
                for confidence, is_face in each.detections
            )
    return {place: Samples(*np.array(found, np.float64).reshape(-1, 4).T) for place, found in rows.items()}


def fit_folds(samples: Samples) -> list[Confidences]:
    """Return the tables fitted without each of the folds, and the one fitted to all."""
    parts = [samples.where(samples.fold != fold) for fold in range(FOLDS)]
    return [fit(part.score, part.is_face) for part in (*parts, samples)]


def held_out(samples: Samples, tables: Sequence[Confidences]) -> Floats:
    """Return the confidences by the tables that were fitted without the detection's own fold."""
    pairs = zip(samples.fold, samples.score, strict=True)
    return np.array([np.interp(score, SCORES, tables[int(fold)]) for fold, score in pairs])


def _show(title: str, parts: Mapping[Place, Samples], fitted: Mapping[Place, Sequence[Confidences]]) -> None:
    """Print the reliability of the agent's confidences, and the errors with tables that saw all or other pictures."""
    confidence, is_face = (np.concatenate([part[column] for part in parts.values()]) for column in (2, 3))
    outside = np.concatenate([held_out(part, fitted[place]) for place, part in parts.items()])
    table = Table("confidence", "mean", "faces", "detections", title=title, title_justify="left", box=None)
    bins = reliability(confidence, is_face)
    for each in bins:
        shown = f"{each.begin:.1f}-{each.begin + 0.1:.1f}"
        table.add_row(shown, f"{each.confidence:.3f}", f"{each.faces:.3f}", str(each.detections))
    Console().print(table)
    print(
        f"calibration error {calibration_error(bins):.3f}; with tables of other pictures"
        f" {calibration_error(reliability(outside, is_face)):.3f}; by chance alone {error_by_chance(confidence):.3f}"
        f" (confidences of at least {LEAST_CONFIDENCE})\n"
    )
