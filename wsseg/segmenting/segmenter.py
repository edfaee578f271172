"""All stages in order: from a photo to its saliency, its mask, and the evidence for both."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import Saliency
from wsseg.classifier.categories import Target
from wsseg.classifier.classifier import Classifier
from wsseg.classifier.load import load_classifier
from wsseg.files.photos import Photo, PhotoSource, read_photo
from wsseg.graphcut.confidence import confidence_of, signs_from_maps
from wsseg.graphcut.hints import Hints
from wsseg.graphcut.labels import MOST, labels_from_saliencies
from wsseg.recipe import EMBEDDED, MAX_PIXELS, Recipe, recipe_named
from wsseg.saliency import maps_of, saliency_from_maps
from wsseg.saliency.objectness.objectness import Objectness, objectness_for
from wsseg.segmenting.results import LabelMap, SaliencyResult, Segmentation, TargetResult
from wsseg.segmenting.session import Session
from wsseg.segmenting.status import doubts_of, is_seen, notes_of, status_of
from wsseg.segmenting.targets import check_apart, likeliest


class Segmenter:
    """A classifier and a recipe, ready for any number of photos, in any number of threads.

    Parameters
    ----------
    classifier : Classifier, str or path
        A Classifier, or a name or file for `load_classifier`; default: the bundled one.
    recipe : Recipe, str or path
        A Recipe, or the name or .toml file of one.
    objectness : Objectness, str or path, optional
        The network that knows objects, or its file; default: the one that wsseg ships. It is used if the recipe gives
        it a share.

    Examples
    --------
    >>> segmenter = wsseg.Segmenter(recipe="fast")
    >>> from skimage import data
    >>> found = segmenter.segment(data.chelsea())
    >>> found.category, found.mask.shape
    ('Egyptian cat', (300, 451))
    """

    def __init__(
        self,
        classifier: Classifier | str | Path = EMBEDDED,
        recipe: Recipe | str | Path = "default",
        objectness: Objectness | str | PathLike[str] | None = None,
    ) -> None:
        self.classifier = classifier if isinstance(classifier, Classifier) else load_classifier(classifier)
        self.recipe = recipe if isinstance(recipe, Recipe) else recipe_named(recipe)
        self.objectness = objectness_for(self.recipe, self.classifier, objectness)

    def saliency(
        self, source: PhotoSource, target: int | str | Target | None = None, *, max_pixels: int = MAX_PIXELS
    ) -> SaliencyResult:
        """Return where the classifier sees a target.

        Parameters
        ----------
        source : path, bytes, file, PIL image or (H, W, 3) uint8 array
            The photo, see `read_image`.
        target : int, str or Target, optional
            Class index, wnid or name; default: the classifier's first choice.
        max_pixels : int
            Larger photos are refused.

        Returns
        -------
        SaliencyResult

        Raises
        ------
        ReadError, TypeError, ValueError
            If the photo cannot be read, or the target fits no class or several, see `Categories.resolve`.
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
        """Return where the classifier sees each target, reading the photo once.

        Parameters
        ----------
        source : path, bytes, file, PIL image or (H, W, 3) uint8 array
            The photo, see `read_image`.
        targets : sequence of int, str or Target, optional
            Class indices, wnids or names; default: the classifier's first choice.
        top : int, optional
            In place of targets: this many of the likeliest classes.
        max_pixels : int
            Larger photos are refused.

        Returns
        -------
        tuple of SaliencyResult
            One for each target in their order, or for each of the `top` classes, the likeliest first.

        Raises
        ------
        ReadError, TypeError, ValueError
            As `saliency` and `resolve`.
        """
        chosen = self.resolve(targets, top=top)
        photo = read_photo(source, max_pixels=max_pixels)
        probabilities = self.classifier.probabilities(photo.image)
        found = self._targets(probabilities, chosen, top)
        is_needed = any(self.recipe.objectness_of(given=scored.given) for _, scored in found)
        network = self.objectness if is_needed else None
        objects = network.map(photo.image, mirror=self.recipe.mirror) if network else None
        return tuple(self._seen(photo, objects, *one, probabilities) for one in found)

    def _seen(
        self, photo: Photo, objects: Saliency | None, target: Target, scored: Target, found: NDArray[np.float32]
    ) -> SaliencyResult:
        """Return where a target is, given the photo's map of objects and what probabilities were `found`."""
        maps = maps_of(self.classifier, photo.image, scored, self.recipe, objects)
        return SaliencyResult(
            image=photo.image,
            target=target,
            probability=self.classifier.probability_of(target, found),
            saliency=saliency_from_maps(maps, photo.image.shape[:2], self.recipe, given=scored.given),
            reasons=(*self.classifier.categories.notes_on(target, found), *photo.notes),
            scored=scored,
            seen=is_seen(target, found, presence=self.recipe.presence),
            maps=maps,
        )

    def segment(
        self,
        source: PhotoSource,
        target: int | str | Target | None = None,
        *,
        hints: Hints | None = None,
        max_pixels: int = MAX_PIXELS,
    ) -> Segmentation:
        """Return the mask of a target, and the evidence for it.

        Parameters
        ----------
        source : path, bytes, file, PIL image or (H, W, 3) uint8 array
            The photo, see `read_image`.
        target : int, str or Target, optional
            Class index, wnid or name; default: the classifier's first choice.
        hints : Hints, optional
            What a person marked in the photo.
        max_pixels : int
            Larger photos are refused.

        Returns
        -------
        Segmentation

        Raises
        ------
        ReadError, TypeError, ValueError
            As `saliency`, and if the hints are not valid, see `seeds_from_hints`.
        """
        with self.open(source, target, max_pixels=max_pixels) as session:
            return session.segment(hints)

    def open(
        self, source: PhotoSource, target: int | str | Target | None = None, *, max_pixels: int = MAX_PIXELS
    ) -> Session:
        """Return a session, to segment one photo again and again as hints arrive.

        Parameters
        ----------
        source : path, bytes, file, PIL image or (H, W, 3) uint8 array
            The photo, see `read_image`.
        target : int, str or Target, optional
            Class index, wnid or name; default: the classifier's first choice.
        max_pixels : int
            Larger photos are refused.

        Returns
        -------
        Session

        Raises
        ------
        ReadError, TypeError, ValueError
            As `saliency`.
        """
        return self._session(self.saliency(source, target, max_pixels=max_pixels))

    def segment_each(
        self,
        source: PhotoSource,
        targets: Sequence[int | str | Target] | None = None,
        *,
        top: int | None = None,
        max_pixels: int = MAX_PIXELS,
    ) -> tuple[Segmentation, ...]:
        """Return the mask of each target, each as if it were the only target, and the evidence for it.

        Parameters
        ----------
        source : path, bytes, file, PIL image or (H, W, 3) uint8 array
            The photo, see `read_image`.
        targets : sequence of int, str or Target, optional
            Class indices, wnids or names; default: the classifier's first choice.
        top : int, optional
            In place of targets: this many of the likeliest classes.
        max_pixels : int
            Larger photos are refused.

        Returns
        -------
        tuple of Segmentation
            One for each target in their order, or for each of the `top` classes, the likeliest first.

        Raises
        ------
        ReadError, TypeError, ValueError
            As `saliency_each`.
        """
        results = self.saliency_each(source, targets, top=top, max_pixels=max_pixels)
        return tuple(self._session(result).segment() for result in results)

    def _session(self, result: SaliencyResult) -> Session:
        return Session(self.classifier, result, self.recipe, self.objectness)

    def segment_categories(
        self,
        source: PhotoSource,
        targets: Sequence[int | str | Target],
        *,
        instances: bool = False,
        max_pixels: int = MAX_PIXELS,
    ) -> LabelMap:
        """Return one map of several targets: each pixel belongs to one of them or to the background.

        A target that the classifier does not see, by the recipe's `presence`, is `no object` and has no pixel.

        Parameters
        ----------
        source : path, bytes, file, PIL image or (H, W, 3) uint8 array
            The photo, see `read_image`.
        targets : sequence of int, str or Target
            Class indices, wnids or names; 1 to 254 of them.
        instances : bool
            Keep all components of each target; otherwise the recipe decides whether only the largest is kept.
        max_pixels : int
            Larger photos are refused.

        Returns
        -------
        LabelMap

        Raises
        ------
        ReadError, TypeError, ValueError
            As `saliency_each`, and if two targets share a class or there are more than 254.
        """
        results = self.saliency_each(source, check_apart(self.resolve(targets)), max_pixels=max_pixels)
        recipe = replace(self.recipe, largest=self.recipe.largest and not instances)
        image, saliencies = results[0].image, [result.saliency if result.seen else None for result in results]
        given = all(result.scored.given for result in results)
        found = labels_from_saliencies(image, saliencies, recipe, given=given)
        present = np.bincount(found.labels.ravel(), minlength=MOST + 1)[1:].astype(np.bool_).tolist()
        signs = (
            {**one, **signs_from_maps(result.maps, found.labels == label)} if one else one
            for label, (result, one) in enumerate(zip(results, found.signs, strict=True), 1)
        )
        each = zip(results, signs, found.doubts, present[: len(results)], strict=True)
        return LabelMap(
            image, found.labels, tuple(self._target_result(*one) for one in each), found.energy, found.exact
        )

    def _target_result(
        self, result: SaliencyResult, signs: Mapping[str, float], doubts: tuple[str, ...], found: bool
    ) -> TargetResult:
        confidence = confidence_of(signs)
        doubts += doubts_of(result, confidence if found else None)
        return TargetResult(
            image=result.image,
            target=result.target,
            probability=result.probability,
            saliency=result.saliency,
            reasons=(*doubts, *notes_of(result, len(self.classifier.categories)), *result.reasons),
            scored=result.scored,
            seen=result.seen,
            confidence=confidence,
            status=status_of(found, doubts, confidence),
            maps=result.maps,
        )

    def resolve(
        self, targets: Sequence[int | str | Target] | None, *, top: int | None = None
    ) -> tuple[Target, ...] | None:
        """Return the classes that each target means.

        Parameters
        ----------
        targets : sequence of int, str or Target, or None
            Class indices, wnids or names.
        top : int, optional
            The number of likeliest classes that is asked for instead; it is only checked.

        Returns
        -------
        tuple of Target, or None
            None if the classifier chooses.

        Raises
        ------
        TypeError, ValueError
            If a target fits no class or several (see `Categories.resolve`), if there are no targets, or targets and
            `top`, or more `top` classes than there are.
        """
        classes = len(self.classifier.categories)
        if top is not None and targets is not None:
            raise ValueError("top and targets cannot be combined, got both; drop one")
        if top is not None and top not in range(1, classes + 1):
            raise ValueError(
                f"top must be a number of classes from 1 to {classes}, got {top}; choose one in that range"
            )
        if targets is None:
            return None
        if isinstance(targets, str) or not isinstance(targets, Sequence):
            raise TypeError(f"targets must be a list, got {targets!r}; put a single target into a list")
        if not targets:
            raise ValueError(
                "targets must hold at least one target, got none; leave them out and the classifier chooses"
            )
        return tuple(map(self.classifier.categories.resolve, targets))

    def _targets(
        self, probabilities: NDArray[np.float32], targets: Sequence[Target] | None, top: int | None
    ) -> list[tuple[Target, Target]]:
        """Return the target of each result, and the classes that its map explains."""
        if top is not None:
            targets = [self.classifier.categories.resolve(index) for index in likeliest(probabilities, top)]
        if targets is not None:
            return [(target, target) for target in targets]
        first = self.classifier.target(probabilities)
        return [(first, self._blend(probabilities, first))]

    def _blend(self, probabilities: NDArray[np.float32], first: Target) -> Target:
        """Return the recipe's `blended_classes`, each weighted by its probability, under the name of the first."""
        indices = sorted(likeliest(probabilities, self.recipe.blended_classes))
        return Target(tuple(indices), first.category, tuple(probabilities[indices].tolist()))


