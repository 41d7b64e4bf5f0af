"""Findings about the broker. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from edge_agent.doctor.finding import Finding, error, ok, warning

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edge_agent.reasons import ConnectFault

SNAPSHOT_BYTES: Final = 300_000
"""Maximum size of annotated pictures."""
OVERHEAD_BYTES: Final = 1000
"""Topic and properties of a message."""
SMALL_FRAME_BYTES: Final = 2_000_000
"""Cameras send pictures of this size."""
MOST_LISTED: Final = 3
MEGABYTE: Final = 1_000_000
ACL: Final = "config/acl.example has all lines"


def judge_connected(where: str, protocol: str) -> Finding:
    """Return that the connection works."""
    return ok("broker", f"{where} answers, with MQTT {protocol}")


def judge_faults(faults: Mapping[str, ConnectFault]) -> Finding:
    """Return why no address of the broker accepted the connection, with the advice for each reason."""
    said = "; ".join(f"{address}: {fault.text}" for address, fault in faults.items())
    fixes = dict.fromkeys(fault.advice for fault in faults.values())
    return error("broker", f"no connection to the broker at {said}", "; ".join(fixes))


def assess_encryption(*, enabled: bool, insecure: bool, has_password: bool, is_near: bool) -> Finding:
    """Return whether the connection is encrypted; `is_near` is whether the broker is in a private network."""
    if enabled and insecure:
        return warning(
            "tls",
            "the broker's certificate is not checked: anyone on the network path can read everything",
            "set mqtt.tls.ca_file to its CA, and mqtt.tls.insecure to false",
        )
    if enabled:
        return ok("tls", "encrypted, and the broker's certificate is checked")
    if has_password and not is_near:
        return warning(
            "tls",
            "the password and the pictures cross the internet unencrypted",
            "set mqtt.tls.enabled, and mqtt.port to the broker's port for TLS",
        )
    return ok("tls", "not encrypted; the broker is in a private network")


@dataclass(frozen=True, slots=True)
class Subscribed:
    """A tested subscription: why it was refused ('': it was not), and the result of a message to it.

    `written` is the broker's answer to that message ('': accepted), None if none was sent; `echoed`: it came back.
    """

    topic_filter: str
    refused: str | None
    written: str | None = None
    echoed: bool = False


def assess_subscriptions(tried: Sequence[Subscribed], *, tells: bool) -> Finding:
    """Return whether the agent receives its messages; `tells` is whether the broker reports denied messages (MQTT 5).

    Many brokers confirm a subscription and then send nothing. An accepted message that does not arrive shows this; a
    denied one shows nothing.
    """
    deaf = [each.topic_filter for each in tried if _is_deaf(each, tells=tells)]
    if not deaf:
        echoed = sum(each.echoed for each in tried)
        how = f"messages came through {echoed} of them" if tells else "only MQTT 5 tells more"
        return ok("subscriptions", f"none of {len(tried)} is refused; {how}")
    lines = _listed([f"`topic read {each}`" for each in deaf])
    return error(
        "subscriptions",
        f"the broker does not let the agent read {_listed(deaf)}",
        f"add to its access list: {lines} ({ACL})",
    )


def _is_deaf(tried: Subscribed, *, tells: bool) -> bool:
    if tried.refused != "":
        return True
    return tells and tried.written == "" and not tried.echoed


def assess_publishing(refused: Sequence[str], tried: int, *, tells: bool, echoed: bool) -> Finding:
    """Return whether the agent may publish; `refused` are the filters of the denied topics.

    `echoed` is whether a message to the agent's own topic came back: the only sign before MQTT 5.
    """
    if refused:
        lines = _listed([f"`topic write {each}`" for each in refused])
        return error(
            "publishing",
            f"the broker does not let the agent publish to {_listed(refused)}",
            f"add to its access list: {lines} ({ACL})",
        )
    if not echoed:
        return error(
            "publishing",
            "a message to the agent's availability topic did not come back: the agent may not write or not read it",
            f"add to the broker's access list: `topic write edge_agent/+/+` and the lines around it ({ACL})",
        )
    if not tells:
        return ok("publishing", "a test message came back; only MQTT 5 reports more")
    return ok("publishing", f"all {tried} topics are allowed")


def assess_packet_size(largest_bytes: int | None, *, refused: str, publish_bytes: int, image_bytes: int) -> Finding:
    """Return whether the largest messages fit; `largest_bytes` is the broker's announced limit, or None.

    `refused` is the result of a test with the largest message of the agent ('': accepted, or not tested).
    """
    raise_it = f"raise max_packet_size in mosquitto.conf to {image_bytes + 100_000}"
    if largest_bytes is not None and largest_bytes < SNAPSHOT_BYTES + OVERHEAD_BYTES:
        return warning(
            "packet size",
            f"the broker accepts {_size(largest_bytes)} a message: annotated pictures, usually up to"
            f" {_size(SNAPSHOT_BYTES)}, are smaller, and larger pictures of a camera do not arrive",
            raise_it,
        )
    if refused:
        return error(
            "packet size",
            f"a message of {_size(publish_bytes)} is not accepted: {refused}",
            f"{raise_it}, or lower mqtt.max_publish_bytes",
        )
    if largest_bytes is not None and largest_bytes < publish_bytes:
        lower = largest_bytes - OVERHEAD_BYTES
        return warning(
            "packet size",
            f"the broker accepts {_size(largest_bytes)} a message, less than the agent may send",
            f"set mqtt.max_publish_bytes to {lower}, or {raise_it}",
        )
    if largest_bytes is not None and largest_bytes < SMALL_FRAME_BYTES:
        return warning(
            "packet size",
            f"the broker accepts {_size(largest_bytes)} a message: larger pictures of a camera do not arrive",
            raise_it,
        )
    return ok("packet size", "no limit in the way" if largest_bytes is None else f"up to {_size(largest_bytes)}")


@dataclass(frozen=True, slots=True)
class Use:
    """Who uses the agent's client id, if that `is_known`.

    The agent `is_online`, and `is_here`: on this host. If it is not online, a connection with the id was tested:
    `kicked` is why it ended at once ('': it did not).
    """

    is_known: bool = True
    is_online: bool = False
    is_here: bool = False
    kicked: str = ""


def assess_client_id(client_id: str, use: Use) -> Finding:
    """Return whether only the agent uses its client id."""
    other = "give each agent its own agent_id, and no other client this client id"
    if not use.is_known:
        return warning(
            "client id",
            f"whether {client_id} is in use cannot be told: the agent's availability is not echoed",
            f"add to the broker's access list: `topic read edge_agent/+/availability` ({ACL})",
        )
    if use.kicked:
        text = f"another client uses {client_id}: it took the connection over ({use.kicked})"
        return error("client id", text, other)
    if not use.is_online:
        return ok("client id", f"{client_id} is free")
    if use.is_here:
        return ok("client id", f"{client_id} is the agent that runs here")
    return warning(
        "client id",
        f"an agent uses {client_id}, and is not a process of this host",
        f"if it runs neither on this host nor in a container on it: {other}",
    )


def _listed(names: Sequence[str]) -> str:
    """Return the first few names as a list."""
    more = len(names) - MOST_LISTED
    return ", ".join(names[:MOST_LISTED]) + (f" and {more} more" if more > 0 else "")


def _size(size_bytes: int) -> str:
    return f"{size_bytes / MEGABYTE:.1f} MB" if size_bytes >= MEGABYTE else f"{size_bytes / 1000:.0f} kB"
