"""The cut of a volume: as a whole where memory allows, else at a smaller size and in a band at each doubling.

Boykov, Jolly 2001, section 2, for the energy; Lombaert, Sun, Grady, Xu 2005 for the bands; Boykov, Veksler, Zabih 2001
for more than two labels.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property, partial, reduce
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label as components_in
from scipy.ndimage import maximum_filter, minimum_filter

from wsseg.arrays import Mask, Offset, offsets_of
from wsseg.graphcut.cut import CutGraph, ties_of_grid
from wsseg.graphcut.energy import ties_of_free
from wsseg.graphcut.expansion import Expansion, expand_nodes, expansion_from_cut
from wsseg.recipe import VolumeRecipe
from wsseg.volumes.colors import (
    FIRST_RADIUS,
    Costs,
    LevelCosts,
    distance_costs,
    interpolated,
    mixtures_at,
    places_near,
    without_shared,
)
from wsseg.volumes.hints import BEHIND, NOWHERE, VolumeLabels
from wsseg.volumes.levels import Factors, Levels, blocks_of, enlarged_labels, shrunk_levels, shrunk_seeds
from wsseg.volumes.sizes import Plan, plan_of, product_of, small_factors
from wsseg.volumes.surface import contrast_of, noise_of, pairwise_of, surface_weights

Window: TypeAlias = tuple[slice, slice, slice]

Track: TypeAlias = Callable[[Sequence[Callable[[], None]]], Iterable[Callable[[], None]]]
"""A function that iterates over the stages of a cut, and may show the progress."""

WHOLE: Factors = (1, 1, 1)

SMALL_VOXELS = 300_000
"""Voxels of the size at which mixtures are learned and distances to seeds measured: a cube of 67."""

SLAB = 8
"""Blocks of voxels along z whose costs are held at once."""


class Solved(NamedTuple):
    """The labels of a volume, and their energy."""

    labels: VolumeLabels
    """(D, H, W): the numbers of the seeds' labels."""
    energy: float
    flow: float
    exact: bool


