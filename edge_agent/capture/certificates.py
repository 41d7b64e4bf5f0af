"""Certificates of cameras: checked against the system's CAs, or pinned by their fingerprint."""

from __future__ import annotations

import hashlib
import ssl
from typing import Final

from edge_agent.capture.camera import CaptureError, CaptureReason

LOOK_S: Final = 5.0


def tls_context(fingerprint: str) -> ssl.SSLContext:
    """Return a context that checks certificates: against the system's CAs, or the SHA-256 of the camera's own."""
    context = ssl.create_default_context()
    if fingerprint:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.sslsocket_class = _pinned(fingerprint)
    return context


class WrongCertificateError(ssl.SSLError):
    """The certificate is not the pinned one; `digest` tells which one it is."""

    def __init__(self, digest: str) -> None:
        super().__init__("the certificate is not the pinned one")
        self.digest = digest


def explain(error: ssl.SSLError, host: str, port: int) -> CaptureError:
    """Return a failure of TLS as ours; a refused certificate with its fingerprint, for a person to compare."""
    if not isinstance(error, (WrongCertificateError, ssl.SSLCertVerificationError)):
        return CaptureError(CaptureReason.TLS_FAILED)
    digest = error.digest if isinstance(error, WrongCertificateError) else _digest(host, port)
    return CaptureError(CaptureReason.CERTIFICATE, f"it has the fingerprint {digest}" if digest else "")


def _digest(host: str, port: int) -> str:
    """Return the fingerprint of the certificate that a camera shows, '' if it shows none now."""
    try:
        shown = ssl.get_server_certificate((host, port), timeout=LOOK_S)
    except (OSError, ValueError):
        return ""
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(shown)).hexdigest()


def _pinned(fingerprint: str) -> type[ssl.SSLSocket]:
    class PinnedSocket(ssl.SSLSocket):
        """A TLS socket that accepts one certificate."""

        def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - of ssl
            super().do_handshake(block)
            digest = hashlib.sha256(self.getpeercert(binary_form=True) or b"").hexdigest()
            if digest != fingerprint:
                raise WrongCertificateError(digest)

    return PinnedSocket
