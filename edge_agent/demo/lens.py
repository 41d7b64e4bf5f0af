"""Where things in front of the door appear in the picture: a pinhole camera beside the door, looking out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Lens:
    """A camera `height_m` above the ground; distances in metres away from it, sideways in metres to the right."""

    width: int = 1280
    height: int = 720
    focal_px: float = 560.0
    horizon_px: float = 392.0
    height_m: float = 1.38

    def scale(self, distance_m: float) -> float:
        """Return pixels per metre at a distance."""
        return self.focal_px / distance_m

    def point(self, sideways_m: float, up_m: float, distance_m: float) -> tuple[int, int]:
        """Return the pixel (x, y) of a point."""
        scale = self.scale(distance_m)
        return round(self.width / 2 + sideways_m * scale), round(self.horizon_px + (self.height_m - up_m) * scale)


LENS = Lens()
