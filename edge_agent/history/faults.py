"""Why the history cannot be written or read, as data: an enum, and one table with the sentence of each."""

from __future__ import annotations

import errno
import sqlite3
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from edge_agent.errors import EdgeAgentError, reason_of


class HistoryFault(StrEnum):
    """Why the history does not work as it should."""

    DISK_FULL = "disk_full"
    READ_ONLY = "read_only"
    DAMAGED = "damaged"
    REPLACED = "replaced"
    TOO_NEW = "too_new"
    OVERLOAD = "overload"
    NO_THREAD = "no_thread"
    FAILED = "failed"


SENTENCES: Final = {
    HistoryFault.DISK_FULL: "The history of visits is not written: the disk is full; free some space in state.dir",
    HistoryFault.READ_ONLY: "The history of visits is not written: {detail} cannot be written; check its owner",
    HistoryFault.DAMAGED: "The history of visits is not written: its file is damaged ({detail})",
    HistoryFault.REPLACED: (
        "The history of visits was damaged: a new file has what could be read; delete {detail} to end this message"
    ),
    HistoryFault.TOO_NEW: (
        "The history of visits is not written: a newer version made its file; upgrade again, or move {detail} away"
    ),
    HistoryFault.OVERLOAD: "The history of visits is incomplete: the disk is too slow, and {detail} entries were lost",
    HistoryFault.NO_THREAD: "The history of visits is not written: its thread could not be started",
    HistoryFault.FAILED: "The history of visits is not written: {detail}",
}
_OF_ERRNO: Final = {
    errno.ENOSPC: HistoryFault.DISK_FULL,
    errno.EDQUOT: HistoryFault.DISK_FULL,
    errno.EROFS: HistoryFault.READ_ONLY,
    errno.EACCES: HistoryFault.READ_ONLY,
    errno.EPERM: HistoryFault.READ_ONLY,
}
_OF_SQLITE: Final = {
    sqlite3.SQLITE_FULL: HistoryFault.DISK_FULL,
    sqlite3.SQLITE_READONLY: HistoryFault.READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: HistoryFault.READ_ONLY,
    sqlite3.SQLITE_PERM: HistoryFault.READ_ONLY,
    sqlite3.SQLITE_CORRUPT: HistoryFault.DAMAGED,
    sqlite3.SQLITE_NOTADB: HistoryFault.DAMAGED,
}
"""By primary result code (https://www.sqlite.org/rescode.html)."""
PRIMARY_CODE: Final = 0xFF


@dataclass(frozen=True, slots=True)
class Fault:
    """A reason and the detail of its sentence."""

    reason: HistoryFault
    detail: str = ""

    @property
    def text(self) -> str:
        """The sentence, without its final period."""
        return SENTENCES[self.reason].format(detail=self.detail)


class HistoryError(EdgeAgentError):
    """The history cannot be used; `fault` says why."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        super().__init__(fault.text)


def fault_of(error: OSError | sqlite3.Error, where: object) -> Fault:
    """Classify what the system or SQLite reported about a place, by errno or result code."""
    if isinstance(error, OSError):
        reason = _OF_ERRNO.get(error.errno or 0, HistoryFault.FAILED)
        return Fault(reason, str(where) if reason is HistoryFault.READ_ONLY else reason_of(error))
    code = getattr(error, "sqlite_errorcode", 0) & PRIMARY_CODE
    reason = _OF_SQLITE.get(code, HistoryFault.FAILED)
    return Fault(reason, str(where) if reason is HistoryFault.READ_ONLY else str(error))
