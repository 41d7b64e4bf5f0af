"""Why things fail, as data: for each family an enum, and one table with what a person is told of each member.

Programs decide by the members alone. A sentence is told, never read: it can be reworded without changing what happens.
"""

from __future__ import annotations

import logging
from enum import StrEnum
from typing import Final, NamedTuple

import msgspec


class Wording(NamedTuple):
    """What a person is told of a reason: the sentence around its detail, what to do about it, and how severe it is."""

    sentence: str
    advice: str = ""
    level: int = logging.WARNING


class FailureReason(StrEnum):
    """Why a frame has no faces to report; the words of the MQTT interface."""

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
    UnavailableReason.MODEL_MISSING: Wording("{detail} cannot be had", "get it: {program} models pull {model}"),
    UnavailableReason.MODEL_UNKNOWN: Wording("there is no model {detail}", "docs/models.md lists the models"),
    UnavailableReason.MODEL_UNUSABLE: Wording(
        "the model cannot be used: {detail}", "use a model of docs/models.md (detection.edgetpu_model)"
    ),
    UnavailableReason.LIBRARY_MISSING: Wording(
        "the library {detail}", "install libedgetpu; docs/models.md says which fits"
    ),
    UnavailableReason.IMPORT_FAILED: Wording(
        "its library cannot be loaded: {detail}", "install the library that the reason names; docs/models.md says which"
    ),
    UnavailableReason.PROVIDER_MISSING: Wording("the installed onnxruntime has no {detail}", "{add}"),
    UnavailableReason.DEVICE_MISSING: Wording(
        "no {detail} was found, or this user may not open it",
        "plug it in again; add a udev rule, or the user to the group plugdev",
    ),
    UnavailableReason.DEVICE_UNUSABLE: Wording(
        "onnxruntime could not use {detail}", "check the driver: nvidia-smi lists the GPUs that it sees"
    ),
    UnavailableReason.SETTING_INVALID: Wording("{detail}", "correct that setting"),
    UnavailableReason.LOAD_FAILED: Wording("{detail}", "{program} detectors shows it again"),
    UnavailableReason.DETECTION_FAILED: Wording("detection fails: {detail}", "{program} detectors shows it again"),
    UnavailableReason.START_FAILED: Wording(
        "its process could not be started: {detail}", "end other programs: memory or processes are short"
    ),
    UnavailableReason.TIMED_OUT: Wording(
        "it did not finish {detail}",
        "plug it in again, into another port; raise pool.probe_timeout_s if it is just slow",
    ),
    UnavailableReason.CRASHED: Wording(
        "its process {detail}", "the library crashes: install a libedgetpu that fits the runtime (docs/models.md)"
    ),
}


class DetectorFault(msgspec.Struct, frozen=True):
    """Why a detector is unavailable, and the part of the sentence that differs."""

    reason: UnavailableReason
    detail: str = ""

    @property
    def text(self) -> str:
        """The reason as a sentence, without its end."""
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
"""Each goes on after `the worker`."""


class WorkerExit(msgspec.Struct, frozen=True):
    """How a worker ended, and the part of the sentence that differs."""

    reason: ExitReason
    detail: str = ""

    @property
    def text(self) -> str:
        """What goes on after `the worker`."""
        return EXITS[self.reason].sentence.format(detail=self.detail)

    @property
    def level(self) -> int:
        """The level at which it is logged."""
        return EXITS[self.reason].level

    def as_detector_fault(self) -> DetectorFault:
        """Return why the detector that the worker was to use is unavailable."""
        reason = _OF_EXITS.get(self.reason, UnavailableReason.CRASHED)
        return DetectorFault(reason, self.text if reason is UnavailableReason.CRASHED else self.detail)


_OF_EXITS: Final = {
    ExitReason.TIMED_OUT: UnavailableReason.TIMED_OUT,
    ExitReason.NOT_STARTED: UnavailableReason.START_FAILED,
    ExitReason.NO_DETECTOR: UnavailableReason.LOAD_FAILED,
    ExitReason.DETECTOR_ERROR: UnavailableReason.DETECTION_FAILED,
}


class ConnectError(StrEnum):
    """Why there is no connection to the broker: it did not come about, or it ended."""

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
    FAILED = "failed"
    NOT_CONNECTED = "not_connected"
    TAKEN_OVER = "taken_over"
    SHUTTING_DOWN = "shutting_down"
    KEEPALIVE_TIMEOUT = "keepalive_timeout"
    PACKET_TOO_LARGE = "packet_too_large"
    LOST = "lost"
    CLOSED_AT_ONCE = "closed_at_once"
    CLOSED = "closed"


