"""Looks at a photo: the method on the whole of it, and again in a window around the mask.

In the window a small object is large: the network sees it at several times the size, the mixtures learn only the colors
near it, and the cut has more pixels for its outline. A classifier's own map comes from the whole photo in every look,
because it depends on what else the photo shows.

A look that only places the window of the next one is a rough one: it cuts the photo at a smaller size.
"""

import math
from typing import Final, NamedTuple

from wsseg.arrays import Box, Image, Maps, Mask, Saliency
from wsseg.graphcut.confidence import mean_signs, signs_from_maps
from wsseg.graphcut.masks import mask_from_saliency
from wsseg.graphcut.pyramid import Level, level_at
from wsseg.graphcut.regions import box_of
from wsseg.graphcut.seeds import seeds_from_saliency
from wsseg.graphcut.solver import MaskResult
from wsseg.graphcut.windows import box_grown, image_in, map_in, mask_from_window
from wsseg.recipe import Recipe
from wsseg.saliency import saliency_from_maps
from wsseg.saliency.objectness.objectness import Objectness
from wsseg.segmenting.results import SaliencyResult

LARGEST: Final = 0.8
"""Share of the photo that a window may cover; a larger one shows nothing that the look before did not."""

SMALLEST: Final = 16
"""Short side of a window, in pixels; a smaller one has too few to look at."""

ROUGH: Final = 2 / 3
"""Long side of the photo in a rough look, per `exact_side` of the recipe."""


class _Look(NamedTuple):
    """A window of a photo, and its maps."""

    window: Box
    image: Image
    saliency: Saliency
    maps: Maps

    def found(self, recipe: Recipe, *, given: bool, rough: bool) -> MaskResult:
        """Return the mask of the window, at its own size or a rough one, see `mask_from_saliency`."""
        level = Level(self.image, self.saliency)
        image, saliency = level_at(*level, round(ROUGH * recipe.exact_side)) if rough else level
        return with_signs_of(self.maps, mask_from_saliency(image, saliency, recipe, given=given))


def mask_from_looks(result: SaliencyResult, recipe: Recipe, objectness: Objectness | None) -> MaskResult:
    """Return the mask of a photo after as many looks as the recipe says.

    A look that finds no object in its window changes nothing. The seeds are those of the whole photo, the signs the
    means of all looks; energy, flow and doubts are of the last look.

    Parameters
    ----------
    result : SaliencyResult
        The photo and its maps.
    recipe : Recipe
        All numbers of the method.
    objectness : Objectness, optional
        The network, which looks into each window if the result has a map of it.
    """
    found, window = _found(result, recipe, objectness)
    return found if window is None else _in_whole(found, window, result.saliency, recipe)


def _found(result: SaliencyResult, recipe: Recipe, objectness: Objectness | None) -> tuple[MaskResult, Box | None]:
    """Return what the last look found, and its window; None if that is the whole photo."""
    (height, width), given = result.image.shape[:2], result.scored.given
    look = whole = _Look(Box(0, 0, width, height), result.image, result.saliency, result.maps)
    found = look.found(recipe, given=given, rough=recipe.looks > 1)
    signs = [found.signs]
    for left in reversed(range(recipe.looks - 1)):
        window = window_around(found.mask, look.window, result.saliency.shape, recipe)
        nearer = None if window is None else _look_into(window, result, recipe, objectness)
        inside = None if nearer is None else nearer.found(recipe, given=given, rough=left > 0)
        if nearer is None or inside is None or not inside.mask.any():
            break
        look, found = nearer, inside
        signs.append(found.signs)
    if found.mask.shape != look.saliency.shape:  # It was a rough look, and no window followed.
        found = look.found(recipe, given=given, rough=False)
        signs[-1] = found.signs
    return found._replace(signs=mean_signs(signs)), None if look is whole else look.window


def with_signs_of(maps: Maps, found: MaskResult) -> MaskResult:
    """Return the mask with the signs that come from maps of the same pixels, if it has signs at all."""
    return found._replace(signs={**found.signs, **signs_from_maps(maps, found.mask)}) if found.signs else found


def window_around(mask: Mask, within: Box, shape: tuple[int, ...], recipe: Recipe) -> Box | None:
    """Return the window of the next look, in a photo of (height, width); None without an object, or a need to look.

    The mask has any size and lies `within` a window of the photo.
    """
    box = box_of(mask)
    if box is None:
        return None
    across, down = (within.x1 - within.x0) / mask.shape[1], (within.y1 - within.y0) / mask.shape[0]
    x0, y0 = within.x0 + math.floor(box.x0 * across), within.y0 + math.floor(box.y0 * down)
    x1, y1 = within.x0 + math.ceil(box.x1 * across), within.y0 + math.ceil(box.y1 * down)
    window = box_grown(Box(x0, y0, x1, y1), shape, margin=recipe.look_margin)
    width, height = window.x1 - window.x0, window.y1 - window.y0
    return window if width * height <= LARGEST * shape[0] * shape[1] and min(width, height) >= SMALLEST else None


def _look_into(window: Box, result: SaliencyResult, recipe: Recipe, objectness: Objectness | None) -> _Look:
    image, (own, objects) = image_in(window, result.image), result.maps
    maps = Maps(
        None if own is None else map_in(window, own, result.image.shape, own.shape),
        None if objects is None or objectness is None else objectness.map(image, mirror=recipe.mirror),
    )
    return _Look(window, image, saliency_from_maps(maps, image.shape[:2], recipe, given=result.scored.given), maps)


def _in_whole(found: MaskResult, window: Box, saliency: Saliency, recipe: Recipe) -> MaskResult:
    """Return what was found in a window of a photo, with the seeds of its saliency (H, W)."""
    seeds = seeds_from_saliency(
        saliency, foreground_quantile=recipe.foreground_quantile, background_quantile=recipe.background_quantile
    )
    return found._replace(mask=mask_from_window(window, found.mask, saliency.shape), seeds=seeds, exact=False)
