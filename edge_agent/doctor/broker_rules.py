"""What is to be said of the broker. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from edge_agent.doctor.finding import Finding, error, ok, warning

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edge_agent.reasons import ConnectFault

SNAPSHOT_BYTES: Final = 300_000
"""Annotated pictures have so many bytes at the most."""
OVERHEAD_BYTES: Final = 1000
"""Topic and properties of a message."""
SMALL_FRAME_BYTES: Final = 2_000_000
"""Cameras send pictures of this size."""
MOST_LISTED: Final = 3
MEGABYTE: Final = 1_000_000
ACL: Final = "config/acl.example has all lines"


def judge_connected(where: str, protocol: str) -> Finding:
    """Return that the broker took the connection."""
    return ok("broker", f"{where} answers, with MQTT {protocol}")


def judge_faults(faults: Mapping[str, ConnectFault]) -> Finding:
    """Return why no address of the broker took the connection, and what to do about each reason."""
    said = "; ".join(f"{address}: {fault.text}" for address, fault in faults.items())
    fixes = dict.fromkeys(fault.advice for fault in faults.values())
    return error("broker", f"no connection to the broker at {said}", "; ".join(fixes))


def judge_encryption(*, enabled: bool, insecure: bool, has_password: bool, is_near: bool) -> Finding:
    """Return whether others can read along; `is_near` tells that the broker is in the same network."""
    if enabled and insecure:
        return warning(
            "tls",
            "the broker's certificate is not checked: anybody in between can read along",
            "name its CA in mqtt.tls.ca_file, and switch mqtt.tls.insecure off",
        )
    if enabled:
        return ok("tls", "encrypted, and the broker's certificate is checked")
    if has_password and not is_near:
        return warning(
            "tls",
            "the password and the pictures cross the internet in the clear",
            "set mqtt.tls.enabled, and mqtt.port to the broker's port for TLS",
        )
    return ok("tls", "not encrypted; the broker is in this network")


@dataclass(frozen=True, slots=True)
class Subscribed:
    """A subscription that was tried: why it was refused ('': it was not), and what a message to it showed.

    `written` is what the broker said to that message ('': taken), None where none was sent; `heard` is whether it came.
    """

    topic_filter: str
    refused: str | None
    written: str | None = None
    heard: bool = False


def judge_subscriptions(tried: Sequence[Subscribed], *, tells: bool) -> Finding:
    """Return whether the agent hears what it must; `tells` is whether the broker tells of messages it refuses (MQTT 5).

    Many brokers confirm a subscription and then send nothing. A message that was taken and did not come shows that; one
    that the agent may not send shows nothing.
    """
    deaf = [each.topic_filter for each in tried if _is_deaf(each, tells=tells)]
    if not deaf:
        heard = sum(each.heard for each in tried)
        how = f"messages came through {heard} of them" if tells else "only MQTT 5 tells more"
        return ok("subscriptions", f"none of {len(tried)} is refused; {how}")
    lines = _listed([f"`topic read {each}`" for each in deaf])
    return error(
        "subscriptions",
        f"the broker does not let the agent hear {_listed(deaf)}",
        f"add to its access list: {lines} ({ACL})",
    )


def _is_deaf(tried: Subscribed, *, tells: bool) -> bool:
    if tried.refused != "":
        return True
    return tells and tried.written == "" and not tried.heard


def judge_publishing(refused: Sequence[str], tried: int, *, tells: bool, echoed: bool) -> Finding:
    """Return whether the agent may publish; `refused` are the filters of the topics that it may not publish to.

    `echoed` is whether a message to the agent's own topic came back: before MQTT 5 nothing else tells.
    """
    if refused:
        lines = _listed([f"`topic write {each}`" for each in refused])
        return error(
            "publishing",
            f"the broker does not let the agent publish {_listed(refused)}",
            f"add to its access list: {lines} ({ACL})",
        )
    if not echoed:
        return error(
            "publishing",
            "a message to the agent's availability did not come back: it may not be sent, or not be heard",
            f"add to the broker's access list: `topic write edge_agent/+/+` and the lines around it ({ACL})",
        )
    if not tells:
        return ok("publishing", "a message of our own came back; only MQTT 5 tells more")
    return ok("publishing", f"all {tried} topics are allowed")


def judge_packet_size(largest_bytes: int | None, *, refused: str, publish_bytes: int, image_bytes: int) -> Finding:
    """Return whether messages fit through; `largest_bytes` is what the broker announces, None where it does not.

    `refused` is what came of trying the largest message that the agent may publish ('': taken, or not tried).
    """
    raise_it = f"raise max_packet_size in mosquitto.conf to {image_bytes + 100_000}"
    if largest_bytes is not None and largest_bytes < SNAPSHOT_BYTES + OVERHEAD_BYTES:
        return error(
            "packet size",
            f"the broker takes {_size(largest_bytes)} a message: annotated pictures have up to"
            f" {_size(SNAPSHOT_BYTES)}, and would end the connection",
            raise_it,
        )
    if refused:
        return error(
            "packet size",
            f"a message of {_size(publish_bytes)} does not get through: {refused}",
            f"{raise_it}, or set mqtt.max_publish_bytes lower",
        )
    if largest_bytes is not None and largest_bytes < publish_bytes:
        lower = largest_bytes - OVERHEAD_BYTES
        return warning(
            "packet size",
            f"the broker takes {_size(largest_bytes)} a message, less than the agent may send",
            f"set mqtt.max_publish_bytes to {lower}, or {raise_it}",
        )
    if largest_bytes is not None and largest_bytes < SMALL_FRAME_BYTES:
        return warning(
            "packet size",
            f"the broker takes {_size(largest_bytes)} a message: larger pictures of a camera do not arrive",
            raise_it,
        )
    return ok("packet size", "no limit in the way" if largest_bytes is None else f"up to {_size(largest_bytes)}")


@dataclass(frozen=True, slots=True)
class Use:
    """Who uses the agent's client id, as far as that `is_known`.

    An agent `is_online`, and `is_here`, on this machine. Where none is, a connection with the id was tried: `kicked`
    is why it ended at once ('': it did not).
    """

    is_known: bool = True
    is_online: bool = False
    is_here: bool = False
    kicked: str = ""


def judge_client_id(client_id: str, use: Use) -> Finding:
    """Return whether the client id is the agent's alone."""
    other = "give each agent an agent_id of its own, and no other client this client id"
    if not use.is_known:
        return warning(
            "client id",
            f"whether {client_id} is in use cannot be told: the agent's availability is not heard",
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
        f"an agent uses {client_id}, and is not among this machine's processes",
        f"if it runs neither here nor in a container here: {other}",
    )


def _listed(names: Sequence[str]) -> str:
    """Return names in a row, the first few of many."""
    more = len(names) - MOST_LISTED
    return ", ".join(names[:MOST_LISTED]) + (f" and {more} more" if more > 0 else "")


def _size(size_bytes: int) -> str:
    return f"{size_bytes / MEGABYTE:.1f} MB" if size_bytes >= MEGABYTE else f"{size_bytes / 1000:.0f} kB"
