"""Volumes with a known truth: accuracy and seconds beside random walks and a threshold, then a large volume.

    python benchmarks/volumes.py [--side N] [--repeats N] [--noise X]    three shapes, two spacings, five seeds a side
    python benchmarks/volumes.py --large                                 256 x 256 x 128: first cut, re-cuts, memory

All three methods get the same seeds. The threshold is the middle between the means of both sides' seeds. The seeds are
placed by the truth: five in the object and five in the background, as far from each other as they can be, well inside
their part. Run it with OMP_NUM_THREADS=1 for the time of one core.
"""

import argparse
import resource
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from statistics import mean, median
from typing import NamedTuple

import numpy as np
from intervals import interval
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from skimage.segmentation import random_walker

import wsseg

Mask = NDArray[np.bool_]

NOISES = (0.2, 0.4, 0.8)
"""Deviations of the noise, as multiples of the difference between object and background."""

SPACINGS = ((1.0, 1.0, 1.0), (3.0, 1.0, 1.0))

SEEDS = 5
"""Seed voxels for each side."""

SURROUNDINGS = 0.2
"""Distance from the object, as a share of the side, within which its background is marked."""


class Scene(NamedTuple):
    """A volume without noise."""

    truth: Mask
    bright: Mask
    """Everything that is as bright as the object."""
    others: tuple[Mask, ...]
    """Parts of the background that a person would mark by themselves."""


def axes_of(side: int, spacing: tuple[float, ...], rng: np.random.Generator) -> list[NDArray[np.float64]]:
    """Return rotated coordinates in [-1, 1] of all voxels of a cube."""
    counts = [round(side / step) for step in spacing]
    grid = np.stack(np.meshgrid(*((2 * np.arange(count) + 1) / count - 1 for count in counts), indexing="ij"), axis=-1)
    turned = (grid - rng.uniform(-0.1, 0.1, 3)) @ np.linalg.qr(rng.normal(size=(3, 3)))[0]
    return [turned[..., axis] for axis in range(3)]


def blobs(side: int, spacing: tuple[float, ...], rng: np.random.Generator) -> Scene:
    """Two balls of one brightness that touch; the object is one of them."""
    z, y, x = axes_of(side, spacing, rng)
    first, second = rng.uniform(0.3, 0.44, 2)
    middle = 0.44 * (first + second)
    here = z**2 + y**2 + (x + middle) ** 2 - first**2
    there = z**2 + y**2 + (x - middle) ** 2 - second**2
    truth, other = (here < 0) & (here < there), (there < 0) & (there <= here)
    return Scene(truth, truth | other, (other,))


def tube(side: int, spacing: tuple[float, ...], rng: np.random.Generator) -> Scene:
    """A bent tube."""
    z, y, x = axes_of(side, spacing, rng)
    radius, high, wide = rng.uniform(0.11, 0.19), *rng.uniform(0.15, 0.37, 2)
    off = (y - high * np.sin(3.3 * x)) ** 2 + (z - wide * np.cos(2.7 * x) + wide / 2) ** 2
    truth = (off < radius**2) & (np.abs(x) < 0.75)
    return Scene(truth, truth, ())


def shell(side: int, spacing: tuple[float, ...], rng: np.random.Generator) -> Scene:
    """A hollow ball, slightly flattened."""
    z, y, x = axes_of(side, spacing, rng)
    outer, thickness = rng.uniform(0.56, 0.75), rng.uniform(0.12, 0.22)
    radius = np.sqrt(x**2 + 1.2 * y**2 + z**2)
    inside = radius <= outer - thickness
    truth = (radius < outer) & ~inside
    return Scene(truth, truth, (inside,))


SHAPES: dict[str, Callable[[int, tuple[float, ...], np.random.Generator], Scene]] = {
    "blobs": blobs,
    "tube": tube,
    "shell": shell,
}


def spread(part: Mask, spacing: tuple[float, ...], count: int) -> NDArray[np.intp]:
    """Return voxels well inside a part: the deepest first, then always the one that is farthest from all before."""
    depth = distance_transform_edt(np.pad(part, 1), sampling=spacing)[1:-1, 1:-1, 1:-1]
    voxels = np.argwhere(part & (depth >= 0.6 * depth.max()))
    places, chosen = voxels * np.array(spacing), [int(depth[tuple(voxels.T)].argmax())]
    nearest = np.linalg.norm(places - places[chosen[0]], axis=1)
    while len(chosen) < count:
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, np.linalg.norm(places - places[chosen[-1]], axis=1))
    return voxels[chosen]


def seeds_of(scene: Scene, spacing: tuple[float, ...], side: int) -> NDArray[np.uint8]:
    """Return five voxels of the object as 2, and five of its surroundings as 1, two of them in each other part."""
    near = distance_transform_edt(~scene.truth, sampling=spacing) <= SURROUNDINGS * side
    rest = ~scene.truth & near & ~np.any([scene.truth, *scene.others], axis=0)
    parts = [spread(rest, spacing, SEEDS - 2 * len(scene.others)), *(spread(one, spacing, 2) for one in scene.others)]
    seeds = np.zeros(scene.truth.shape, np.uint8)
    seeds[tuple(np.concatenate(parts).T)] = 1
    seeds[tuple(spread(scene.truth, spacing, SEEDS).T)] = 2
    return seeds


