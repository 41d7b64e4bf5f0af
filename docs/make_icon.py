"""Draw the icon and the logo of the Home Assistant app: a doorbell with a face in its lens.

Usage: python docs/make_icon.py
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

FOLDER: Final = Path(__file__).parents[1] / "home_assistant_app"
ICON_SIDE: Final = 128
LOGO_SIZE: Final = (320, 100)
FINER: Final = 8
"""Oversampling factor, for smooth edges."""
BODY, LENS, LINE, BUTTON = (92, 60, 28, 255), (250, 246, 238, 255), (60, 40, 20, 255), (60, 170, 250, 255)
"""Blue, green, red and opacity."""


def doorbell(side: int) -> NDArray[np.uint8]:
    """Return a doorbell on nothing, BGRA, side x side."""
    canvas = np.zeros((side, side, 4), np.uint8)

    def at(x: float, y: float) -> tuple[int, int]:
        return round(x * side), round(y * side)

    def long(part: float) -> int:
        return round(part * side)

    radius = 0.2
    cv2.rectangle(canvas, at(0.22, 0.02 + radius), at(0.78, 0.98 - radius), BODY, cv2.FILLED)
    cv2.rectangle(canvas, at(0.22 + radius, 0.02), at(0.78 - radius, 0.98), BODY, cv2.FILLED)
    for x in (0.22 + radius, 0.78 - radius):
        for y in (0.02 + radius, 0.98 - radius):
            cv2.circle(canvas, at(x, y), long(radius), BODY, cv2.FILLED)
    cv2.circle(canvas, at(0.5, 0.34), long(0.21), LENS, cv2.FILLED)
    for x in (0.425, 0.575):
        cv2.circle(canvas, at(x, 0.29), long(0.026), LINE, cv2.FILLED)
    cv2.ellipse(canvas, at(0.5, 0.345), (long(0.1), long(0.09)), 0, 20, 160, LINE, long(0.026))
    cv2.circle(canvas, at(0.5, 0.78), long(0.1), BUTTON, cv2.FILLED)
    cv2.circle(canvas, at(0.5, 0.78), long(0.1), LENS, long(0.018))
    return canvas


def logo(width: int, height: int) -> NDArray[np.uint8]:
    """Return the doorbell beside the name, BGRA, height x width."""
    canvas = np.zeros((height, width, 4), np.uint8)
    canvas[:, :height] = doorbell(height)
    scale = height / 84
    cv2.putText(
        canvas,
        "edge-agent",
        (round(height * 0.92), round(height * 0.6)),
        cv2.FONT_HERSHEY_DUPLEX,
        scale,
        BODY,
        round(scale * 1.6),
        cv2.LINE_AA,
    )
    return canvas


def save(image: NDArray[np.uint8], name: str) -> None:
    """Write a picture in its own size."""
    height, width = image.shape[:2]
    small = cv2.resize(image, (width // FINER, height // FINER), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(FOLDER / name), small, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    print(f"{FOLDER / name}: {(FOLDER / name).stat().st_size / 1000:.1f} kB")


def main() -> None:
    """Write both."""
    save(doorbell(ICON_SIDE * FINER), "icon.png")
    width, height = LOGO_SIZE
    save(logo(width * FINER, height * FINER), "logo.png")


if __name__ == "__main__":
    main()
