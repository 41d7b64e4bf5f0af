"""The worker's sandbox: it drops rights before it loads a detector, since it decodes untrusted pictures."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final

from edge_agent.errors import reason_of
from edge_agent.platform import landlock
from edge_agent.wire import Sandbox

if TYPE_CHECKING:
    from edge_agent.wire import WorkerSpec

WRITABLE_VARIABLE: Final = "EDGE_AGENT_TEST_WRITABLE"
"""Names the folder in which the tests record the coverage of a worker's code."""


def enter_sandbox(spec: WorkerSpec) -> Sandbox:
    """Drop every right that a worker does not need; return the sandbox, or why there is none.

    Without an accelerator: all file access except reading programs, libraries and the user's own models, and root's
    capabilities. With one, its library may need any file. TCP is dropped in both cases.
    """
    if not spec.sandbox:
        return Sandbox()
    rules = _rules(spec)
    if rules.files:
        with contextlib.suppress(OSError):  # the rest still helps if this is forbidden
            landlock.drop_capabilities()
    try:
        version = landlock.restrict(rules)
    except OSError as error:
        return Sandbox(reason=reason_of(error))
    return Sandbox(f"Landlock {version}") if version else Sandbox(reason="this kernel has no Landlock")


def _rules(spec: WorkerSpec) -> landlock.LandlockRules:
    choices = [*spec.choices, *([spec.second_stage.choice] if spec.second_stage else [])]
    if any(choice.device for choice in choices):
        return landlock.LandlockRules(files=False)
    models = [choice.path for choice in choices if choice.path and not choice.file]  # pinned ones are in memory
    readable = dict.fromkeys((*landlock.program_paths(), *models, *map(os.path.realpath, models)))
    writable = os.environ.get(WRITABLE_VARIABLE, "")
    return landlock.LandlockRules(readable=tuple(readable), writable=(writable,) if writable else ())
