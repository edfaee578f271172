"""The stages in order: from a photo to its mask, and to the evidence for it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wsseg.classifier.categories import Target
from wsseg.classifier.classifier import Classifier
from wsseg.classifier.load import load_classifier
from wsseg.classifier.weights import EMBEDDED
from wsseg.files.photos import PhotoSource, read_photo
from wsseg.graphcut.confidence import confidence_of
from wsseg.graphcut.hints import Hints
from wsseg.graphcut.several import MOST, labels_from_saliencies
from wsseg.recipe import MAX_PIXELS, Recipe, recipe_named
from wsseg.saliency import check_head, saliency_from_classifier
from wsseg.segmenting.results import LabelMap, SaliencyResult, Segmentation, TargetResult
from wsseg.segmenting.session import Session, doubts_of, status_of


class Segmenter:
    """A classifier and a recipe, ready for any number of photos, one after the other: it is for one thread.

    `classifier` is a Classifier, or what `load_classifier` takes; `recipe` is a Recipe, or the name
    or .toml file of one.
    """

    def __init__(self, classifier: Classifier | str | Path = EMBEDDED, recipe: Recipe | str | Path = "default") -> None:
        self.classifier = classifier if isinstance(classifier, Classifier) else load_classifier(classifier)
        self.recipe = recipe if isinstance(recipe, Recipe) else recipe_named(recipe)

    def saliency(
        self, source: PhotoSource, target: int | str | Target | None = None, *, max_pixels: int = MAX_PIXELS
    ) -> SaliencyResult:
        """Where the classifier looks for the target, an index, wnid or name; None asks for its own first choice.

        Errors as `read_photo` for the photo, as `Categories.resolve` for the target.
        """
        return self.saliency_each(source, None if target is None else [target], max_pixels=max_pixels)[0]

    def saliency_each(
        self,
        source: PhotoSource,
        targets: Sequence[int | str | Target] | None = None,
        *,
        top: int | None = None,
        max_pixels: int = MAX_PIXELS,
    ) -> tuple[SaliencyResult, ...]:
        """Where the classifier looks for each target, or for each of its `top` likeliest classes, the likeliest first.

        The photo is read once. With neither there is one result, `saliency`'s; errors as there and as `resolve`.
        """
        chosen = self.resolve(targets, top=top)
        photo = read_photo(source, max_pixels=max_pixels)
        probabilities = self.classifier.probabilities(photo.image)
        return tuple(
            SaliencyResult(
                photo.image,
                target,
                float(probabilities[list(target.indices)].sum()),
                saliency_from_classifier(self.classifier, photo.image, scored, self.recipe),
                photo.notes,
            )
            for target, scored in self._aims(probabilities, chosen, top)
        )

    def segment(
        self,
        source: PhotoSource,
        target: int | str | Target | None = None,
        *,
        hints: Hints | None = None,
        max_pixels: int = MAX_PIXELS,
    ) -> Segmentation:
        """The mask of what the classifier sees, or of the target, with the evidence; errors as `open`."""
        with self.open(source, target, max_pixels=max_pixels) as session:
            return session.segment(hints)

    def open(
        self, source: PhotoSource, target: int | str | Target | None = None, *, max_pixels: int = MAX_PIXELS
    ) -> "Session":
        """A photo to be segmented again and again as hints come; errors as `saliency`."""
        recipe = self.recipe if target is None else self.recipe.given
        return Session(self.classifier, self.saliency(source, target, max_pixels=max_pixels), recipe)

    def segment_each(
        self,
        source: PhotoSource,
        targets: Sequence[int | str | Target] | None = None,
        *,
        top: int | None = None,
        max_pixels: int = MAX_PIXELS,
    ) -> tuple[Segmentation, ...]:
        """The mask of each target, or of each of the `top` likeliest classes, with the evidence; as `saliency_each`."""
        recipe = self.recipe if targets is None and top is None else self.recipe.given
        results = self.saliency_each(source, targets, top=top, max_pixels=max_pixels)
        return tuple(Session(self.classifier, result, recipe).segment() for result in results)

    def segment_categories(
        self,
        source: PhotoSource,
        targets: Sequence[int | str | Target],
        *,
        instances: bool = False,
        max_pixels: int = MAX_PIXELS,
    ) -> LabelMap:
        """The labels of all the targets at once: each pixel is of one of them, or of the background.

        Unless `instances` are wanted, each target has its largest component only, if the recipe says so. Errors as
        `saliency_each`; ValueError also for a class in two targets, and for more than 254 targets.
        """
        recipe = replace(self.recipe.given, largest=self.recipe.largest and not instances)
        results = self.saliency_each(source, check_apart(self.resolve(targets)), max_pixels=max_pixels)
        image = results[0].image
        found = labels_from_saliencies(image, [result.saliency for result in results], recipe)
        present = np.bincount(found.labels.ravel(), minlength=MOST + 1)[1:].astype(np.bool_).tolist()
        shares = zip(results, found.signs, found.doubts, present[: len(results)], strict=True)
        parts = tuple(self._target_result(*share) for share in shares)
        return LabelMap(image, found.labels, parts, found.energy, found.exact)

    def _target_result(
        self, result: SaliencyResult, signs: Mapping[str, float], doubts: tuple[str, ...], found: bool
    ) -> TargetResult:
        confidence = confidence_of(signs)
        doubts += doubts_of(result, len(self.classifier.categories), confidence if found else None)
        return TargetResult(
            image=result.image,
            target=result.target,
            probability=result.probability,
            saliency=result.saliency,
            reasons=(*doubts, *result.reasons),
            confidence=confidence,
            status=status_of(found, doubts),
        )

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
        """What each result is of, and the target that its map is of."""
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


def check_apart(targets: Sequence[Target] | None) -> Sequence[Target]:
    """The targets themselves, known to be some that one label map can tell apart; ValueError otherwise."""
    if not targets or len(targets) > MOST:
        raise ValueError(f"targets must name 1 to {MOST}, got {len(targets or ())}; name those that the photo shows")
    owners: dict[int, Target] = {}
    for target in targets:
        for index in target.indices:
            if (owner := owners.setdefault(index, target)) is not target:
                raise ValueError(
                    f"targets must have no class in common, got {owner.category!r} and {target.category!r}; drop one"
                )
    return targets


def segment(
    photo: PhotoSource,
    target: int | str | Target | None = None,
    *,
    classifier: Classifier | str | Path = EMBEDDED,
    recipe: Recipe | str | Path = "default",
    hints: Hints | None = None,
) -> Segmentation:
    """The mask of one photo, with the evidence; a `Segmenter` keeps the network for further ones."""
    return Segmenter(classifier, recipe).segment(photo, target, hints=hints)


def _likeliest(probabilities: NDArray[np.float32], count: int) -> list[int]:
    """The indices of the likeliest classes, the likeliest first."""
    indices: list[int] = np.argsort(-probabilities, kind="stable")[:count].tolist()
    return indices
