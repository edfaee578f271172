"""Diagnosis of an installation: what is installed, what is missing, and how fast it is.

A broken library must not keep the diagnosis from being made, so the network's libraries are imported where they are
examined.
"""

import hashlib
import platform
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import metadata, resources
from pathlib import Path
from typing import TYPE_CHECKING, Final

from packaging.requirements import Requirement

import wsseg

if TYPE_CHECKING:
    from wsseg.classifier.catalog import Model

PHOTO: Final = "chelsea.png"
"""The photo of scikit-image that speed is measured on: 451 x 300 pixels."""

TIMED: Final = ("fast", "default")
"""Recipes whose speed is measured."""

REINSTALL: Final = "pip install --force-reinstall . in the clone of wsseg"
"""The command that installs wsseg again; no package index has it."""

DEVELOPERS: Final = ("", "docs", "dev")
"""Extras that no user misses: wsseg's own requirements, which are shown with their versions, and developers' tools."""

_WHEEL: Final = "-pytorch-model"


@dataclass(frozen=True, kw_only=True)
class Weights:
    """A weights file on this machine."""

    classifier: str
    """Name of the classifier."""
    file: Path
    """The file."""
    sha256: str
    """SHA-256 of the file; empty if it cannot be read."""
    sound: bool
    """Whether the file is readable and has the published SHA-256, if one is published."""


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """The state of an installation, as `diagnose` found it."""

    versions: dict[str, str | None]
    """Versions of wsseg, Python and the required libraries; None for a missing one."""
    system: str
    """The operating system."""
    devices: dict[str, str]
    """Devices that a network can run on, each with a description."""
    weights: tuple[Weights, ...]
    """Weights files on this machine."""
    seconds: dict[str, float]
    """Seconds per photo, by recipe."""
    missing: dict[str, str]
    """Extras of wsseg that are not installed, each with the command that installs it."""
    problem: str | None
    """Why the embedded classifier cannot segment photos; None if it can."""

    @property
    def remedy(self) -> str:
        """The way to fix the problem."""
        damaged = [one for one in self.weights if one.classifier in wheels() and not one.sound]
        return f"delete '{damaged[0].file}' first, then {REINSTALL}" if damaged else REINSTALL

    def as_json(self) -> dict[str, object]:
        """Return the diagnosis as values that JSON has, with `usable` for whether photos can be segmented."""
        weights = [{**asdict(one), "file": str(one.file)} for one in self.weights]
        return {**asdict(self), "weights": weights, "usable": self.problem is None}


def diagnose() -> Diagnosis:
    """Examine the installation, and segment a photo with each of the `TIMED` recipes.

    Returns
    -------
    Diagnosis
        Versions, devices, weights, speed, missing extras, and what is wrong, if anything. A broken installation raises
        no error; its diagnosis has a `problem`.
    """
    devices, weights, seconds, problem = dict[str, str](), list[Weights](), dict[str, float](), None
    try:
        from wsseg.classifier.catalog import devices as devices_of
        from wsseg.classifier.catalog import models

        devices = devices_of()
        weights = [_weights_of(model, model.file) for model in models() if model.file]
        seconds = dict(_timed())
    except Exception as error:  # Whatever a broken installation raises is the diagnosis.
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
    """Return the extras of wsseg, except developers', that lack a library here, each with the command to install it."""
    lacking = {extra for library, extra in _requirements() if extra not in DEVELOPERS and not _version_of(library)}
    return {extra: f"pip install 'wsseg[{extra}]'" for extra in sorted(lacking)}


def wheels() -> list[str]:
    """Return the classifiers whose weights are wheels, without importing the network's libraries."""
    libraries = dict.fromkeys(library for library, _ in _requirements() if library.endswith(_WHEEL))
    return [library.removesuffix(_WHEEL).replace("-", "_") for library in libraries]


def _timed() -> Iterator[tuple[str, float]]:
    """Each of the `TIMED` recipes, with the seconds that it takes for the photo."""
    from wsseg.classifier.load import load_classifier
    from wsseg.files.photos import read_image
    from wsseg.segmenting.segmenter import Segmenter

    image, classifier = read_image((resources.files("skimage") / "data" / PHOTO).read_bytes()), load_classifier()
    classifier.probabilities(image)  # The first pass is slower than all others.
    for recipe in TIMED:
        started = time.perf_counter()
        Segmenter(classifier, recipe).segment(image)
        yield recipe, time.perf_counter() - started


def _weights_of(model: "Model", file: Path) -> Weights:
    try:
        with file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:  # A file that cannot be read counts as damaged; the others are examined all the same.
        digest = ""
    return Weights(
        classifier=model.name, file=file, sha256=digest, sound=bool(digest) and digest.startswith(model.sha256)
    )


def _versions() -> dict[str, str | None]:
    libraries = sorted({library for library, extra in _requirements() if not extra}, key=str.lower)
    found = {library: _version_of(library) for library in libraries}
    return {"wsseg": wsseg.__version__, "python": platform.python_version(), **found}


def _requirements() -> Iterator[tuple[str, str]]:
    """Each library that wsseg requires on this system, with the extra that requires it, empty for none."""
    try:
        package = metadata.metadata("wsseg")
    except metadata.PackageNotFoundError:  # As when it runs from its sources.
        return
    extras = ["", *package.get_all("Provides-Extra", [])]
    for requirement in map(Requirement, package.get_all("Requires-Dist", [])):
        marker = requirement.marker
        wanted = [extra for extra in extras if marker is None or marker.evaluate({"extra": extra})]
        if wanted:
            yield requirement.name, wanted[0]


def _version_of(library: str) -> str | None:
    """The installed version; None if the library is missing."""
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return None
