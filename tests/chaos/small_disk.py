"""A folder on a small disk of its own, which can be full."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Final, Self

SIZE_MB: Final = 100
"""More than the free space below which the agent warns (`disk_low`)."""


class SmallDisk:
    """A temporary folder; a disk of its own where we may mount one, which is root's right."""

    def __init__(self, owner: int | None = None) -> None:
        self._owner = owner
        self._resources = contextlib.ExitStack()
        self.is_mounted = False

    def __enter__(self) -> Self:
        """Make it."""
        self.folder = Path(self._resources.enter_context(tempfile.TemporaryDirectory(prefix="storm-")))
        self.is_mounted = os.geteuid() == 0 and self._mount()
        if self._owner is not None:
            os.chown(self.folder, self._owner, -1)
        return self

    def __exit__(self, *_: object) -> None:
        """Remove it."""
        self._resources.close()

    def fill(self) -> None:
        """Use all of its space."""
        with self._filler.open("wb") as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(1 << 20))
                file.flush()

    def free(self) -> None:
        """Free its space."""
        self._filler.unlink()

    @property
    def _filler(self) -> Path:
        return self.folder / "filler"

    def _mount(self) -> bool:
        options = ("-t", "tmpfs", "-o", f"size={SIZE_MB}m,mode=700", "storm", str(self.folder))
        if subprocess.run(["/bin/mount", *options], check=False, capture_output=True).returncode:
            return False
        self._resources.callback(subprocess.run, ["/bin/umount", "--lazy", str(self.folder)], check=True)
        return True
