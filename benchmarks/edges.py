"""Measure hard, feathered and soft edges of cut-outs against a known alpha.

    python benchmarks/edges.py --data DIR --limit 10

DIR is as in accuracy.py; its truths are the objects. There is no true alpha for real photos, so one is made: hairs are
drawn along each object's outline, and the hairy object is laid over another photo of the set. Its mask is cut from a
blurred alpha, so it has the errors of real masks. All scores are means over the pixels within 1/25 of the photo's long
side of the outline, and where the true alpha is neither 0 nor 1:

- alpha: absolute error, in [0, 1].
- gradient: squared difference of the gradients' lengths, at a scale of 1.4 pixels, times 1000 (Rhemann et al. 2009).
- on white: absolute error of the cut-out on white, in 8-bit levels; colors of the old background count here.
"""

from collections.abc import Iterator
from typing import Annotated, NamedTuple

import cv2
import cyclopts
import numpy as np
from accuracy import Data, samples_of, truth_of
from cyclopts import Parameter
from cyclopts.types import PositiveInt
from numpy.typing import NDArray
from provenance import provenance
from rich.console import Console
from rich.progress import track
from rich.table import Table
from stages import seconds_of

import wsseg
from wsseg.arrays import FOREGROUND, Image, Mask
from wsseg.pictures.soft import matte_from_mask

STYLES = {
    "hard": wsseg.Style(background="white"),
    "feather 4": wsseg.Style(feather=4, background="white"),
    "soft": wsseg.Style(edge="soft", background="white"),
}

FINENESS = 3
"""Pixels of a drawing in each pixel of the photo, along each side."""

POINTS = 12
"""Points of a hair."""

HAIRS = 0.35
"""Hairs that start at each pixel of the outline."""


class Composite(NamedTuple):
    """A photo whose alpha is known."""

    image: Image
    mask: Mask
    alpha: NDArray[np.float32]
    object: Image
    """The color of the object in each pixel."""


def main(
    *,
    data: Data,
    limit: Annotated[PositiveInt, Parameter(help="Maximum number of photos of each set, evenly spaced.")] = 10,
) -> None:
    """Print the mean scores of each style."""
    cv2.setNumThreads(1)
    rows: dict[str, list[tuple[float, ...]]] = {name: [] for name in STYLES}
    seconds = []
    made = composites(data, limit)
    for photo in track(made, total=len(list(samples_of(data, limit))), console=Console(stderr=True)):
        for name, style in STYLES.items():
            rows[name].append(scores(photo, style))
        seconds.append(seconds_of(lambda photo=photo: matte_from_mask(photo.image, photo.mask))[0])
    print(provenance())
    table = Table("edge", "alpha", "gradient", "on white", title=f"{len(seconds)} composites")
    for name, found in rows.items():
        alpha, gradient, white = np.mean(found, axis=0)
        table.add_row(name, f"{alpha:.4f}", f"{gradient:.3f}", f"{white:.2f}")
    Console().print(table)
    print(f"soft edge: median {np.median(seconds):.2f} s, most {max(seconds):.2f} s")


