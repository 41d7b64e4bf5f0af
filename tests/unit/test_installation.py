"""How to add an extra to each kind of installation; no text installs packages by name from the index."""

from __future__ import annotations

import re
import runpy
import subprocess
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from edge_agent.platform.installation import MARK, Extra, Installation, Maker, advice, read_installation
from testing.shared_data import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator

PIP = "pip"
INSTALLS = re.compile(r"\b(?:pipx?|uv\W+tool)\W+install\b(.*)")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(\[.*\])?([=<>~!]=.*)?")
WITH_VALUE = {
    "--python",
    "--target",
    "--requirement",
    "-r",
    "--editable",
    "-e",
    "--prefix",
    "--platform",
    "--link-mode",
}
WITH_VALUE |= {"--only-binary", "--color", "--implementation", "--python-version"}


def bare_names(text: str) -> list[str]:
    """Return the packages that a text installs by name, not by file."""
    found = []
    for command in INSTALLS.findall(re.sub(r"\\\n", " ", text)):
        said = re.split(r"`|&&|[;|)<>]", command)[0]
        words = ["", *(each.strip("'\"") for each in re.split(r"[\s,]+", said))]
        found += [word for before, word in pairwise(words) if before not in WITH_VALUE and NAME.fullmatch(word)]
    return found


def texts() -> Iterator[Path]:
    """Yield every text file of the project, tracked by git or not ignored."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout.split("\0")
    for path in (PROJECT / name for name in names if name):
        if path.is_file() and b"\0" not in path.read_bytes():
            yield path


def test_no_instruction_installs_by_package_name() -> None:
    named = {str(path.relative_to(PROJECT)): bare_names(path.read_text(encoding="utf-8")) for path in texts()}
    assert len(named) > 200
    assert {name: names for name, names in named.items() if names} == {}


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ("edge-agent", ["edge-agent"]),
        ("'edge-agent[gpu]'", ["edge-agent[gpu]"]),
        ("--quiet --no-deps x==1.0", ["x==1.0"]),
        ("--require-hashes --requirement requirements/run.txt", []),
        ("--require-hashes \\\n    --requirement requirements/run.txt", []),
        ("--no-deps \\\n    uv", ["uv"]),
        ("--no-deps dist/doorbell_edge_agent-*.whl", []),
        ("--editable .", []),
        ("`, a command", []),
    ],
)
def test_package_names_and_files_are_distinguished(arguments: str, names: list[str]) -> None:
    assert bare_names(f"run `{PIP} install {arguments}` and wait") == names


@pytest.mark.parametrize(
    ("made", "extra", "expected"),
    [
        (Installation(Maker.MAKE, Path("/c/.venv/bin/python"), Path("/c/requirements")), Extra.EDGETPU,
         "run `make run EXTRAS=edgetpu`"),
        (Installation(Maker.MAKE, Path("/c/.venv/bin/python"), Path("/c/requirements"), "/c"), Extra.DEMO,
         "run `make -C /c run EXTRAS=demo`"),
        (Installation(Maker.PIP, Path("/v/bin/python"), Path("/p/requirements")), Extra.BLAZEFACE,
         f"run `/v/bin/python -m {PIP} install --require-hashes --requirement /p/requirements/blazeface.txt`"),
        (Installation(Maker.PIP, Path("/v/bin/python"), Path("/p")), Extra.GPU,
         ("run `/v/bin/python -m pip uninstall --yes onnxruntime && /v/bin/python -m "
         f"{PIP} install --require-hashes --requirement /p/gpu.txt`")),
        (Installation(Maker.IMAGE, Path("/v/bin/python"), Path("/p")), Extra.EDGETPU,
         "build the image with `make image EXTRAS=edgetpu`"),
        (Installation(Maker.APP, Path("/v/bin/python"), Path("/p")), Extra.EDGETPU,
         "build the app with `make app EXTRAS=edgetpu`"),
        (Installation(Maker.APP, Path("/v/bin/python"), Path("/p")), Extra.GPU,
         "run the agent outside Home Assistant: the app does not support gpu"),
        (Installation(Maker.MAKE, Path("/c/.venv/bin/python"), Path("/c"), machine="aarch64"), Extra.GPU,
         "use another machine: no package of onnxruntime with CUDA exists for aarch64"),
        (Installation(Maker.MAKE, Path("/c/.venv/bin/python"), Path("/c")), Extra.OPENVINO,
         "run `make run EXTRAS=openvino`"),
        (Installation(Maker.APP, Path("/v/bin/python"), Path("/p")), Extra.OPENVINO,
         "build the app with `make app EXTRAS=openvino`"),
        (Installation(Maker.PIP, Path("/v/bin/python"), Path("/p")), Extra.MEDIAPIPE,
         f"run `/v/bin/python -m {PIP} install --no-deps --require-hashes --requirement /p/mediapipe.txt`"),
        (Installation(Maker.IMAGE, Path("/v/bin/python"), Path("/p")), Extra.MEDIAPIPE,
         "use blazeface: the images do not support mediapipe, which has the same network"),
        (Installation(Maker.IMAGE, Path("/v/bin/python"), Path("/p"), machine="aarch64"), Extra.OPENVINO,
         "use another machine: OpenVINO has no GPU or NPU for aarch64"),
    ],
)  # fmt: skip
def test_every_installation_has_a_command_of_its_own(made: Installation, extra: Extra, expected: str) -> None:
    assert advice(extra, made) == expected


def test_this_checkout_and_others_are_distinguished(tmp_path: Path) -> None:
    package = tmp_path / "edge_agent"
    package.mkdir()
    elsewhere = tmp_path / "environment"
    assert read_installation(package, elsewhere).requirements == package / "requirements"
    assert read_installation(package, elsewhere).maker is Maker.PIP
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "install").touch()
    assert read_installation(package, elsewhere).maker is Maker.PIP
    assert read_installation(package, elsewhere).requirements == tmp_path / "requirements"
    own = read_installation(package, tmp_path / ".venv", here=tmp_path)
    assert (own.maker, own.checkout) == (Maker.MAKE, "")
    assert read_installation(package, tmp_path / ".venv", here=package).checkout == str(tmp_path)


@pytest.mark.parametrize(
    ("dockerfile", "maker"), [("Dockerfile.arm64", Maker.IMAGE), ("home_assistant_app/Dockerfile", Maker.APP)]
)
def test_the_dockerfiles_maker_is_read(dockerfile: str, maker: Maker, tmp_path: Path) -> None:
    text = (PROJECT / dockerfile).read_text(encoding="utf-8")
    (word,) = re.findall(rf"echo (\w+) >\S.*/{MARK}\b", text)
    (tmp_path / MARK).write_text(f"{word}\n", encoding="ascii")
    assert read_installation(tmp_path, tmp_path).maker is maker


def test_every_extra_is_declared_pinned_and_put_into_the_wheel() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["name"] == "doorbell-edge-agent"
    hook = runpy.run_path(str(PROJECT / "hatch_build.py"))
    assert {*Extra} == {*project["optional-dependencies"]} == {*hook["EXTRAS"]}
    for extra in Extra:
        text = (PROJECT / "requirements" / f"{extra}.txt").read_text(encoding="utf-8")
        pinned = set(re.findall(r"(?m)^([a-z0-9-]+)(?:\[.*\])?==", text))
        wanted = {re.split(r"[^a-z0-9-]", each)[0] for each in project["optional-dependencies"][extra]}
        assert wanted <= pinned
        assert "--hash=sha256:" in text
