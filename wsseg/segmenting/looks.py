"""Looks at a photo: the method on the whole of it, and again in a window around the mask.

In the window a small object is large: the network sees it at several times the size, the mixtures learn only the colors
near it, and the cut has more pixels for its outline. A classifier's own map comes from the whole photo in every look,
because it depends on what else the photo shows.
"""

from typing import Final

from wsseg.arrays import Box, Maps, Mask
from wsseg.graphcut.confidence import mean_signs, signs_from_maps
from wsseg.graphcut.masks import mask_from_saliency
from wsseg.graphcut.regions import box_of
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
    first = mask_from_saliency(result.image, result.saliency, recipe, given=result.scored.given)
    found = with_signs_of(result.maps, first)
    signs = [found.signs]
    for _ in range(recipe.looks - 1):
        window = window_around(found.mask, recipe)
        nearer = None if window is None else _mask_in(window, result, recipe, objectness)
        if nearer is None or not nearer.mask.any():
            break
        found = nearer
        signs.append(found.signs)
    return found._replace(seeds=first.seeds, signs=mean_signs(signs))


def with_signs_of(maps: Maps, found: MaskResult) -> MaskResult:
    """Return the mask with the signs that come from maps of the same pixels, if it has signs at all."""
    return found._replace(signs={**found.signs, **signs_from_maps(maps, found.mask)}) if found.signs else found


def window_around(mask: Mask, recipe: Recipe) -> Box | None:
    """Return the window of the next look; None if there is no object, or no need to look again."""
    box = box_of(mask)
    if box is None:
        return None
    window = box_grown(box, mask.shape, margin=recipe.look_margin)
    width, height = window.x1 - window.x0, window.y1 - window.y0
    return window if width * height <= LARGEST * mask.size and min(width, height) >= SMALLEST else None


def _mask_in(window: Box, result: SaliencyResult, recipe: Recipe, objectness: Objectness | None) -> MaskResult:
    image, given, (own, objects) = image_in(window, result.image), result.scored.given, result.maps
    maps = Maps(
        None if own is None else map_in(window, own, result.image.shape, own.shape),
        None if objects is None or objectness is None else objectness.map(image, mirror=recipe.mirror),
    )
    saliency = saliency_from_maps(maps, image.shape[:2], recipe, given=given)
    found = with_signs_of(maps, mask_from_saliency(image, saliency, recipe, given=given))
    return found._replace(mask=mask_from_window(window, found.mask, result.image.shape), exact=False)