def composites(data: Data, limit: int) -> Iterator[Composite]:
    """Yield each object with hairs over the photo that is half the list away."""
    samples = list(samples_of(data, limit))
    for index, sample in enumerate(samples):
        photo, other = wsseg.read_image(sample.photo), samples[(index + len(samples) // 2) % len(samples)].photo
        alpha = hairy(truth_of(sample) == FOREGROUND, np.random.default_rng(index))
        ground = cv2.resize(wsseg.read_image(other), photo.shape[1::-1], interpolation=cv2.INTER_AREA)
        inside = extended(photo, truth_of(sample) == FOREGROUND)
        image = over(inside, alpha, ground)
        blurred = cv2.GaussianBlur(np.float32(alpha > 0.5), (0, 0), max(alpha.shape) / 60).clip(0, 1)
        mask = wsseg.mask_from_saliency(image, blurred, wsseg.RECIPES["default"]).mask
        yield Composite(image, mask, alpha, inside)


def hairy(mask: Mask, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the alpha of the mask with hairs along its outline, which are thick at the root and curl."""
    height, width = mask.shape
    scale = FINENESS * max(mask.shape) / 500
    large = cv2.resize(mask.astype(np.uint8) * 255, (width * FINENESS, height * FINENESS))
    body = np.uint8(cv2.GaussianBlur(large, (0, 0), 1.5 * FINENESS) > 127)
    outlines, _ = cv2.findContours(body, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    drawn = body * 255
    for outline in (one[:, 0].astype(float) for one in outlines if len(one) > 60 * FINENESS):
        for root in np.flatnonzero(rng.random(len(outline)) < HAIRS / FINENESS):
            along = np.roll(outline, -6 * FINENESS, 0)[root] - np.roll(outline, 6 * FINENESS, 0)[root]
            outward = np.array([along[1], -along[0]]) / max(np.hypot(*along), 1)
            sign = 1 if points_outside(body, outline[root], outward) else -1
            draw_hair(drawn, outline[root], sign * outward, scale, rng)
    return np.float32(cv2.resize(drawn, (width, height), interpolation=cv2.INTER_AREA)) / 255


def points_outside(body: NDArray[np.uint8], root: NDArray[np.float64], outward: NDArray[np.float64]) -> bool:
    """Return whether a step outward leaves the body."""
    column, row = np.clip((root + 3 * FINENESS * outward).astype(int), 0, np.array(body.shape[::-1]) - 1)
    return not body[row, column]


def draw_hair(
    drawn: NDArray[np.uint8],
    root: NDArray[np.float64],
    outward: NDArray[np.float64],
    scale: float,
    rng: np.random.Generator,
) -> None:
    """Draw a hair of up to 18 pixels in a photo of 500; each step turns a little."""
    place, angle, turn = root - 2 * scale * outward, rng.normal(0, 0.5), rng.normal(0, 0.8) / POINTS
    step, thickness = 18 * scale * rng.uniform(0.3, 1) / POINTS, 1.5 * scale * rng.uniform(0.5, 1.2)
    for point in range(POINTS):
        cosine, sine = np.cos(angle + turn * point), np.sin(angle + turn * point)
        end = place + step * np.array([[cosine, -sine], [sine, cosine]]) @ outward
        width = max(1, round(thickness * (1 - point / POINTS)))
        ends = (tuple(np.int32(one * 8).tolist()) for one in (place, end))
        cv2.line(drawn, *ends, 255, width, cv2.LINE_AA, 3)
        place = end


def extended(image: Image, mask: Mask) -> Image:
    """Return the object's colors, continued from its nearest pixel into the background."""
    sure = cv2.erode(mask.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    _, nearest = cv2.distanceTransformWithLabels(
        np.uint8(~sure), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    palette = np.zeros((nearest.max() + 1, 3), np.uint8)
    palette[nearest[sure]] = image[sure]
    return palette[nearest]


def over(inside: Image, alpha: NDArray[np.float32], ground: Image | NDArray[np.float32]) -> Image:
    """Return the object laid over a background."""
    return np.uint8(np.rint(inside * alpha[..., None] + ground * (1 - alpha[..., None])))


def scores(photo: Composite, style: wsseg.Style) -> tuple[float, ...]:
    """Return the three errors of one style."""
    clear = wsseg.Style(edge=style.edge, feather=style.feather)
    alpha = wsseg.cutout(photo.image, photo.mask, clear)[..., 3] / np.float32(255)
    white = over(photo.object, photo.alpha, np.full_like(photo.image, 255)).astype(np.float32)
    near = max(photo.mask.shape) / 25
    depth = [cv2.distanceTransform(np.uint8(side), cv2.DIST_L2, 5) for side in (photo.mask, ~photo.mask)]
    band = (np.maximum(*depth) < near) | ((photo.alpha > 0) & (photo.alpha < 1))
    return (
        float(np.abs(alpha - photo.alpha)[band].mean()),
        float(1000 * np.square(slope(alpha) - slope(photo.alpha))[band].mean()),
        float(np.abs(wsseg.cutout(photo.image, photo.mask, style) - white)[band].mean()),
    )


def slope(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the length of the gradient of the smoothed plane."""
    smooth = cv2.GaussianBlur(plane, (0, 0), 1.4)
    return np.hypot(cv2.Sobel(smooth, -1, 1, 0) / 8, cv2.Sobel(smooth, -1, 0, 1) / 8)


if __name__ == "__main__":
    cyclopts.run(main)
