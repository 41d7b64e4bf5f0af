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
    Unused(
        "onnxruntime", "onnxruntime/capi/libonnxruntime.so.*", "for C++ programs; the Python module contains its own"
    ),
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
    Unused(
        "ai_edge_litert", "ai_edge_litert/libLiteRt*.so", "for C++ programs and for GPUs; the interpreter loads neither"
    ),
    Unused("ai_edge_litert", "ai_edge_litert/aot", "compiles models for phones"),
    Unused("ai_edge_litert", "ai_edge_litert/tools", "converts and measures models"),
)
"""Bytecode stays: without it each start takes twice as long, since the image's user cannot write it. Nothing is
stripped: wheels come stripped but for 6 MB, and strip damages libraries that auditwheel has patched. cv2 is linked with
its FFmpeg (libav*, 33 MB on x86-64) and does not load without it."""


def main(environment: str, program: str, models: str) -> None:
    """Prune the environment, and stop with the reason where the list or a detector fails."""
    (packages,) = Path(environment).glob("lib/python3*/site-packages")
    prune(packages)
    check(program, models)


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


def check(program: str, models: str) -> None:
    """Run every CPU detector that has a model here; stop where one fails, or where there is none."""
    with tempfile.TemporaryDirectory() as cache:
        variables = {
            "EDGE_AGENT_MODELS__DIR": models,
            "EDGE_AGENT_MODELS__CACHE_DIR": cache,
            "EDGE_AGENT_DETECTION__STRATEGIES": "cpu",
            "EDGE_AGENT_POOL__PROBE_TIMEOUT_S": str(CHECK_TIMEOUT_S),
        }
        command = [program, "detectors", "--json"]
        done = subprocess.run(  # noqa: S603 - our own program, by its place
            command, env=os.environ | variables, stdout=subprocess.PIPE, text=True, check=True
        )
    tried = [line for line in map(json.loads, done.stdout.splitlines()) if line["model"]]
    print(done.stdout, end="")  # noqa: T201 - for the build's log
    if not tried or not all(line["works"] for line in tried):
        sys.exit("after pruning the detectors do not work: a line of UNUSED removes what they need")


if __name__ == "__main__":
    main(*sys.argv[1:])
