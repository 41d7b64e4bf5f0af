"""The pair of sockets that wakes paho's thread, without TCP.

paho makes it of two TCP connections to itself, which a sandboxed process may not open.
"""

from __future__ import annotations

import socket

from paho.mqtt import client as paho


def use_local_pairs() -> None:
    """Have paho make Unix socket pairs in this process from now on."""
    paho._socketpair_compat = _local_pair  # noqa: SLF001 - paho has no setting for it


def _local_pair() -> tuple[socket.socket, socket.socket]:
    one, other = socket.socketpair()
    one.settimeout(0)
    other.settimeout(0)
    return one, other
