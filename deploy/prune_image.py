"""Remove what the agent never reads from the image's libraries, and check that its detectors still work.

prune_image.py ENVIRONMENT PROGRAM MODELS: the virtual environment, the command `edge-agent`, a folder with model files.
A line of UNUSED that matches nothing fails the build: the list cannot name what no longer exists.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

CHECK_TIMEOUT_S: Final = 300.0
"""Loading a detector takes seconds, and minutes where another processor is emulated."""


class Unused(NamedTuple):
    """A glob below site-packages, applied where its distribution is installed."""

    distribution: str
    pattern: str
    reason: str


UNUSED: Final = (
    Unused("onnxruntime", "onnxruntime/capi/libonnxruntime.so.*", "for C++; the Python module has its own"),
    Unused("onnxruntime", "onnxruntime/backend", "needs the package onnx, which is not installed"),
    Unused("onnxruntime", "onnxruntime/datasets", "example models"),
    Unused("onnxruntime", "onnxruntime/quantization", "makes models smaller"),
    Unused("onnxruntime", "onnxruntime/tools", "converts models"),
    Unused("onnxruntime", "onnxruntime/transformers", "exports language models"),
    Unused("protobuf", "google/protobuf", "only onnxruntime's converters import it"),
    Unused("protobuf", "google/_upb", "the compiled part of protobuf"),
    Unused("protobuf", "protobuf-*.dist-info", "so that no scanner lists it"),
    Unused("flatbuffers", "flatbuffers", "only the converters of onnxruntime and LiteRT import it"),
    Unused("flatbuffers", "flatbuffers-*.dist-info", "so that no scanner lists it"),
    Unused("opencv_python_headless", "cv2/**/*.pyi", "type stubs"),
    Unused("numpy", "numpy/**/tests", "tests"),
    Unused("numpy", "numpy/_core/_*_tests.*.so", "only the tests import them"),
    Unused("numpy", "numpy/_core/_simd.*.so", "only the tests import it"),
    Unused("numpy", "numpy/f2py", "compiles Fortran"),
    Unused("numpy", "numpy/_core/include", "headers for C extensions"),
    Unused("numpy", "numpy/*/lib/*.a", "static libraries for C extensions"),
    Unused("numpy", "numpy/**/*.pxd", "declarations for Cython"),
    Unused("numpy", "numpy/**/*.pyi", "type stubs"),
    Unused("ai_edge_litert", "ai_edge_litert/libLiteRt*.so", "for C++ and GPUs; the interpreter loads neither"),
    Unused("ai_edge_litert", "ai_edge_litert/aot", "compiles models for phones"),
    Unused("ai_edge_litert", "ai_edge_litert/tools", "converts and measures models"),
)
"""Bytecode stays: without it a start takes twice the CPU time, and the image's user cannot write it.

Nothing is stripped: that would save 7 MB, and strip may damage libraries that auditwheel has patched. OpenCV's FFmpeg
stays (32 MB on x86-64): cv2 is linked with it and does not load without it.
"""


def main(environment: str, program: str, models: str) -> None:
    """Prune the environment; stop with the reason where the list is out of date or a detector no longer works."""
    (packages,) = Path(environment).glob("lib/python3*/site-packages")
    before = working_detectors(program, models)
    prune(packages)
    after = working_detectors(program, models)
    print(f"work before: {sorted(before)}, and after: {sorted(after)}")  # noqa: T201 - for the build's log
    if lost := before - after:
        sys.exit(f"after pruning no longer works: {', '.join(sorted(lost))}: a line of UNUSED removes what it needs")


def prune(packages: Path) -> None:
    """Remove what the list names, and print how much each line of it saves."""
    installed = {path.name.split("-")[0] for path in packages.glob("*.dist-info")}
    for unused in UNUSED:
        if unused.distribution not in installed:
            continue
        matches = list(packages.glob(unused.pattern))
        if not matches:
            sys.exit(f"{unused.pattern} ({unused.reason}) matches nothing in {packages}: correct or remove its line")
        print(f"{_remove(matches) / 1e6:8.1f} MB  {unused.pattern}: {unused.reason}")  # noqa: T201 - for the build's log


def _remove(paths: list[Path]) -> int:
    """Remove files and folders, and return the bytes that they had."""
    size = 0
    for path in paths:
        if path.is_dir():
            size += sum(each.stat().st_size for each in path.rglob("*") if each.is_file())
            shutil.rmtree(path)
        elif path.exists():
            size += path.stat().st_size
            path.unlink()
    return size


def working_detectors(program: str, models: str) -> set[str]:
    """Run every CPU detector that has a model here; emulation of another processor may crash one, pruned or not."""
    with tempfile.TemporaryDirectory() as cache:
        variables = {
            "EDGE_AGENT_MODELS__DIR": models,
            "EDGE_AGENT_MODELS__CACHE_DIR": cache,
            "EDGE_AGENT_DETECTION__STRATEGIES": "cpu",
            "EDGE_AGENT_POOL__PROBE_TIMEOUT_S": str(CHECK_TIMEOUT_S),
        }
        command = [program, "detectors", "--json"]
        done = subprocess.run(  # noqa: S603 - the agent's own command
            command, env=os.environ | variables, stdout=subprocess.PIPE, text=True, check=True
        )
    return {line["model"] for line in map(json.loads, done.stdout.splitlines()) if line["works"]}


if __name__ == "__main__":
    main(*sys.argv[1:])