_ASK_LOG: Final = "look into the broker's log, and check mqtt.host, mqtt.port and mqtt.tls"
_CHECK_TLS: Final = "check mqtt.tls.enabled and mqtt.port (as a rule 8883): does the broker speak TLS there?"

CONNECTION: Final = {
    ConnectError.NOT_AUTHORIZED: Wording(
        "{detail}", "check mqtt.username and mqtt.password; mosquitto: mosquitto_passwd sets a password"
    ),
    ConnectError.CLIENT_ID_REJECTED: Wording(
        "{detail}", "the broker wants another client id: set agent_id to one that it allows"
    ),
    ConnectError.PROTOCOL_UNSUPPORTED: Wording("{detail}", "set mqtt.protocol to one that it speaks"),
    ConnectError.BROKER_UNAVAILABLE: Wording("{detail}", "look into the broker's log"),
    ConnectError.REJECTED: Wording("{detail}", _ASK_LOG),
    ConnectError.CERTIFICATE_REJECTED: Wording(
        "its certificate does not prove who it is: {detail}; if its CA is your own, name it in mqtt.tls.ca_file"
        " (--ca-file)",
        "name the CA that signed its certificate in mqtt.tls.ca_file",
    ),
    ConnectError.TLS_UNSUPPORTED: Wording(
        "it does not speak TLS on this port; brokers use 8883 for that as a rule",
        "use the broker's port for TLS (mqtt.port, as a rule 8883), or switch mqtt.tls.enabled off",
    ),
    ConnectError.TLS_UNANSWERED: Wording("{detail}; does it speak TLS on this port?", _CHECK_TLS),
    ConnectError.TLS_FAILED: Wording("TLS failed: {detail}", _CHECK_TLS),
    ConnectError.CONNECTION_REFUSED: Wording(
        "{detail}", "start the broker, and check mqtt.host and mqtt.port; see also its listener's address"
    ),
    ConnectError.NAME_UNKNOWN: Wording("{detail}", "check the spelling of mqtt.host, or use the broker's address"),
    ConnectError.NAME_UNRESOLVED: Wording(
        "{detail}", "check the spelling of mqtt.host and this machine's name server, or use the broker's address"
    ),
    ConnectError.UNREACHABLE: Wording(
        "{detail}", "check this machine's network: the broker's address cannot be reached"
    ),
    ConnectError.TIMED_OUT: Wording("{detail}", "check mqtt.host and mqtt.port, and whether a firewall is in between"),
    ConnectError.NOT_MQTT: Wording(
        "it did not answer as an MQTT broker does",
        "check mqtt.port: something else listens there, or it expects TLS (mqtt.tls.enabled)",
    ),
    ConnectError.WEBSOCKET_FAILED: Wording(
        "its websocket does not answer as an MQTT broker's: check the port and mqtt.websocket_path",
        "check mqtt.port, mqtt.transport and mqtt.websocket_path",
    ),
    ConnectError.ADDRESS_INVALID: Wording(
        "its address cannot be used", "check the spelling of mqtt.host, or use the broker's address"
    ),
    ConnectError.SETTINGS_INVALID: Wording("{detail}", "correct that setting"),
    ConnectError.FAILED: Wording("{detail}", _ASK_LOG),
    ConnectError.NOT_CONNECTED: Wording("not connected", _ASK_LOG),
    ConnectError.TAKEN_OVER: Wording("{detail}", "give each agent an agent_id of its own", logging.ERROR),
    ConnectError.SHUTTING_DOWN: Wording("{detail}", _ASK_LOG),
    ConnectError.KEEPALIVE_TIMEOUT: Wording("{detail}", _ASK_LOG),
    ConnectError.PACKET_TOO_LARGE: Wording("{detail}", "set mqtt.max_publish_bytes lower"),
    ConnectError.LOST: Wording("the network or the broker went away", _ASK_LOG),
    ConnectError.CLOSED_AT_ONCE: Wording(
        "it closed the connection at once: is it an MQTT broker, and does it want TLS or a certificate?", _CHECK_TLS
    ),
    ConnectError.CLOSED: Wording("{detail}", _ASK_LOG),
}


class ConnectFault(msgspec.Struct, frozen=True):
    """Why there is no connection to the broker, and the part of the sentence that differs."""

    reason: ConnectError
    detail: str = ""

    @property
    def text(self) -> str:
        """The reason as a sentence, without its end."""
        return CONNECTION[self.reason].sentence.format(detail=self.detail)

    @property
    def advice(self) -> str:
        """What to do about it."""
        return CONNECTION[self.reason].advice
