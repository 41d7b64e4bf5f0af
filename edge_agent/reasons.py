"""Why things fail, as data: an enum for each family, and one table with sentence, advice and log level of its members.

Code decides by the members alone. No code reads a sentence, so its wording can change freely.
"""

from __future__ import annotations

import logging
from enum import StrEnum
from typing import Final, NamedTuple

import msgspec


class Wording(NamedTuple):
    """The sentence of a reason with its detail, what to do about it, and the log level."""

    sentence: str
    advice: str = ""
    level: int = logging.WARNING


class FailureReason(StrEnum):
    """Why a frame has no result; the codes of the MQTT interface."""

    BAD_IMAGE = "bad_image"
    TOO_LARGE = "too_large"
    EXPIRED = "expired"
    OVERLOAD = "overload"
    TIMEOUT = "timeout"
    QUARANTINED = "quarantined"
    DETECTOR_ERROR = "detector_error"
    DETECTION_OFF = "detection_off"
    PRESS_ONLY = "press_only"
    SUPERSEDED = "superseded"
    STALE = "stale"
    DUPLICATE = "duplicate"
    UNCHANGED = "unchanged"
    KNOWN_PICTURE = "known_picture"
    STOPPING = "stopping"


class UnavailableReason(StrEnum):
    """Why a detector is unavailable."""

    PACKAGE_MISSING = "package_missing"
    MODEL_MISSING = "model_missing"
    MODEL_UNKNOWN = "model_unknown"
    MODEL_UNUSABLE = "model_unusable"
    LIBRARY_MISSING = "library_missing"
    IMPORT_FAILED = "import_failed"
    PROVIDER_MISSING = "provider_missing"
    DEVICE_MISSING = "device_missing"
    DEVICE_UNUSABLE = "device_unusable"
    SETTING_INVALID = "setting_invalid"
    LOAD_FAILED = "load_failed"
    DETECTION_FAILED = "detection_failed"
    START_FAILED = "start_failed"
    TIMED_OUT = "timed_out"
    CRASHED = "crashed"


UNAVAILABLE: Final = {
    UnavailableReason.PACKAGE_MISSING: Wording("{detail} is not installed", "{add}"),
    UnavailableReason.MODEL_MISSING: Wording(
        "{detail} could not be found", "download it: {program} models pull {model}"
    ),
    UnavailableReason.MODEL_UNKNOWN: Wording("there is no model {detail}", "docs/models.md lists the models"),
    UnavailableReason.MODEL_UNUSABLE: Wording(
        "the model cannot be used: {detail}", "use a model of docs/models.md (detection.edgetpu_model)"
    ),
    UnavailableReason.LIBRARY_MISSING: Wording(
        "the library {detail}", "install libedgetpu; docs/models.md names the right version"
    ),
    UnavailableReason.IMPORT_FAILED: Wording(
        "its library cannot be loaded: {detail}",
        "install the library that the reason names; docs/models.md names the right version",
    ),
    UnavailableReason.PROVIDER_MISSING: Wording("the installed onnxruntime has no {detail}", "{add}"),
    UnavailableReason.DEVICE_MISSING: Wording(
        "no {detail} was found, or this user has no access to it",
        "plug it in again; add a udev rule, or the user to the group plugdev",
    ),
    UnavailableReason.DEVICE_UNUSABLE: Wording(
        "the runtime could not use {detail}", "check the driver: nvidia-smi lists the GPUs that it sees"
    ),
    UnavailableReason.SETTING_INVALID: Wording("{detail}", "correct that setting"),
    UnavailableReason.LOAD_FAILED: Wording("{detail}", "{program} detectors repeats the test"),
    UnavailableReason.DETECTION_FAILED: Wording("detection fails: {detail}", "{program} detectors repeats the test"),
    UnavailableReason.START_FAILED: Wording(
        "its process could not be started: {detail}", "stop other programs: too little memory, or too many processes"
    ),
    UnavailableReason.TIMED_OUT: Wording(
        "it did not finish {detail}",
        "plug it in again, into another port; raise pool.probe_timeout_s if it is only slow",
    ),
    UnavailableReason.CRASHED: Wording(
        "its process {detail}", "the library crashes: install a libedgetpu that fits the runtime (docs/models.md)"
    ),
}


