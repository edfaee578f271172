"""The rounds of learning: label photos, fit the network to the labels, and label others with it.

The photos are shuffled and dealt into parts, one for each round. If there is no network yet, the classifier labels the
first part, and the decoder alone is fitted to it. In all other rounds the network labels a part, and decoder and layers
are fitted to it. So a network never labels photos that its layers have learned from, whose errors it would only repeat.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np

from wsseg.classifier.classifier import Classifier
from wsseg.learning.checkpoint import Checkpoint, restored, stored
from wsseg.learning.labels import FIRST, LATER, examples_of
from wsseg.saliency.objectness.augment import Example
from wsseg.saliency.objectness.fit import BATCH, SIDE, Fit, Plan
from wsseg.saliency.objectness.network import ObjectnessNetwork
from wsseg.saliency.objectness.objectness import Objectness
from wsseg.segmenting.segmenter import Segmenter

Progress: TypeAlias = Callable[[Sequence[str]], Iterable[str]]

FIRST_PHOTOS: Final = 1000
"""Photos that the classifier labels alone, at most: these labels are slow, and the decoder needs no more."""

DECODER: Final = Plan(steps=300, decoder_rate=3e-3)
"""The first fit of a new network."""

LAYERS: Final = Plan(steps=400, decoder_rate=1e-3, layer_rate=1.5e-4)
"""Every later fit of a new network."""

TUNING: Final = Plan(steps=200, decoder_rate=3e-4, layer_rate=5e-5)
"""Every fit of a network that was learned before: a third of the rates, because it has more to forget than to learn."""

KEPT_EVERY: Final = 50
"""Steps after which the state is kept."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """The parts of a learning that stay the same in all rounds."""

    classifier: Classifier
    """Classifier whose maps, with those of the network, give the labels."""
    checkpoint: Checkpoint
    """File that keeps the state."""
    workers: int
    """Processes that label photos."""
    max_pixels: int
    """Larger photos fail."""
    track: Progress
    """Iterates over names of photos, or of steps; it may show progress."""
    notice: Callable[[str], None]
    """Gets one sentence about each photo that fails."""


def parts_of(paths: Sequence[Path], *, rounds: int, new: bool) -> list[list[Path]]:
    """Return the photos of each round, shuffled; the first round of a `new` network has at most `FIRST_PHOTOS`.

    If there are fewer than `BATCH` photos for each round, each round has all of them.
    """
    if len(paths) < rounds * BATCH:
        return [list(paths)] * rounds
    shuffled = [paths[index] for index in np.random.default_rng(0).permutation(len(paths))]
    if not new:
        return [shuffled[number::rounds] for number in range(rounds)]
    first = min(FIRST_PHOTOS, len(paths) // rounds) if rounds > 1 else len(paths)
    return [shuffled[:first], *(shuffled[first + number :: rounds - 1] for number in range(rounds - 1))]


def learned(
    objectness: Objectness, parts: Sequence[Sequence[Path]], setting: Setting, *, new: bool
) -> tuple[Objectness, int]:
    """Return the network after a round with each part, and the number of photos that it was learned from.

    Parameters
    ----------
    objectness : Objectness
        Network to start from.
    parts : sequence of sequence of Path
        Photos of each round.
    setting : Setting
        The rest, which stays the same in all rounds.
    new : bool
        True if the network is untrained, so that the classifier labels the first part.

    Returns
    -------
    objectness : Objectness
        The network, with the provenance of the one that it started from.
    photos : int
        Number of photos that were labeled.

    Raises
    ------
    ValueError
        If no photo of a part shows an object, or the checkpoint is of another learning.
    """
    state: dict[str, Any] = {"round": 0, "network": objectness.network.state_dict(), "photos": [], "failures": []}
    state |= setting.checkpoint.read()
    for failure in state["failures"]:
        setting.notice(failure)
    for number in range(state["round"], len(parts)):
        labels_alone = new and number == 0
        objectness.network.load_state_dict(state["network"])
        if "examples" not in state:
            recipe, mapper = (FIRST, None) if labels_alone else (LATER, objectness)
            segmenter = Segmenter(setting.classifier, recipe, mapper)
            labeled, failures = _labeled(parts[number], segmenter, setting)
            state |= {
                "photos": sorted({*state["photos"], *labeled}),
                "failures": [*state["failures"], *failures],
                "examples": stored(list(labeled.values())),
                "fit": None,
            }
        examples = restored(state["examples"])
        plan = DECODER if labels_alone else LAYERS if new else TUNING
        network = fitted(
            objectness,
            examples,
            replace(plan, seed=number),
            state,
            checkpoint=setting.checkpoint,
            track=setting.track,
        )
        objectness = replace(objectness, network=network)
        state = {**state, "round": number + 1, "network": network.state_dict()}
        del state["examples"], state["fit"]
        setting.checkpoint.write(state)
    objectness.network.load_state_dict(state["network"])
    return objectness, len(state["photos"])


def _labeled(paths: Sequence[Path], segmenter: Segmenter, setting: Setting) -> tuple[dict[str, Example], list[str]]:
    """Label the photos of a round, and report those that fail; ValueError if no label can teach anything."""
    found = examples_of(paths, segmenter, workers=setting.workers, max_pixels=setting.max_pixels)
    examples, failures = {}, []
    for path, (example, error) in zip(setting.track([str(path) for path in paths]), found, strict=True):
        if example is None:
            failures.append(f"{path}: {error}")
            setting.notice(failures[-1])
        else:
            examples[path] = example
    if not any(example.weight for example in examples.values()):
        raise ValueError("at least one photo of a round must give a mask, got none; add photos that show objects")
    return examples, failures


def fitted(
    objectness: Objectness,
    examples: Sequence[Example],
    plan: Plan,
    state: dict[str, Any],
    *,
    checkpoint: Checkpoint,
    track: Progress,
) -> ObjectnessNetwork:
    """Fit the network, from where the state left off, and keep the state every so many steps."""
    size = (SIDE, SIDE) if objectness.any_size else objectness.network.preprocessing.size
    fit = Fit(objectness.network, plan, size)
    if state["fit"] is not None:
        fit.resume(state["fit"])
    for name in track([str(step) for step in range(fit.step, plan.steps)]):
        if int(name) % KEPT_EVERY == 0:
            checkpoint.write({**state, "fit": fit.state()})
        fit.run(examples, [int(name)])
    return fit.averaged
