"""What a worker gives up before it loads a detector: it looks at pictures of strangers, and needs little for that."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, Final

from edge_agent.platform import landlock

if TYPE_CHECKING:
    from edge_agent.wire import WorkerSpec

SYSTEM: Final = (
    "/usr", "/lib", "/lib64", "/bin", "/opt", "/nix", "/etc/ld.so.cache", "/etc/localtime", "/proc", "/sys", "/dev",
)  # fmt: skip
"""Where programs and libraries are, and what the system says of itself."""
WRITABLE_VARIABLE: Final = "EDGE_AGENT_TEST_WRITABLE"
"""Names the folder in which the tests measure what of a worker's code was run."""


def sandbox(spec: WorkerSpec) -> str:
    """Give up what a worker does not need; return what holds now, in words, or why nothing does.

    Without an accelerator: every right to files but to read programs, libraries and models, and what root may do more
    than others. With one: its library may need any file. In both cases TCP.
    """
    if not spec.sandbox:
        return ""
    kept = _kept(spec)
    if kept.files:
        with contextlib.suppress(OSError):  # where even that is forbidden, the rest still helps
            landlock.drop_capabilities()
    try:
        version = landlock.sandbox(kept)
    except OSError as error:
        return f"not confined: {error.strerror}"
    return f"Landlock {version}" if version else "not confined: this kernel has no Landlock"


def _kept(spec: WorkerSpec) -> landlock.LandlockRules:
    choices = [*spec.choices, *([spec.second_stage.choice] if spec.second_stage else [])]
    if any(choice.device for choice in choices):
        return landlock.LandlockRules(files=False)
    models = [choice.path for choice in choices if choice.path]
    libraries = os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)
    programs = [path for path in (sys.prefix, sys.base_prefix, *sys.path, *libraries) if os.path.isabs(path)]  # noqa: PTH117 - of strings
    # libraries that a package brings may lie where links of a virtual environment lead
    readable = dict.fromkeys((*SYSTEM, *programs, *models, *map(os.path.realpath, (*programs, *models))))
    writable = os.environ.get(WRITABLE_VARIABLE, "")
    return landlock.LandlockRules(readable=tuple(readable), writable=(writable,) if writable else ())
