"""The picture that a class would like best: Simonyan, Vedaldi, Zisserman 2013 (arXiv 1312.6034), section 2.

arg max over I of S_c(I) - decay ||I||^2, S_c the un-normalized score, from the zero picture by gradient ascent; then
the mean that the preprocessing takes off is added.

What the paper lacks, and what makes it something to look at: each step sees the picture moved a little, so that no
pixel fits the network's grid alone (Mordvintsev, Olah, Tyka 2015, "Inceptionism"), and coarse patterns grow as fast as
fine ones (Olah, Mordvintsev, Schubert 2017, "Feature Visualization", preconditioning: waves weighed by 1 / frequency,
which in the slope counts twice). That changes the way to the maximum, not the maximum.
"""

from collections.abc import Callable, Iterable, Sequence

import torch

from wsseg.arrays import Image
from wsseg.classifier.categories import Target
from wsseg.classifier.classifier import Classifier
from wsseg.recipe import VISUALIZATION_STEPS
from wsseg.saliency.gradient import score_gradient


def visualize_class(
    classifier: Classifier,
    wanted: int | str | Target,
    *,
    steps: int = VISUALIZATION_STEPS,
    rate: float = 0.1,
    decay: float = 1e-3,
    jitter: int = 16,
    random_state: int = 0,
    track: Callable[[Sequence[int]], Iterable[int]] = iter,
) -> Image:
    """The picture, uint8 (H, W, 3) of the network's input size, that has the highest score of the class.

    Each of the `steps` changes the normalized picture by `rate` in root mean square, at random moved by up to `jitter`
    pixels around its edges; 0 leaves out the moving, and so all that is random. `decay` is the paper's lambda, which it
    does not tell; this and the rest were chosen by eye and by the probability of the picture's class, with the embedded
    network. `track` goes through the steps, and may show how far it is. ValueError for an unknown class and for numbers
    out of range.
    """
    _check(steps=steps, rate=rate, decay=decay, jitter=jitter, random_state=random_state)
    target = classifier.categories.resolve(wanted) if not isinstance(wanted, Target) else wanted
    generator = torch.Generator().manual_seed(random_state)
    picture = torch.zeros((1, 3, *classifier.preprocessing.size), device=classifier.device)
    with classifier.frozen():
        for _ in track(range(steps)):
            down, right = torch.randint(-jitter, jitter + 1, (2,), generator=generator).tolist()
            moved = score_gradient(classifier, picture.roll((down, right), (2, 3)), target)
            slope = _coarsened(moved.roll((-down, -right), (2, 3)) - 2 * decay * picture)
            picture = picture + rate * slope / slope.square().mean().sqrt().clamp(min=torch.finfo(slope.dtype).tiny)
    return classifier.deprocess(picture)


def _check(*, steps: int, rate: float, decay: float, jitter: int, random_state: int) -> None:
    if steps < 1 or jitter < 0:
        raise ValueError(f"steps must be at least 1 and jitter 0, got {steps} and {jitter}; leave them as they are")
    if not (0 < rate < float("inf") and 0 <= decay < float("inf")):
        raise ValueError(f"rate must be positive and decay at least 0, got {rate} and {decay}; both are finite numbers")
    if not 0 <= random_state < 2**32:
        raise ValueError(f"random_state must lie in [0, 2**32 - 1], got {random_state}; leave it as it is")


def _coarsened(slope: torch.Tensor) -> torch.Tensor:
    """The (1, 3, h, w) slope with each of its waves divided by the square of its frequency."""
    height, width = slope.shape[2:]
    frequency = torch.hypot(torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)[None])
    weights = frequency.clamp(min=1 / max(height, width)).square().reciprocal().to(slope.device)
    coarsened: torch.Tensor = torch.fft.irfft2(torch.fft.rfft2(slope) * weights, s=(height, width))
    return coarsened