class DetectorFault(msgspec.Struct, frozen=True):
    """Why a detector is unavailable, and the detail of its sentence."""

    reason: UnavailableReason
    detail: str = ""

    @property
    def text(self) -> str:
        """The sentence, without its final period."""
        return UNAVAILABLE[self.reason].sentence.format(detail=self.detail)


class ExitReason(StrEnum):
    """How a worker process ended, or what is wrong with a worker."""

    TIMED_OUT = "timed_out"
    KILLED = "killed"
    CRASHED = "crashed"
    SIGNALLED = "signalled"
    EXITED = "exited"
    VANISHED = "vanished"
    NOT_STARTED = "not_started"
    NO_DETECTOR = "no_detector"
    DETECTOR_ERROR = "detector_error"
    ACCELERATOR_LOST = "accelerator_lost"


EXITS: Final = {
    ExitReason.TIMED_OUT: Wording("did not finish {detail}"),
    ExitReason.KILLED: Wording("was ended by {detail}"),
    ExitReason.CRASHED: Wording("was ended by {detail}"),
    ExitReason.SIGNALLED: Wording("was ended by {detail}"),
    ExitReason.EXITED: Wording("exited with code {detail}"),
    ExitReason.VANISHED: Wording("vanished"),
    ExitReason.NOT_STARTED: Wording("could not be started: {detail}"),
    ExitReason.NO_DETECTOR: Wording("found no detector that works: {detail}"),
    ExitReason.DETECTOR_ERROR: Wording("failed on a picture: {detail}"),
    ExitReason.ACCELERATOR_LOST: Wording("lost its accelerator: {detail}"),
}
"""Each follows the words `the worker`."""


class WorkerExit(msgspec.Struct, frozen=True):
    """How a worker ended, and the detail of its sentence."""

    reason: ExitReason
    detail: str = ""

    @property
    def text(self) -> str:
        """The sentence after the words `the worker`."""
        return EXITS[self.reason].sentence.format(detail=self.detail)

    @property
    def level(self) -> int:
        """The level at which it is logged."""
        return EXITS[self.reason].level

    def as_detector_fault(self) -> DetectorFault:
        """Return why the worker's detector is unavailable."""
        reason = _OF_EXITS.get(self.reason, UnavailableReason.CRASHED)
        return DetectorFault(reason, self.text if reason is UnavailableReason.CRASHED else self.detail)


_OF_EXITS: Final = {
    ExitReason.TIMED_OUT: UnavailableReason.TIMED_OUT,
    ExitReason.NOT_STARTED: UnavailableReason.START_FAILED,
    ExitReason.NO_DETECTOR: UnavailableReason.LOAD_FAILED,
    ExitReason.DETECTOR_ERROR: UnavailableReason.DETECTION_FAILED,
}


class ConnectError(StrEnum):
    """Why there is no connection to the broker: the attempt failed, or the connection ended."""

    NOT_AUTHORIZED = "not_authorized"
    CLIENT_ID_REJECTED = "client_id_rejected"
    PROTOCOL_UNSUPPORTED = "protocol_unsupported"
    BROKER_UNAVAILABLE = "broker_unavailable"
    REJECTED = "rejected"
    CERTIFICATE_REJECTED = "certificate_rejected"
    TLS_UNSUPPORTED = "tls_unsupported"
    TLS_UNANSWERED = "tls_unanswered"
    TLS_FAILED = "tls_failed"
    CONNECTION_REFUSED = "connection_refused"
    NAME_UNKNOWN = "name_unknown"
    NAME_UNRESOLVED = "name_unresolved"
    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed_out"
    NOT_MQTT = "not_mqtt"
    WEBSOCKET_FAILED = "websocket_failed"
    ADDRESS_INVALID = "address_invalid"
    SETTINGS_INVALID = "settings_invalid"
    NO_THREAD = "no_thread"
    FAILED = "failed"
    NOT_CONNECTED = "not_connected"
    TAKEN_OVER = "taken_over"
    SHUTTING_DOWN = "shutting_down"
    KEEPALIVE_TIMEOUT = "keepalive_timeout"
    PACKET_TOO_LARGE = "packet_too_large"
    LOST = "lost"
    CLOSED_AT_ONCE = "closed_at_once"
    CLOSED = "closed"


_ASK_LOG: Final = "check the broker's log, and mqtt.host, mqtt.port and mqtt.tls"
_CHECK_TLS: Final = "check mqtt.tls.enabled and mqtt.port (usually 8883): does the broker use TLS on this port?"

