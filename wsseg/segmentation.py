"""The stages in order: from a photo to its mask, and to the evidence for it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import BACKGROUND, FOREGROUND, Box, Image, Mask, Saliency, Seeds
from wsseg.categories import Target
from wsseg.classifier import EMBEDDED, Classifier, load_classifier
from wsseg.files import PhotoSource, read_photo, write_picture
from wsseg.labeling import label
from wsseg.pictures import cutout, heatmap, overlay, strip
from wsseg.recipe import MAX_PIXELS, Recipe, recipe_named
from wsseg.saliency import check_head, saliency_from_classifier

Status: TypeAlias = Literal["ok", "weak", "no object"]


@dataclass(frozen=True, eq=False)
class Sighting:
    """Where the classifier looks in a photo, for one target."""

    image: Image
    """The upright photo."""
    target: Target
    """The class indices, and their names."""
    probability: float
    """The classifier's, that the photo shows the target."""
    saliency: Saliency
    reasons: tuple[str, ...]
    """Short sentences on what to know before trusting this."""

    @property
    def category(self) -> str:
        """The target's name."""
        return self.target.category

    def heatmap(self) -> Image:
        """The saliency in colors."""
        return heatmap(self.saliency)

    def strip(self) -> Image:
        """The photo beside its heatmap."""
        return strip(self.image, self.heatmap())

    def save(self, path: str | PathLike[str], picture: str = "mask") -> None:
        """Writes one of `PICTURES` as a PNG; folders are made, an earlier file is replaced."""
        possible = [name for name in PICTURES if isinstance(self, PICTURES[name].of)]
        if picture not in possible:
            raise ValueError(f"picture must be one of {', '.join(possible)}, got {picture!r}; choose one of these")
        write_picture(path, PICTURES[picture].draw(self))


@dataclass(frozen=True, eq=False)
class Segmentation(Sighting):
    """A mask, and the evidence for it."""

    mask: Mask
    """All False when the status is `no object`."""
    seeds: Seeds
    """What the saliency alone says, at the photo's size."""
    energy: float
    """Of the last cut's labeling, in nats, before it was tidied; 0 when nothing was cut."""
    flow: float
    """The maximum flow, in nats, that certifies the labeling: none has less energy. Equal up to rounding."""
    exact: bool
    """Whether that cut was of the whole photo at once; else of a band along the outline that was found in a smaller
    one, `exact_side` pixels long."""
    status: Status

    @property
    def box(self) -> Box | None:
        """The tightest box around the mask; None when it is empty."""
        rows, columns = np.flatnonzero(self.mask.any(axis=1)), np.flatnonzero(self.mask.any(axis=0))
        if not len(rows):
            return None
        return Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)

    def cutout(self) -> NDArray[np.uint8]:
        """The object alone, (H, W, 4), transparent elsewhere."""
        return cutout(self.image, self.mask)

    def overlay(self) -> Image:
        """The photo with the object outlined and the rest dimmed."""
        return overlay(self.image, self.mask)

    def strip(self) -> Image:
        """Photo, heatmap, seeds and overlay, side by side."""
        return strip(self.image, self.heatmap(), _seed_levels(self.seeds), self.overlay())


class Picture(NamedTuple):
    """One thing to draw of a result, and the folder of a run where it goes."""

    folder: str
    of: type[Sighting]
    draw: Callable[[Any], NDArray[np.uint8]]


PICTURES: Final[Mapping[str, Picture]] = MappingProxyType(
    {
        "mask": Picture("masks", Segmentation, lambda result: result.mask * np.uint8(255)),
        "cutout": Picture("cutouts", Segmentation, lambda result: result.cutout()),
        "overlay": Picture("overlays", Segmentation, lambda result: result.overlay()),
        "seeds": Picture("seeds", Segmentation, lambda result: _seed_levels(result.seeds)),
        "saliency": Picture("saliency", Sighting, lambda result: result.heatmap()),
        "strip": Picture("strips", Sighting, lambda result: result.strip()),
    }
)
"""What can be drawn of a result, by name."""


