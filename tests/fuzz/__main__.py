"""Fuzz the parsers, one after the other: `python -m tests.fuzz [TARGET ..] --seconds 30 [--keep]`.

Fails if an input raises an unexpected exception, hangs, or leaks memory.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from testing.shared_data import PROJECT
from tests.fuzz.seeds import keep, kept, seeds
from tests.fuzz.targets import TARGETS

MOST_GROWTH_MB: Final = 1.0
LIMITS: Final = ("-timeout=60", "-rss_limit_mb=600", "-max_len=4096", "-print_final_stats=1", "-verbosity=0")
MOST_KEPT: Final = 300
LONGEST_KEPT: Final = 400


@dataclass(frozen=True, slots=True)
class FuzzResult:
    """The result of one target; `fault` is the end of its output, or ''."""

    executed: int
    growth_mb: float
    fault: str

    @property
    def is_ok(self) -> bool:
        """Whether no input failed and memory did not grow."""
        return not self.fault and self.growth_mb <= MOST_GROWTH_MB


def fuzz(target: str, seconds: int, *, keeping: bool) -> FuzzResult:
    """Fuzz one target for `seconds`."""
    with tempfile.TemporaryDirectory(prefix="edge-agent-fuzz-") as temporary:
        corpus = Path(temporary) / "corpus"
        corpus.mkdir()
        for number, data in enumerate(seeds(target)):
            (corpus / f"{number:04}").write_bytes(data)
        code, said = _run(target, corpus, seconds)
        executed = re.search(r"(?:number_of_executed_units: +|executed )(\d+)", said)
        growth = re.search(r"growth (-?[\d.]+)", _engine("grow", target, corpus)[1])
        if keeping:
            _keep(target, corpus)
        fault = said[-2000:] if code or executed is None or growth is None else ""
        return FuzzResult(int(executed[1]) if executed else 0, float(growth[1]) if growth else 0.0, fault)


def _run(target: str, corpus: Path, seconds: int) -> tuple[int, str]:
    if importlib.util.find_spec("atheris") is None:
        return _engine("play", target, corpus, str(seconds))
    artifacts = f"-artifact_prefix={corpus.parent}/"
    return _engine("drive", target, corpus, f"-max_total_time={seconds}", artifacts, *LIMITS)


def _engine(act: str, target: str, corpus: Path, *options: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "tests.fuzz.engine", act, target, str(corpus), *options]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, errors="replace", check=False)
    return done.returncode, done.stdout + done.stderr


def _keep(target: str, corpus: Path) -> None:
    """Keep the smallest inputs found, and all those kept before."""
    written = set(seeds(target))
    found = sorted((path.read_bytes() for path in corpus.iterdir()), key=len)
    new = [data for data in found if data not in written and len(data) <= LONGEST_KEPT]
    keep(target, [*kept(target), *new][:MOST_KEPT])


def main() -> int:
    """Fuzz the targets of the arguments, print the results, and return 1 if one failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("targets", nargs="*", choices=[[], *TARGETS], default=[])
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--keep", action="store_true", help="keep the smallest inputs that were found")
    arguments = parser.parse_args()
    verdicts = {}
    for target in arguments.targets or TARGETS:
        verdicts[target] = result = fuzz(target, arguments.seconds, keeping=arguments.keep)
        outcome = "passed" if result.is_ok else f"FAILED\n{result.fault}"
        sys.stdout.write(f"{target}: {result.executed} inputs, grew by {result.growth_mb:.2f} MB: {outcome}\n")
        sys.stdout.flush()
    return 0 if all(result.is_ok for result in verdicts.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
