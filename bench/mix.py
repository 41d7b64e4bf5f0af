"""How to mix the scores of both stages at a press: the best F1 on pictures by day, chosen by cross-validation."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from bench import labelled as pictures
from edge_agent.app import find_detectors
from edge_agent.detectors import table as detectors
from edge_agent.settings.loading import load_settings
from edge_agent.worker.cascade import BOTH, MIN_LISTED_SCORE, Mix, is_night, is_sure, merge
from edge_agent.worker.close_up import retry_large
from edge_agent.worker.decode import to_original

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from bench.labelled import Labelled, Truth
    from edge_agent.wire import Face

    Counts = npt.NDArray[np.float64]
    """Right and wrong detections, and faces."""

WEIGHTS: Final = (0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9)
THRESHOLDS: Final = tuple(round(0.56 + 0.01 * step, 2) for step in range(20))
FOLDS: Final = 5
REPEATS: Final = 40
"""Divisions into folds, each with its own seed."""


class Stages(NamedTuple):
    """A picture's labels, its height, and the faces of both stages in its pixels."""

    truth: Truth
    height: int
    first: list[Face]
    second: list[Face]


def measure(folder: Path) -> None:
    """Print precision and recall of the agent's mix, of the first stage alone, and of the mixes that were chosen."""
    labelled = pictures.read(folder)
    scenes = list(_both_stages(labelled))
    mixes = [Mix(*values) for values in itertools.product(WEIGHTS, THRESHOLDS)]
    threshold = pictures.default_threshold()
    counts = np.array([[_count(labelled, each, threshold, mix) for each in scenes] for mix in mixes])
    chosen, held_out = cross_validate(counts)
    alone = np.array([_count(labelled, each, threshold) for each in scenes])
    table = Table("mix", "chosen", "P", "R", box=None)
    table.add_row("first stage alone", "", *_shown(alone.sum(axis=0)))
    table.add_row("held out", "", *_shown(held_out))
    most = [number for number, _ in chosen.most_common(5)]
    for number in dict.fromkeys((mixes.index(BOTH), *most)):
        name = f"{mixes[number]}{', the agent' if mixes[number] == BOTH else ''}"
        table.add_row(name, f"{chosen[number]} of {FOLDS * REPEATS}", *_shown(counts[number].sum(axis=0)))
    Console(width=110).print(table)


def _both_stages(labelled: Labelled) -> Iterator[Stages]:
    """Yield the faces of both stages in each picture by day."""
    cv2.setNumThreads(1)
    plan = find_detectors(load_settings(None, {"detection": {"strategies": ["cpu"]}}))
    if plan.second_stage is None:
        message = "the models of both stages are needed"
        raise SystemExit(message)
    first, second = detectors.load(plan.choices[0]), detectors.load(plan.second_stage.choice)
    for truth in labelled.truths:
        picture = pictures.decoded(labelled, truth, max(first.side, second.side))
        if not is_night(picture.pixels):
            found = retry_large(first, picture.pixels, first.detect(picture.pixels))
            both = (found, second.detect(picture.pixels))
            yield Stages(truth, picture.size.height, *([to_original(face, picture) for face in each] for each in both))


def _count(labelled: Labelled, stages: Stages, threshold: float, mix: Mix | None = None) -> tuple[int, int, int]:
    """Count right and wrong detections, and faces; without a mix those of the first stage."""
    faces: Sequence[Face] = [face for face in stages.first if face.confidence >= MIN_LISTED_SCORE]
    if mix is not None and not is_sure(faces):
        faces = merge(faces, stages.second, height=stages.height, mix=mix)
    counting = [face for face in faces if face.confidence >= threshold]
    matches = [is_face for _, is_face in pictures.compare(labelled, stages.truth, counting)]
    return sum(matches), len(matches) - sum(matches), len(stages.truth["boxes"])


def cross_validate(counts: npt.NDArray[np.float64]) -> tuple[Counter[int], Counts]:
    """Return how often each mix is the best without a fold of the pictures, and the counts on the folds left out.

    `counts` is mixes x pictures x 3.
    """
    chosen: Counter[int] = Counter()
    held_out = np.zeros(3)
    for seed in range(REPEATS):
        folds = np.random.default_rng(seed).permutation(counts.shape[1]) % FOLDS
        for fold in range(FOLDS):
            best = int(np.argmax(_f1(counts[:, folds != fold].sum(axis=1))))
            chosen[best] += 1
            held_out += counts[best, folds == fold].sum(axis=0)
    return chosen, held_out


def _f1(counts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    right, wrong, faces = counts.T
    return np.asarray(2 * right / (right + wrong + faces), np.float64)


def _shown(counts: Counts) -> tuple[str, str]:
    right, wrong, faces = counts
    return f"{right / (right + wrong):.3f}", f"{right / faces:.3f}"
