"""Scores of a folder from those of its photos."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wsseg.evaluation.bootstrap import Resamples, interval_of
from wsseg.evaluation.codings import CODINGS, remedy_for
from wsseg.evaluation.photo import Failure, Outcome
from wsseg.evaluation.protocols import PROTOCOLS, sequence_scores
from wsseg.evaluation.result import Evaluation, Statistic
from wsseg.evaluation.truths import TruthSet
from wsseg.metrics import class_ious

SCORES_KEY: Final = "scores"
"""Name of the photos' scores in the resamples, beside those of their tallies."""


class Estimate(NamedTuple):
    """A score of the folder, and its value in each resample, (N,)."""

    value: float
    draws: NDArray[np.float64]


def evaluation_of(
    folder: Path, truths: TruthSet, outcomes: Iterable[tuple[str, Outcome]], random_state: int
) -> Evaluation:
    """Summarize the photos of a folder.

    Parameters
    ----------
    folder : Path
        Folder of the masks.
    truths : TruthSet
        Truths that they were scored against.
    outcomes : iterable of (str, PhotoScores or Failure)
        Name of each photo, and its scores or the reason why it has none. Only sums of their tallies are kept.
    random_state : int
        Seed of the bootstrap.

    Returns
    -------
    Evaluation
        Without statistics if any photo could not be scored.
    """
    resamples, photos, failures = Resamples(random_state), dict[str, dict[str, float]](), dict[str, Failure]()
    for name, outcome in outcomes:
        if isinstance(outcome, Failure):
            failures[name] = outcome
        else:
            photos[name] = outcome.scores
            resamples.add({SCORES_KEY: list(outcome.scores.values()), **outcome.tallies})
    if failures or not photos:
        return Evaluation(masks=folder, protocol=truths.protocol, photos=photos, failures=_reasons(failures))
    protocol = PROTOCOLS[truths.protocol]
    estimates = (
        _means_over_sequences(photos, random_state) if protocol.sequences else _means(protocol.scores, resamples)
    )
    for name, (tally, formula) in protocol.pooled.items():
        estimates[name] = Estimate(float(formula(resamples.mean(tally))), resamples.draws(tally, formula))
    return Evaluation(
        masks=folder,
        protocol=truths.protocol,
        photos=photos,
        statistics=tuple(Statistic(name, one.value, interval_of(one.draws)) for name, one in estimates.items()),
        classes=_class_ious(resamples.mean("classes"), truths.coding) if "classes" in protocol.tallies else {},
        random_state=random_state,
        draws={name: one.draws for name, one in estimates.items()},
    )


def _reasons(failures: Mapping[str, Failure]) -> dict[str, str]:
    """Return a sentence on each photo; truths with values that their coding does not have share one remedy."""
    values = {value for failure in failures.values() for value in failure.values}
    return {
        name: f"{failure.reason}; {remedy_for(values)}" if failure.values else failure.reason
        for name, failure in failures.items()
    }


def _means(names: Iterable[str], resamples: Resamples) -> dict[str, Estimate]:
    values, draws = resamples.mean(SCORES_KEY).tolist(), resamples.draws(SCORES_KEY).T
    return dict(zip(names, map(Estimate, values, draws), strict=True))


def _means_over_sequences(photos: Mapping[str, Mapping[str, float]], random_state: int) -> dict[str, Estimate]:
    """Average the scores of each folder's photos, then those of the folders."""
    frames: defaultdict[str, defaultdict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for name, scores in photos.items():
        for score, value in scores.items():
            frames[name.rpartition("/")[0]][score].append(value)
    sequences = [sequence_scores(sequence) for sequence in frames.values()]
    resamples = Resamples(random_state)
    for sequence in sequences:
        resamples.add({SCORES_KEY: list(sequence.values())})
    return _means(sequences[0], resamples)


def _class_ious(tally: NDArray[np.float64], coding: str) -> dict[str, float]:
    """Return the IoU of each class that is present, by its name or else its number."""
    names = CODINGS[coding].class_names
    present = ((number, iou) for number, iou in enumerate(class_ious(tally).tolist()) if not np.isnan(iou))
    return {(names[number] if names else str(number)): iou for number, iou in present}
