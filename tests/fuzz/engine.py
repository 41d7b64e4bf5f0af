"""One target in a separate process: `python -m tests.fuzz.engine TARGET FOLDER [libFuzzer's options]`.

atheris (libFuzzer) drives it with our code's coverage; without atheris, hypothesis does, with generated text
and without coverage.
"""

from __future__ import annotations

import importlib
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable

WATCHED: Final = ("edge_agent", "ha_discovery")
ROUNDS: Final = 30
WARM: Final = 10
MEGABYTE: Final = 1e6


def drive(target: str, arguments: list[str]) -> None:
    """Fuzz with atheris; it ends the process."""
    import atheris  # noqa: PLC0415 - it is not there on every machine

    with atheris.instrument_imports(include=list(WATCHED)):
        function = _function(target)
    atheris.Setup([sys.argv[0], *arguments], function)
    atheris.Fuzz()


def play(target: str, inputs: list[bytes], seconds: float) -> int:
    """Fuzz with hypothesis for `seconds`; return the number of inputs."""
    from hypothesis import HealthCheck, given, settings  # noqa: PLC0415 - one of the two engines
    from hypothesis import strategies as st  # noqa: PLC0415 - likewise

    function, tried, end_s = _function(target), 0, time.monotonic() + seconds
    pieces = st.sampled_from(inputs)
    cut = st.tuples(pieces, st.integers(0, 400), st.binary(max_size=20)).map(
        lambda it: it[0][: it[1]] + it[2] + it[0][it[1] :]
    )

    @settings(max_examples=500, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.one_of(cut, st.binary(max_size=400), st.tuples(pieces, pieces).map(b"".join)))
    def once(data: bytes) -> None:
        nonlocal tried
        tried += 1
        function(data)

    while time.monotonic() < end_s:
        once()
    return tried


def growth_mb(target: str, inputs: list[bytes]) -> float:
    """Return the growth of the process while it processes the same inputs repeatedly."""
    function, process = _function(target), psutil.Process()
    before = 0
    for number in range(ROUNDS):
        if number == WARM:
            before = process.memory_info().rss
        for data in inputs:
            function(data)
    return float((process.memory_info().rss - before) / MEGABYTE)


def _function(target: str) -> Callable[[bytes], None]:
    function: Callable[[bytes], None] = importlib.import_module("tests.fuzz.targets").TARGETS[target]
    return function


def _inputs(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.iterdir())]


def main() -> None:
    """Run the command of the first argument."""
    act, target, folder, *options = sys.argv[1:]
    match act:
        case "drive":
            drive(target, [folder, *options])
        case "play":
            sys.stdout.write(f"executed {play(target, _inputs(Path(folder)), float(options[0]))}\n")
        case _:
            sys.stdout.write(f"growth {growth_mb(target, _inputs(Path(folder))):.2f}\n")


if __name__ == "__main__":
    main()
