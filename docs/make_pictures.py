"""Draws docs/porch.png: a visitor at the simulated door, with the faces that the default detector finds.

Usage: python docs/make_pictures.py YUNET_N_DYNAMIC.ONNX
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2

from edge_agent.demo.porch import Scene, draw
from edge_agent.demo.visitors import read_visitors
from edge_agent.detectors.yunet import YuNet
from edge_agent.wire import DetectorChoice, FaceRules, ImageSize
from edge_agent.worker.annotate import annotate
from edge_agent.worker.decode import Picture
from edge_agent.worker.face_filter import filter_faces

WIDTH = 960
MIN_CONFIDENCE = 0.7
"""The default."""


def main() -> None:
    """Write the picture beside this script."""
    image = draw(Scene(read_visitors()[0], distance_m=0.85, sideways_m=0.08))
    height, width = image.shape[:2]
    detector = YuNet(DetectorChoice("cpu", "yunet_n", sys.argv[1]))
    faces, _ = filter_faces(detector.detect(image), FaceRules(MIN_CONFIDENCE), ImageSize(width, height))
    annotated = annotate(Picture(image, ImageSize(width, height)), faces, "front  2026-11-23 18:02:11")
    small = cv2.resize(annotated, (WIDTH, round(WIDTH * height / width)), interpolation=cv2.INTER_AREA)
    path = Path(__file__).with_name("porch.png")
    cv2.imwrite(str(path), small, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    print(f"{path}: {len(faces)} face, {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
