"""Draw strips of the README's photos, of photos that fail, and slices of a volume; `scripts/gallery` runs this file."""

import runpy
from contextlib import chdir
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
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

COLORS = np.array([[230, 60, 60], [70, 200, 90], [70, 140, 250]], np.uint8)
"""Colors of the background and of two cells."""

SLICES, ENLARGED = (5, 8, 11), 3
"""The slices of the volume that are shown, and how many pixels a voxel is wide."""


def main() -> None:
    segmenter = wsseg.Segmenter()
    (FOLDER / "gallery.webp").write_bytes(encoded_picture(np.vstack([row(segmenter, name) for name in SHOWN]), "webp"))
    (FOLDER / "limits").mkdir(exist_ok=True)
    for name in FAILED:
        (FOLDER / "limits" / f"{Path(name).stem}.webp").write_bytes(encoded_picture(row(segmenter, name), "webp"))
    (FOLDER / "volumes.webp").write_bytes(encoded_picture(slices(), "webp"))


def slices() -> Image:
    """Return three slices of the example's volume: above with the seeds near them, below with the labels."""
    with TemporaryDirectory() as folder, chdir(folder):
        made = runpy.run_path(str(FOLDER.parent / "examples" / "8_a_volume.py"))
    volume, seeds, labels = made["volume"], made["seeds"], made["both"].labels
    low, high = np.percentile(volume, (0.5, 99.5))
    grey = np.rint(255 * ((volume - low) / (high - low)).clip(0, 1)).astype(np.uint8)
    rows: list[list[Image]] = [[], []]
    for z in SLICES:
        image = np.repeat(grey[z].repeat(ENLARGED, 0).repeat(ENLARGED, 1)[..., None], 3, axis=2)
        found = (labels[z] - np.uint8(1)).repeat(ENLARGED, 0).repeat(ENLARGED, 1)
        near = cv2.dilate(seeds[max(0, z - 2) : z + 3].max(axis=0), np.ones((3, 3), np.uint8))
        marked = image.copy()
        for label, color in enumerate(COLORS, 1):
            marked[(near == label).repeat(ENLARGED, 0).repeat(ENLARGED, 1)] = color
        rows[0].append(marked)
        rows[1].append(wsseg.overlay_labels(image, found, colors=COLORS))
    return np.vstack([np.hstack(one) for one in rows])


def row(segmenter: wsseg.Segmenter, name: str) -> Image:
    """Return the photo's strip, `WIDTH` pixels wide."""
    result = segmenter.segment((resources.files("skimage") / "data" / name).read_bytes())
    print(f"{name}: {result.category} {result.probability:.2f}, {result.status} {result.confidence:.2f}")
    return shrunk(result.strip(), WIDTH)


if __name__ == "__main__":
    main()
