"""Small networks and their files, for the tests of classifiers."""

from importlib import resources

import numpy as np
import PIL.Image
import safetensors.torch
import torch
import torchvision
from torch import nn

from wsseg.classifier.classifier import Preprocessing
from wsseg.classifier.load import load_classifier

SMALL = Preprocessing((8, 10), (0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
RNG = np.random.default_rng(0)
PHOTO = RNG.integers(0, 256, (40, 60, 3), dtype=np.uint8)


def shipped(name):
    with resources.as_file(resources.files("skimage") / f"data/{name}") as path, PIL.Image.open(path) as photo:
        return np.array(photo.convert("RGB"))


class Tiny(nn.Module):
    """A network with everything that training changes, and with in-place layers."""

    def __init__(self, classes=4):
        super().__init__()
        self.layers = nn.Sequential(
            nn.ReLU(inplace=True),
            nn.Conv2d(3, 6, 3),
            nn.BatchNorm2d(6),
            nn.ReLU(inplace=True),
            nn.Dropout(0.5),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(6, classes),
        )

    def forward(self, batch):
        return self.layers(batch)


class Answer(nn.Module):
    """A network that returns the given answer."""

    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def forward(self, batch):
        return self.answer(batch)


def own(model=None, **options):
    torch.manual_seed(0)
    return load_classifier(model or Tiny(), preprocessing=SMALL, **options)


def network(name="squeezenet1_1", **options):
    torch.manual_seed(1)
    return torchvision.models.get_model(name, weights=None, **options).eval()


def saved(folder, model, name="weights.pth", wrap=lambda state: state):
    path = folder / name
    state = wrap(model.state_dict())
    safetensors.torch.save_file(state, path) if path.suffix == ".safetensors" else torch.save(state, path)
    return path


def assert_same_scores(classifier, model):
    batch = classifier.preprocess(PHOTO)
    with classifier.frozen(), torch.no_grad():
        assert torch.allclose(classifier.scores(batch), model(batch), atol=1e-4)
