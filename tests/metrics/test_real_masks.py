"""Scores on real masks against the definitions written slowly.

Skipped unless WSSEG_DATA names a folder that holds folders of `images` and `masks`, paired by name, of which the masks
are 0 and 255, and void 128.
"""

import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import oracles
import pytest
from sklearn import metrics as peers

from wsseg.arrays import UNKNOWN
from wsseg.files.masks import read_truth
from wsseg.metrics import Pair, e_curve, s_measure, saliency_f_curve, scores, unsupervised_f_curve

DATA = Path(os.environ.get("WSSEG_DATA", "nowhere"))
TRUTHS = sorted(DATA.glob("*/masks/*.png"))

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not TRUTHS, reason="WSSEG_DATA names no masks")]


def levels_of(kind: str, path: Path, truth: Any) -> Any:
    """A mask in levels: the truth shifted and soft at its edge, or how dark the photo is, or that cut at Otsu's."""
    if kind == "shifted":
        return cv2.blur(np.roll((truth == 1) * np.uint8(255), (3, -5), (0, 1)), (9, 9))
    photo = next((path.parents[1] / "images").glob(f"{path.stem}.*"))
    grey = cv2.resize(cv2.imread(str(photo), cv2.IMREAD_GRAYSCALE), truth.shape[::-1])
    return 255 - grey if kind == "dark" else cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY_INV | cv2.THRESH_OTSU)[1]


@pytest.mark.parametrize("kind", ["shifted", "dark", "otsu"])
@pytest.mark.parametrize("path", TRUTHS, ids=lambda path: f"{path.parts[-3]}/{path.stem}")
def test_scores_are_as_the_definitions_say(path: Path, kind: str) -> None:
    truth = read_truth(path, void=128)
    levels = levels_of(kind, path, truth)
    found, counted, wanted = levels >= 128, truth != UNKNOWN, (truth == 1)[truth != UNKNOWN]
    got = scores(levels, truth)
    expected = {
        "iou": peers.jaccard_score(wanted, found[counted], zero_division=0),
        "dice": peers.f1_score(wanted, found[counted], zero_division=0),
        "precision": peers.precision_score(wanted, found[counted], zero_division=0),
        "recall": peers.recall_score(wanted, found[counted]),
        "accuracy": peers.accuracy_score(wanted, found[counted]),
        "mae": np.abs(levels[counted] / 255 - wanted).mean(),
        "boundary_f": oracles.boundary_f(found, truth),
        "boundary_iou": oracles.boundary_iou(found, truth),
    }
    assert got == pytest.approx(expected, abs=1e-6)
    pair = Pair(levels, truth)
    bins = (oracles.stretched(levels[counted] / 255) * 255).astype(np.uint8)
    for level in (64, 128, 200):
        own = 255 - level, 254 - level
        assert saliency_f_curve(pair.histogram)[own[0]] == pytest.approx(oracles.f_beta(bins >= level, wanted, 0))
        assert unsupervised_f_curve(pair.histogram)[own[1]] == pytest.approx(
            oracles.f_beta(levels[counted] > level, wanted, 1)
        )
        assert e_curve(pair.histogram)[own[0]] == pytest.approx(oracles.enhanced_alignment(bins >= level, wanted))
    if counted.all():
        expected_s = oracles.structure(oracles.stretched(levels / 255), truth == 1)
        assert s_measure(pair.quarters) == pytest.approx(expected_s, abs=1e-6)
