"""What is to be said of a camera. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edge_agent.capture.camera import CaptureReason, sentence
from edge_agent.doctor.finding import Finding, error, ok, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edge_agent.capture.trial import Trial

SLOW_S: Final = 5.0
CLOCK_S: Final = 5.0
ENOUGH_PIXELS: Final = 1920 * 1080
FIXES: Final = {
    CaptureReason.PASSWORD_REFUSED: "check `username` and `password`; wait half an hour if the camera locks accounts",
    CaptureReason.CERTIFICATE: "compare the fingerprint with the camera's own page, then set `fingerprint`",
}


def assess_camera(doorbell: str, address: str, trial: Trial) -> Iterator[Finding]:
    """Yield whether a camera sends pictures, and what makes it work worse."""
    check = f"camera {doorbell}"
    if trial.reason is not None:
        fix = FIXES.get(trial.reason, "docs/cameras.md has the URLs of many cameras")
        yield error(check, f"{address}: {sentence(trial.reason, trial.detail)}", fix)
        return
    size = f"{trial.codec} {trial.width}x{trial.height}, {trial.size_bytes / 1000:.0f} kB"
    yield ok(check, f"{address}: {size}, the first picture after {trial.first_picture_s:.1f} s")
    yield from (warning(check, text, fix) for text, fix in _complaints(trial))


def _complaints(trial: Trial) -> Iterator[tuple[str, str]]:
    if trial.is_same:
        yield "two pictures taken seconds apart are identical", "look at the camera: it may have stopped"
    if trial.codec == "hevc":
        yield "H.265 takes twice as long to decode as H.264", "use the camera's H.264 sub-stream"
    if trial.first_picture_s > SLOW_S:
        yield "the first picture takes long", "set the interval of key frames to 1 or 2 s in the camera"
    if trial.width * trial.height > ENOUGH_PIXELS:
        yield "more pixels than the detector uses", "use a sub-stream of at most 1920x1080"
    difference_s = trial.clock_difference_s
    if difference_s is not None and abs(difference_s) > CLOCK_S:
        yield (
            f"its clock is {abs(difference_s):.0f} s {'ahead' if difference_s > 0 else 'behind'}",
            ("have the camera set its clock by NTP"),
        )
