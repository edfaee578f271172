"""Above which confidence masks may be accepted unseen, from a person's truths of some photos of a run."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import Final

import numpy as np

from wsseg.evaluation.pairing import pair_by_photo
from wsseg.evaluation.photo import Failure, Rules, photo_scores
from wsseg.evaluation.truths import Reading, truths_in
from wsseg.files.text import counted, nfc
from wsseg.metrics.risk import accepting_confidence, fewest_photos, upper_bound
from wsseg.runs.record import DIRTY, Finding, Record, read_run

NEVER: Final = float("-inf")
"""The confidence of a photo without an object, whose mask is never accepted."""

ASSUMPTION: Final = (
    "This holds if the photos with truths were drawn at random from the photos that you segment. "
    "It does not hold for other sources, or if you chose photos by their looks."
)


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """A confidence above which masks may be accepted unseen, and what that promises."""

    min_confidence: float | None
    """Accept masks of this confidence or more; None if no confidence suffices."""
    error: float
    """The share of all photos that are accepted and bad, at most, in expectation."""
    iou: float
    """A mask with less IoU is bad."""
    photos: int
    """Photos with truths."""
    accepted: int
    """Those of them whose mask is accepted."""
    bad: int
    """Accepted photos whose mask is bad."""

    @property
    def bound(self) -> float:
        """Upper 95 % bound of the share of bad masks among the accepted, by Clopper and Pearson.

        It takes the threshold as fixed beforehand. The threshold was chosen on the same photos, so it is a little low.
        """
        return upper_bound(self.bad, self.accepted)

    @property
    def guarantee(self) -> str:
        """The promise of the threshold, in a sentence."""
        if self.min_confidence is None:
            return "No confidence is high enough: look at every mask, or allow a larger error."
        return (
            f"At most {self.error:.1%} of all photos are expected to be accepted with an IoU under {self.iou:g}, "
            "over the draw of the photos with truths and of a new photo."
        )

    def as_json(self) -> dict[str, object]:
        """Return all fields, the bound, the guarantee and its assumption, ready for JSON."""
        return {**asdict(self), "bound": self.bound, "guarantee": self.guarantee, "assumption": ASSUMPTION}


def calibrate(
    run: str | PathLike[str],
    truths: str | PathLike[str] | None = None,
    *,
    error: float = 0.1,
    iou: float = 0.5,
    layout: str | None = None,
    split: str | None = None,
    coding: str | None = None,
    category: str | None = None,
    void: int | None = None,
) -> Calibration:
    """Return the confidence above which masks of a run may be accepted unseen.

    The share of all photos that are accepted and bad is at most `error` in expectation, over the draw of the photos
    with truths and of a new photo. This assumes that these photos were drawn at random from the same source.

    Parameters
    ----------
    run : path
        Folder of a run with one mask a photo.
    truths : path, optional
        Truths of some of its photos, 30 to 50 or more, as in `evaluate`; default: what a person decided about photos
        that the page of `serve_review` drew at random.
    error : float
        The share of all photos that may be accepted and bad, in (0, 1).
    iou : float
        A mask with less IoU is bad, in (0, 1].
    layout, split, coding, category, void : see `evaluate`
        How truths are read.

    Returns
    -------
    Calibration
        The confidence, with what it promises.

    Raises
    ------
    ValueError
        If there are too few truths for the error, a truth has no mask or cannot be scored, or the run has several
        targets a photo.
    """
    _check_share("error", error, below=True)
    _check_share("iou", iou, below=False)
    run_records = read_run(Path(run)).records
    given = {"layout": layout, "split": split, "coding": coding, "category": category, "void": void}
    if truths is None:
        if unused := [name for name, value in given.items() if value is not None]:
            raise ValueError(f"{unused[0]} needs truths, got none; give truths or leave out {unused[0]}")
        return calibration_of_reviews(run_records, error=error, iou=iou)
    records = {nfc(record.name): record for record in run_records}
    found = truths_in(Path(truths), Reading(layout=layout, split=split, coding=coding, category=category, void=void))
    confidences = _confidences_of(records, found.by_photo.keys())
    _, photos, palettes = pair_by_photo(Path(run), found)
    rules = Rules(found.protocol, found.coding, "error", palettes)
    ious = dict.fromkeys(confidences, 0.0)
    for photo in photos:
        if confidences.get(photo.name, NEVER) != NEVER:
            scores = photo_scores(photo, rules)
            if isinstance(scores, Failure):
                raise ValueError(f"{photo.name}: {scores.reason}")
            ious[photo.name] = scores.scores["iou"]
    return calibration_of(confidences, ious, error=error, iou=iou)


def calibration_of_reviews(records: Iterable[Record], *, error: float, iou: float) -> Calibration:
    """Return the calibration of a run by the decisions of a person about photos that were drawn at random.

    A mask that was rejected is bad, and one that has less IoU with the person's own. ValueError if there are too few.
    """
    drawn = {record.name: _single(record) for record in records if any(map(_is_drawn, record.findings))}
    if len(drawn) < (needed := fewest_photos(error)):
        raise ValueError(
            f"run must have decisions on {counted(needed, 'photo')} or more that were drawn at random for an error of "
            f"{error:g}, got {len(drawn)}; review more in the order 'at random', or give truths"
        )
    ious = {name: (one.decision.iou if one.decision else None) or 0.0 for name, one in drawn.items()}
    return calibration_of({name: _level_of(one) for name, one in drawn.items()}, ious, error=error, iou=iou)


def _is_drawn(finding: Finding) -> bool:
    return finding.decision is not None and finding.decision.at_random


def calibration_of(
    confidences: Mapping[str, float], ious: Mapping[str, float], *, error: float, iou: float
) -> Calibration:
    """Return the calibration of photos whose confidence and IoU are known, by name."""
    if len(confidences) < (needed := fewest_photos(error)):
        raise ValueError(
            f"truths must be of {counted(needed, 'photo')} or more for an error of {error:g}, got {len(confidences)}; "
            "add truths or allow a larger error (--error)"
        )
    levels = np.array(list(confidences.values()), np.float64)
    bad = np.array([ious[name] < iou for name in confidences], np.bool_)
    least = accepting_confidence(levels, bad, error)
    accepted = levels >= (np.inf if least is None else least)
    return Calibration(
        min_confidence=least,
        error=error,
        iou=iou,
        photos=len(levels),
        accepted=int(accepted.sum()),
        bad=int((bad & accepted).sum()),
    )


def _confidences_of(records: Mapping[str, Record], names: Iterable[str]) -> dict[str, float]:
    """Return the confidence of each photo that has a truth."""
    known = {name: records[name] for name in names if name in records}
    if missing := sorted(set(names) - known.keys()):
        raise ValueError(
            f"truths must be of photos of the run, got '{missing[0]}', which it lacks; remove that truth, or segment "
            "the photo with one target"
        )
    return {name: _confidence_of(record) for name, record in known.items()}


def _confidence_of(record: Record) -> float:
    if record.error:
        return NEVER
    if record.settings == DIRTY:
        raise ValueError(f"run must have ended, got '{record.input}', which it left half done; rerun it")
    if any("automatic" in one.outputs for one in record.findings):
        raise ValueError(
            f"run must hold the masks that it made itself, got one that a person corrected for '{record.input}'; leave "
            "out the truths to use the reviews, or segment into another folder"
        )
    return _level_of(_single(record))


def _single(record: Record) -> Finding:
    """Return the one finding of a photo, which has a confidence."""
    if len(record.findings) != 1 or record.findings[0].confidence is None:
        raise ValueError(f"run must have one mask a photo, got another number for '{record.input}'; use one target")
    return record.findings[0]


def _level_of(finding: Finding) -> float:
    return NEVER if finding.status == "no object" else finding.confidence or 0.0


def _check_share(name: str, share: float, *, below: bool) -> None:
    if isinstance(share, bool) or not isinstance(share, (int, float)):
        raise TypeError(f"{name} must be a number, got {share!r}; convert it with float()")
    if not 0 < share <= 1 or (below and share == 1):
        raise ValueError(f"{name} must be above 0 and {'below' if below else 'at most'} 1, got {share}; use 0.1 or 0.5")
