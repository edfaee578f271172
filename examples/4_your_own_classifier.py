"""Your own classifier: it learns the names of drawn shapes and then makes masks of them. It never sees a mask."""

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

import wsseg

SHAPES, SIDE = ("disc", "square", "triangle"), 64
random = np.random.default_rng(0)


def draw(shape: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return a picture of a shape in one color on a noisy background, and its true mask."""
    truth = np.zeros((SIDE, SIDE), np.uint8)
    radius = int(random.integers(10, 17))
    x, y = random.integers(radius + 3, SIDE - radius - 3, 2).tolist()
    if shape == "disc":
        cv2.circle(truth, (x, y), radius, 1, -1)
    else:
        turned = random.uniform(0, 2 * np.pi) + np.arange(4 if shape == "square" else 3) * 2 * np.pi
        corners = turned / (4 if shape == "square" else 3)
        points = (x, y) + radius * 1.2 * np.stack([np.cos(corners), np.sin(corners)], 1)
        cv2.fillPoly(truth, [np.rint(points).astype(np.int32)], 1)
    ground, ink = random.integers(20, 110, 3), random.integers(140, 235, 3)
    image = np.where(truth[..., None] > 0, ink, ground) + random.normal(0, 12, (SIDE, SIDE, 3))
    return image.clip(0, 255).astype(np.uint8), truth


# Any network works that returns a score for each class. This one takes the strongest evidence at any place.
torch.manual_seed(0)
torch.set_num_threads(1)  # More threads are no faster for such a small network.
layers: list[nn.Module] = []
for inner, outer, stride, dilation in ((3, 16, 2, 1), (16, 32, 2, 1), (32, 32, 1, 2), (32, 64, 1, 2)):
    layers += [nn.Conv2d(inner, outer, 3, stride, dilation, dilation), nn.BatchNorm2d(outer), nn.ReLU()]
network = nn.Sequential(*layers, nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(64, len(SHAPES)))
preprocessing = wsseg.Preprocessing((SIDE, SIDE), (0.5,) * 3, (0.25,) * 3)
classifier = wsseg.load_classifier(network, categories=SHAPES, preprocessing=preprocessing)

# It learns the names of the shapes. It never learns where they are.
pictures = torch.cat([classifier.preprocess(draw(shape)[0]) for shape in SHAPES * 250])
names = torch.arange(len(pictures)) % len(SHAPES)
optimizer = torch.optim.Adam(network.parameters(), 3e-3)
for _ in range(150):
    some = torch.randint(len(pictures), (32,))
    optimizer.zero_grad()
    nn.functional.cross_entropy(network(pictures[some]), names[some]).backward()
    optimizer.step()

segmenter, strips, right, ious = wsseg.Segmenter(classifier), [], 0, []
for shape in SHAPES * 6:
    image, truth = draw(shape)
    result = segmenter.segment(image)
    right += result.category == shape
    ious.append(wsseg.scores(result.mask, truth)["iou"])
    strips.append(result.strip())

wsseg.write_picture("shapes.png", np.vstack(strips[:6]))
print(
    f"{right} of {len(ious)} shapes named correctly; mean IoU of their masks with the drawn truth {np.mean(ious):.3f}"
)
print("shapes.png shows photo, saliency, seeds and mask of some shapes")