CONNECTION: Final = {
    ConnectError.NOT_AUTHORIZED: Wording(
        "{detail}", "check mqtt.username and mqtt.password; mosquitto: mosquitto_passwd sets a password"
    ),
    ConnectError.CLIENT_ID_REJECTED: Wording("{detail}", "set agent_id to a client id that the broker allows"),
    ConnectError.PROTOCOL_UNSUPPORTED: Wording("{detail}", "set mqtt.protocol to a version that it supports"),
    ConnectError.BROKER_UNAVAILABLE: Wording("{detail}", "check the broker's log"),
    ConnectError.REJECTED: Wording("{detail}", _ASK_LOG),
    ConnectError.CERTIFICATE_REJECTED: Wording(
        "its certificate is not valid: {detail}; if its CA is your own, set mqtt.tls.ca_file (--ca-file)",
        "set mqtt.tls.ca_file to the CA that signed its certificate",
    ),
    ConnectError.TLS_UNSUPPORTED: Wording(
        "it does not use TLS on this port; brokers usually use 8883 for TLS",
        "use the broker's port for TLS (mqtt.port, usually 8883), or set mqtt.tls.enabled to false",
    ),
    ConnectError.TLS_UNANSWERED: Wording("{detail}; does it use TLS on this port?", _CHECK_TLS),
    ConnectError.TLS_FAILED: Wording("TLS failed: {detail}", _CHECK_TLS),
    ConnectError.CONNECTION_REFUSED: Wording(
        "{detail}", "start the broker, and check mqtt.host, mqtt.port and the address that the broker listens on"
    ),
    ConnectError.NAME_UNKNOWN: Wording("{detail}", "check the spelling of mqtt.host, or use the broker's address"),
    ConnectError.NAME_UNRESOLVED: Wording(
        "{detail}", "check the spelling of mqtt.host and this host's DNS server, or use the broker's address"
    ),
    ConnectError.UNREACHABLE: Wording(
        "{detail}", "check this host's network: there is no route to the broker's address"
    ),
    ConnectError.TIMED_OUT: Wording("{detail}", "check mqtt.host and mqtt.port, and firewalls"),
    ConnectError.NOT_MQTT: Wording(
        "it did not answer like an MQTT broker within 5 s",
        "check mqtt.port: another service uses it, or it requires TLS (mqtt.tls.enabled)",
    ),
    ConnectError.WEBSOCKET_FAILED: Wording(
        "its websocket did not answer like an MQTT broker: check the port and mqtt.websocket_path",
        "check mqtt.port, mqtt.transport and mqtt.websocket_path",
    ),
    ConnectError.ADDRESS_INVALID: Wording(
        "its address cannot be used", "check the spelling of mqtt.host, or use the broker's address"
    ),
    ConnectError.SETTINGS_INVALID: Wording("{detail}", "correct that setting"),
    ConnectError.NO_THREAD: Wording("{detail}", "raise the limit on processes (ulimit -u, or pids of the container)"),
    ConnectError.FAILED: Wording("{detail}", _ASK_LOG),
    ConnectError.NOT_CONNECTED: Wording("not connected", _ASK_LOG),
    ConnectError.TAKEN_OVER: Wording("{detail}", "give each agent its own agent_id", logging.ERROR),
    ConnectError.SHUTTING_DOWN: Wording("{detail}", _ASK_LOG),
    ConnectError.KEEPALIVE_TIMEOUT: Wording("{detail}", _ASK_LOG),
    ConnectError.PACKET_TOO_LARGE: Wording("{detail}", "lower mqtt.max_publish_bytes"),
    ConnectError.LOST: Wording("the network or the broker failed", _ASK_LOG),
    ConnectError.CLOSED_AT_ONCE: Wording(
        "it closed the connection at once: is it an MQTT broker, and does it require TLS or a certificate?", _CHECK_TLS
    ),
    ConnectError.CLOSED: Wording("{detail}", _ASK_LOG),
}


class ConnectFault(msgspec.Struct, frozen=True):
    """Why there is no connection to the broker, and the detail of its sentence."""

    reason: ConnectError
    detail: str = ""

    @property
    def text(self) -> str:
        """The sentence, without its final period."""
        return CONNECTION[self.reason].sentence.format(detail=self.detail)

    @property
    def advice(self) -> str:
        """What to do about it."""
        return CONNECTION[self.reason].advice
