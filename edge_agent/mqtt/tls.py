"""TLS by the settings, or an error that says why not: it never falls back to less security."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from edge_agent.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

    from edge_agent.mqtt.access import TlsAccess
    from edge_agent.settings.broker import TlsSettings


def tls_context(settings: TlsSettings | TlsAccess) -> ssl.SSLContext | None:
    """Return the TLS context, or None without TLS; raise SettingsError if the settings cannot be used."""
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


def _trusting(ca_file: Path | None) -> ssl.SSLContext:
    """Return a context that trusts only the CAs of the file, or those of the system without one."""
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
