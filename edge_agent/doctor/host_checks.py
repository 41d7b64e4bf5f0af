"""Reads the state of the host, and tests its folders and its port."""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import os
import platform
import re
import shutil
import socket
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Final

import edge_agent
from edge_agent.doctor import host_rules as rules
from edge_agent.doctor.finding import Finding, ok
from edge_agent.doorbells.options_file import default_folder, read
from edge_agent.errors import reason_of
from edge_agent.model_store import default_cache_dir, expanded
from edge_agent.platform import landlock
from edge_agent.platform.heartbeat_file import is_foreign, runtime_folder
from edge_agent.platform.host_metrics import Host, read_kernel_file
from edge_agent.web.connections import SERVER_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge_agent.settings.model import HttpSettings, Settings

PACKAGES: Final = ("onnxruntime", "onnxruntime-gpu", "opencv-python-headless", "ai-edge-litert", "tflite-runtime")
TRIAL_BYTES: Final = 100_000
TIMEX_BYTES: Final = 256
"""More than adjtimex(2) writes on any machine."""
STATUS_AT: Final = 5 * ctypes.sizeof(ctypes.c_long)
"""The offset of `status` in struct timex: after modes (padded), offset, freq, maxerror, esterror."""
UNSYNCHRONISED: Final = 0x0040
"""STA_UNSYNC of linux/timex.h."""
RUNTIME: Final = "RUNTIME_DIRECTORY"


def check_host(settings: Settings, root: Path = Path("/")) -> Iterator[Finding]:
    """Yield the findings about the host; `root` is the folder with /proc and /sys."""
    state = settings.state.dir or default_folder()
    host = Host(state, root).read(time.monotonic(), time.time())
    yield ok("versions", _versions())
    yield rules.assess_processor(platform.machine(), _features(root), host.cores)
    yield rules.assess_load(host.load1, host.cores)
    yield from rules.assess_heat(host.cpu_temperature_c, throttled=host.throttled, under_voltage=host.under_voltage)
    yield rules.assess_clock(datetime.now(UTC), _installed_at(), in_step=_in_step())
    yield rules.assess_sandbox(landlock.version(), wanted=settings.pool.sandbox)
    yield rules.assess_memory(host.memory_free_bytes, settings.pool.workers, host.memory_total_bytes)
    yield from _check_folders(settings, state)
    yield from _check_state(state / f"{settings.agent_id}.json")
    if settings.http.enabled:
        yield _check_port(settings.http)


def _versions() -> str:
    found = [f"edge-agent {edge_agent.__version__}", f"Python {platform.python_version()}"]
    for package in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found.append(f"{package} {version(package)}")
    return ", ".join(found)


def _features(root: Path) -> set[str]:
    """Return the processor's feature flags, as the kernel lists them."""
    text = read_kernel_file(root / "proc/cpuinfo")
    return {word for line in re.findall(r"(?mi)^(?:flags|features)\s*:(.*)$", text) for word in line.split()}


def _installed_at() -> datetime | None:
    """Return when the program's files were written, or None if that is unknown."""
    written_s = Path(edge_agent.__file__).stat().st_mtime
    return datetime.fromtimestamp(written_s, UTC) if written_s else None


def _in_step() -> bool | None:
    """Return whether the kernel's clock is synchronized, or None if the kernel does not report it."""
    buffer = ctypes.create_string_buffer(TIMEX_BYTES)
    try:
        if ctypes.CDLL(None).adjtimex(buffer) < 0:
            return None
    except (OSError, AttributeError):
        return None
    return not ctypes.c_int.from_buffer(buffer, STATUS_AT).value & UNSYNCHRONISED


def _check_folders(settings: Settings, state: Path) -> Iterator[Finding]:
    cache = expanded(settings.models.cache_dir or default_cache_dir())
    places = [
        ("options set over MQTT", state, "state.dir"),
        ("downloaded models", cache, "models.cache_dir"),
        ("the heartbeat", runtime_folder(), RUNTIME),
    ]
    if settings.quarantine.dir:
        places.append(("pictures on which workers died", settings.quarantine.dir, "quarantine.dir"))
    for what, folder, setting in places:
        refused, free_bytes = try_folder(folder)
        if setting == RUNTIME and is_foreign(folder):
            refused = rules.Refused(rules.SystemFault.FOREIGN)
        yield rules.assess_folder(what, str(folder), refused, free_bytes, setting)


def _check_state(path: Path) -> Iterator[Finding]:
    fault = ""
    try:
        read(path)
    except OSError as error:
        fault = reason_of(error).lower()
    except ValueError as error:
        fault = str(error)
    yield from rules.assess_state(str(path), fault)


def try_folder(folder: Path) -> tuple[rules.Refused | None, int | None]:
    """Write into a folder, or its nearest existing parent; return why that fails, if it does, and the free bytes."""
    nearest = next((each for each in (folder, *folder.absolute().parents) if each.exists()), Path("/"))
    try:
        with tempfile.TemporaryFile(dir=nearest) as file:
            file.write(os.urandom(TRIAL_BYTES))
            file.flush()
            os.fsync(file.fileno())
        return None, shutil.disk_usage(nearest).free
    except OSError as error:
        return rules.Refused.by(error), None


def _check_port(settings: HttpSettings) -> Finding:
    where, refused = f"{settings.host}:{settings.port}", None
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        socket.create_server((settings.host, settings.port), family=family).close()
    except OSError as error:
        refused = rules.Refused.by(error)
    return rules.assess_port(where, refused, is_ours=refused is not None and _is_ours(settings))


def _is_ours(settings: HttpSettings) -> bool:
    connection = http.client.HTTPConnection(settings.host, settings.port, timeout=1)
    try:
        connection.request("GET", "/livez")
        return connection.getresponse().headers.get("Server") == SERVER_NAME
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
