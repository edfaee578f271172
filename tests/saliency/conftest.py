"""Networks and photos that the tests of maps share."""

from importlib import resources

import cv2
import numpy as np
import pytest
from small_nets import Linear, classifier_of, small_net

from wsseg.arrays import Image
from wsseg.classifier.classifier import Classifier
from wsseg.classifier.load import load_classifier


@pytest.fixture(params=[Linear, small_net], ids=["linear", "small net"])
def classifier(request: pytest.FixtureRequest) -> Classifier:
    return classifier_of(request.param())


@pytest.fixture
def image() -> Image:
    """A photo that is taller than wide, and larger than the input."""
    return np.random.default_rng(3).integers(0, 256, (40, 30, 3), np.uint8)


@pytest.fixture(scope="session")
def embedded() -> Classifier:
    return load_classifier()


@pytest.fixture(scope="session")
def chelsea() -> Image:
    with resources.as_file(resources.files("skimage") / "data" / "chelsea.png") as path:
        return np.ascontiguousarray(cv2.imread(str(path))[..., ::-1])
