"""Why a broker refuses or ends something, in words of our own, by the reason codes of MQTT 5.0, section 2.4. Pure.

paho translates the codes of MQTT 3.1.1 and its own errors into these.
"""

from __future__ import annotations

from typing import Final

NO_SUBSCRIBERS: Final = 0x10
"""Not a failure: the broker took the message, and nobody has subscribed to its topic."""
UNSPECIFIED: Final = 0x80
NOT_AUTHORIZED: Final = 0x87
LOGIN_REFUSED: Final = "the broker refused the login: not authorized"

REASONS: Final = {
    0x00: "the broker closed the connection",
    0x80: "the broker gives no reason",
    0x81: "the broker could not read a packet",
    0x82: "the broker and the agent do not understand each other",
    0x83: "the broker does not accept this, for a reason of its own",
    0x84: "the broker does not speak this version of MQTT",
    0x85: "the broker does not accept this client id",
    0x86: "the broker does not accept this user name or password",
    0x87: "the broker does not allow it: not authorized",
    0x88: "the broker is not available",
    0x89: "the broker is busy",
    0x8A: "the broker has banned this client",
    0x8B: "the broker is shutting down",
    0x8C: "the broker wants another way to log in",
    0x8D: "the connection was silent for too long",
    0x8E: "another client connected with the same client id",
    0x8F: "the broker does not accept this topic filter",
    0x90: "the broker does not accept this topic",
    0x93: "the broker got more messages at once than it takes",
    0x95: "a message is larger than the broker accepts",
    0x96: "the broker got messages faster than it takes them",
    0x97: "a quota of the broker is used up",
    0x98: "an administrator of the broker ended the connection",
    0x99: "the broker does not accept the payload",
    0x9A: "the broker keeps no retained messages",
    0x9B: "the broker does not support this quality of service",
    0x9C: "the broker sends the client to another server",
    0x9D: "the broker has moved to another server",
    0x9E: "the broker does not support shared subscriptions",
    0x9F: "the broker got too many connections at once",
    0xA0: "the broker allows no longer connections",
    0xA2: "the broker does not support wildcards in topic filters",
}
LOST: Final = "the network or the broker went away"
CLOSED_AT_ONCE: Final = "it closed the connection at once: is it an MQTT broker, and does it want TLS or a certificate?"


def reason_for(code: int) -> str:
    """Return why the broker refused something."""
    return REASONS.get(code, f"the broker gives the reason code {code}")


def reason_of_refusal(code: int) -> str:
    """Return why the broker refused a connection: some say so of a wrong password."""
    return LOGIN_REFUSED if code == NOT_AUTHORIZED else reason_for(code)


def reason_of_end(code: int, *, said: bool) -> str:
    """Return why a connection ended; `said` is whether the broker told, or it was just gone."""
    if not said and code == UNSPECIFIED:
        return LOST
    return reason_for(code)
