"""Test certificates: a CA, a broker, a client."""

from __future__ import annotations

import hashlib
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import trustme

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate and its key, as PEM files."""

    cert: Path
    key: Path

    @classmethod
    def issue(cls, ca: trustme.CA, folder: Path, name: str) -> Self:
        """Issue one for a host name, an address or a user's name."""
        made = ca.issue_cert(name, common_name=name)
        paths = folder / f"{name}.crt", folder / f"{name}.key"
        paths[0].write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
        made.private_key_pem.write_to_path(str(paths[1]))
        return cls(*paths)

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the certificate, in hexadecimal digits."""
        first, end, _ = self.cert.read_text(encoding="ascii").partition("-----END CERTIFICATE-----")
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(first + end)).hexdigest()

    @property
    def server_context(self) -> ssl.SSLContext:
        """A context of a server that shows it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, self.key)
        return context


class Authority:
    """A test CA; `ca` is the file that others trust."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._ca = trustme.CA()
        self.ca = folder / "ca.crt"
        self._ca.cert_pem.write_to_path(str(self.ca))

    def issue(self, name: str) -> Certificate:
        """Return a new certificate for a host name, an address or a user's name."""
        return Certificate.issue(self._ca, self._folder, name)
