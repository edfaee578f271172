"""Fixtures of the segmenting tests: the embedded network, and what it sees in two photos."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image as pillow
from quick import CREW, QUICK, photo_bytes

from wsseg.classifier.classifier import Classifier
from wsseg.classifier.load import load_classifier
from wsseg.segmenting.results import LabelMap, SaliencyResult, Segmentation
from wsseg.segmenting.segmenter import Segmenter


@pytest.fixture(scope="session")
def network() -> Classifier:
    return load_classifier()


@pytest.fixture(scope="session")
def quick(network: Classifier) -> Segmenter:
    return Segmenter(network, QUICK)


@pytest.fixture(scope="session")
def cat(quick: Segmenter) -> Segmentation:
    return quick.segment(photo_bytes("chelsea"))


@pytest.fixture(scope="session")
def crew(quick: Segmenter) -> LabelMap:
    return quick.segment_categories(photo_bytes("astronaut"), CREW)


@pytest.fixture(scope="session")
def small() -> Any:
    """The cat's photo at half its size."""
    return np.array(pillow.open(io.BytesIO(photo_bytes("chelsea"))).convert("RGB").reduce(2))


@pytest.fixture(scope="session")
def result(quick: Segmenter, small: Any) -> SaliencyResult:
    return quick.saliency(small)
