"""Photo, saliency, seeds and mask of a few photos, one below the other; started by `scripts/gallery`."""

from importlib import resources
from pathlib import Path

import cv2
import numpy as np

import wsseg
from wsseg.files import encoded_picture

PHOTOS = ("chelsea.png", "coffee.png", "rocket.jpg", "motorcycle_left.png")
FILE = Path(__file__).resolve().parents[1] / "docs" / "gallery.webp"
WIDTH = 1000
"""Of the whole, in pixels."""


def main() -> None:
    segmenter = wsseg.Segmenter(recipe="adapted")
    rows = []
    for name in PHOTOS:
        result = segmenter.segment((resources.files("skimage") / "data" / name).read_bytes())
        strip = result.strip()
        rows.append(
            cv2.resize(strip, (WIDTH, round(strip.shape[0] * WIDTH / strip.shape[1])), interpolation=cv2.INTER_AREA)
        )
        print(f"{name}: {result.category} {result.probability:.2f}, {result.status} {result.confidence:.2f}")
    FILE.write_bytes(encoded_picture(np.vstack(rows), "webp"))


if __name__ == "__main__":
    main()
