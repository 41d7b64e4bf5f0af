"""Landlock, by which a Linux process gives up rights to files and the network for good (landlock(7), Linux 5.13 on).

Three system calls, by their numbers, which are the same on every processor: of the libraries on the package index that
wrap them, none is both released as stable and kept up.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

CREATE_RULESET: Final = 444
ADD_RULE: Final = 445
RESTRICT_SELF: Final = 446
VERSION_FLAG: Final = 1
PATH_BENEATH: Final = 1
PR_SET_NO_NEW_PRIVS: Final = 38
CAPABILITY_VERSION_3: Final = 0x20080522
"""linux/capability.h."""

READ_FILE: Final = 1 << 2
READ_DIR: Final = 1 << 3
READ: Final = READ_FILE | READ_DIR
OF_FILES: Final = 1 << 0 | 1 << 1 | READ_FILE | 1 << 14 | 1 << 15
"""Execute, write, read, truncate, ioctl: what can be allowed for a single file."""
RIGHTS: Final = ((1, (1 << 13) - 1), (2, 1 << 13), (3, 1 << 14), (5, 1 << 15))
"""Rights to files, and the version of Landlock that knows them: linux/landlock.h."""
TCP: Final = 0b11
"""To bind and to connect, from version 4."""
SCOPES: Final = 0b11
"""From version 6: no abstract sockets and no signals of processes outside."""

_libc = ctypes.CDLL(None, use_errno=True)


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32))


@dataclass(frozen=True, slots=True)
class LandlockRules:
    """What a process keeps: to read beneath `readable`, to do anything beneath `writable`.

    Without `files` it keeps every right to files. TCP and abstract sockets are always given up.
    """

    readable: tuple[str, ...] = ()
    writable: tuple[str, ...] = ()
    files: bool = True


def version() -> int:
    """Return the version of Landlock that this kernel has, 0 where it has none or it is switched off."""
    return max(0, int(_libc.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(VERSION_FLAG))))


def sandbox(kept: LandlockRules) -> int:
    """Give up the rest, for this thread and all that it starts; return the version, 0 where nothing was given up.

    Raise OSError where the kernel has Landlock and refuses.
    """
    known = version()
    if not known:
        return 0
    handled = sum(right for since, right in RIGHTS if since <= known) if kept.files else 0
    network, scoped = TCP if known >= 4 else 0, SCOPES if known >= 6 else 0  # noqa: PLR2004 - versions
    if not handled and not network:
        return 0
    ruleset = _call(CREATE_RULESET, ctypes.byref(_Ruleset(handled, network, scoped)), ctypes.c_size_t(_size(known)), 0)
    try:
        _allow(ruleset, kept.readable, READ & handled)
        _allow(ruleset, kept.writable, handled)
        if _libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "PR_SET_NO_NEW_PRIVS")
        _call(RESTRICT_SELF, ruleset, 0, 0)
    finally:
        os.close(ruleset)
    return known


def drop_capabilities() -> None:
    """Give up what root may do beyond others (capabilities(7)); raise OSError where the kernel refuses."""
    header, nothing = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0), (ctypes.c_uint32 * 6)()
    if _libc.capset(header, nothing):
        raise OSError(ctypes.get_errno(), "capabilities cannot be given up")


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


def _size(known: int) -> int:
    """Return how much of the structure a version knows: files, network from 4 on, scopes from 6 on."""
    words = 1 + (known >= 4) + (known >= 6)  # noqa: PLR2004 - versions
    return words * ctypes.sizeof(ctypes.c_uint64)


def _call(number: int, *arguments: object) -> int:
    result = int(_libc.syscall(number, *arguments))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"Landlock: {errno.errorcode.get(code, code)}")
    return result
