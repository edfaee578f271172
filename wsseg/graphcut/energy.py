"""What a labeling costs: unary terms, which add, and the contrast between neighbors.

`E(L) = sum_p unary[p, L_p] + sum_pq pairwise[pq] [L_p != L_q]`, Boykov, Jolly 2001, equations 1 to 3; the contrast term
with the constants of GrabCut (Rother, Kolmogorov, Blake 2004, equations 4, 5 and 11).
"""

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import (
    BACKGROUND,
    FOREGROUND,
    NEIGHBORS,
    UNKNOWN,
    Image,
    Mask,
    Pairwise,
    Saliency,
    Seeds,
    Unary,
    check_image,
    check_mask,
    check_pairwise,
    check_saliency,
    check_same_size,
    check_seeds,
    check_unary,
    neighbors_at,
)
from wsseg.graphcut.mixture import Mixture, fit_mixture

QUANTIZATION = 4
"""Colors this many 8-bit levels apart, per channel, are scored as one: well within a mixture's smallest deviation."""

CLEAREST_ODDS = 0.97
"""Saliency above this, or below its complement, says no more than this: a map is never certain. Measured no worse than
.9 and .99."""


class Palette(NamedTuple):
    """The distinct quantized colors of a photo, (M, 3) 8-bit levels, and each pixel's entry in it, (H, W)."""

    colors: NDArray[np.float64]
    entry: NDArray[np.intp]


