"""Camera servers of others: GStreamer's RTSP server, and lighttpd, which asks for a digest."""

from __future__ import annotations

import contextlib
import hashlib
import json
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from testing.broker import free_port
from testing.programs import program
from testing.shared_data import PROJECT, missing
from testing.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence

SYSTEM_PYTHON: Final = "/usr/bin/python3"
"""Debian's bindings of GStreamer belong to Debian's Python."""
CHECK: Final = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
USER, PASSWORD = "viewer", "p w@:/%"
REALM: Final = "camera"


class Server:
    """A process that listens on a port."""

    def __init__(self) -> None:
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._resources = contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Start it."""
        with contextlib.ExitStack() as undo:
            undo.push(self)
            self.start()
            undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self.kill()
        self._resources.close()

    def command(self) -> Sequence[str]:
        """Return how it is started."""
        raise NotImplementedError

    def start(self) -> None:
        """Start it, and return when it accepts connections."""
        self._process = subprocess.Popen(self.command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self._accepts, why=lambda: "the server does not start")

    def kill(self) -> None:
        """End it now."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(10)

    def _accepts(self) -> bool:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        return False


class RtspServer(Server):
    """A camera with an H.264 or H.265 stream; `options` are those of rtsp_server.py."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.options = options

    @property
    def url(self) -> str:
        """Its stream."""
        scheme = "rtsps" if "certificate" in self.options else "rtsp"
        return f"{scheme}://127.0.0.1:{self.port}/live"

    def command(self) -> Sequence[str]:
        """Return how it is started; skip the test if GStreamer is not installed."""
        checked = subprocess.run([SYSTEM_PYTHON, "-c", CHECK], capture_output=True, check=False)
        if checked.returncode:
            missing("GStreamer's RTSP server is not installed (gir1.2-gst-rtsp-server-1.0)")
        script = PROJECT / "testing" / "cameras" / "rtsp_server.py"
        return [SYSTEM_PYTHON, str(script), json.dumps({**self.options, "port": self.port})]


class DigestServer(Server):
    """A camera that asks for a digest, of MD5 or SHA-256."""

    def __init__(self, image: bytes, algorithm: str) -> None:
        super().__init__()
        self._image = image
        self._algorithm = algorithm

    @property
    def url(self) -> str:
        """Its picture."""
        return f"http://127.0.0.1:{self.port}/snapshot.jpg"

    def command(self) -> Sequence[str]:
        """Return how it is started."""
        folder = Path(self._resources.enter_context(tempfile.TemporaryDirectory(prefix="camera-")))
        (folder / "snapshot.jpg").write_bytes(self._image)
        hasher = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}[self._algorithm]
        hashed = hasher(f"{USER}:{REALM}:{PASSWORD}".encode()).hexdigest()
        (folder / "users").write_text(f"{USER}:{REALM}:{hashed}\n", encoding="utf-8")
        config = folder / "lighttpd.conf"
        config.write_text(
            f"""
server.document-root = "{folder}"
server.bind = "127.0.0.1"
server.port = {self.port}
server.modules = ("mod_auth", "mod_authn_file")
mimetype.assign = (".jpg" => "image/jpeg")
auth.backend = "htdigest"
auth.backend.htdigest.userfile = "{folder}/users"
auth.require = ("/" => ("method" => "digest", "realm" => "{REALM}", "require" => "valid-user",
                        "algorithm" => "{self._algorithm}"))
""",
            encoding="utf-8",
        )
        return [program("lighttpd"), "-D", "-f", str(config)]