class VolumeSolver:
    """A volume under one recipe, cut again whenever the seeds change; see `open_volume`."""

    def __init__(
        self, levels: Levels, spacing: tuple[float, float, float], recipe: VolumeRecipe, memory: float
    ) -> None:
        self.levels, self.spacing, self.recipe, self._memory = levels, spacing, recipe, memory
        self.costs: LevelCosts | None = None
        """The costs of levels; the first call of `solve` learns them."""
        self._offsets = offsets_of(3, recipe.neighbors)
        self._small = small_factors(levels.shape[:3], spacing, voxels=SMALL_VOXELS)
        self._values: list[int] = []
        self._distances: Costs = np.zeros((1, 1, 1, 2), np.float32)
        self._seeds: VolumeLabels = np.zeros((0, 0, 0), np.uint8)
        self._odds: NDArray[np.float32] | None = None
        self._scenes: dict[Factors, _Scene] = {}

    def plan(self, labels: int = 2) -> Plan:
        """Return how the volume is cut for that number of labels, with the background."""
        return plan_of(
            self.levels.shape[:3],
            self.spacing,
            channels=self.levels.shape[3],
            labels=labels,
            neighbors=self.recipe.neighbors,
            band=self.recipe.band,
            memory=self._memory,
        )

    def solve(self, seeds: VolumeLabels, *, refit: bool = False, track: Track = iter) -> Solved:
        """Return the labels of least energy that have those of the seeds.

        The mixtures are learned anew if `refit` is set, or if labels have come or gone; otherwise they are kept.
        """
        values = (
            [value for value in range(1, 256) if (seeds == value).any()] if seeds.max() > 2 else [BEHIND, BEHIND + 1]
        )
        plan, found = self.plan(len(values)), list[Expansion]()

        def refine(step: int) -> None:
            found.append(self._cut_band(found[-1].labels, seeds, plan, step))

        stages: list[Callable[[], None]] = []
        if refit or self.costs is None or values != self._values:
            stages.append(lambda: self._learn(seeds, values))
        stages.append(lambda: found.append(self._cut_whole(seeds, plan)))
        stages += [partial(refine, step) for step in reversed(range(len(plan.halvings)))]
        for stage in track(stages):
            stage()
        last = found[-1]
        labels = np.array(values, np.uint8)[last.labels]
        exact = plan.exact and len(values) == 2
        return Solved(labels, last.energy, last.bound, exact)

    def release_graphs(self) -> None:
        """Free the graphs, which are most of the memory."""
        self._scenes.clear()
        self._odds = None

    def _learn(self, seeds: VolumeLabels, values: list[int]) -> None:
        """Fit the mixtures around the seeds, then again to the labels that the cut of a small volume gives there."""
        recipe, state = self.recipe, self.recipe.random_state
        self._values, self._odds = values, None
        first = places_near(seeds, values, self.spacing, radius=FIRST_RADIUS, random_state=state)
        near = places_near(seeds, values, self.spacing, radius=recipe.color_radius, random_state=state)
        self._fit(without_shared(first, seeds))
        small = self._scene(self._small)
        for _ in range(recipe.refits):
            labels = small.cut(
                self._costs_of_blocks(seeds, self._small), shrunk_seeds(seeds, self._small), values
            ).labels
            at = {value: _block_labels(labels, places, seeds.shape, self._small) for value, places in near.items()}
            flat = seeds.ravel()
            self._fit(
                {
                    value: places[np.where(flat[places] == NOWHERE, at[value] == index, flat[places] == value)]
                    for index, (value, places) in enumerate(near.items())
                }
            )

    def _fit(self, places: dict[int, NDArray[np.intp]]) -> None:
        self.costs = LevelCosts(mixtures_at(self.levels, places, self.recipe), limit=self.recipe.color_limit)

    def _cut_whole(self, seeds: VolumeLabels, plan: Plan) -> Expansion:
        factors = reduce(product_of, plan.halvings, WHOLE)
        scene = self._scene(factors)
        if plan.exact and len(self._values) == 2:
            return self._tidied(self._cut_again(scene, seeds), seeds)
        small = shrunk_seeds(seeds, factors)
        return self._tidied(scene.cut(self._costs_of_blocks(seeds, factors), small, self._values), small)

    def _cut_again(self, scene: "_Scene", seeds: VolumeLabels) -> Expansion:
        """Cut the full volume for two labels; only where costs have changed since the last cut, the graph changes."""
        distances = self._distance_costs(seeds)
        if self._odds is None:
            changed = None
            self._odds = np.empty(seeds.shape, np.float32)
            for window in self._slabs(WHOLE):
                self._odds[window] = self._odds_in(window, distances, seeds, scene.impossible)
        else:
            changed = self._update_odds(distances, seeds, scene.impossible)
        self._distances, self._seeds = distances, seeds
        return expansion_from_cut(scene.graph.cut_odds(self._odds, changed))

    def _update_odds(self, distances: Costs, seeds: VolumeLabels, impossible: float) -> NDArray[np.intp]:
        """Bring the odds up to date, and return the voxels whose odds changed, as flat indices."""
        window = _around(distances != self._distances, self._small, seeds != self._seeds)
        if window is None or self._odds is None:
            return np.zeros(0, np.intp)
        odds = self._odds_in(window, distances, seeds, impossible)
        changed = np.nonzero(odds != self._odds[window])
        self._odds[window] = odds
        places = tuple(at + part.start for at, part in zip(changed, window, strict=True))
        return np.asarray(np.ravel_multi_index(places, seeds.shape), np.intp)

    def _odds_in(self, window: Window, distances: Costs, seeds: VolumeLabels, impossible: float) -> NDArray[np.float32]:
        costs = self._costs_in(window, distances)
        odds = costs[..., 0] - costs[..., 1]
        known = seeds[window]
        odds[known == BEHIND], odds[known > BEHIND] = -impossible, impossible
        return np.asarray(odds)

    def _costs_in(self, window: Window, distances: Costs) -> Costs:
        if self.costs is None:
            raise RuntimeError("the mixtures are learned before any cost is asked for")
        return np.asarray(self.costs.of(self.levels[window]) + interpolated(distances, self._small, window))

    def _costs_of_blocks(self, seeds: VolumeLabels, factors: Factors) -> Costs:
        """Return the sums of the costs of the voxels of each block, (d, h, w, L)."""
        distances = self._distance_costs(seeds)
        parts = [
            blocks_of(self._costs_in(window, distances), factors, "edge").sum(axis=(1, 3, 5))
            for window in self._slabs(factors)
        ]
        return np.concatenate(parts)

    def _distance_costs(self, seeds: VolumeLabels) -> Costs:
        nearness = self.recipe.nearness
        return distance_costs(seeds, self._values, self._small, self.spacing, nearness=nearness)

    def _slabs(self, factors: Factors) -> Iterator[Window]:
        depth, height, width = self.levels.shape[:3]
        for start in range(0, depth, SLAB * factors[0]):
            yield slice(start, min(depth, start + SLAB * factors[0])), slice(0, height), slice(0, width)

    def _cut_band(self, coarse: VolumeLabels, seeds: VolumeLabels, plan: Plan, step: int) -> Expansion:
        """Return the coarse labels at the next larger size, cut again in a band along all surfaces."""
        factors = reduce(product_of, plan.halvings[:step], WHOLE)
        scene, known = self._scene(factors), shrunk_seeds(seeds, factors)
        labels = enlarged_labels(coarse, plan.halvings[step], known.shape)
        indices = np.zeros(256, np.uint8)
        indices[self._values] = np.arange(len(self._values))
        labels = np.where(known == NOWHERE, labels, indices[known])
        free = _band_along(labels, self.recipe.band) & (known == NOWHERE)
        found = Expansion(labels, 0.0, False, 0.0)
        if free.any():
            costs = self._costs_within(free, seeds, factors)
            ties = ties_of_free(scene.levels, labels, free, scene.offsets, scene.weights_of, count=len(self._values))
            cut = expand_nodes(costs + ties.outward, ties.pairs, ties.weights)
            labels[free] = cut.labels
            found = cut._replace(labels=labels)
        self._scenes.pop(factors, None)  # Its levels are made again for the next cut.
        return self._tidied(found, known)

    def _costs_within(self, free: Mask, seeds: VolumeLabels, factors: Factors) -> NDArray[np.float64]:
        """Return the costs (N, L) of the free blocks, in reading order."""
        distances, parts = self._distance_costs(seeds), []
        for window in self._slabs(factors):
            part = free[window[0].start // factors[0] : -(-window[0].stop // factors[0])]
            if part.any():
                costs = self._costs_in(window, distances)
                sums = costs if factors == WHOLE else blocks_of(costs, factors, "edge").sum(axis=(1, 3, 5))
                parts.append(sums[part])
        return np.concatenate(parts).astype(np.float64)

    def _tidied(self, found: Expansion, seeds: VolumeLabels) -> Expansion:
        """Return the labels without parts of objects that hold none of their seeds."""
        if not self.recipe.seeded:
            return found
        labels = found.labels.copy()
        for index, value in enumerate(self._values[1:], 1):
            window = _around(labels == index)
            if window is None:
                continue
            own = labels[window] == index
            parts, count = components_in(own)
            kept = np.zeros(count + 1, np.bool_)
            kept[parts[seeds[window] == value]] = True
            if kept[1:].any():
                labels[window][own & ~kept[parts]] = 0
        return found._replace(labels=labels)

    def _scene(self, factors: Factors) -> "_Scene":
        if factors not in self._scenes:
            self._scenes[factors] = _Scene(self.levels, self.spacing, factors, self._offsets, self.recipe)
        return self._scenes[factors]


class _Scene:
    """A volume at one size."""

    def __init__(
        self,
        levels: Levels,
        spacing: tuple[float, float, float],
        factors: Factors,
        offsets: Sequence[Offset],
        recipe: VolumeRecipe,
    ) -> None:
        self.levels = levels if factors == WHOLE else shrunk_levels(levels, factors)
        self.offsets = offsets
        larger = [step * factor for step, factor in zip(spacing, factors, strict=True)]
        areas = surface_weights(self.offsets, larger)
        smoothness = recipe.smoothness * math.prod(factors) ** (2 / 3)  # Larger voxels have larger faces.
        sigma = recipe.noises * noise_of(self.levels)
        self.weights_of = contrast_of(self.offsets, areas, smoothness=smoothness, sigma=sigma)
        self.impossible = 1 + 2 * smoothness * float(areas.sum())
        """More than the surface around one voxel can cost."""

    @cached_property
    def graph(self) -> CutGraph:
        """All voxels and their neighbors."""
        return CutGraph.of_grid(pairwise_of(self.levels, self.offsets, self.weights_of))

    @cached_property
    def _ties(self) -> tuple[tuple[NDArray[np.intp], NDArray[np.intp]], NDArray[np.float64]]:
        return ties_of_grid(pairwise_of(self.levels, self.offsets, self.weights_of))

    def cut(self, costs: Costs, seeds: VolumeLabels, values: Sequence[int]) -> Expansion:
        """Return the labels of least energy, as indices into `values`, that have those of the seeds."""
        if len(values) == 2:
            odds = costs[..., 0] - costs[..., 1]
            odds[seeds == values[0]], odds[seeds == values[1]] = -self.impossible, self.impossible
            return expansion_from_cut(self.graph.cut_odds(odds))
        clamped = costs.astype(np.float64)
        for index, value in enumerate(values):
            clamped[seeds == value] = self.impossible
            clamped[seeds == value, index] = 0
        found = expand_nodes(clamped.reshape(-1, len(values)), *self._ties)
        return found._replace(labels=found.labels.reshape(seeds.shape))


def _block_labels(
    labels: VolumeLabels, places: NDArray[np.intp], shape: tuple[int, ...], factors: Factors
) -> VolumeLabels:
    """Return the label of the block in which each voxel lies."""
    at = np.unravel_index(places, shape)
    return np.asarray(labels[tuple(one // factor for one, factor in zip(at, factors, strict=True))])


def _band_along(labels: VolumeLabels, width: int) -> Mask:
    """Return the voxels around which a cube, `width` voxels to each side, holds more than one label."""
    side = 2 * width + 1
    return np.asarray(maximum_filter(labels, side) != minimum_filter(labels, side))


def _around(
    blocks: NDArray[np.bool_], factors: Factors = WHOLE, voxels: NDArray[np.bool_] | None = None
) -> Window | None:
    """Return the smallest window around blocks that are true, with one more to each side, and voxels; None without."""
    parts = list[slice]()
    shape = blocks.shape if voxels is None else voxels.shape
    for axis, factor in enumerate(factors):
        held = np.flatnonzero(_seen_along(blocks, axis)) * factor
        starts, stops = list(held[:1] - factor), list(held[-1:] + 2 * factor)
        if voxels is not None:
            own = np.flatnonzero(_seen_along(voxels, axis))
            starts, stops = [*starts, *own[:1]], [*stops, *(own[-1:] + 1)]
        if not starts:
            return None
        parts.append(slice(max(0, int(min(starts))), min(shape[axis], int(max(stops)))))
    z, y, x = parts
    return z, y, x


def _seen_along(mask: NDArray[np.bool_], axis: int) -> NDArray[np.bool_]:
    """Return whether each position along an axis holds a true value."""
    return np.asarray(mask.any(axis=tuple(place for place in range(mask.ndim) if place != axis)))
