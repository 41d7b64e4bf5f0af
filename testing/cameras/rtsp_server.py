"""A real RTSP camera for tests: GStreamer's server. It runs with the system's Python, which has GStreamer's bindings.

Usage: rtsp_server.py JSON: port, codec (h264, h265), width, height, fps, key_frames_s, pattern or images (a pattern of
numbered files), user and password (digest), certificate and key (PEM files, for TLS).
"""

from __future__ import annotations

import json
import sys
from typing import Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gio, GLib, Gst, GstRtspServer  # noqa: E402 - the versions are chosen before

ENCODERS = {
    "h264": ("x264enc tune=zerolatency speed-preset=superfast bitrate={kbits} key-int-max={gop}", "h264", "rtph264pay"),
    "h265": ("x265enc tune=zerolatency speed-preset=ultrafast bitrate={kbits} key-int-max={gop}", "h265", "rtph265pay"),
}


def pipeline(wanted: dict[str, Any]) -> str:
    """Return GStreamer's description of the camera."""
    fps, size = wanted.get("fps", 15), f"width={wanted.get('width', 640)},height={wanted.get('height', 360)}"
    encoder, kind, payloader = ENCODERS[wanted.get("codec", "h264")]
    encoder = encoder.format(kbits=wanted.get("kbits", 2000), gop=round(fps * wanted.get("key_frames_s", 2)))
    if images := wanted.get("images"):
        source = f"multifilesrc location={images} loop=true caps=image/jpeg,framerate={fps}/1 ! jpegdec"
    else:
        source = f"videotestsrc is-live=true pattern={wanted.get('pattern', 'ball')}"
    return (
        f"( {source} ! videoconvert ! videoscale ! video/x-raw,format=I420,{size},framerate={fps}/1"
        f" ! clocksync ! {encoder} ! {kind}parse config-interval=-1 ! {payloader} name=pay0 pt=96 )"
    )


def protect(auth: Any, user: str, password: str) -> None:
    """Ask for a password, as cameras do."""
    auth.set_supported_methods(2)  # digest
    auth.add_digest(user, password, viewer())


def viewer() -> Any:
    """Return the token of those who may see the stream."""
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "user")
    return token


def permit_viewers(factory: Any) -> None:
    """Show the stream to those with the token."""
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_permission_for_role("user", "media.factory.access", True)  # noqa: FBT003 - of GStreamer
    permissions.add_permission_for_role("user", "media.factory.construct", True)  # noqa: FBT003 - of GStreamer
    factory.set_permissions(permissions)


def main() -> None:
    """Serve rtsp://127.0.0.1:PORT/live until it is killed."""
    wanted = json.loads(sys.argv[1])
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(str(wanted["port"]))
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(pipeline(wanted))
    factory.set_shared(True)
    auth = GstRtspServer.RTSPAuth()
    if "certificate" in wanted:
        auth.set_tls_certificate(Gio.TlsCertificate.new_from_files(wanted["certificate"], wanted["key"]))
    if "user" in wanted:
        protect(auth, wanted["user"], wanted["password"])
    else:
        auth.set_default_token(viewer())
    if wanted.keys() & {"certificate", "user"}:
        permit_viewers(factory)
        server.set_auth(auth)
    server.get_mount_points().add_factory("/live", factory)
    server.attach(None)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
