"""The drawn porch and its script."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from edge_agent.demo.lens import LENS
from edge_agent.demo.porch import Scene, draw
from edge_agent.demo.simulated_doorbell import Step, folder_script, script
from edge_agent.demo.visitors import VISITOR_PICTURES, CutOut
from edge_agent.detectors import table
from edge_agent.domain import Trigger
from edge_agent.wire import DetectorChoice
from edge_agent.worker.cascade import Cascade, CascadeInput
from testing.pictures import visitors
from testing.shared_data import shared


def test_a_scene_is_drawn_the_same_each_time() -> None:
    scene = Scene(visitors()[0], 1.5, seed=3)
    assert draw(scene).shape == (LENS.height, LENS.width, 3)
    assert np.array_equal(draw(scene), draw(scene))


@pytest.mark.parametrize("number", range(len(VISITOR_PICTURES)))
def test_a_visitor_near_the_door_has_one_face(number: int) -> None:
    cascade = Cascade(table.load(DetectorChoice("cpu", "yunet_n", str(shared("models", "yunet_n_dynamic.onnx")))))
    scenes = (Scene(visitors()[number], 1.0), Scene())
    near, empty = cascade.detect_all([CascadeInput(draw(scene), cascade=False) for scene in scenes])
    (face,) = near.faces
    assert face.confidence > 0.8
    assert abs(face.box.x + face.box.width / 2 - LENS.width / 2) < 60
    assert empty.faces == []


def test_the_script_is_endless_and_covers_every_scene() -> None:
    steps = list(itertools.islice(script(visitors()), 60))
    assert {step.trigger for step in steps} == set(Trigger)
    assert sum(step.press for step in steps) >= 3
    assert {_visitor(step) for step in steps} == {None, *visitors()}


def test_a_press_is_followed_by_press_frames() -> None:
    steps = list(itertools.islice(script(visitors()), 60))
    presses = [number for number, step in enumerate(steps) if step.press]
    assert all(steps[number].trigger is steps[number + 1].trigger is Trigger.PRESS for number in presses)


def test_a_folder_is_played_by_name_repeatedly(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("pictures")
    for name in ("b.png", "a.jpg", "notes.txt"):
        (folder / name).touch()
    steps = list(itertools.islice(folder_script(folder), 20))
    assert [step.picture for step in steps[:3]] == [folder / "a.jpg", folder / "b.png", folder / "a.jpg"]
    assert any(step.press for step in steps)


def _visitor(step: Step) -> CutOut | None:
    return step.picture.visitor if isinstance(step.picture, Scene) else None
