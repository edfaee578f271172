"""The stages in order: from a photo to its mask, and to the evidence for it."""

import base64
import html
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import BACKGROUND, FOREGROUND, Box, Image, Labels, Mask, Saliency, Seeds
from wsseg.categories import Target
from wsseg.classifier import EMBEDDED, Classifier, load_classifier
from wsseg.confidence import LEAST, confidence_of
from wsseg.energy import log_odds
from wsseg.files import (
    FORMATS,
    SUFFIXES,
    UNKNOWN_LEVEL,
    VOC_COLORS,
    PhotoSource,
    encoded_labels,
    encoded_picture,
    read_photo,
    replacing,
)
from wsseg.hints import Hints, box_grown, odds_from_hints, odds_in_window, odds_raised, seeds_from_hints
from wsseg.labeling import Advice, Labeler, Labeling, label, seeds_at, shrunk, shrunk_size
from wsseg.pictures import PLAIN, Style, cutout, heatmap, overlay, overlay_labels, strip
from wsseg.recipe import MAX_PIXELS, Recipe, recipe_named
from wsseg.regions import box_of, instances_of
from wsseg.saliency import check_head, features_of, saliency_from_classifier
from wsseg.seeds import seeds_from_saliency
from wsseg.several import MOST, label_several

Status: TypeAlias = Literal["ok", "weak", "no object"]

SHOWN_SIDE: Final = 960
"""Pixels of the long side of what a notebook shows."""

NO_FEATURES: Final = "hints tell of other pixels by place and color alone, since the classifier has no grid of features"


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

    def save(self, path: str | PathLike[str], picture: str = "mask", style: Style | None = None) -> None:
        """Writes one of `PICTURES`; folders are made, an earlier file is replaced.

        Without a style the path's suffix chooses the format; with one it must be of the style's. Masks and seeds are
        PNGs always.
        """
        _save(self, path, picture, style)

    def _repr_png_(self) -> bytes:
        """The strip, for a notebook."""
        return encoded_picture(shrunk(self.strip(), SHOWN_SIDE))

    def _repr_html_(self) -> str:
        return _shown(self._repr_png_(), [self])


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
    one, `exact_side` pixels long. With a box as a hint, all this and the reasons are of the box and its margin."""
    confidence: float
    """The IoU of the mask with the truth that is to be expected, in [0, 1]; see confidence.py."""
    status: Status

    @property
    def concentration(self) -> float:
        """The share of the saliency that lies in the mask, in [0, 1]: a heatmap spread wide over the photo is a warning
        (as in the article that this method became known by), whatever the mask looks like."""
        total = float(self.saliency.sum(dtype=np.float64))
        return float(self.saliency[self.mask].sum(dtype=np.float64)) / total if total else 0.0

    @property
    def box(self) -> Box | None:
        """The tightest box around the mask; None when it is empty."""
        return box_of(self.mask)

    def cutout(self, style: Style = PLAIN) -> NDArray[np.uint8]:
        """The object alone, (H, W, 4), transparent elsewhere, or (H, W, 3) on the style's background."""
        return cutout(self.image, self.mask, style)

    def overlay(self) -> Image:
        """The photo with the object outlined and the rest dimmed."""
        return overlay(self.image, self.mask)

    def strip(self) -> Image:
        """Photo, heatmap, seeds and overlay, side by side."""
        return strip(self.image, self.heatmap(), _seed_levels(self.seeds), self.overlay())


@dataclass(frozen=True, eq=False)
class Part(Sighting):
    """One target's share in a `LabelMap`."""

    confidence: float
    """The IoU of its pixels with the truth that is to be expected, in [0, 1]; see confidence.py."""
    status: Status
    """`no object` when no pixel is the target's."""