def segment(
    photo: PhotoSource,
    target: int | str | Target | None = None,
    *,
    classifier: Classifier | str | Path = EMBEDDED,
    recipe: Recipe | str | Path = "default",
    objectness: Objectness | str | PathLike[str] | None = None,
    hints: Hints | None = None,
) -> Segmentation:
    """Return the mask of one photo, and the evidence for it; for several photos use a `Segmenter`.

    Parameters
    ----------
    photo : path, bytes, file, PIL image or (H, W, 3) uint8 array
        The photo, see `read_image`.
    target : int, str or Target, optional
        Class index, wnid or name; default: the classifier's first choice.
    classifier : Classifier, str or path
        A Classifier, or a name or file for `load_classifier`; default: the bundled one.
    recipe : Recipe, str or path
        A Recipe, or the name or .toml file of one.
    objectness : Objectness, str or path, optional
        The network that knows objects, or its file; default: the one that wsseg ships.
    hints : Hints, optional
        What a person marked in the photo.

    Returns
    -------
    Segmentation

    Raises
    ------
    ReadError, TypeError, ValueError
        If the photo cannot be read, the target fits no class or several, or the hints are not valid.

    Examples
    --------
    >>> from skimage import data
    >>> wsseg.segment(data.coffee(), recipe="fast")
    Segmentation('espresso', probability=0.90, status='unsure', confidence=0..., 600 x 400 pixels)
    """
    return Segmenter(classifier, recipe, objectness).segment(photo, target, hints=hints)
