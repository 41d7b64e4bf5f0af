"""Puts into a wheel the pinned requirements of the extras, and the models that EDGE_AGENT_BUILD_MODELS names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

EXTRAS: Final = ("blazeface", "demo", "edgetpu", "gpu", "mediapipe", "openvino", "rtsp")


class AddedFiles(BuildHookInterface[Any]):
    """Adds the files. The agent verifies a model by its hash each time it uses one, and pip each package."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name what goes where; an editable installation holds none."""
        if version != "standard":
            return
        for name in os.environ.get("EDGE_AGENT_BUILD_MODELS", "").split():
            build_data["force_include"][name] = f"edge_agent/model_store/files/{Path(name).name}"
        for path in (Path(self.root, "requirements", f"{name}.txt") for name in EXTRAS):
            if path.exists():  # the image is built without them: it gets its extras by an argument
                build_data["force_include"][str(path)] = f"edge_agent/requirements/{path.name}"