@dataclass(frozen=True, eq=False)
class LabelMap:
    """Which of several targets each pixel of a photo belongs to, and the evidence for it."""

    image: Image
    """The upright photo."""
    labels: Labels
    """0 on the background, and i on the target of parts[i - 1]."""
    parts: tuple[Part, ...]
    """Where the classifier looks for each target, and what is to be thought of its pixels."""
    energy: float
    """Of the last labeling, in nats, before it was tidied; 0 when nothing was labeled."""
    exact: bool
    """Whether no labeling of the whole photo has less energy, which is known of one target in a small photo."""

    @property
    def targets(self) -> tuple[Target, ...]:
        """What label i stands for is at i - 1."""
        return tuple(part.target for part in self.parts)

    def mask(self, label: int) -> Mask:
        """The pixels of that label, 0 for the background."""
        if label not in range(len(self.parts) + 1):
            raise ValueError(f"label must be a whole number from 0 to {len(self.parts)}, got {label}; see targets")
        return np.asarray(self.labels == label)

    def instances(self) -> Labels:
        """Each connected part of each target with a number of its own, from 1 for the largest; see `instances_of`."""
        return instances_of(self.labels)

    def overlay(self) -> Image:
        """The photo with each target in its color, that of its label in PASCAL VOC, and the background dimmed."""
        return overlay_labels(self.image, self.labels, colors=VOC_COLORS)

    def save(self, path: str | PathLike[str], picture: str = "labels", style: Style | None = None) -> None:
        """Writes labels or instances as a PNG in the colors of PASCAL VOC, see `write_labels`, or the overlay.

        The overlay's format is chosen as by `Sighting.save`.
        """
        _save(self, path, picture, style)

    def _repr_png_(self) -> bytes:
        """The overlay, for a notebook."""
        return encoded_picture(shrunk(self.overlay(), SHOWN_SIDE))

    def _repr_html_(self) -> str:
        return _shown(self._repr_png_(), self.parts)


class Picture(NamedTuple):
    """One thing to draw of a result, and the folder of a run where it goes."""

    folder: str
    of: tuple[type[Sighting | LabelMap], ...]
    draw: Callable[[Any, Style], NDArray[np.uint8]]
    encode: Callable[[NDArray[np.uint8]], bytes] | None = None
    """To a PNG, of what is to be measured; what is to be looked at is in the style's format."""


PICTURES: Final[Mapping[str, Picture]] = MappingProxyType(
    {
        "mask": Picture("masks", (Segmentation,), lambda result, _: result.mask * np.uint8(255), encoded_picture),
        "cutout": Picture("cutouts", (Segmentation,), lambda result, style: result.cutout(style)),
        "labels": Picture("labels", (LabelMap,), lambda result, _: result.labels, encoded_labels),
        "instances": Picture("instances", (LabelMap,), lambda result, _: result.instances(), encoded_labels),
        "overlay": Picture("overlays", (Segmentation, LabelMap), lambda result, _: result.overlay()),
        "seeds": Picture("seeds", (Segmentation,), lambda result, _: _seed_levels(result.seeds), encoded_picture),
        "saliency": Picture("saliency", (Sighting,), lambda result, _: result.heatmap()),
        "strip": Picture("strips", (Sighting,), lambda result, _: result.strip()),
    }
)
"""What can be drawn of a result, by name."""


def pictures_of(kind: type[Sighting | LabelMap]) -> list[str]:
    """The names of the `PICTURES` of such a result."""
    return [name for name, picture in PICTURES.items() if issubclass(kind, picture.of)]


def suffix_of(picture: str, style: Style) -> str:
    """Of the files of that picture: `.png`, `.webp` or `.jpg`."""
    return ".png" if PICTURES[picture].encode else f".{style.format}"


def check_style(style: Style, pictures: Collection[str]) -> None:
    """ValueError when the style cannot draw one of the pictures, of whatever photo."""
    if "cutout" in pictures and style.format == "jpg" and not style.background:
        raise ValueError("background must be a color or blur for cut-outs as jpg, got none; or choose png or webp")


def encode(result: Sighting | LabelMap, picture: str, style: Style = PLAIN) -> bytes:
    """The file of one of `PICTURES`; equal results make equal bytes.

    ValueError for one that there is not of such a result, and as `check_style` and `encoded_picture`.
    """
    _check_is_of(result, picture)
    check_style(style, [picture])
    drawn, as_png = PICTURES[picture].draw(result, style), PICTURES[picture].encode
    return as_png(drawn) if as_png else encoded_picture(drawn, style.format)


def _check_is_of(result: Sighting | LabelMap, picture: str) -> None:
    possible = pictures_of(type(result))
    if picture not in possible:
        raise ValueError(f"picture must be one of {', '.join(possible)}, got {picture!r}; choose one of these")


def _shown(png: bytes, findings: Sequence[Sighting]) -> str:
    """The picture as HTML, and a line below on each finding."""
    lines = "".join(f"<br>{html.escape(_said_of(finding))}" for finding in findings)
    return f'<img alt="" style="max-width: 100%" src="data:image/png;base64,{base64.b64encode(png).decode()}">{lines}'


def _said_of(finding: Sighting) -> str:
    words = [f"{finding.category} {finding.probability:.2f}"]
    if isinstance(finding, (Segmentation, Part)):
        words.append(f"{finding.status}, confidence {finding.confidence:.2f}")
    return " · ".join([*words, *finding.reasons])


