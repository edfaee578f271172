"""Draw strips of the README's photos and of photos that fail; `scripts/gallery` runs this file."""

from importlib import resources
from pathlib import Path

import numpy as np

import wsseg
from wsseg.arrays import Image
from wsseg.files.encode import encoded_picture
from wsseg.graphcut.pyramid import shrunk

FOLDER = Path(__file__).resolve().parents[1] / "docs"
SHOWN = ("chelsea.png", "coffee.png", "rocket.jpg", "motorcycle_left.png")
FAILED = ("astronaut.png", "camera.png", "coins.png", "hubble_deep_field.jpg")
WIDTH = 1000
"""Width of a picture, in pixels."""


def main() -> None:
    segmenter = wsseg.Segmenter()
    (FOLDER / "gallery.webp").write_bytes(encoded_picture(np.vstack([row(segmenter, name) for name in SHOWN]), "webp"))
    (FOLDER / "limits").mkdir(exist_ok=True)
    for name in FAILED:
        (FOLDER / "limits" / f"{Path(name).stem}.webp").write_bytes(encoded_picture(row(segmenter, name), "webp"))


def row(segmenter: wsseg.Segmenter, name: str) -> Image:
    """Return the photo's strip, `WIDTH` pixels wide."""
    result = segmenter.segment((resources.files("skimage") / "data" / name).read_bytes())
    print(f"{name}: {result.category} {result.probability:.2f}, {result.status} {result.confidence:.2f}")
    return shrunk(result.strip(), WIDTH)


if __name__ == "__main__":
    main()
