"""The programs that tests run: installed ones, or the mosquitto that `make test` has fetched."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Final

from testing.shared_data import missing

FETCHED: Final = Path(sys.prefix) / "mosquitto"
PLACES: Final = os.pathsep.join(
    (os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin", str(FETCHED / "bin"))
)
"""Debian installs mosquitto outside an ordinary user's PATH."""


def program(name: str, package: str = "") -> str:
    """Return the path of a program; if it is not installed, skip the test, or fail under CI."""
    return shutil.which(name, path=PLACES) or missing(f"{package or name} is not installed")


def mosquitto_plugin(name: str) -> Path | None:
    """Return the path of a plugin of mosquitto."""
    folders = (Path("/usr/lib"), FETCHED / "root" / "usr" / "lib")
    return next((path for folder in folders for path in folder.glob(f"*/{name}")), None)