def _save(result: Sighting | LabelMap, path: str | PathLike[str], picture: str, style: Style | None) -> None:
    _check_is_of(result, picture)
    format = _format_of(Path(path), picture, style)
    data = encode(result, picture, style or Style(format=format))
    with replacing(Path(path)) as file:
        file.write(data)


def _format_of(path: Path, picture: str, style: Style | None) -> str:
    """The one that the path's suffix names, of those that the picture may have."""
    measured = PICTURES[picture].encode is not None
    formats = ["png"] if measured else [style.format] if style else list(FORMATS)
    suffixes = {suffix: format for suffix, format in SUFFIXES.items() if format in formats}
    if path.suffix.lower() not in suffixes:
        remedy = "what is measured must keep every value" if measured else "rename it, or change the style's format"
        raise ValueError(f"path must end in {' or '.join(suffixes)}, got {path}; {remedy}")
    return suffixes[path.suffix.lower()]


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
        """A photo to be segmented again and again as hints come; errors as `sight`."""
        recipe = self.recipe if target is None else self.recipe.given
        return Session(self.classifier, self.sight(source, target, max_pixels=max_pixels), recipe)

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
        return tuple(Session(self.classifier, sighting, recipe).segment() for sighting in sightings)

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
        `sight_each`; ValueError also for a class in two targets, and for more than 254 targets.
        """
        recipe = replace(self.recipe.given, largest=self.recipe.largest and not instances)
        sightings = self.sight_each(source, check_apart(self.resolve(targets)), max_pixels=max_pixels)
        image = sightings[0].image
        found = label_several(image, [sighting.saliency for sighting in sightings], recipe)
        present = np.bincount(found.labels.ravel(), minlength=MOST + 1)[1:].astype(np.bool_).tolist()
        shares = zip(sightings, found.signs, found.doubts, present[: len(sightings)], strict=True)
        parts = tuple(self._part(*share) for share in shares)
        return LabelMap(image, found.labels, parts, found.energy, found.exact)

    def _part(self, sighting: Sighting, signs: Mapping[str, float], doubts: tuple[str, ...], found: bool) -> Part:
        confidence = confidence_of(signs)
        doubts += _doubts(sighting, len(self.classifier.categories), confidence if found else None)
        return Part(
            image=sighting.image,
            target=sighting.target,
            probability=sighting.probability,
            saliency=sighting.saliency,
            reasons=(*doubts, *sighting.reasons),
            confidence=confidence,
            status=_status(found, doubts),
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


class Session:
    """A photo with its map, kept while a person hints at what the object is: by `Segmenter.open`.

    The map is made when it is opened, mixtures and graphs at the first mask; each further mask is a cut.
    """

    def __init__(self, classifier: Classifier, sighting: Sighting, recipe: Recipe) -> None:
        self.sighting = sighting
        self._classifier, self._recipe = classifier, recipe
        self._labelers: dict[Box | None, Labeler] = {}

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        """Lets go of the graphs, which are most of the memory."""
        self._labelers.clear()

    def segment(self, hints: Hints | None = None, *, refit: bool = False) -> Segmentation:
        """The mask under all the hints so far, which it never contradicts: each call names them all.

        The first call with hints learns the color mixtures from them and from the mask without any, in another box
        from what the photo says of that; later ones keep the mixtures, so that they are but a cut. To `refit` is to
        learn again, from the mask before; in a box as at first. Errors as `seeds_from_hints`.
        """
        if hints is None:
            return self._segmentation(self._unhinted)
        if not isinstance(hints, Hints):
            raise TypeError(
                f"hints must be wsseg.Hints, got {type(hints).__name__}; say wsseg.Hints(box=...) or the like"
            )
        seeds = self._recipe.bind(seeds_from_hints)(hints, self.sighting.saliency.shape)
        said = seeds
        if hints.box is not None:
            said = self._recipe.bind(seeds_from_hints)(replace(hints, box=None), seeds.shape)
        odds = self._leaning + self._recipe.bind(odds_from_hints)(seeds_at(said, self._leaning.shape), self._features)
        if hints.box is None:
            found = self._labeler(None).label(Advice(seeds, odds), refit=refit)
        else:
            found = self._within(Box(*map(int, hints.box)), seeds, odds, refit=refit)
        notes = () if self._features is not None else (NO_FEATURES,)
        return self._segmentation(
            found._replace(seeds=self._recipe.bind(seeds_from_saliency)(self.sighting.saliency)), notes
        )

    def _within(self, box: Box, seeds: Seeds, odds: NDArray[np.float32], *, refit: bool) -> Labeling:
        """The mask in a box, as if what is around it were all of the photo."""
        window = self._recipe.bind(box_grown)(box, seeds.shape)
        part, size = seeds[_slices(window)], shrunk_size(*_shape(window), self._recipe.refit_side)
        near = odds_in_window(odds, window, seeds.shape, size)
        raised = self._recipe.bind(odds_raised)(near, seeds_at(part, size) != BACKGROUND)
        found = self._labeler(window).label(Advice(part, raised, enclosed=True), refit=refit)
        mask = np.zeros(seeds.shape, np.bool_)
        mask[_slices(window)] = found.mask
        return found._replace(mask=mask)

    def _labeler(self, window: Box | None) -> Labeler:
        if window not in self._labelers:
            # Each is most of the memory: of the boxes the last alone is kept.
            for earlier in [one for one in self._labelers if one and window]:
                del self._labelers[earlier]
            rows, columns = _slices(window or Box(0, 0, *self.sighting.saliency.shape[::-1]))
            image = np.ascontiguousarray(self.sighting.image[rows, columns])
            saliency = np.ascontiguousarray(self.sighting.saliency[rows, columns])
            start = None if window else self._unhinted.mask
            self._labelers[window] = Labeler(image, saliency, self._recipe.hinted, start)
        return self._labelers[window]

    @cached_property
    def _unhinted(self) -> Labeling:
        return label(self.sighting.image, self.sighting.saliency, self._recipe)

    @cached_property
    def _features(self) -> NDArray[np.float32] | None:
        """None where no layer of the classifier lies on a grid."""
        try:
            return self._recipe.bind(features_of)(self._classifier, self.sighting.image).numpy()
        except ValueError:
            return None

    @cached_property
    def _leaning(self) -> NDArray[np.float32]:
        """What the photo itself says, in nats for the object, at the size that mixtures are learned from.

        A head that was learned from photos speaks here whatever the recipe, since a person sees to what is meant.
        """
        recipe, head = self._recipe, self._classifier.head
        saliency = shrunk(self.sighting.saliency, recipe.refit_side).clip(max=1)
        odds = recipe.hint_map * (log_odds(saliency) - log_odds(np.array(recipe.balance)))
        if head is not None and self._features is not None:
            leaning = log_odds(head.objectness(self._features))
            odds += recipe.hint_head * cv2.resize(leaning, saliency.shape[::-1], interpolation=cv2.INTER_LINEAR)
        return odds.astype(np.float32)

    def _segmentation(self, labeling: Labeling, notes: tuple[str, ...] = ()) -> Segmentation:
        sighting, confidence = self.sighting, confidence_of(labeling.signs)
        found = bool(labeling.mask.any())
        doubts = (
            *labeling.doubts,
            *_doubts(sighting, len(self._classifier.categories), confidence if found else None),
        )
        return Segmentation(
            image=sighting.image,
            target=sighting.target,
            probability=sighting.probability,
            saliency=sighting.saliency,
            reasons=(*doubts, *notes, *sighting.reasons),
            mask=labeling.mask,
            seeds=labeling.seeds,
            energy=labeling.energy,
            flow=labeling.flow,
            exact=labeling.exact,
            confidence=confidence,
            status=_status(found, doubts),
        )


def _doubts(sighting: Sighting, classes: int, confidence: float | None) -> tuple[str, ...]:
    """A class less likely than by chance is one that the classifier does not see."""
    category, probability = sighting.category, sighting.probability
    chance = len(sighting.target.indices) / classes
    doubts = {
        f"the classifier does not see {category}: probability {probability:.2g}": probability < chance,
        f"little speaks for the mask: confidence {confidence or 0:.2f}": (1 if confidence is None else confidence)
        < LEAST,
    }
    return tuple(doubt for doubt, holds in doubts.items() if holds)


def _status(found: bool, doubts: Sequence[str]) -> Status:
    return "no object" if not found else "weak" if doubts else "ok"


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


def _slices(box: Box) -> tuple[slice, slice]:
    return slice(box.y0, box.y1), slice(box.x0, box.x1)


def _shape(box: Box) -> tuple[int, int]:
    return box.y1 - box.y0, box.x1 - box.x0


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


def _seed_levels(seeds: Seeds) -> NDArray[np.uint8]:
    """Seeds as on disk."""
    levels = np.full(256, UNKNOWN_LEVEL, np.uint8)
    levels[[BACKGROUND, FOREGROUND]] = 0, 255
    return levels[seeds]