def palette_of(image: Image) -> Palette:
    """The photo as a palette of its distinct colors, so that each color is scored once however many pixels have it."""
    steps = 256 // QUANTIZATION
    red, green, blue = np.moveaxis(check_image(image) // QUANTIZATION, 2, 0).astype(np.int32)
    codes = (red * steps + green) * steps + blue
    present = np.bincount(codes.ravel(), minlength=steps**3) > 0
    levels = np.stack(np.unravel_index(np.flatnonzero(present), (steps,) * 3), axis=1).astype(np.float64)
    return Palette(levels * QUANTIZATION + (QUANTIZATION - 1) / 2, (np.cumsum(present) - 1)[codes])


def mixtures_from_seeds(
    image: Image,
    seeds: Seeds,
    *,
    components: int,
    color_samples: int,
    random_state: int,
    start: tuple[Mixture, Mixture] | None = None,
) -> tuple[Mixture, Mixture]:
    """The color mixtures of background and object, each fitted to at most `color_samples` of its seeded pixels.

    ValueError when a side has no seed.
    """
    check_same_size(check_image(image), check_seeds(seeds), "image and seeds")
    rng = np.random.default_rng(random_state)
    sides = [image[seeds == label] for label in (BACKGROUND, FOREGROUND)]
    if empty := [name for name, side in zip(("background", "object"), sides, strict=True) if not len(side)]:
        raise ValueError(f"seeds must hold both sides, got none of the {empty[0]}; lower or raise its quantile")
    samples = [side[rng.choice(len(side), min(color_samples, len(side)), replace=False)] for side in sides]
    background, foreground = (
        fit_mixture(sample.astype(np.float64), components=components, random_state=random_state, start=one)
        for sample, one in zip(samples, start or (None, None), strict=True)
    )
    return background, foreground


def unary_from_mixtures(palette: Palette, background: Mixture, foreground: Mixture, *, color_limit: float) -> Unary:
    """-ln Pr(color | label), less the smaller of a pixel's two, and at most `color_limit`: (H, W, 2)."""
    ratio = foreground.log_likelihood(palette.colors) - background.log_likelihood(palette.colors)
    return unary_from_log_odds(ratio.clip(-color_limit, color_limit))[palette.entry]


def unary_from_saliency(saliency: Saliency, *, prior: float, balance: float) -> Unary:
    """`prior` times the log-odds of the saliency, taken as a probability, over those of `balance`, in nats."""
    return unary_from_log_odds(prior * (log_odds(check_saliency(saliency)) - np.log(balance / (1 - balance))))


def log_odds(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """ln p / (1 - p), of no more certainty than `CLEAREST_ODDS`."""
    odds = probabilities.astype(np.float64).clip(1 - CLEAREST_ODDS, CLEAREST_ODDS)
    return np.asarray(np.log(odds / (1 - odds)))


def pairwise_from_contrast(image: Image, *, smoothness: float) -> Pairwise:
    """smoothness / distance * exp(-beta |I_p - I_q|^2), with beta = 1 / (2 mean |I_p - I_q|^2) over all neighbors.

    A flat photo has no contrast to weigh, so all its neighbors hold together alike. Planes as in arrays.py; 0 where
    the neighbor would lie outside.
    """
    weights_of = _contrast(check_image(image), smoothness)
    channels = np.ascontiguousarray(np.moveaxis(image, 2, 0), np.int32)
    pairwise = np.zeros((len(NEIGHBORS), *image.shape[:2]))
    for plane, offset in zip(pairwise, NEIGHBORS, strict=True):
        here, there = neighbors_at(offset)
        plane[here] = weights_of(channels[:, *here] - channels[:, *there], offset)
    return pairwise


class Ties(NamedTuple):
    """What ties some pixels of a photo, known by their places among them, while all others keep their labels."""

    pairs: tuple[NDArray[np.intp], NDArray[np.intp]]
    """Neighbors that are both among them."""
    weights: NDArray[np.float64]
    """Of each pair, in nats."""
    outward: NDArray[np.float64]
    """(N, labels), nats: what each label of a pixel costs for the neighbors that keep theirs."""


def ties_within(image: Image, labels: NDArray[np.integer], free: Mask, *, smoothness: float, count: int = 2) -> Ties:
    """`pairwise_from_contrast` where the `free` pixels are to be labeled and the rest keep theirs of `count` labels.

    It takes memory for the free pixels, whose places follow reading order, and some bytes for each of the others.
    """
    check_same_size(check_image(image), labels, "image and labels")
    check_same_size(image, check_mask(free), "image and free")
    weights_of, colors, width = _contrast(image, smoothness), image.reshape(-1, 3), image.shape[1]
    pixels, place = np.flatnonzero(free), np.cumsum(free, dtype=np.int32) - 1
    y, x = np.divmod(pixels, width)
    outward, inward = np.zeros((len(pixels), count)), []
    for dy, dx in (*NEIGHBORS, *((-dy, -dx) for dy, dx in NEIGHBORS)):
        here = np.flatnonzero((y + dy >= 0) & (y + dy < image.shape[0]) & (x + dx >= 0) & (x + dx < width))
        there = pixels[here] + dy * width + dx
        tied = free.ravel()[there]
        for ends in (tied, ~tied) if (dy, dx) in NEIGHBORS else (~tied,):
            first, second = here[ends], there[ends]
            weights = weights_of((colors[pixels[first]].astype(np.int32) - colors[second]).T, (dy, dx))
            if ends is tied:
                inward.append((first, place[second].astype(np.intp), weights))
            else:
                outward[first] += weights[:, None]
                outward[first, labels.ravel()[second]] -= weights
    first, second, weights = (np.concatenate(parts) for parts in zip(*inward, strict=True))
    return Ties((first, second), weights, outward.clip(min=0))


def clamp_to_seeds(unary: Unary, pairwise: Pairwise, seeds: Seeds) -> Unary:
    """The unary under hard constraints: a seed's own label is free, the other costs Boykov and Jolly's K.

    K = 1 + max_p sum_q pairwise[pq] (section 2): more than all the neighbors of any pixel together can pay.
    """
    check_pairwise(pairwise, check_unary(unary).shape[:2])
    check_same_size(unary, check_seeds(seeds), "unary and seeds")
    impossible = 1 + _sum_over_neighbors(pairwise).max()
    clamped = unary.copy()
    clamped[seeds == FOREGROUND] = (impossible, 0)
    clamped[seeds == BACKGROUND] = (0, impossible)
    return clamped


def border_seeds(seeds: Seeds, *, border: float) -> Seeds:
    """Background along the four sides, where the photo usually shows none of the object, but not on object seeds.

    `border` is the width per height and per width; unknown elsewhere.
    """
    inner = tuple(slice(round(border * side), side - round(border * side)) for side in check_seeds(seeds).shape)
    edge = np.where(seeds == FOREGROUND, UNKNOWN, BACKGROUND).astype(np.uint8)
    edge[inner] = UNKNOWN
    return edge


def energy_of(mask: Mask, unary: Unary, pairwise: Pairwise) -> float:
    """E(L) of the labeling, in nats."""
    check_pairwise(pairwise, check_unary(unary).shape[:2])
    check_same_size(check_mask(mask), unary, "mask and unary")
    total = float(np.where(mask, unary[..., FOREGROUND], unary[..., BACKGROUND]).sum())
    for plane, offset in zip(pairwise, NEIGHBORS, strict=True):
        here, there = neighbors_at(offset)
        total += float(plane[here][mask[here] != mask[there]].sum())
    return total


def _contrast(image: Image, smoothness: float) -> Callable[[NDArray[np.int32], tuple[int, int]], NDArray[np.float64]]:
    """What pairs of the image's pixels weigh, by the differences of their colors, channels first, and their offset."""
    pairs = [(image[here], image[there]) for here, there in map(neighbors_at, NEIGHBORS)]
    total = sum(cv2.norm(first, second, cv2.NORM_L2SQR) for first, second in pairs if first.size)
    beta = sum(first[..., 0].size for first, _ in pairs) / (2 * total) if total else 0.0

    def weights_of(differences: NDArray[np.int32], offset: tuple[int, int]) -> NDArray[np.float64]:
        squares = np.einsum("c...,c...->...", differences, differences)
        return np.asarray(smoothness / np.hypot(*offset) * np.exp(-beta * squares))

    return weights_of


def unary_from_log_odds(log_odds: NDArray[np.float64]) -> Unary:
    """Costs (..., 2) that differ by the log-odds (...) of the object, in nats; the smaller of each two is 0."""
    return np.stack([log_odds.clip(min=0), (-log_odds).clip(min=0)], axis=-1)


def _sum_over_neighbors(pairwise: Pairwise) -> NDArray[np.float64]:
    total: NDArray[np.float64] = pairwise.sum(axis=0)
    for plane, offset in zip(pairwise, NEIGHBORS, strict=True):
        here, there = neighbors_at(offset)
        total[there] += plane[here]
    return total