class Segmenter:
    """A classifier and a recipe, ready for any number of photos, one after the other: it is for one thread.

    `classifier` is a Classifier, or what `load_classifier` takes; `recipe` is a Recipe, or the name
    or .toml file of one.
    """

    def __init__(self, classifier: Classifier | str | Path = EMBEDDED, recipe: Recipe | str | Path = "default") -> None:
        self.classifier = classifier if isinstance(classifier, Classifier) else load_classifier(classifier)
        self.recipe = recipe if isinstance(recipe, Recipe) else recipe_named(recipe)

    def sight(
        self, source: PhotoSource, target: int | str | Target | None = None, *, max_pixels: int = MAX_PIXELS
    ) -> Sighting:
        """Where the classifier looks for the target, an index, wnid or name; None asks for its own first choice.

        Errors as `read_photo` for the photo, as `Categories.resolve` for the target.
        """
        return self.sight_each(source, None if target is None else [target], max_pixels=max_pixels)[0]

    def sight_each(
        self,
        source: PhotoSource,
        targets: Sequence[int | str | Target] | None = None,
        *,
        top: int | None = None,
        max_pixels: int = MAX_PIXELS,
    ) -> tuple[Sighting, ...]:
        """Where the classifier looks for each target, or for each of its `top` likeliest classes, the likeliest first.

        The photo is read once. With neither there is one sighting, `sight`'s; errors as there and as `resolve`.
        """
        chosen = self.resolve(targets, top=top)
        photo = read_photo(source, max_pixels=max_pixels)
        probabilities = self.classifier.probabilities(photo.image)
        return tuple(
            Sighting(
                photo.image,
                target,
                float(probabilities[list(target.indices)].sum()),
                saliency_from_classifier(self.classifier, photo.image, scored, self.recipe),
                photo.notes,
            )
            for target, scored in self._aims(probabilities, chosen, top)
        )

    def segment(
        self, source: PhotoSource, target: int | str | Target | None = None, *, max_pixels: int = MAX_PIXELS
    ) -> Segmentation:
        """The mask of what the classifier sees, or of the target, with the evidence; errors as `sight`."""
        return self.segment_each(source, None if target is None else [target], max_pixels=max_pixels)[0]

    def segment_each(
        self,
        source: PhotoSource,
        targets: Sequence[int | str | Target] | None = None,
        *,
        top: int | None = None,
        max_pixels: int = MAX_PIXELS,
    ) -> tuple[Segmentation, ...]:
        """The mask of each target, or of each of the `top` likeliest classes, with the evidence; as `sight_each`."""
        recipe = self.recipe if targets is None and top is None else self.recipe.given
        sightings = self.sight_each(source, targets, top=top, max_pixels=max_pixels)
        return tuple(self._segmentation(sighting, recipe) for sighting in sightings)

    def resolve(
        self, targets: Sequence[int | str | Target] | None, *, top: int | None = None
    ) -> tuple[Target, ...] | None:
        """The classes that each target means, None for None.

        Errors as `Categories.resolve`; ValueError also for no target, for targets beside `top`, for more `top`
        classes than there are, and where the classifier chooses but lacks the head that the recipe asks for.
        """
        classes = len(self.classifier.categories)
        if top is not None and targets is not None:
            raise ValueError(f"top must be left out where targets are named, got {top}; choose one of the two")
        if top is not None and top not in range(1, classes + 1):
            raise ValueError(f"top must be a number of classes from 1 to {classes}, got {top}; mend it")
        if targets is None:
            if top is None:
                check_head(self.classifier, self.recipe)
            return None
        if isinstance(targets, str) or not isinstance(targets, Sequence):
            raise TypeError(f"targets must be a list, got {targets!r}; put a single target into one")
        if not targets:
            raise ValueError("targets must name one or more, got none; leave them out for the classifier's own choice")
        return tuple(map(self.classifier.categories.resolve, targets))

    def _aims(
        self, probabilities: NDArray[np.float32], targets: Sequence[Target] | None, top: int | None
    ) -> list[tuple[Target, Target]]:
        """What each sighting is of, and the target that its map is of."""
        if top is not None:
            targets = [self.classifier.categories.resolve(index) for index in _likeliest(probabilities, top)]
        if targets is not None:
            return [(target, target) for target in targets]
        first = self.classifier.target(probabilities)
        return [(first, self._blend(probabilities, first))]

    def _blend(self, probabilities: NDArray[np.float32], first: Target) -> Target:
        """The recipe's `blended_classes`, each weighted by its probability, under the name of the first."""
        indices = sorted(_likeliest(probabilities, self.recipe.blended_classes))
        return Target(tuple(indices), first.category, tuple(probabilities[indices].tolist()))

    def _segmentation(self, sighting: Sighting, recipe: Recipe) -> Segmentation:
        labeling = label(sighting.image, sighting.saliency, recipe)
        doubts = (*labeling.doubts, *self._doubts(sighting))
        status: Status = "no object" if not labeling.mask.any() else "weak" if doubts else "ok"
        return Segmentation(
            image=sighting.image,
            target=sighting.target,
            probability=sighting.probability,
            saliency=sighting.saliency,
            reasons=(*doubts, *sighting.reasons),
            mask=labeling.mask,
            seeds=labeling.seeds,
            energy=labeling.energy,
            flow=labeling.flow,
            exact=labeling.exact,
            status=status,
        )

    def _doubts(self, sighting: Sighting) -> tuple[str, ...]:
        """A class less likely than by chance is one that the classifier does not see."""
        chance = len(sighting.target.indices) / len(self.classifier.categories)
        if sighting.probability >= chance:
            return ()
        return (f"the classifier does not see {sighting.category}: probability {sighting.probability:.2g}",)


def segment(
    photo: PhotoSource,
    target: int | str | Target | None = None,
    *,
    classifier: Classifier | str | Path = EMBEDDED,
    recipe: Recipe | str | Path = "default",
) -> Segmentation:
    """The mask of one photo, with the evidence; a `Segmenter` keeps the network for further ones."""
    return Segmenter(classifier, recipe).segment(photo, target)


def _likeliest(probabilities: NDArray[np.float32], count: int) -> list[int]:
    """The indices of the likeliest classes, the likeliest first."""
    indices: list[int] = np.argsort(-probabilities, kind="stable")[:count].tolist()
    return indices


def _seed_levels(seeds: Seeds) -> NDArray[np.uint8]:
    """Seeds as on disk: background 0, unknown 128, object 255."""
    levels = np.full(256, 128, np.uint8)
    levels[[BACKGROUND, FOREGROUND]] = 0, 255
    return levels[seeds]
