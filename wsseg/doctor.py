"""Whether wsseg can work here: what is installed, found, missing and how fast it is.

What is broken must not keep it from being told, so that the network's libraries are loaded where they are asked about.
"""

import hashlib
import platform
import re
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import metadata, resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import wsseg

if TYPE_CHECKING:
    from wsseg.classifier.catalog import Model

PHOTO: Final = "chelsea.png"
"""That speed is measured on, of those that scikit-image ships: 451 x 300 pixels."""

TIMED: Final = ("fast", "default")
"""Recipes whose speed is measured."""

REINSTALL: Final = "pip install --force-reinstall . in the clone of wsseg"
"""Which no index of packages has."""

DEVELOPERS: Final = ("", "docs", "dev")
"""What no user lacks: what wsseg itself needs, told of as its versions, and what is for its makers."""

_WHEEL: Final = "-pytorch-model"

# As in `ray[data]>=2.60; extra == 's3'`.
_REQUIREMENT: Final = re.compile(r"""([\w.-]+)[^;]*(?:;.*extra\s*==\s*["']([\w-]+)["'])?""")


@dataclass(frozen=True, kw_only=True)
class Weights:
    """A file of weights that lies here."""

    classifier: str
    file: Path
    sha256: str
    """Empty when it cannot be read."""
    sound: bool
    """Whether that is what it should be, as far as is known."""


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What there is to be known of an installation."""

    versions: dict[str, str | None]
    """Of wsseg, Python, and what wsseg needs; None for what is missing."""
    system: str
    devices: dict[str, str]
    """What a network can run on, and what that is."""
    weights: tuple[Weights, ...]
    seconds: dict[str, float]
    """That a photo takes, by recipe."""
    missing: dict[str, str]
    """Extras of wsseg that are not installed, and what installs them."""
    problem: str | None
    """Why no photo can be segmented by the embedded classifier; None when it can."""

    @property
    def remedy(self) -> str:
        """What may mend the problem."""
        damaged = [one for one in self.weights if one.classifier in wheels() and not one.sound]
        return f"delete {damaged[0].file} first, then {REINSTALL}" if damaged else REINSTALL

    def as_json(self) -> dict[str, Any]:
        """The same in what JSON can say."""
        weights = [{**asdict(one), "file": str(one.file)} for one in self.weights]
        return {**asdict(self), "weights": weights, "usable": self.problem is None}


def diagnose() -> Diagnosis:
    """Looks at all there is, and segments a photo by each of the `TIMED` recipes."""
    devices, weights, seconds, problem = dict[str, str](), list[Weights](), dict[str, float](), None
    try:
        from wsseg.classifier.catalog import devices as devices_of
        from wsseg.classifier.catalog import models

        devices = devices_of()
        weights = [_weights_of(model, model.file) for model in models() if model.file]
        seconds = dict(_timed())
    except Exception as error:  # Whatever a broken installation provokes is what is to be told.
        problem = f"{type(error).__name__}: {error}"
    return Diagnosis(
        versions=_versions(),
        system=platform.platform(),
        devices=devices,
        weights=tuple(weights),
        seconds=seconds,
        missing=missing_extras(),
        problem=problem,
    )


def missing_extras() -> dict[str, str]:
    """What installs each extra of wsseg that lacks a library here, but for those of its developers."""
    lacking = {extra for library, extra in _requirements() if extra not in DEVELOPERS and not _version_of(library)}
    return {extra: f"pip install 'wsseg[{extra}]'" for extra in sorted(lacking)}


def wheels() -> list[str]:
    """The classifiers whose weights are wheels, without loading the network's libraries."""
    libraries = dict.fromkeys(library for library, _ in _requirements() if library.endswith(_WHEEL))
    return [library.removesuffix(_WHEEL).replace("-", "_") for library in libraries]


def _timed() -> Iterator[tuple[str, float]]:
    from wsseg.classifier.load import load_classifier
    from wsseg.files.photos import read_image
    from wsseg.segmenting.segmenter import Segmenter

    image, classifier = read_image((resources.files("skimage") / "data" / PHOTO).read_bytes()), load_classifier()
    classifier.probabilities(image)  # The first pass takes longer than any after it.
    for recipe in TIMED:
        started = time.perf_counter()
        Segmenter(classifier, recipe).segment(image)
        yield recipe, time.perf_counter() - started


def _weights_of(model: "Model", file: Path) -> Weights:
    try:
        with file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:  # One that cannot be read is as good as damaged, and no fault of the others.
        digest = ""
    return Weights(
        classifier=model.name, file=file, sha256=digest, sound=bool(digest) and digest.startswith(model.sha256)
    )


def _versions() -> dict[str, str | None]:
    libraries = sorted({library for library, extra in _requirements() if not extra}, key=str.lower)
    found = {library: _version_of(library) for library in libraries}
    return {"wsseg": wsseg.__version__, "python": platform.python_version(), **found}


def _requirements() -> Iterator[tuple[str, str]]:
    """Each library that wsseg asks for, and the extra that does, empty for none."""
    try:
        texts = metadata.requires("wsseg") or []
    except metadata.PackageNotFoundError:  # As where it is run from its sources.
        texts = []
    for text in texts:
        if found := _REQUIREMENT.match(text):
            yield found[1], found[2] or ""


def _version_of(library: str) -> str | None:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return None