def by_cut(volume: NDArray[np.float64], seeds: NDArray[np.uint8], spacing: tuple[float, float, float]) -> Mask:
    return wsseg.segment_volume(volume, seeds, spacing=spacing).mask


def by_walks(volume: NDArray[np.float64], seeds: NDArray[np.uint8], spacing: tuple[float, float, float]) -> Mask:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # It warns of optional libraries.
        return np.asarray(random_walker(volume, seeds, mode="cg_j", tol=1e-3, spacing=spacing) == 2)


def by_threshold(volume: NDArray[np.float64], seeds: NDArray[np.uint8], spacing: tuple[float, float, float]) -> Mask:
    dark, light = volume[seeds == 1].mean(), volume[seeds == 2].mean()
    return np.asarray((volume > (dark + light) / 2) == (light > dark))


METHODS = {"cut": by_cut, "random walker": by_walks, "threshold": by_threshold}


def iou(mask: Mask, truth: Mask) -> float:
    return float((mask & truth).sum() / (mask | truth).sum())


def volumes(
    side: int, repeats: int, noises: Sequence[float]
) -> Iterator[tuple[float, str, tuple[float, float, float], Scene, NDArray[np.float64]]]:
    for noise, shape, spacing, repeat in product(noises, SHAPES, SPACINGS, range(repeats)):
        rng = np.random.default_rng([repeat, *shape.encode(), round(spacing[0])])
        scene = SHAPES[shape](side, spacing, rng)
        yield noise, shape, spacing, scene, scene.bright + rng.normal(0, noise, scene.truth.shape)


def compare(side: int, repeats: int, noises: Sequence[float]) -> None:
    """Print the mean IoU of each method by noise and shape, its 95 % interval over all volumes, and the seconds."""
    found: dict[tuple[float, str, str], list[float]] = {}
    seconds: dict[str, list[float]] = {}
    for noise, shape, spacing, scene, volume in volumes(side, repeats, noises):
        seeds = seeds_of(scene, spacing, side)
        for name, method in METHODS.items():
            start = time.process_time()
            mask = method(volume, seeds, spacing)
            seconds.setdefault(name, []).append(time.process_time() - start)
            kind = f"{shape} {spacing[0]:g}"
            found.setdefault((noise, name, kind), []).append(iou(mask, scene.truth))
    kinds = list(dict.fromkeys(kind for _, _, kind in found))
    print(f"mean IoU of {repeats} volumes each, {side} voxels a side; shape and z spacing")
    print("noise  method         " + "".join(f"{kind:>9}" for kind in kinds) + "     mean")
    for noise, name in product(noises, METHODS):
        rows = [found[noise, name, kind] for kind in kinds]
        values = [mean(row) for row in rows]
        print(
            f"{noise:<6} {name:<14}" + "".join(f"{value:9.3f}" for value in [*values, mean(values)]),
            f" ({interval([value for row in rows for value in row])})",
        )
    print("CPU seconds a volume: " + ", ".join(f"{name} {mean(taken):.2f}" for name, taken in seconds.items()))


def large(shape: tuple[int, int, int] = (128, 256, 256), recuts: int = 10) -> None:
    """Print the time of the first cut of a large volume and of re-cuts after one more seed, and the memory."""
    rng = np.random.default_rng(0)
    z, y, x = np.meshgrid(*(np.linspace(-1, 1, side, dtype=np.float32) for side in shape), indexing="ij", sparse=True)
    wave = 0.08 * np.sin(9 * x) * np.sin(7 * y) + 0.05 * np.sin(8 * z)
    truth = np.sqrt(x**2 + y**2 + z**2) < 0.6 + wave
    volume = (truth + rng.normal(0, NOISES[1], shape)).astype(np.float32)
    inside, outside = np.argwhere(truth), np.argwhere(~truth)
    drawn = [[tuple(part[at].tolist()) for at in rng.choice(len(part), 20)] for part in (inside, outside)]
    start, cpu = time.perf_counter(), time.process_time()
    with wsseg.open_volume(volume) as session:
        found = session.segment(wsseg.VolumeHints(foreground=drawn[0][:5], background=drawn[1][:5]))
        first, first_cpu = time.perf_counter() - start, time.process_time() - cpu
        print(f"{session.plan}; exact {found.exact}; IoU {iou(found.mask, truth):.4f}")
        print(f"energy {found.energy:.3f}, flow {found.flow:.3f} nats")
        taken, taken_cpu = [], []
        for count in range(recuts):
            more = [5 + (count + 1) // 2, 5 + (count + 2) // 2]
            hints = wsseg.VolumeHints(foreground=drawn[0][: more[1]], background=drawn[1][: more[0]])
            start, cpu = time.perf_counter(), time.process_time()
            session.segment(hints)
            taken.append(time.perf_counter() - start)
            taken_cpu.append(time.process_time() - cpu)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"first cut {first:.1f} s ({first_cpu:.1f} s CPU); re-cut after one more seed, median of {recuts}: ")
    share = median(taken_cpu) / first_cpu
    print(f"{median(taken):.2f} s ({median(taken_cpu):.2f} s CPU), {share:.1%} of it; {peak:.2f} GB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--noise", type=float, action="append", help=f"default: {NOISES}")
    parser.add_argument("--large", action="store_true")
    options = parser.parse_args()
    if options.large:
        large()
    else:
        compare(options.side, options.repeats, options.noise or NOISES)


if __name__ == "__main__":
    main()
