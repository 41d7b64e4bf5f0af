"""Measures of accuracy: confidence intervals, calibration, and the tables that make confidences of scores."""

from __future__ import annotations

import numpy as np
import pytest

from bench.calibration import FOLDS, Place, Samples, fit_folds, held_out
from bench.fitting import fit, log_odds, logistic
from bench.intervals import Counts, count, per_thousand, precision_and_recall
from bench.mix import FOLDS as MIX_FOLDS
from bench.mix import REPEATS, cross_validate
from bench.reliability import calibration_error, error_by_chance, reliability
from edge_agent.wire import Box, Face
from edge_agent.worker.calibration import (
    BOTH_STAGES,
    BY_DAY,
    BY_NIGHT,
    SCORES,
    UNCALIBRATED,
    calibrate,
    score_of,
    table_for,
)

TABLES = [*BY_DAY.values(), *BY_NIGHT.values(), BOTH_STAGES]


def test_detections_below_the_threshold_are_not_counted() -> None:
    assert count([(0.9, True), (0.7, False), (0.69, True)], 4, 0.7) == Counts(right=1, wrong=1, faces=4)


def test_an_interval_covers_its_value_and_narrows_with_more_pictures() -> None:
    pictures = [Counts(2, 0, 2), Counts(1, 1, 2), Counts(0, 1, 1), Counts(1, 0, 1)]
    few, many = precision_and_recall(pictures * 5), precision_and_recall(pictures * 80)
    assert few[0].value == many[0].value == 4 / 6
    assert few[1].value == many[1].value == 4 / 6
    for wide, narrow in zip(few, many, strict=True):
        assert wide.low < narrow.low < narrow.value < narrow.high < wide.high


def test_an_interval_is_as_wide_as_that_of_the_binomial_distribution() -> None:
    pictures = [Counts(1, 0, 1)] * 360 + [Counts(0, 1, 1)] * 40
    precision, _ = precision_and_recall(pictures)
    half = 1.96 * (0.9 * 0.1 / 400) ** 0.5
    assert (precision.low, precision.high) == pytest.approx((0.9 - half, 0.9 + half), abs=0.005)
    assert str(precision).startswith("0.900 [0.8")


def test_an_interval_is_the_same_each_time() -> None:
    pictures = [Counts(2, 0, 2), Counts(1, 1, 2)] * 9
    assert precision_and_recall(pictures) == precision_and_recall(pictures)


def test_no_detections_at_all_are_precise() -> None:
    precision, recall = precision_and_recall([Counts(0, 0, 1)])
    assert (precision.value, recall.value) == (1.0, 0.0)


def test_false_alarms_are_per_thousand_pictures() -> None:
    found = per_thousand([Counts(0, 1, 0)] + [Counts(0, 0, 0)] * 49)
    assert found.value == 20
    assert found.low == 0
    assert 40 <= found.high <= 80


def test_detections_are_grouped_by_tenths_of_the_scale() -> None:
    confidences, is_face = np.array([0.25, 0.31, 0.39, 0.95, 1.0]), np.array([1.0, 0.0, 1.0, 1.0, 1.0])
    low, high = reliability(confidences, is_face)
    assert low == pytest.approx((0.3, 0.35, 0.5, 2))
    assert high == pytest.approx((0.9, 0.975, 1.0, 2))
    assert calibration_error([low, high]) == pytest.approx((0.15 + 0.025) / 2)


def test_without_detections_there_is_no_error() -> None:
    assert calibration_error(reliability(np.zeros(0), np.zeros(0))) == 0


def test_right_confidences_have_an_error_by_chance_that_falls_with_their_number() -> None:
    confidences = np.linspace(0.3, 1.0, 100)
    assert error_by_chance(confidences) > 2 * error_by_chance(np.repeat(confidences, 50)) > 0


def _drawn(slope: float, offset: float) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(3)
    scores = random.uniform(0.3, 0.98, 20_000)
    chances = 1 / (1 + np.exp(-(slope * log_odds(scores) + offset)))
    return scores, (random.random(len(scores)) < chances).astype(np.float64)


