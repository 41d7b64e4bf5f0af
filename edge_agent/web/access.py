"""Who may read the page (a password), and who may act on it (a token, or Home Assistant's ingress).

Cross-site requests: a browser sends a password by itself, so every action also needs a key that only the page has.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import threading
from collections import OrderedDict, deque
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from edge_agent.web.addresses import PREFIX, is_allowed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_agent.web.request import Request

SCRYPT: Final = "scrypt"
SCRYPT_COST: Final = {"n": 1 << 14, "r": 8, "p": 1}
"""OWASP's minimum for a memory of 16 MB."""
SCRYPT_MEMORY: Final = 64 << 20
SALT_BYTES: Final = 16
TRIES: Final = 5
"""Wrong passwords or tokens of an address within TRIES_S; then it has to wait."""
TRIES_S: Final = 60.0
ADDRESSES: Final = 1000
"""Addresses whose tries are remembered."""
SAME_SITE: Final = frozenset({"", "same-origin", "none"})
"""Values of Sec-Fetch-Site; old browsers send none, and are stopped by the key."""


class Denial(StrEnum):
    """Why a request is refused."""

    PASSWORD = "password"  # noqa: S105 - a code
    TOO_MANY_TRIES = "too_many_tries"
    OTHER_SITE = "other_site"
    READ_ONLY = "read_only"
    TOKEN = "token"  # noqa: S105 - a code


@dataclass(frozen=True, slots=True)
class Secrets:
    """The secrets of the settings, '' for none, and the networks of Home Assistant's ingress."""

    password: str = ""
    token: str = ""
    ingress: Sequence[str] = ()


class Access:
    """Decides about requests. Thread-safe; time is an argument."""

    def __init__(self, known: Secrets | None = None) -> None:
        self._known = known or Secrets()
        self.key = secrets.token_urlsafe(24)
        """Every action must carry it; only the page has it."""
        self._nonce = secrets.token_bytes(SALT_BYTES)
        self._verified = b""
        self._tries: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def denial_to_read(self, request: Request, now: float) -> Denial | None:
        """Return why a request may not read, or None."""
        if not self._known.password or self.is_ingress(request):
            return None
        if self._must_wait(request.client, now):
            return Denial.TOO_MANY_TRIES
        given = password_of(request.authorization)
        if given is not None and self._is_password(given):
            return None
        if given is not None:
            self._count(request.client, now)
        return Denial.PASSWORD

    def denial_to_act(self, request: Request, now: float) -> Denial | None:
        """Return why a request may not act, or None."""
        if request.fetch_site not in SAME_SITE or not hmac.compare_digest(request.key.encode(), self.key.encode()):
            return Denial.OTHER_SITE
        if self.is_ingress(request):
            return None
        if not self._known.token:
            return Denial.READ_ONLY
        if self._must_wait(request.client, now):
            return Denial.TOO_MANY_TRIES
        if hmac.compare_digest(request.token.encode(), self._known.token.encode()):
            return None
        if request.token:
            self._count(request.client, now)
        return Denial.TOKEN

    def is_ingress(self, request: Request) -> bool:
        """Return whether Home Assistant has authenticated the request: it comes from its ingress."""
        return (
            bool(self._known.ingress)
            and PREFIX.fullmatch(request.ingress_path) is not None
            and is_allowed(request.client, self._known.ingress)
        )

    def has_actions(self, request: Request) -> bool:
        """Return whether the page shows its actions."""
        return bool(self._known.token) or self.is_ingress(request)

    def needs_token(self, request: Request) -> bool:
        """Return whether the page asks for the token before an action."""
        return not self.is_ingress(request)

    def _is_password(self, given: str) -> bool:
        """Return whether it is the password; a hash is computed once, since it is slow on purpose."""
        digest = hashlib.blake2b(given.encode(), key=self._nonce).digest()
        if hmac.compare_digest(digest, self._verified):
            return True
        with self._lock:
            is_right = matches(given, self._known.password)
            if is_right:
                self._verified = digest
        return is_right

    def _must_wait(self, client: str, now: float) -> bool:
        with self._lock:
            tries = self._tries.get(client, deque())
            while tries and tries[0] <= now - TRIES_S:
                tries.popleft()
            return len(tries) >= TRIES

    def _count(self, client: str, now: float) -> None:
        with self._lock:
            self._tries.setdefault(client, deque()).append(now)
            self._tries.move_to_end(client)
            while len(self._tries) > ADDRESSES:
                self._tries.popitem(last=False)


def password_of(authorization: str) -> str | None:
    """Return the password of a Basic authorization (RFC 7617), or None; any user name is accepted."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(encoded, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def hashed(password: str) -> str:
    """Return a password as the settings may hold it: scrypt (RFC 7914) with a new salt."""
    salt = secrets.token_bytes(SALT_BYTES)
    return f"{SCRYPT}:{salt.hex()}:{_scrypt(password, salt).hex()}"


def matches(given: str, known: str) -> bool:
    """Return whether a password is the known one, which is itself or its hash."""
    match known.split(":"):
        case ["scrypt", salt, digest]:
            try:
                return hmac.compare_digest(_scrypt(given, bytes.fromhex(salt)), bytes.fromhex(digest))
            except ValueError:
                return False
        case _:
            return hmac.compare_digest(given.encode(), known.encode())


def _scrypt(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, **SCRYPT_COST, maxmem=SCRYPT_MEMORY)
