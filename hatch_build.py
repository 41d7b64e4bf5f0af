"""Puts the model files that EDGE_AGENT_BUILD_MODELS names into a wheel, as `make dist` asks for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ModelFiles(BuildHookInterface[Any]):
    """Adds the files, which the agent verifies by their hash each time it uses one, as it does every other."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name what goes where; an editable installation holds none."""
        for name in os.environ.get("EDGE_AGENT_BUILD_MODELS", "").split():
            if version == "standard":
                build_data["force_include"][name] = f"edge_agent/model_store/files/{Path(name).name}"
