"""The EdgeTPU's detector, with a fake device."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from edge_agent.detectors.edgetpu import EdgeTpu, find_pycoral, load_delegate
from edge_agent.detectors.tflite import runtime
from edge_agent.errors import DetectorUnavailableError
from edge_agent.reasons import UnavailableReason
from edge_agent.wire import Box
from tests.stand_in import Stick

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RUNTIME = """
from ai_edge_litert.interpreter import Interpreter as LiteRt, load_delegate

class Interpreter(LiteRt):
    made = 0

    def __init__(self, *arguments, **options):
        if {broken}:
            raise SystemError("it was made for another numpy")
        Interpreter.made += 1
        super().__init__(*arguments, **options)
"""
PYCORAL = """
from tflite_runtime.interpreter import Interpreter

def make_interpreter(path, device=None, delegate=None):
    make_interpreter.made += 1
    return Interpreter(path, experimental_delegates=[delegate])

make_interpreter.made = 0
"""


@pytest.fixture
def stick(tmp_path: Path) -> Stick:
    return Stick(tmp_path)


def test_a_face_is_found_where_it_is(stick: Stick) -> None:
    image = np.zeros((480, 640, 3), np.uint8)
    cv2.rectangle(image, (200, 100), (299, 219), (255, 255, 255), cv2.FILLED)
    detector = EdgeTpu(stick.choice())
    (face,) = detector.detect(image)
    assert face.box == Box(200, 100, 100, 120)
    assert face.confidence == pytest.approx(0.9)
    assert detector.detect(np.zeros((100, 50, 3), np.uint8)) == []


def test_missing_parts_are_reported(stick: Stick) -> None:
    with pytest.raises(DetectorUnavailableError, match=r"the library libnowhere\.so cannot be loaded") as missing:
        load_delegate(runtime(), "libnowhere.so", "any")
    assert missing.value.fault.reason is UnavailableReason.LIBRARY_MISSING
    stick.does("no_device")
    with pytest.raises(DetectorUnavailableError, match="no EdgeTPU usb:1 was found") as unplugged:
        load_delegate(runtime(), str(stick.library), "usb:1")
    assert unplugged.value.fault.reason is UnavailableReason.DEVICE_MISSING


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Yield a folder for packages that can be imported in this test only."""
    folder = tmp_path / "packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    yield folder
    for name in [each for each in sys.modules if each.partition(".")[0] in {"tflite_runtime", "pycoral"}]:
        del sys.modules[name]


def install(packages: Path, name: str, text: str) -> None:
    """Put a module, with its packages, into the folder."""
    path = packages.joinpath(*name.split(".")).with_suffix(".py")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_the_users_own_runtime_comes_first(stick: Stick, packages: Path) -> None:
    install(packages, "tflite_runtime.interpreter", RUNTIME.format(broken=False))
    assert EdgeTpu(stick.choice()).detect(np.zeros((100, 50, 3), np.uint8)) == []
    assert sys.modules["tflite_runtime.interpreter"].Interpreter.made == 1


def test_a_runtime_that_does_not_fit_is_passed_over(stick: Stick, packages: Path) -> None:
    """The last tflite-runtime of the package index fails with numpy 2 in this way."""
    install(packages, "tflite_runtime.interpreter", RUNTIME.format(broken=True))
    assert EdgeTpu(stick.choice()).detect(np.zeros((100, 50, 3), np.uint8)) == []
    assert sys.modules["tflite_runtime.interpreter"].Interpreter.made == 0


def test_a_runtime_that_does_not_fit_is_named_if_it_is_the_only_one(
    stick: Stick, packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(packages, "tflite_runtime.interpreter", RUNTIME.format(broken=True))
    monkeypatch.setattr("edge_agent.detectors.edgetpu.RUNTIMES", ("tflite_runtime.interpreter",))
    with pytest.raises(DetectorUnavailableError, match="tflite-runtime does not fit the installed numpy"):
        EdgeTpu(stick.choice())


def test_googles_pycoral_makes_the_interpreter(stick: Stick, packages: Path) -> None:
    install(packages, "tflite_runtime.interpreter", RUNTIME.format(broken=False))
    install(packages, "pycoral.utils.edgetpu", PYCORAL)
    assert EdgeTpu(stick.choice()).detect(np.zeros((100, 50, 3), np.uint8)) == []
    assert sys.modules["pycoral.utils.edgetpu"].make_interpreter.made == 1


@pytest.mark.parametrize("name", ["pycoral.__init__", "pycoral"])
def test_another_pycoral_never_runs(packages: Path, name: str) -> None:
    """The package of that name on the package index."""
    install(packages, name, "raise RuntimeError('it ran')")
    assert find_pycoral() is None


def test_a_pycoral_of_another_python_is_left_out(packages: Path) -> None:
    install(packages, "pycoral.utils.edgetpu", "from pycoral.pybind import _pywrap_coral")
    assert find_pycoral() is None
