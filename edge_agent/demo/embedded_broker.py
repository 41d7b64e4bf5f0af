"""The embedded broker's process: prints its port, then serves until its standard input closes."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Final

from amqtt.broker import Broker

from edge_agent.demo.parent_watch import end_with_parent

HOST: Final = "127.0.0.1"
PLUGINS: Final = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}


async def serve(port: int) -> None:
    """Serve anonymous clients of this machine."""
    broker = Broker({"listeners": {"default": {"type": "tcp", "bind": f"{HOST}:{port}"}}, "plugins": PLUGINS})
    asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
    await broker.start()
    print(port, flush=True)  # noqa: T201 - how the parent learns the port
    await asyncio.Event().wait()


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.create_server((HOST, 0)) as probe:
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)  # what a client does wrong is no news for who takes a first look
    end_with_parent()
    asyncio.run(serve(free_port()))
