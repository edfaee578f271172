"""Tell two touching cells in a noisy volume apart, from a few marked voxels.

    python examples/8_a_volume.py

Writes cells.tif, the labels of all voxels (1 background, 2 and 3 the cells).
"""

import numpy as np

import wsseg

# Two bright balls that touch, four times as coarse along z as along y and x, in noise of half their brightness.
spacing = (4.0, 1.0, 1.0)
z, y, x = np.meshgrid(4 * np.arange(16) - 30, np.arange(64) - 31.5, np.arange(96) - 47.5, indexing="ij")
left = (z**2 + y**2 + (x + 19) ** 2 < 20**2) & (x < 0)
right = (z**2 + y**2 + (x - 19) ** 2 < 20**2) & (x >= 0)
volume = (left | right) + np.random.default_rng(0).normal(0, 0.5, left.shape)

# One cell against everything else: the minimum cut, with its proof.
hints = wsseg.VolumeHints(
    foreground=[(7, 32, 28), (9, 25, 20)],
    background=[(7, 32, 66), (8, 38, 76), (2, 5, 48), (12, 58, 10), (8, 4, 4)],
)
with wsseg.open_volume(volume, spacing=spacing) as session:
    cell = session.segment(hints)
    print(f"one cell: energy {cell.energy:.2f}, flow {cell.flow:.2f} nats, exact: {cell.exact}, in {cell.box}")
    print(f"IoU {np.sum(cell.mask & left) / np.sum(cell.mask | left):.2f}")

# Both cells at once, by alpha-expansion. Seeds: 0 unknown, 1 background, 2 and more for one cell each.
seeds = np.zeros(volume.shape, np.uint8)
for label, voxels in {1: hints.background[2:], 2: hints.foreground, 3: hints.background[:2]}.items():
    seeds[tuple(np.array(voxels).T)] = label
both = wsseg.segment_volume(volume, seeds, spacing=spacing)
for label, truth in {2: left, 3: right}.items():
    mask = both.labels == label
    print(f"cell {label}: {mask.sum()} voxels, IoU {np.sum(mask & truth) / np.sum(mask | truth):.2f}")
both.save("cells.tif", labels=True)
