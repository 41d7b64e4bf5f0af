"""The sandbox of a capture process: it decodes what a camera sends, and needs no files, the camera and the broker."""

from __future__ import annotations

import contextlib
import os
import ssl
from typing import TYPE_CHECKING, Final

from edge_agent.mqtt.socket_pair import use_local_pairs
from edge_agent.platform import landlock

if TYPE_CHECKING:
    from edge_agent.capture.camera import CameraSpec
    from edge_agent.capture.tls_tunnel import TunnelEntrance
    from edge_agent.mqtt.access import BrokerAccess

RESOLVER: Final = (
    "/etc/resolv.conf", "/etc/hosts", "/etc/host.conf", "/etc/nsswitch.conf", "/etc/gai.conf", "/etc/services",
    "/etc/ssl", "/etc/pki", "/etc/ca-certificates",
)  # fmt: skip
"""How names become addresses, and which certificates are trusted."""
DNS_PORT: Final = 53
WRITABLE_VARIABLE: Final = "EDGE_AGENT_TEST_WRITABLE"
"""Names the folder in which the tests record the coverage of this process's code."""


def enter_sandbox(spec: CameraSpec, mqtt: BrokerAccess, entrance: TunnelEntrance | None = None) -> str:
    """Drop every other right; return the sandbox as text, or why there is none."""
    if not spec.sandbox:
        return ""
    use_local_pairs()
    with contextlib.suppress(OSError):  # the rest still helps if this is forbidden
        landlock.drop_capabilities()
    try:
        version = landlock.restrict(_rules(spec, mqtt, entrance))
    except OSError as error:
        return f"not sandboxed: {error.strerror}"
    return f"Landlock {version}" if version else "not sandboxed: this kernel has no Landlock"


def _rules(spec: CameraSpec, mqtt: BrokerAccess, entrance: TunnelEntrance | None) -> landlock.LandlockRules:
    authorities = ssl.get_default_verify_paths()
    of_tls = (mqtt.tls.ca_file, mqtt.tls.cert_file, mqtt.tls.key_file, authorities.cafile, authorities.capath)
    tls = [str(path) for path in of_tls if path]
    own = {entrance.port} if entrance else set()
    files = [*RESOLVER, *tls, *map(os.path.realpath, (*RESOLVER, *tls))]
    writable = os.environ.get(WRITABLE_VARIABLE, "")
    return landlock.LandlockRules(
        readable=tuple(dict.fromkeys((*landlock.program_paths(), *files))),
        writable=(writable,) if writable else (),
        ports=tuple({*spec.ports, *own, DNS_PORT, *(address.port for address in mqtt.addresses())}),
    )
