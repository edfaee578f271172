"""Learning from masks that a person accepted: one fit of the bundled network, without labels of the method's own."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from wsseg import __version__
from wsseg.arrays import PhotoError, check_same_size
from wsseg.files.decode import read_file
from wsseg.files.masks import read_mask
from wsseg.files.photos import read_photo
from wsseg.graphcut.pyramid import shrunk
from wsseg.learning.checkpoint import Checkpoint, restored, stored
from wsseg.learning.labels import CUT_SIDE, SIDE
from wsseg.learning.rounds import Progress, fitted
from wsseg.runs.record import Record, read_run
from wsseg.saliency.objectness.augment import Example
from wsseg.saliency.objectness.fit import Plan
from wsseg.saliency.objectness.objectness import Objectness, Provenance, load_objectness

PLAN: Final = Plan(steps=100, decoder_rate=3e-4, layer_rate=5e-5)
"""The fit: half as long as that of a round of the method's own labels, which was measured on 40 photos."""


def learned_from_reviews(
    run: Path, *, checkpoint: Path | None, max_pixels: int, track: Progress, notice: Callable[[str], None]
) -> Objectness:
    """Return the bundled network after a fit to the photos of a run whose masks a person accepted; see `adapt`."""
    records = [record for record in read_run(run).records if is_taught_by(record)]
    if not records:
        raise ValueError(
            f"photos must be a run with accepted masks, got none in '{run}'; review some with wsseg review '{run}'"
        )
    start = load_objectness().copied()
    settings = {
        "start": start.digest,
        "decisions": [[one.decision.when for one in record.findings if one.decision] for record in records],
        "order": [record.hash for record in records],
        "max_pixels": max_pixels,
        "wsseg": __version__,
    }
    kept = Checkpoint(checkpoint, settings)
    state: dict[str, Any] = kept.read() or _read(run, records, max_pixels, track, notice)
    network = fitted(start, restored(state["examples"]), PLAN, state, checkpoint=kept, track=track)
    kept.remove()
    made = start.provenance
    provenance = Provenance(
        classifier=made.classifier,
        sha256=made.sha256,
        photos=len(state["examples"]),
        photos_sha256=hashlib.sha256("".join(sorted(record.hash for record in records)).encode()).hexdigest(),
        rounds=0,
        recipe=json.dumps({}),
        wsseg=__version__,
        start_sha256=start.digest,
    )
    return replace(start, network=network, provenance=provenance)


def is_taught_by(record: Record) -> bool:
    """Return whether a person accepted or corrected all masks of the photo, so that nothing in it is in doubt."""
    verdicts = {one.decision.verdict if one.decision else "" for one in record.findings if "mask" in one.outputs}
    return bool(verdicts) and verdicts <= {"accepted", "corrected"}


def _read(
    run: Path, records: Sequence[Record], max_pixels: int, track: Progress, notice: Callable[[str], None]
) -> dict[str, Any]:
    """Return the state before the fit; ValueError if no photo can be read."""
    examples = []
    for record, _ in zip(records, track([record.name for record in records]), strict=True):
        try:
            examples.append(example_of_review(run, record, max_pixels=max_pixels))
        except (PhotoError, OSError) as error:
            notice(f"{record.input}: {error}")
    if not examples:
        raise ValueError("at least one photo with accepted masks must be readable, got none; solve the errors above")
    return {"examples": stored(examples), "fit": None}


def example_of_review(run: Path, record: Record, *, max_pixels: int) -> Example:
    """Return a photo with the union of its masks as its label.

    Raises
    ------
    PhotoError, OSError
        If the photo or a mask cannot be read, or the photo is another than that of the run.
    """
    data = read_file(Path(record.place), max_pixels=max_pixels)
    if record.hash and hashlib.sha256(data).hexdigest() != record.hash:
        raise PhotoError("must be unchanged since its review, got another file; bring the photo back")
    image = read_photo(data, max_pixels=max_pixels, name=record.input).image
    files = [one.outputs["mask"] for one in record.findings if "mask" in one.outputs]
    masks = [read_mask(run / file, max_pixels=max_pixels) for file in files]
    for mask in masks:
        check_same_size(image, mask, f"photo and mask of '{record.name}'")
    levels = np.any(masks, axis=0) * np.uint8(255)
    return Example(shrunk(image, SIDE), shrunk(levels, CUT_SIDE), 1.0)
