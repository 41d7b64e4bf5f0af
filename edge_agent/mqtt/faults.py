"""Why a connection failed or ended, classified once: by the type of an exception, its errno, or MQTT's reason code.

The sentences are our own. paho translates the codes of MQTT 3.1.1 and its own errors into the reason codes of MQTT 5.0,
section 2.4.
"""

from __future__ import annotations

import errno
import socket
import ssl
from typing import Final

from edge_agent.errors import reason_of
from edge_agent.reasons import ConnectError, ConnectFault

NO_SUBSCRIBERS: Final = 0x10
"""Not a failure: the broker accepted the message, but its topic has no subscriber."""
UNSPECIFIED: Final = 0x80
NOT_AUTHORIZED: Final = 0x87
LOGIN_REFUSED: Final = "the broker refused the login: not authorized"
CONNACK: Final = {
    0x84: ConnectError.PROTOCOL_UNSUPPORTED,
    0x85: ConnectError.CLIENT_ID_REJECTED,
    0x86: ConnectError.NOT_AUTHORIZED,
    0x87: ConnectError.NOT_AUTHORIZED,
    0x88: ConnectError.BROKER_UNAVAILABLE,
    0x89: ConnectError.BROKER_UNAVAILABLE,
    0x95: ConnectError.PACKET_TOO_LARGE,
    0x97: ConnectError.BROKER_UNAVAILABLE,
    0x9F: ConnectError.BROKER_UNAVAILABLE,
}
"""MQTT 5.0, section 3.2.2.2."""
DISCONNECT: Final = {
    0x8B: ConnectError.SHUTTING_DOWN,
    0x8D: ConnectError.KEEPALIVE_TIMEOUT,
    0x8E: ConnectError.TAKEN_OVER,
    0x95: ConnectError.PACKET_TOO_LARGE,
}
"""MQTT 5.0, section 3.14.2.1."""
REASONS: Final = {
    0x00: "the broker closed the connection",
    0x80: "the broker gives no reason",
    0x81: "the broker could not read a packet",
    0x82: "the broker and the agent disagree on the protocol",
    0x83: "the broker does not accept this, for a reason specific to it",
    0x84: "the broker does not support this version of MQTT",
    0x85: "the broker does not accept this client id",
    0x86: "the broker does not accept this user name or password",
    0x87: "the broker does not allow it: not authorized",
    0x88: "the broker is not available",
    0x89: "the broker is busy",
    0x8A: "the broker has banned this client",
    0x8B: "the broker is shutting down",
    0x8C: "the broker requires another authentication method",
    0x8D: "the connection was silent for too long",
    0x8E: "another client connected with the same client id",
    0x8F: "the broker does not accept this topic filter",
    0x90: "the broker does not accept this topic",
    0x93: "the broker received more messages at once than it accepts",
    0x95: "a message is larger than the broker accepts",
    0x96: "the broker received messages faster than it accepts them",
    0x97: "a quota of the broker is used up",
    0x98: "an administrator of the broker ended the connection",
    0x99: "the broker does not accept the payload",
    0x9A: "the broker does not support retained messages",
    0x9B: "the broker does not support this quality of service",
    0x9C: "the broker sends the client to another server",
    0x9D: "the broker has moved to another server",
    0x9E: "the broker does not support shared subscriptions",
    0x9F: "the broker received too many connections at once",
    0xA0: "the broker limits the duration of a connection",
    0xA2: "the broker does not support wildcards in topic filters",
}
CERTIFICATE_FAULTS: Final = {
    9: "it is not valid yet, or this host's clock is wrong",
    10: "it has expired, or this host's clock is wrong",
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
    ("CERTIFICATE_REQUIRED", "the broker requires a certificate: set mqtt.tls.cert_file (--cert-file)"),
    ("ALERT_BAD_CERTIFICATE", "the broker does not accept our certificate"),
    ("PROTOCOL_VERSION", "the broker does not support TLS 1.2 or newer"),
    ("UNSUPPORTED_PROTOCOL", "the broker does not support TLS 1.2 or newer"),
    ("HANDSHAKE_FAILURE", "the broker accepts no secure encryption, or requires a certificate"),
    ("UNEXPECTED_EOF", "the broker closed the connection"),
)
"""A part of OpenSSL's reason code, and what it means; the first that fits."""
_ERRNO: Final = {
    errno.ECONNREFUSED: ConnectError.CONNECTION_REFUSED,
    errno.EHOSTDOWN: ConnectError.UNREACHABLE,
    errno.EHOSTUNREACH: ConnectError.UNREACHABLE,
    errno.ENETDOWN: ConnectError.UNREACHABLE,
    errno.ENETUNREACH: ConnectError.UNREACHABLE,
    errno.ETIMEDOUT: ConnectError.TIMED_OUT,
}


def words_for(code: int) -> str:
    """Return why the broker refused something."""
    return REASONS.get(code, f"the broker gives the reason code {code}")


def of_connack(code: int) -> ConnectFault:
    """Return why the broker refused a connection; some brokers report a wrong password with another code."""
    words = LOGIN_REFUSED if code == NOT_AUTHORIZED else words_for(code)
    return ConnectFault(CONNACK.get(code, ConnectError.REJECTED), words)


def of_disconnect(code: int, *, told: bool, accepted: bool) -> ConnectFault:
    """Return why a connection ended; `told` is whether the broker sent DISCONNECT."""
    if not told and not accepted:
        return ConnectFault(ConnectError.CLOSED_AT_ONCE)
    if not told and code == UNSPECIFIED:
        return ConnectFault(ConnectError.LOST)
    return ConnectFault(DISCONNECT.get(code, ConnectError.CLOSED), words_for(code))


def of_exception(error: Exception, *, encrypted: bool) -> ConnectFault:  # noqa: PLR0911 - a table: one line a kind
    """Return why a connection attempt failed."""
    match error:
        case ssl.SSLCertVerificationError():
            why = CERTIFICATE_FAULTS.get(error.verify_code, f"OpenSSL's code {error.verify_code}")
            return ConnectFault(ConnectError.CERTIFICATE_REJECTED, why)
        case ssl.SSLError(reason="WRONG_VERSION_NUMBER"):
            return ConnectFault(ConnectError.TLS_UNSUPPORTED)
        case ssl.SSLError():
            return ConnectFault(ConnectError.TLS_FAILED, _tls_fault(error.reason or ""))
        case ConnectionResetError() | TimeoutError() if encrypted:
            return ConnectFault(ConnectError.TLS_UNANSWERED, reason_of(error))
        case ConnectionError(errno=None) | IndexError() | UnicodeDecodeError():  # paho's, of a websocket
            return ConnectFault(ConnectError.WEBSOCKET_FAILED)
        case OSError():
            return ConnectFault(_of_network(error), reason_of(error))
        case _:
            return ConnectFault(ConnectError.ADDRESS_INVALID)


def _tls_fault(code: str) -> str:
    """Return the meaning of a reason code of OpenSSL."""
    return next((words for part, words in TLS_FAULTS if part in code), f"OpenSSL gives the code {code or 'none'}")


def _of_network(error: OSError) -> ConnectError:
    match error:
        case socket.gaierror(errno=socket.EAI_AGAIN):
            return ConnectError.NAME_UNRESOLVED
        case socket.gaierror():
            return ConnectError.NAME_UNKNOWN
        case TimeoutError():
            return ConnectError.TIMED_OUT
        case _:
            return _ERRNO.get(error.errno or 0, ConnectError.FAILED)
