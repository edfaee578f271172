"""The command that cuts a volume."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Token

import wsseg
from wsseg.cli import convert
from wsseg.cli.options import FILES, OBJECT, RUNNING, ForceFile, option
from wsseg.cli.output import say, tracking
from wsseg.recipe import VOLUME_MEMORY, VolumeRecipe


def _spacing(kind: object, tokens: Sequence[Token]) -> tuple[float, float, float]:
    """Convert `Z,Y,X` to three numbers."""
    [token] = tokens
    try:
        z, y, x = map(float, token.value.split(","))
    except ValueError as error:
        got = f"spacing must be three numbers Z,Y,X, got '{token.value}'"
        raise ValueError(f"{got}; an example is --spacing 2,0.5,0.5") from error
    return z, y, x


def volume(
    file: Annotated[Path, option("TIFF stack, .nii, .nii.gz, .npy or folder of slices.", "FILE", group=FILES)],
    /,
    *,
    seeds: Annotated[
        Path,
        option("Seeds: 0, 128, 255; or 0 unknown, 1 background, 2 and more objects.", group=FILES, metavar="FILE"),
    ],
    out: Annotated[Path, option("Mask to write: .tif, .nii, .nii.gz or .npy.", "--out", "-o", group=FILES)],
    spacing: Annotated[
        tuple[float, float, float] | None,
        option(
            "Size of a voxel (default: the file's, or 1,1,1).",
            group=OBJECT,
            metavar="Z,Y,X",
            converter=_spacing,
            n_tokens=1,
        ),
    ] = None,
    neighbors: Annotated[
        int, option("6 (default), 18 or 26 neighbors of a voxel.", group=OBJECT, metavar="N")
    ] = VolumeRecipe.neighbors,
    smoothness: Annotated[
        float,
        option("Cost of a surface, in nats for a face.", group=OBJECT, metavar="X", converter=convert.real),
    ] = VolumeRecipe.smoothness,
    memory: Annotated[
        float,
        option(
            f"Cut in bands above this (default: {VOLUME_MEMORY:g}).",
            group=RUNNING,
            metavar="GB",
            converter=convert.real,
        ),
    ] = VOLUME_MEMORY,
    force: ForceFile = False,
) -> int:
    """Cut objects out of a volume by the voxels that you marked."""
    recipe = VolumeRecipe(neighbors=neighbors, smoothness=smoothness)
    with tracking("volume") as track:
        found = wsseg.segment_volume_file(
            file, seeds, out, spacing=spacing, recipe=recipe, memory=memory, force=force, track=track, notice=say
        )
    proof = "exact" if found.exact else "a bound only: not of the whole volume at once, or of several objects"
    say(f"{found.mask.mean():.1%} object, energy {found.energy:.6g}, flow {found.flow:.6g} nats ({proof}): {out}")
    return 0
