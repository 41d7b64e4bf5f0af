"""Cameras as they are read: real servers, and the faults that cameras have."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from websockets.sync.server import ServerConnection, serve

from edge_agent.capture import http, http_client
from edge_agent.capture.camera import CameraSpec, CaptureError, CaptureReason, Item
from edge_agent.capture.home_assistant import EntityEvents
from edge_agent.capture.reader import Reader
from edge_agent.capture.sources import open_source
from edge_agent.capture.tls_tunnel import TunnelEntrance
from edge_agent.ingest.image_header import read_header
from testing.cameras.http_camera import HttpCamera, Request
from testing.cameras.servers import PASSWORD, USER, DigestServer, RtspServer
from testing.pictures import jpeg
from testing.waiting import wait_until
from tests.certificates import Authority, Certificate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

IMAGE = jpeg()
NO_CERTIFICATE = "0" * 64
QUICK_S = 0.5


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def certificate(authority: Authority) -> Certificate:
    return authority.issue("127.0.0.1")


@pytest.fixture(autouse=True)
def _short_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_client, "READ_S", QUICK_S)
    monkeypatch.setattr(http_client, "WHOLE_S", 2 * QUICK_S)
    monkeypatch.setattr(http, "STALL_S", 2 * QUICK_S)


def camera(url: str, **options: Any) -> CameraSpec:
    return CameraSpec("front", url, still_interval_s=0.1, **options)


def take(spec: CameraSpec, count: int) -> list[Item]:
    """Return the first items of a camera; raise its CaptureError."""
    source = open_source(spec)
    items: list[Item] = []
    with contextlib.closing(source):
        for item in source.read(lambda: True):
            items.append(item)
            if len(items) == count:
                break
    return items


def failure(spec: CameraSpec) -> CaptureError:
    """Return why a camera cannot be read."""
    with pytest.raises(CaptureError) as caught:
        take(spec, 1000)
    return caught.value


@contextlib.contextmanager
def reading(spec: CameraSpec) -> Iterator[Reader]:
    """Read a camera in the background."""
    reader = Reader(spec, open_source, lambda: None)
    reader.start()
    try:
        yield reader
    finally:
        reader.close()


def size_of_newest(reader: Reader) -> tuple[int, int] | None:
    """Return width and height of the newest picture."""
    items, decoder = reader.select(lambda ring: ring.newest())
    picture = decoder.decode(items) if items and decoder else None
    if picture is None:
        return None
    header = read_header(picture.image)
    return header.width, header.height


# HTTP


def guarded(request: Request) -> None:
    """Answer with a picture if the password is right."""
    if request.has_basic(USER, PASSWORD):
        request.picture(IMAGE)


def drip(request: Request) -> None:
    """Answer with one byte at a time."""
    request.write(b"HTTP/1.1 200 OK\r\n\r\n")
    request.drip(IMAGE, 0.05)


def test_stills_come_over_one_connection() -> None:
    with HttpCamera(lambda request: request.picture(IMAGE)) as served:
        assert [item.data for item in take(camera(served.url), 3)] == [IMAGE] * 3
        assert len(served.connections) == 1


def test_an_unchanged_still_is_not_sent_again() -> None:
    def answer(request: Request) -> None:
        if request.headers.get("If-None-Match") == '"1"':
            request.send(304, ETag='"1"')
        else:
            request.picture(IMAGE, ETag='"1"')

    with HttpCamera(answer) as served:
        items = take(camera(served.url), 3)
        assert served.requests == 3
    assert items[0] is items[1] is items[2]


@pytest.mark.parametrize("length", [True, False])
def test_mjpeg_is_told_by_the_answer(length: bool) -> None:
    pictures = [jpeg(seed=seed) for seed in range(4)]
    with HttpCamera(lambda request: request.stream(lambda number: pictures[number % 4], length=length)) as served:
        assert [item.data for item in take(camera(served.url), 3)] == pictures[:3]
        assert served.requests == 1


def test_a_picture_that_is_cut_off_costs_one_picture() -> None:
    with HttpCamera(lambda request: request.stream(lambda n: IMAGE[: 100 if n == 1 else None], fps=20)) as served:
        assert [item.data for item in take(camera(served.url), 3)] == [IMAGE] * 3


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_a_digest_is_answered(algorithm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_client, "READ_S", 5.0)  # lighttpd delays a refusal
    with DigestServer(IMAGE, algorithm) as served:
        spec = camera(served.url, username=USER, password=PASSWORD)
        assert [item.data for item in take(spec, 3)] == [IMAGE] * 3
        assert failure(camera(served.url, username=USER, password="wrong")).reason is CaptureReason.PASSWORD_REFUSED
        assert failure(camera(served.url)).reason is CaptureReason.PASSWORD_REFUSED


def test_the_password_is_sent_only_when_the_camera_asks_for_it() -> None:
    with HttpCamera(lambda request: request.picture(IMAGE)) as served:
        take(camera(served.url, username=USER, password=PASSWORD), 2)
        assert served.passwords == 0

    with HttpCamera(guarded) as served:
        take(camera(served.url, username=USER, password=PASSWORD), 3)
        assert (served.requests, served.passwords) == (4, 3)


def test_a_wrong_password_is_tried_once() -> None:
    with HttpCamera(guarded) as served:
        with reading(camera(served.url, username=USER, password="wrong")) as reader:
            wait_until(lambda: reader.failure and reader.failure.reason is CaptureReason.PASSWORD_REFUSED)
            for _ in range(5):
                reader.wake()  # as presses do
            assert not threading.Event().wait(1.5)
        assert served.passwords == 1


FAULTS: dict[str, tuple[Callable[[Request], object], CaptureReason]] = {
    "hangs": (lambda request: request.hang(), CaptureReason.TIMED_OUT),
    "drips": (
        drip,
        CaptureReason.TIMED_OUT,
    ),
    "garbage": (lambda request: request.write(bytes(range(256)) * 100), CaptureReason.ENDED),
    "a page": (lambda request: request.send(200, b"<html>", Content_Type="text/html"), CaptureReason.NOT_A_PICTURE),
    "cut off": (lambda request: request.picture(IMAGE[:60]), CaptureReason.NOT_A_PICTURE),
    "closes": (lambda request: request.handler.connection.shutdown(2), CaptureReason.ENDED),
    "nothing there": (lambda request: request.send(404), CaptureReason.NOT_FOUND),
    "an error": (lambda request: request.send(500), CaptureReason.HTTP_ERROR),
    "to elsewhere": (lambda request: request.send(302, Location="http://127.0.0.2/x.jpg"), CaptureReason.REDIRECTED),
    "to another port": (lambda request: request.send(302, Location="http://127.0.0.1:1/"), CaptureReason.REDIRECTED),
    "in a circle": (lambda request: request.send(302, Location="/again.jpg"), CaptureReason.HTTP_ERROR),
    "too large": (lambda request: request.picture(b"\xff\xd8\xff" + bytes(200_000)), CaptureReason.TOO_LARGE),
    "no boundary": (
        lambda request: request.send(200, b"x", Content_Type="multipart/x-mixed-replace"),
        CaptureReason.NOT_A_PICTURE,
    ),
    "an endless part": (
        lambda request: request.stream(lambda _number: bytes(300_000), length=False),
        CaptureReason.TOO_LARGE,
    ),
    "a stream of nothing": (lambda request: request.stream(lambda _number: b"no"), CaptureReason.STALLED),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_broken_camera_gives_a_reason(name: str) -> None:
    answer, reason = FAULTS[name]
    with HttpCamera(answer) as served:
        spec = camera(f"{served.url}?password=secret", username=USER, password="secret", max_bytes=100_000)
        began_s = time.monotonic()
        failed = failure(spec)
        assert failed.reason is reason
        assert time.monotonic() - began_s < 10
        assert "secret" not in str(failed)


def test_a_redirect_on_the_camera_itself_is_followed() -> None:
    def answer(request: Request) -> None:
        if request.path == "/new.jpg":
            request.picture(IMAGE)
        else:
            request.send(302, Location="/new.jpg")

    with HttpCamera(answer) as served:
        assert take(camera(served.url), 1)[0].data == IMAGE


def test_a_camera_that_is_off_is_unreachable() -> None:
    assert failure(camera("http://127.0.0.1:1/x.jpg")).reason is CaptureReason.UNREACHABLE
    assert failure(camera("http://no-such-camera.invalid/x.jpg")).reason is CaptureReason.UNREACHABLE


def test_certificates_are_checked_or_pinned(certificate: Certificate) -> None:
    pinned = certificate.fingerprint
    with HttpCamera(lambda request: request.picture(IMAGE), tls=certificate.server_context) as served:
        for fingerprint in ("", NO_CERTIFICATE):
            refused = failure(camera(served.url, fingerprint=fingerprint))
            assert refused.reason is CaptureReason.CERTIFICATE
            assert pinned in refused.detail, "it tells what to pin"
        assert take(camera(served.url, fingerprint=pinned), 1)[0].data == IMAGE


@pytest.mark.parametrize("scheme", ["https", "rtsps"])
def test_a_port_without_tls_gives_a_reason(scheme: str) -> None:
    with HttpCamera(lambda request: request.picture(IMAGE)) as served:
        assert failure(camera(served.url.replace("http", scheme))).reason is CaptureReason.TLS_FAILED


def test_a_camera_comes_back() -> None:
    answers: Sequence[Callable[[Request], object]] = [
        lambda request: request.send(500),
        lambda request: request.picture(IMAGE),
    ]
    with (
        HttpCamera(lambda request: answers[min(1, request.camera.requests - 1)](request)) as served,
        reading(camera(served.url)) as reader,
    ):
        wait_until(lambda: reader.failure is None)
        assert size_of_newest(reader) == (320, 240)


# Entities of Home Assistant


def answer_as_home_assistant(websocket: ServerConnection) -> None:
    """Take any token and any subscription."""
    websocket.send('{"type": "auth_required"}')
    websocket.recv()
    websocket.send('{"type": "auth_ok"}')
    websocket.recv()
    websocket.send('{"type": "result", "success": true}')
    for _ in websocket:
        pass


def test_the_certificate_of_home_assistant_is_not_that_of_the_camera(
    authority: Authority, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(answer_as_home_assistant, "127.0.0.1", 0, ssl=certificate.server_context) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        spec = CameraSpec(
            "front",
            "rtsps://camera/live",
            fingerprint=NO_CERTIFICATE,
            home_assistant=f"https://127.0.0.1:{server.socket.getsockname()[1]}",
            press_entity="event.front",
        )
        untrusted = EntityEvents(spec, lambda _meaning: None)
        untrusted.start()
        wait_until(lambda: untrusted.failure and untrusted.failure.reason is CaptureReason.CERTIFICATE)
        untrusted.close()

        monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca))
        trusted = EntityEvents(spec, lambda _meaning: None)
        trusted.failure = CaptureError(CaptureReason.STARTING)
        trusted.start()
        wait_until(lambda: trusted.failure is None, why=lambda: str(trusted.failure))
        trusted.close()
        server.shutdown()


# RTSP


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_a_stream_is_kept_compressed_and_decoded_on_demand(codec: str) -> None:
    with RtspServer(codec=codec, user=USER, password=PASSWORD, key_frames_s=1) as served:
        spec = CameraSpec("front", served.url, username=USER, password=PASSWORD)
        with reading(spec) as reader:
            wait_until(lambda: size_of_newest(reader) == (640, 360), why=lambda: str(reader.failure))
            wait_until(lambda: len(reader.select(lambda ring: ring.before(time.monotonic() - 1))[0]) > 1)
            items, decoder = reader.select(lambda ring: ring.before(time.monotonic() - 1))
            assert decoder is not None
            picture = decoder.decode(items)
            assert picture is not None
            assert 0.9 < time.monotonic() - picture.taken_s < 3
            assert decoder.codec == {"h264": "h264", "h265": "hevc"}[codec]


def test_a_stream_that_changes_its_size_goes_on() -> None:
    with RtspServer(width=640, height=360) as served, reading(CameraSpec("front", served.url)) as reader:
        wait_until(lambda: size_of_newest(reader) == (640, 360), why=lambda: str(reader.failure))
        served.kill()
        wait_until(lambda: reader.failure is not None)
        served.options = {"width": 320, "height": 240}
        served.start()
        wait_until(lambda: size_of_newest(reader) == (320, 240), why=lambda: str(reader.failure))


@pytest.mark.parametrize(
    ("path", "login", "reason"),
    [
        ("/live", {"username": USER, "password": "secret"}, CaptureReason.PASSWORD_REFUSED),
        ("/live", {}, CaptureReason.PASSWORD_REFUSED),
        ("/other", {"username": USER, "password": PASSWORD}, CaptureReason.NOT_FOUND),
    ],
)
def test_a_stream_that_is_refused_gives_a_reason(path: str, login: dict[str, Any], reason: CaptureReason) -> None:
    with RtspServer(user=USER, password=PASSWORD) as served:
        failed = failure(CameraSpec("front", served.url.replace("/live", path), **login))
        assert failed.reason is reason
        assert "secret" not in f"{failed!r} {failed}"


def test_an_rtsp_camera_that_is_off_or_speaks_another_protocol_gives_a_reason() -> None:
    assert failure(CameraSpec("front", "rtsp://127.0.0.1:1/x")).reason is CaptureReason.UNREACHABLE
    with HttpCamera(lambda request: request.picture(IMAGE)) as served:
        failed = failure(CameraSpec("front", served.url.replace("http", "rtsp")))
        assert failed.reason in {
            CaptureReason.BROKEN_STREAM, CaptureReason.HTTP_ERROR, CaptureReason.ENDED, CaptureReason.UNREACHABLE,
        }  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"RTSP/1.0 302 Found\r\nCSeq: 1\r\nLocation: rtsp://127.0.0.2/x\r\n\r\n", CaptureReason.REDIRECTED),
        (b"", CaptureReason.BROKEN_STREAM),
        (b"SSH-2.0-x\r\n", CaptureReason.BROKEN_STREAM),
    ],
)
@pytest.mark.parametrize("scheme", ["rtsp", "rtsps"])
def test_an_rtsp_camera_that_redirects_gets_no_password(
    answer: bytes, reason: CaptureReason, scheme: str, certificate: Certificate
) -> None:
    received: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            if scheme == "rtsps":
                connection = certificate.server_context.wrap_socket(connection, server_side=True)
            with connection:
                received.append(connection.recv(4096))
                connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        spec = camera(
            f"{scheme}://127.0.0.1:{listener.getsockname()[1]}/x",
            username=USER,
            password="secret",
            fingerprint=certificate.fingerprint,
        )
        assert failure(spec).reason is reason
    assert received
    assert b"Authorization" not in received[0]


# RTSP over TLS


def tls_stream(certificate: Certificate, **options: Any) -> RtspServer:
    return RtspServer(certificate=str(certificate.cert), key=str(certificate.key), **options)


def test_a_tls_stream_comes_from_a_pinned_camera_only(certificate: Certificate) -> None:
    pinned, login = certificate.fingerprint, {"username": USER, "password": PASSWORD}
    with tls_stream(certificate, user=USER, password=PASSWORD) as served:
        for fingerprint in ("", NO_CERTIFICATE):
            refused = failure(camera(served.url, fingerprint=fingerprint, **login))
            assert refused.reason is CaptureReason.CERTIFICATE
            assert pinned in refused.detail, "it tells what to pin"
        wrong = camera(served.url, fingerprint=pinned, username=USER, password="wrong")
        assert failure(wrong).reason is CaptureReason.PASSWORD_REFUSED
        assert len(take(camera(served.url, fingerprint=pinned, **login), 5)) == 5


def test_a_tls_stream_comes_from_a_camera_that_the_systems_cas_know(
    authority: Authority, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca))
    with tls_stream(certificate) as served:
        assert len(take(camera(served.url), 5)) == 5
        of_another_name = camera(served.url.replace("127.0.0.1", "localhost"))
        assert failure(of_another_name).reason is CaptureReason.CERTIFICATE


def test_a_tls_stream_comes_back(certificate: Certificate) -> None:
    with (
        tls_stream(certificate) as served,
        reading(camera(served.url, fingerprint=certificate.fingerprint)) as reader,
    ):
        wait_until(lambda: size_of_newest(reader) == (640, 360), why=lambda: str(reader.failure))
        served.kill()
        wait_until(lambda: reader.failure is not None)
        served.options |= {"width": 320, "height": 240}
        served.start()
        wait_until(lambda: size_of_newest(reader) == (320, 240), why=lambda: str(reader.failure))


def test_another_program_at_the_tunnel_disturbs_nothing(certificate: Certificate) -> None:
    entrance = TunnelEntrance()
    with (
        contextlib.closing(entrance),
        tls_stream(certificate) as served,
        socket.create_connection(("127.0.0.1", entrance.port), 5) as other,
    ):
        source = open_source(camera(served.url, fingerprint=certificate.fingerprint), entrance)
        assert next(source.read(lambda: True)).size
        assert other.recv(1) == b"", "it was refused"
        source.close()


def test_without_pyav_one_sentence_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_agent.capture.rtsp.av", None)
    failed = failure(CameraSpec("front", "rtsp://127.0.0.1:1/x"))
    assert failed.reason is CaptureReason.EXTRA_MISSING
    assert "rtsp" in failed.detail
