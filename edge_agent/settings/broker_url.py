"""The spellings of `mqtt.host`: a host, `host:port`, `[IPv6 address]:port`, or a URL such as `mqtts://host`. Pure."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from edge_agent.settings.address import LARGEST_PORT

if TYPE_CHECKING:
    from collections.abc import Mapping

TCP, WEBSOCKETS = "tcp", "websockets"
SPELLINGS: Final = "write mqtt.host as host, host:port, [IPv6 address]:port, mqtt://host or mqtts://host"
CREDENTIALS: Final = "mqtt.host holds a user name or password: use mqtt.username and a file for mqtt.password"
PLAIN_AND_TLS: Final = "mqtt.host says {scheme}://, which means TLS, and mqtt.tls.enabled is false: change one of them"
TWO_PORTS: Final = "mqtt.host names port {named}, and mqtt.port is another one: leave one of them out"
TWO_PATHS: Final = "mqtt.host names a path, and so does mqtt.websocket_path: leave one of them out"
NO_PATH: Final = frozenset({None, "", "/"})
OFF: Final = frozenset({"false", "0", "no", "off"})


@dataclass(frozen=True, slots=True)
class Scheme:
    """What a scheme means."""

    tls: bool
    transport: str
    port: int


SCHEMES: Final = {
    "mqtt": Scheme(tls=False, transport=TCP, port=1883),
    "tcp": Scheme(tls=False, transport=TCP, port=1883),
    "mqtts": Scheme(tls=True, transport=TCP, port=8883),
    "ssl": Scheme(tls=True, transport=TCP, port=8883),
    "tls": Scheme(tls=True, transport=TCP, port=8883),
    "ws": Scheme(tls=False, transport=WEBSOCKETS, port=80),
    "wss": Scheme(tls=True, transport=WEBSOCKETS, port=443),
}
_FORM: Final = re.compile(
    r"(?:(?P<scheme>[a-z]+)://)?(?P<host>\[[^\[\]]+\]|[^\s:\[\]/@?#]+)(?::(?P<port>\d{1,5}))?(?P<path>/[!-~]*)?",
    re.IGNORECASE,
)


def with_host_read(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of the section `mqtt`, with what `host` says in their places; raise ValueError if it is wrong.

    No message shows the value: it may hold a password.
    """
    host = str(values["host"]).strip()
    if not host or _is_ipv6(host):
        return {**values, "host": host}
    if "@" in host:
        raise ValueError(CREDENTIALS)
    found = _FORM.fullmatch(host)
    name = (found["scheme"] or "").lower() if found else ""
    if found is None or (name and name not in SCHEMES):
        raise ValueError(SPELLINGS)
    scheme = SCHEMES.get(name)
    return {
        **values,
        "host": _host(found["host"]),
        **_port(found["port"], scheme, values),
        **_path(found["path"], scheme, values),
        **({"tls": _with_tls(name, values.get("tls") or {})} if scheme and scheme.tls else {}),
    }


def _is_ipv6(host: str) -> bool:
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return True


def _host(host: str) -> str:
    if host.startswith("[") and not _is_ipv6(host[1:-1]):
        raise ValueError(SPELLINGS)
    return host.strip("[]")


def _port(text: str | None, scheme: Scheme | None, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the port that `host` names, or that its scheme stands for unless `port` is given."""
    given = values.get("port")
    if text is None:
        return {"port": scheme.port} if scheme and given is None else {}
    if not 0 < int(text) <= LARGEST_PORT:
        raise ValueError(SPELLINGS)
    if given is not None and str(given) != str(int(text)):
        raise ValueError(TWO_PORTS.format(named=int(text)))
    return {"port": int(text)}


def _path(path: str | None, scheme: Scheme | None, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the transport, and the path of a WebSocket."""
    if scheme is None or scheme.transport != WEBSOCKETS:
        if path not in NO_PATH or (path and scheme is None):
            raise ValueError(SPELLINGS)
        return {}
    if path in NO_PATH:
        return {"transport": WEBSOCKETS}
    if values.get("websocket_path", path) != path:
        raise ValueError(TWO_PATHS)
    return {"transport": WEBSOCKETS, "websocket_path": path}


def _with_tls(name: str, tls: Any) -> Any:  # noqa: ANN401 - from any source, not validated yet
    enabled = tls.get("enabled", True) if isinstance(tls, dict) else tls.enabled
    if str(enabled).lower() in OFF:
        raise ValueError(PLAIN_AND_TLS.format(scheme=name))
    return {**tls, "enabled": True} if isinstance(tls, dict) else tls
