"""Downloads a model file from its public address."""

from __future__ import annotations

import http
import http.client
import queue
import ssl
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final
from urllib.parse import urlsplit

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

from edge_agent import __version__
from edge_agent.errors import ModelUnavailableError, reason_of
from edge_agent.platform.threads import start_thread

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edge_agent.model_store.manifest import PinnedFile


@dataclass(frozen=True, slots=True)
class DownloadLimits:
    """Time limits for the server's answer, for silence after that, and for the whole download."""

    answer_s: float = 4.0
    silence_s: float = 5.0
    whole_s: float = 60.0


LIMITS: Final = DownloadLimits()
ATTEMPTS: Final = 2
"""A broken connection is retried once; an unreachable server is not."""
CHUNK_BYTES: Final = 1 << 16
MOST_BYTES: Final = 30_000_000
"""The limit for a file of unknown size."""


class HttpsRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects only to https addresses."""

    def redirect_request(  # noqa: PLR0913, PLR0917 - the signature is urllib's own
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        """Return the request for the new address, or raise HTTPError."""
        if not newurl.startswith("https://"):
            raise urllib.error.HTTPError(req.full_url, code, "redirect to an address without https", headers, fp)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def fetch_address(
    model: PinnedFile,
    into: Path,
    progress: Callable[[int], None] = lambda _bytes: None,
    limits: DownloadLimits = LIMITS,
) -> Path:
    """Download `model` into the folder `into`, not verified; raise ModelUnavailableError with the reason.

    The part of an earlier attempt is not downloaded again. `progress` gets the number of bytes so far.
    """
    if not model.url:
        message = "it has none"
        raise ModelUnavailableError(message)
    path = into / model.filename
    attempts = Retrying(stop=stop_after_attempt(ATTEMPTS), retry=retry_if_exception_type(ConnectionError), reraise=True)
    try:
        attempts(_download, model, path, progress, limits, time.monotonic() + limits.whole_s)
    except (OSError, http.client.HTTPException) as error:
        message = f"{urlsplit(model.url).hostname} {_reason(error)}"
        raise ModelUnavailableError(message) from error
    return path


def _download(
    model: PinnedFile, path: Path, progress: Callable[[int], None], limits: DownloadLimits, deadline_s: float
) -> None:
    size = path.stat().st_size if path.exists() else 0
    if 0 < model.size_bytes <= size:
        size = 0
    with _open(model.url, size, limits) as response, path.open("r+b" if size else "wb") as file:
        size = size if response.status == http.HTTPStatus.PARTIAL_CONTENT else 0
        file.seek(size)
        file.truncate()
        while chunk := response.read1(CHUNK_BYTES):
            size += len(chunk)
            if size > (model.size_bytes or MOST_BYTES):
                message = f"sent more than the {model.size_bytes or MOST_BYTES} bytes of {model.filename}"
                raise OSError(message)
            if time.monotonic() > deadline_s:
                message = f"sent only {size} of {model.size_bytes} bytes within {limits.whole_s:g} s"
                raise TimeoutError(message)
            file.write(chunk)
            progress(size)
    if size < model.size_bytes:
        message = f"sent only {size} of {model.size_bytes} bytes"
        raise ConnectionError(message)


def _open(url: str, start: int, limits: DownloadLimits) -> http.client.HTTPResponse:
    """Return the response head, or raise its error; TimeoutError at the latest after `answer_s`.

    The request is for the file from byte `start` on; status 206 means that the server supports it.

    Another thread enforces the limit: no socket timeout bounds a name lookup, and a timeout restarts for each address
    of a server.
    """
    answers: queue.SimpleQueue[http.client.HTTPResponse | Exception] = queue.SimpleQueue()
    asking = (url, start, limits.silence_s, answers)
    start_thread(threading.Thread(target=_ask, args=asking, name="model-download", daemon=True))
    try:
        answer = answers.get(timeout=limits.answer_s)
    except queue.Empty:
        message = f"gave no answer within {limits.answer_s:g} s"
        raise TimeoutError(message) from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _ask(
    url: str, start: int, silence_s: float, answers: queue.SimpleQueue[http.client.HTTPResponse | Exception]
) -> None:
    opener = urllib.request.build_opener(HttpsRedirects)
    opener.addheaders = [("User-Agent", f"edge-agent/{__version__}")]
    if start:
        opener.addheaders.append(("Range", f"bytes={start}-"))
    try:
        answers.put(opener.open(url, timeout=silence_s))
    except (OSError, http.client.HTTPException) as error:
        answers.put(error)


def _reason(error: Exception) -> str:  # noqa: PLR0911 - a table: one line a kind of error
    match error:
        case urllib.error.HTTPError():
            error.close()
            return f"answered {error.code} {error.reason}"
        case urllib.error.URLError(reason=ssl.SSLCertVerificationError()):
            return "has a certificate that this host does not trust"
        case urllib.error.URLError(reason=OSError() as why):
            return f"cannot be reached ({reason_of(why)})"
        case urllib.error.URLError():
            return "cannot be reached"
        case http.client.HTTPException():
            return "closed the connection before the end of the file"
        case OSError(strerror=str(text)):
            return f"could not be used ({text})"
        case _:  # our own sentence, from above
            return str(error)
