"""The network of a run, loaded once everything else is checked, and the settings that it decides."""

import platform
import signal
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from wsseg import __version__
from wsseg.classifier.categories import Target
from wsseg.classifier.sources import check_source, check_targets
from wsseg.engines.stream import deferred
from wsseg.runs.names import check_target_names, target_names_of
from wsseg.runs.request import Request
from wsseg.runs.task import See, Task, see_labels, see_masks, see_saliency

if TYPE_CHECKING:
    from wsseg.segmenting.segmenter import Segmenter

_LIBRARIES: Final = ("torch", "timm", "numpy", "opencv-python-headless", "PyMaxflow", "scikit-image", "pillow")
"""The libraries that decide a mask."""


def check_names(request: Request) -> None:
    """Raise the errors of a wrong classifier or target that need no network to be seen, before seconds of imports."""
    if isinstance(request.classifier, str | Path):
        check_source(request.classifier)
        check_targets(request.classifier, request.targets or ())


def segmenter_of(request: Request) -> "Segmenter":
    """Return the segmenter of the request; errors as `load_classifier` and `read_objectness`."""
    # torch aborts the program if an interrupt breaks off its import.
    with deferred(signal.SIGINT, signal.SIGTERM):
        import_module("wsseg.segmenting.segmenter")
    from wsseg.classifier.classifier import Classifier
    from wsseg.classifier.load import load_classifier
    from wsseg.segmenting.segmenter import Segmenter

    source = request.classifier
    classifier = source if isinstance(source, Classifier) else load_classifier(source, device=request.device)
    return Segmenter(classifier, request.recipe, request.objectness)


def settings_of(request: Request, segmenter: "Segmenter", targets: Sequence[Target] | None) -> dict[str, Any]:
    """Return all that decides a photo's pictures, beside the photo and its hints."""
    from wsseg.classifier.own_digest import digest_of_own

    classifier = segmenter.classifier
    labels = (
        {"labels": ["background", *(target.category for target in targets or ())]} if request.kind == "labels" else {}
    )
    objectness = segmenter.objectness
    return {
        "wsseg": __version__,
        "targets": [target.category for target in targets or ()],
        "top": request.top,
        "classifier": {"name": classifier.name, "sha256": classifier.digest or digest_of_own(classifier)},
        "objectness": {"sha256": objectness.digest} if objectness else None,
        "recipe": segmenter.recipe.as_dict(),
        **request.settings,
        **labels,
    }


def task_of(request: Request, segmenter: "Segmenter", targets: Sequence[Target] | None, digest: str) -> Task:
    """Return what the run does with each photo.

    Raises
    ------
    ValueError
        If two targets have a class in common in one map, or would have pictures of one name.
    """
    name_of_target = target_names_of(segmenter.classifier.categories)
    if request.kind == "labels":
        from wsseg.segmenting.targets import check_apart

        check_apart(targets)
    else:
        check_target_names(targets or (), name_of_target)
    several = request.kind != "labels" and (request.top or len(targets or ()) > 1)
    return Task(
        see=_see(request, segmenter, targets),
        out=request.out,
        pictures=request.pictures,
        settings=digest,
        style=request.drawn_in,
        target_name=name_of_target if several else None,
        wnids=segmenter.classifier.categories.wnids or (),
        max_pixels=request.max_pixels,
    )


def _see(request: Request, segmenter: "Segmenter", targets: Sequence[Target] | None) -> See:
    if request.kind == "saliency":
        return partial(see_saliency, segmenter=segmenter, targets=targets, top=request.top)
    if request.kind == "masks":
        return partial(see_masks, segmenter=segmenter, targets=targets, top=request.top, box=request.box)
    instances = "instances" in request.pictures
    return partial(see_labels, segmenter=segmenter, targets=targets or (), instances=instances)


def library_versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that decide a mask."""
    return {"python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}}
