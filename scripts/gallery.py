"""Photo, saliency, seeds and mask of a few photos, one below the other; started by `scripts/gallery`."""

from importlib import resources
from pathlib import Path

import numpy as np

import wsseg
from wsseg.files import encoded_picture
from wsseg.labeling import shrunk

PHOTOS = ("chelsea.png", "coffee.png", "rocket.jpg", "motorcycle_left.png")
FILE = Path(__file__).resolve().parents[1] / "docs" / "gallery.webp"
WIDTH = 1000
"""Of the whole, in pixels."""


def main() -> None:
    segmenter = wsseg.Segmenter(recipe="adapted")
    rows = []
    for name in PHOTOS:
        result = segmenter.segment((resources.files("skimage") / "data" / name).read_bytes())
        rows.append(shrunk(result.strip(), WIDTH))
        print(f"{name}: {result.category} {result.probability:.2f}, {result.status} {result.confidence:.2f}")
    FILE.write_bytes(encoded_picture(np.vstack(rows), "webp"))


if __name__ == "__main__":
    main()