def test_a_logistic_curve_is_found_again() -> None:
    scores, is_face = _drawn(3.0, -2.0)
    assert logistic(log_odds(scores), is_face) == pytest.approx((3.0, -2.0), abs=0.15)


def test_a_fitted_table_makes_confidences_right_but_keeps_the_default_threshold() -> None:
    scores, is_face = _drawn(3.0, -2.0)
    table = fit(scores, is_face)
    before, after = scores, np.interp(scores, SCORES, table)
    assert calibration_error(reliability(before, is_face)) > 0.05
    assert calibration_error(reliability(after, is_face)) < 0.03
    assert table[SCORES.index(0.7)] == 0.7


@pytest.mark.parametrize("share", [0.0, 1.0], ids=["no faces", "faces only"])
def test_a_table_fitted_to_one_kind_of_detection_rises_too(share: float) -> None:
    table = np.array(fit(np.linspace(0.3, 0.99, 50), np.full(50, share)))
    assert (np.diff(table) > 0).all()
    assert table[SCORES.index(0.7)] == 0.7
    assert table[-1] < 1


@pytest.mark.parametrize("table", TABLES)
def test_every_table_rises_through_the_default_threshold(table: tuple[float, ...]) -> None:
    assert len(table) == len(SCORES)
    assert (np.diff(table) > 0).all()
    assert table[SCORES.index(0.7)] == 0.7
    assert table[SCORES.index(0.3)] >= 0.01
    assert table[-1] < 0.995  # 100 % is never shown


@pytest.mark.parametrize("table", TABLES)
def test_faces_keep_their_order_and_their_side_of_the_threshold(table: tuple[float, ...]) -> None:
    scores = [0.98, 0.91, 0.7, 0.699, 0.4]
    confidences = [face.confidence for face in calibrate([Face(Box(0, 0, 9, 9), score) for score in scores], table)]
    assert confidences == sorted(confidences, reverse=True)
    assert [confidence >= 0.7 for confidence in confidences] == [True, True, True, False, False]
    assert [score_of(confidence, table) for confidence in confidences] == pytest.approx(scores, abs=0.01)


def test_a_model_without_a_table_keeps_its_scores() -> None:
    assert table_for("script", dark=False) == table_for("script", dark=True) == UNCALIBRATED
    assert table_for("yunet_n", dark=False) != table_for("yunet_n", dark=True)


def test_held_out_confidences_do_not_depend_on_the_detections_own_fold() -> None:
    scores, is_face = _drawn(3.0, -2.0)
    fold = np.arange(len(scores), dtype=np.float64) % FOLDS
    samples = Samples(fold, scores, scores, is_face)
    changed = samples._replace(is_face=np.where(fold == 2, 1 - is_face, is_face))
    outside = held_out(changed, fit_folds(changed))
    assert outside[fold == 2] == pytest.approx(held_out(samples, fit_folds(samples))[fold == 2])
    assert outside[fold == 3] != pytest.approx(held_out(samples, fit_folds(samples))[fold == 3], abs=0.01)


def test_each_place_shows_the_agents_table() -> None:
    assert Place("yunet_n", dark=True).table() == BY_NIGHT["yunet_n"]
    assert Place("", dark=False).table() == BOTH_STAGES


def test_the_mix_that_is_best_on_the_other_pictures_is_judged_on_the_left_out_ones() -> None:
    better, worse = (9.0, 1.0, 10.0), (8.0, 2.0, 10.0)
    pictures = 10
    chosen, counts = cross_validate(np.array([[worse] * pictures, [better] * pictures]))
    assert chosen == {1: MIX_FOLDS * REPEATS}
    assert counts.tolist() == [REPEATS * pictures * value for value in better]


def test_a_mix_that_suits_one_picture_alone_is_not_chosen_for_it() -> None:
    usual, lucky, nothing = (1.0, 0.0, 4.0), (4.0, 0.0, 4.0), (0.0, 0.0, 4.0)
    counts = np.array([[usual] * 10, [lucky, *[nothing] * 9]])
    assert cross_validate(counts)[0] == {0: MIX_FOLDS * REPEATS}
