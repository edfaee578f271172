"""Learn from the truths of every second photo, as if a person had accepted them, and score the other photos.

    python benchmarks/reviewed.py --data DIR/horses --limit 40

DIR is as in accuracy.py. `wsseg adapt --reviewed` learns from at most `limit` photos. At most as many others are scored
with the bundled network and with the new one, by the recipe `fast`; with `--others DIR`, photos of other sets too.
"""

import hashlib
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Annotated

import cyclopts
from accuracy import Data, Sample, samples_of, truth_of
from cyclopts import Parameter
from cyclopts.types import PositiveInt
from intervals import interval
from provenance import provenance

import wsseg
from wsseg.metrics import scores
from wsseg.runs.journal import opened
from wsseg.runs.record import Decision, Finding, Record


def main(
    *,
    data: Data,
    limit: Annotated[PositiveInt, Parameter(help="Maximum number of photos to learn from, and to score.")] = 40,
    others: Annotated[Path | None, Parameter(help="Folder of sets that are scored too.")] = None,
) -> None:
    """Print the mean IoU with both networks, and their difference with its 95 % interval."""
    samples = list(samples_of(data, None))
    with tempfile.TemporaryDirectory() as folder:
        reviewed(samples[::2][:limit], Path(folder))
        learned = wsseg.adapt(folder, reviewed=True)
    print(provenance())
    told(f"{data.name}, {len(samples[::2][:limit])} photos learned", samples[1::2][:limit], learned)
    if others is not None:
        told(others.name, list(samples_of(others, limit)), learned)


def reviewed(samples: Sequence[Sample], run: Path) -> None:
    """Write a run whose masks are the truths, all of them accepted."""
    with opened(run, {"wsseg": wsseg.__version__}) as journal:
        for number, sample in enumerate(samples):
            mask = f"masks/{number}.png"
            wsseg.write_mask(run / mask, truth_of(sample) == wsseg.FOREGROUND)
            finding = Finding(
                category="object",
                probability=1.0,
                outputs={"mask": mask},
                decision=Decision(verdict="accepted", when="now"),
            )
            photo = sample.photo.resolve()
            digest = hashlib.sha256(photo.read_bytes()).hexdigest()
            journal.append(
                Record(input=str(photo), name=str(number), settings="truths", hash=digest, findings=(finding,))
            )


def told(name: str, samples: Sequence[Sample], learned: wsseg.Objectness) -> None:
    """Print the mean IoU of these photos with both networks."""
    before, after = (ious_of(samples, network) for network in (wsseg.load_objectness(), learned))
    gains = [new - old for old, new in zip(before, after, strict=True)]
    print(f"{name}: {len(samples)} photos, {mean(before):.3f} to {mean(after):.3f}, difference {interval(gains)}")


def ious_of(samples: Sequence[Sample], objectness: wsseg.Objectness) -> list[float]:
    """Return the IoU of each photo's mask."""
    segmenter = wsseg.Segmenter(recipe="fast", objectness=objectness)
    return [scores(segmenter.segment(sample.photo).mask, truth_of(sample))["iou"] for sample in samples]


if __name__ == "__main__":
    cyclopts.run(main)
