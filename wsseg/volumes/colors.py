"""The costs of each label for a voxel: of its levels, and of its distance to the seeds.

Mixtures are learned around the seeds only. So a label has the weight that its seeds give it, not that of its volume,
and a bright neighbor of the object that holds two of five background seeds stays background.
"""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from wsseg.graphcut.mixture import Mixture, fit_mixture
from wsseg.recipe import VolumeRecipe
from wsseg.volumes.hints import VolumeLabels
from wsseg.volumes.levels import Factors, Levels, blocks_of

Costs: TypeAlias = NDArray[np.float32]
"""(..., L) nats for each label."""

FIRST_RADIUS = 1.75
"""Distance from a seed, in voxels, up to which the first mixtures are learned: the voxel and its 26 neighbors."""

MOST_SEEDS = 2000
"""Seeds of a label around which levels are learned; of more, as many are drawn."""

CHUNK = 1 << 18
"""Voxels of several channels that are scored at once."""


def places_near(
    seeds: VolumeLabels, labels: Sequence[int], spacing: Sequence[float], *, radius: float, random_state: int
) -> dict[int, NDArray[np.intp]]:
    """Return the voxels within `radius` of the seeds of each label, in the finest of the spacings, as flat indices."""
    reach = [int(radius * min(spacing) / step) for step in spacing]
    steps = np.stack(np.meshgrid(*(np.arange(-far, far + 1) for far in reach), indexing="ij"), axis=-1).reshape(-1, 3)
    steps = steps[np.linalg.norm(steps * np.array(spacing), axis=1) <= radius * min(spacing) * (1 + 1e-9)]
    rng, near = np.random.default_rng(random_state), {}
    for label in labels:
        places = np.flatnonzero(seeds == label)
        places = rng.choice(places, min(len(places), MOST_SEEDS), replace=False)
        centers = np.stack(np.unravel_index(places, seeds.shape), axis=1)
        voxels = (centers[:, None] + steps).reshape(-1, 3)
        inside = ((voxels >= 0) & (voxels < seeds.shape)).all(axis=1)
        near[label] = np.unique(np.ravel_multi_index(tuple(voxels[inside].T), seeds.shape))
    return near


def without_shared(near: Mapping[int, NDArray[np.intp]], seeds: VolumeLabels) -> dict[int, NDArray[np.intp]]:
    """Return the voxels that are near the seeds of one label only, and the seeds themselves."""
    values, counts = np.unique(np.concatenate(list(near.values())), return_counts=True)
    shared = values[counts > 1]
    flat = seeds.ravel()
    return {label: places[~np.isin(places, shared) | (flat[places] == label)] for label, places in near.items()}


def mixtures_at(levels: Levels, places: Mapping[int, NDArray[np.intp]], recipe: VolumeRecipe) -> list[Mixture]:
    """Return the mixture of the levels at the places of each label."""
    flat, rng = levels.reshape(-1, levels.shape[3]), np.random.default_rng(recipe.random_state)
    found = []
    for chosen in places.values():
        drawn = rng.choice(chosen, min(len(chosen), recipe.color_samples), replace=False)
        samples = flat[np.sort(drawn)].astype(np.float64)
        found.append(fit_mixture(samples, components=recipe.components, random_state=recipe.random_state))
    return found


class LevelCosts:
    """The costs of levels under mixtures: -ln Pr(levels | label), less that of the likeliest label."""

    def __init__(self, mixtures: Sequence[Mixture], *, limit: float) -> None:
        self.mixtures, self._limit = mixtures, limit
        one_channel = mixtures[0].means.shape[1] == 1
        self._table = self._scored(np.arange(256.0)[:, None]) if one_channel else None

    def of(self, levels: Levels) -> Costs:
        """Return the costs (..., L) of levels (..., C), in nats."""
        if self._table is not None:
            return np.asarray(self._table[levels[..., 0]])
        flat = levels.reshape(-1, levels.shape[-1])
        costs = np.empty((len(flat), len(self.mixtures)), np.float32)
        for start in range(0, len(flat), CHUNK):
            costs[start : start + CHUNK] = self._scored(flat[start : start + CHUNK].astype(np.float64))
        return costs.reshape(*levels.shape[:-1], -1)

    def _scored(self, samples: NDArray[np.float64]) -> Costs:
        likelihoods = np.stack([mixture.log_likelihood(samples) for mixture in self.mixtures], axis=-1)
        best = likelihoods.max(axis=-1, keepdims=True)
        return np.asarray((best - likelihoods).clip(max=self._limit), np.float32)


def distance_costs(
    seeds: VolumeLabels, labels: Sequence[int], factors: Factors, spacing: Sequence[float], *, nearness: float
) -> Costs:
    """Return the costs (d, h, w, L) of the distance to the seeds, for blocks of voxels: nearness d_l / (d_l + d_other).

    `d_other` is the distance to the nearest seed of any other label. It is the region term of Price, Morse and Cohen
    2010 ("Geodesic graph cut for interactive image segmentation", equation 4), with straight distances.
    """
    blocks = blocks_of(seeds[..., None], factors, "constant")
    sampling = [factor * step for factor, step in zip(factors, spacing, strict=True)]
    distances = np.stack(
        [distance_transform_edt(~(blocks == label).any(axis=(1, 3, 5, 6)), sampling=sampling) for label in labels],
        axis=-1,
    )
    costs = np.empty(distances.shape, np.float32)
    for place in range(len(labels)):
        own, other = distances[..., place], np.delete(distances, place, axis=-1).min(axis=-1)
        total = own + other
        costs[..., place] = nearness * np.where(total > 0, own / np.where(total > 0, total, 1), 0.5)
    return costs


def interpolated(costs: Costs, factors: Factors, window: tuple[slice, slice, slice]) -> Costs:
    """Return the costs of blocks for the voxels of a window, linear between the centers of blocks."""
    for axis, (factor, part) in enumerate(zip(factors, window, strict=True)):
        at = (np.arange(part.start, part.stop) + 0.5) / factor - 0.5
        low = np.floor(at).astype(np.intp)
        share = (at - low).astype(np.float32).reshape([-1 if axis == place else 1 for place in range(costs.ndim)])
        last = costs.shape[axis] - 1
        before, after = costs.take(low.clip(0, last), axis), costs.take((low + 1).clip(0, last), axis)
        costs = before + share * (after - before)
    return costs
