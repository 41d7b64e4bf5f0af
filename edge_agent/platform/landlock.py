"""Landlock: a Linux process drops access to files and the network for good (landlock(7), Linux 5.13 on).

Three system calls, by their numbers, which are the same on every CPU: of the wrappers on the package index,
none is both stable and maintained.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

CREATE_RULESET: Final = 444
ADD_RULE: Final = 445
RESTRICT_SELF: Final = 446
VERSION_FLAG: Final = 1
PATH_BENEATH: Final = 1
NET_PORT: Final = 2
PR_SET_NO_NEW_PRIVS: Final = 38
CAPABILITY_VERSION_3: Final = 0x20080522
"""linux/capability.h."""

READ_FILE: Final = 1 << 2
READ_DIR: Final = 1 << 3
READ: Final = READ_FILE | READ_DIR
OF_FILES: Final = 1 << 0 | 1 << 1 | READ_FILE | 1 << 14 | 1 << 15
"""Execute, write, read, truncate, ioctl: the rights that apply to a single file."""
RIGHTS: Final = ((1, (1 << 13) - 1), (2, 1 << 13), (3, 1 << 14), (5, 1 << 15))
"""Rights to files, and the first Landlock version with them: linux/landlock.h."""
BIND_TCP: Final = 0b01
CONNECT_TCP: Final = 0b10
ANY_PORT: Final = 0
"""What a client binds to: the kernel chooses the port."""
TCP: Final = 0b11
"""Bind and connect, from version 4."""
SYSTEM: Final = (
    "/usr", "/lib", "/lib64", "/bin", "/opt", "/nix", "/etc/ld.so.cache", "/etc/localtime", "/proc", "/sys", "/dev",
)  # fmt: skip
"""Programs, libraries, and system information."""
SCOPES: Final = 0b11
"""From version 6: no abstract sockets and no signals to processes outside."""

_libc = ctypes.CDLL(None, use_errno=True)


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32))


class _NetPort(ctypes.Structure):
    _fields_ = (("allowed", ctypes.c_uint64), ("port", ctypes.c_uint64))


@dataclass(frozen=True, slots=True)
class LandlockRules:
    """The rights that a process keeps: reading beneath `readable`, everything beneath `writable`.

    Without `files` it keeps all rights to files. TCP is dropped, but for connections to `ports`; abstract sockets are
    always dropped.
    """

    readable: tuple[str, ...] = ()
    writable: tuple[str, ...] = ()
    files: bool = True
    ports: tuple[int, ...] = ()


def version() -> int:
    """Return the kernel's Landlock version, 0 if it has none or it is disabled."""
    return max(0, int(_libc.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(VERSION_FLAG))))


def restrict(rules: LandlockRules) -> int:
    """Drop all other rights, for this thread and its children; return the version, 0 if nothing was dropped.

    Raise OSError if the kernel has Landlock and refuses.
    """
    known = version()
    if not known:
        return 0
    handled = sum(right for since, right in RIGHTS if since <= known) if rules.files else 0
    network, scoped = TCP if known >= 4 else 0, SCOPES if known >= 6 else 0  # noqa: PLR2004 - versions
    if not handled and not network:
        return 0
    ruleset = _call(CREATE_RULESET, ctypes.byref(_Ruleset(handled, network, scoped)), ctypes.c_size_t(_size(known)), 0)
    try:
        _allow(ruleset, rules.readable, READ & handled)
        _allow(ruleset, rules.writable, handled)
        _allow_ports(ruleset, rules.ports if network else ())
        if _libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "PR_SET_NO_NEW_PRIVS")
        _call(RESTRICT_SELF, ruleset, 0, 0)
    finally:
        os.close(ruleset)
    return known


def program_paths() -> tuple[str, ...]:
    """Return where programs, libraries and system information are."""
    libraries = os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)
    programs = [path for path in (sys.prefix, sys.base_prefix, *sys.path, *libraries) if os.path.isabs(path)]  # noqa: PTH117 - of strings
    # a package's libraries may lie where links in a virtual environment point
    return tuple(dict.fromkeys((*SYSTEM, *programs, *map(os.path.realpath, programs))))


def drop_capabilities() -> None:
    """Drop root's capabilities (capabilities(7)); raise OSError if the kernel refuses."""
    header, nothing = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0), (ctypes.c_uint32 * 6)()
    if _libc.capset(header, nothing):
        raise OSError(ctypes.get_errno(), "capabilities cannot be dropped")


def _allow(ruleset: int, paths: Iterable[str], rights: int) -> None:
    for path in paths:
        try:
            folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            is_folder = stat.S_ISDIR(os.fstat(folder).st_mode)
            allowed = rights if is_folder else rights & OF_FILES
            if allowed:
                _call(ADD_RULE, ruleset, PATH_BENEATH, ctypes.byref(_PathBeneath(allowed, folder)), 0)
        finally:
            os.close(folder)


def _allow_ports(ruleset: int, ports: Iterable[int]) -> None:
    allowed = {ANY_PORT: BIND_TCP, **dict.fromkeys(ports, CONNECT_TCP)} if ports else {}
    for port, rights in allowed.items():
        _call(ADD_RULE, ruleset, NET_PORT, ctypes.byref(_NetPort(rights, port)), 0)


def _size(known: int) -> int:
    """Return the size of the structure that a version knows: files, network from 4 on, scopes from 6 on."""
    fields = 1 + (known >= 4) + (known >= 6)  # noqa: PLR2004 - versions
    return fields * ctypes.sizeof(ctypes.c_uint64)


def _call(number: int, *arguments: object) -> int:
    result = int(_libc.syscall(number, *arguments))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"Landlock: {errno.errorcode.get(code, code)}")
    return result
