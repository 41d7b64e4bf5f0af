"""The checks of `make audit` that need no network."""

from __future__ import annotations

import runpy
from typing import TYPE_CHECKING

import pytest

from testing.shared_data import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

AUDIT = runpy.run_path(str(PROJECT / "requirements" / "audit.py"))


def test_pinned_requirements_pass_the_audit() -> None:
    pins = AUDIT["read_pins"](PROJECT / "requirements" / "dev.txt")
    assert {"msgspec", "coverage", "paho-mqtt"} <= {pin.name for pin in pins}
    assert AUDIT["faults_of"](pins) == []


def test_the_audit_finds_every_fault(tmp_path: Path) -> None:
    path = tmp_path / "requirements.txt"
    path.write_text(f"pycoral==0.1 \\\n    --hash=sha256:{'0' * 64}\nNumPy[extra]>=2 ; python_version > '3'\n", "ascii")
    faults = AUDIT["faults_of"](AUDIT["read_pins"](path))
    assert faults[0] == "numpy is not pinned to a version with hashes"
    assert "pycoral is not to be used" in faults[1]


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True), ("GPL-3.0", False), ("EPL-2.0 OR BSD-3-Clause", True), ("MIT AND GPL-3.0", False),
        ("(GPL-2.0 OR MIT) AND Zlib", True), ("none", False),
    ],
)  # fmt: skip
def test_a_licence_is_allowed_or_not(expression: str, *, allowed: bool) -> None:
    assert AUDIT["is_allowed"](expression) is allowed
