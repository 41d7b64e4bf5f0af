"""TLS as the settings want it, or a sentence that says why not: it never falls back to less."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Final

from edge_agent.errors import SettingsError, reason_of

if TYPE_CHECKING:
    from pathlib import Path

    from edge_agent.settings.broker import TlsSettings

CERTIFICATE_FAULTS: Final = {
    9: "it is not valid yet, or this machine's clock is wrong",
    10: "it has expired, or this machine's clock is wrong",
    18: "it is self-signed",
    19: "the CA that signed it is not trusted",
    20: "the CA that signed it is not trusted",
    21: "the CA that signed it is not trusted",
    23: "it was revoked",
    62: "it is for another host name",
    64: "it is for another address",
}
"""By OpenSSL's X509_V_ERR codes (x509_vfy.h)."""
TLS_FAULTS: Final = (
    ("UNKNOWN_CA", "the broker does not trust the CA of our certificate"),
    ("CERTIFICATE_REQUIRED", "the broker wants a certificate: name one in mqtt.tls.cert_file (--cert-file)"),
    ("ALERT_BAD_CERTIFICATE", "the broker does not accept our certificate"),
    ("PROTOCOL_VERSION", "the broker speaks no TLS 1.2 or newer"),
    ("UNSUPPORTED_PROTOCOL", "the broker speaks no TLS 1.2 or newer"),
    ("HANDSHAKE_FAILURE", "the broker accepts no encryption that is safe, or wants a certificate"),
    ("UNEXPECTED_EOF", "the broker closed the connection"),
)
"""A part of OpenSSL's reason code, and what it means; the first that fits."""
NO_WEBSOCKET: Final = "its websocket does not answer as an MQTT broker's: check the port and mqtt.websocket_path"


def tls_context(settings: TlsSettings) -> ssl.SSLContext | None:
    """Return what TLS needs, or None where it is not wanted; raise SettingsError for what cannot be honoured."""
    if not settings.enabled:
        return None
    context = _trusting(settings.ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if settings.cert_file and settings.key_file:
        _show_who_we_are(context, settings.cert_file, settings.key_file)
    return context


def explain(error: Exception, *, encrypted: bool) -> str:  # noqa: PLR0911 - a table: one line a kind of error
    """Return why no connection came about, for a person."""
    match error:
        case ssl.SSLCertVerificationError():
            hint = "; if its CA is your own, name it in mqtt.tls.ca_file (--ca-file)"
            why = CERTIFICATE_FAULTS.get(error.verify_code, f"OpenSSL's code {error.verify_code}")
            return f"its certificate does not prove who it is: {why}{hint}"
        case ssl.SSLError(reason="WRONG_VERSION_NUMBER"):
            return "it does not speak TLS on this port; brokers use 8883 for that as a rule"
        case ssl.SSLError():
            return f"TLS failed: {_tls_fault(error.reason or '')}"
        case ConnectionResetError() | TimeoutError() if encrypted:
            return f"{reason_of(error)}; does it speak TLS on this port?"
        case ConnectionError(errno=None) | IndexError() | UnicodeDecodeError():
            return NO_WEBSOCKET
        case OSError():
            return reason_of(error)
        case _:
            return "its address cannot be used"


def _trusting(ca_file: Path | None) -> ssl.SSLContext:
    """Return a context that trusts the CAs of the file and no others, or the system's."""
    if ca_file is None:
        return ssl.create_default_context()
    try:
        return ssl.create_default_context(cafile=str(ca_file))
    except ssl.SSLError as error:
        message = f"mqtt.tls.ca_file: {ca_file} holds no certificate in PEM"
        raise SettingsError(message) from error
    except OSError as error:
        message = f"mqtt.tls.ca_file: {ca_file} cannot be read: {error.strerror}"
        raise SettingsError(message) from error


def _show_who_we_are(context: ssl.SSLContext, cert_file: Path, key_file: Path) -> None:
    for name, path in (("cert_file", cert_file), ("key_file", key_file)):
        try:
            path.read_bytes()
        except OSError as error:
            message = f"mqtt.tls.{name}: {path} cannot be read: {error.strerror}"
            raise SettingsError(message) from error
    try:
        context.load_cert_chain(cert_file, key_file, password=lambda: b"")  # without it, OpenSSL asks the terminal
    except (ssl.SSLError, ValueError) as error:
        message = (
            f"mqtt.tls: {cert_file} and {key_file} are no certificate and its key, in PEM and without a passphrase"
        )
        raise SettingsError(message) from error


def _tls_fault(code: str) -> str:
    """Return what a reason code of OpenSSL means."""
    return next((words for part, words in TLS_FAULTS if part in code), f"OpenSSL gives the code {code or 'none'}")
