"""The embedded classifier, loaded once."""

import pytest

from wsseg.classifier.classifier import Classifier
from wsseg.classifier.load import load_classifier


@pytest.fixture(scope="session")
def embedded() -> Classifier:
    return load_classifier()
