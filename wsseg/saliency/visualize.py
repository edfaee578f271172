"""The picture with the highest score of a class: Simonyan, Vedaldi, Zisserman 2013 (arXiv 1312.6034), section 2.

arg max over I of S_c(I) - decay ||I||^2, with S_c the un-normalized score, from the zero picture by gradient ascent;
then the mean that the preprocessing subtracts is added.

Two steps that the paper lacks make the picture recognizable. In each step the network sees the picture moved a little,
so that no pixel fits the network's grid alone (Mordvintsev, Olah, Tyka 2015, "Inceptionism"). Coarse patterns grow as
fast as fine ones (Olah, Mordvintsev, Schubert 2017, "Feature Visualization", preconditioning: waves weighed by
1 / frequency, which counts twice in the slope). Both change the way to the maximum, not the maximum.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import torch

from wsseg.arrays import Image
from wsseg.classifier.categories import Target
from wsseg.classifier.classifier import Classifier
from wsseg.classifier.load import load_classifier
from wsseg.classifier.modes import reproducible
from wsseg.files.encode import check_new_picture, encoded_picture
from wsseg.files.store import replacing
from wsseg.recipe import EMBEDDED, VISUALIZATION_STEPS
from wsseg.saliency.gradient import score_gradient


@dataclass(frozen=True, eq=False, repr=False)
class Visualization:
    """The picture that a classifier scores highest as a class.

    Parameters
    ----------
    picture : ndarray of uint8, shape (H, W, 3)
        The picture, of the network's input size.
    target : Target
        Class or classes that it shows.
    probability : float
        The classifier's probability of these classes for the picture.
    """

    picture: Image
    """The picture, uint8 (H, W, 3) of the network's input size."""
    target: Target
    """Class or classes that it shows."""
    probability: float
    """The classifier's probability of these classes for the picture."""

    def __repr__(self) -> str:
        height, width = self.picture.shape[:2]
        return f"Visualization({self.target.category}, probability {self.probability:.2f}, picture {width} x {height})"

    def save(self, path: str | PathLike[str], *, force: bool = False) -> None:
        """Write the picture, completely or not at all.

        Parameters
        ----------
        path : str or path-like
            Picture to write, .png, .webp or .jpg. Missing folders are created. `wsseg.files.encode.check_new_picture`
            makes the same checks before the picture is computed.
        force : bool, optional
            Whether an existing file may be replaced.

        Raises
        ------
        ValueError
            If no format has the path's suffix.
        FileExistsError
            If the path is a folder, or is a file and `force` is not set.
        OSError
            If the file cannot be written.
        """
        format = check_new_picture(path, force=force)
        with replacing(Path(path)) as file:
            file.write(encoded_picture(self.picture, format))


def visualize(
    category: int | str | Target,
    *,
    classifier: Classifier | str | Path = EMBEDDED,
    device: str = "cpu",
    steps: int = VISUALIZATION_STEPS,
    random_state: int = 0,
    track: Callable[[Sequence[int]], Iterable[int]] = iter,
) -> Visualization:
    """Compute the picture that a classifier scores highest as a class.

    Parameters
    ----------
    category : int, str or Target
        Class by index, WordNet id or name; several joined by `|`.
    classifier : Classifier, str or Path, optional
        The network, or its name or checkpoint for `load_classifier`.
    device : str, optional
        Device for a classifier that is loaded here.
    steps : int, optional
        Steps from grey to the picture.
    random_state : int, optional
        Seed of the moves of the picture.
    track : callable, optional
        Iterates over the steps, for example with a progress bar.

    Returns
    -------
    Visualization
        The picture, its class, and the probability of that class.

    Raises
    ------
    ValueError
        If the class or the classifier is unknown, or a number is out of range.

    Examples
    --------
    >>> lemon = wsseg.visualize("lemon", steps=2)
    >>> lemon.target.category, lemon.picture.shape
    ('lemon', (224, 224, 3))
    >>> lemon.save("lemon.png")
    """
    _check_steps(steps, random_state)
    found = classifier if isinstance(classifier, Classifier) else load_classifier(classifier, device=device)
    target = found.categories.resolve(category)
    picture = visualize_class(found, target, steps=steps, random_state=random_state, track=track)
    probability = found.probability_of(target, found.probabilities(picture))
    return Visualization(picture, target, probability)


@reproducible()
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
    """Compute the picture with the highest score of a class.

    The paper does not give its `decay`; this and the other numbers were chosen by eye, and by the probability of the
    picture's class, with the embedded network.

    Parameters
    ----------
    classifier : Classifier
        The network.
    wanted : int, str or Target
        Class by index, WordNet id or name; several joined by `|`.
    steps : int, optional
        Number of steps.
    rate : float, optional
        Root mean square of the change of the normalized picture in each step.
    decay : float, optional
        The paper's lambda.
    jitter : int, optional
        Pixels by which each step moves the picture around its edges at most; with 0 nothing is random.
    random_state : int, optional
        Seed of the moves.
    track : callable, optional
        Iterates over the steps, for example with a progress bar.

    Returns
    -------
    ndarray of uint8, shape (H, W, 3)
        The picture, of the network's input size.

    Raises
    ------
    ValueError
        If the class is unknown or a number is out of range.
    """
    _check_steps(steps, random_state)
    _check_ascent(rate, decay, jitter)
    target = classifier.categories.resolve(wanted) if not isinstance(wanted, Target) else wanted
    generator = torch.Generator().manual_seed(random_state)
    picture = torch.zeros((1, 3, *classifier.preprocessing.size), device=classifier.device)
    with classifier.frozen():
        for _ in track(range(steps)):
            down, right = torch.randint(-jitter, jitter + 1, (2,), generator=generator, device="cpu").tolist()
            moved = score_gradient(classifier, picture.roll((down, right), (2, 3)), target)
            slope = _coarsened(moved.roll((-down, -right), (2, 3)) - 2 * decay * picture)
            picture = picture + rate * slope / slope.square().mean().sqrt().clamp(min=torch.finfo(slope.dtype).tiny)
    return classifier.deprocess(picture)


def _check_steps(steps: int, random_state: int) -> None:
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}; {VISUALIZATION_STEPS} is the default")
    if not 0 <= random_state < 2**32:
        raise ValueError(f"random_state must lie in [0, 2**32 - 1], got {random_state}; 0 is the default")


def _check_ascent(rate: float, decay: float, jitter: int) -> None:
    if not (0 < rate < float("inf") and 0 <= decay < float("inf")):
        raise ValueError(f"rate must be positive and decay at least 0, got {rate} and {decay}; give finite numbers")
    if jitter < 0:
        raise ValueError(f"jitter must not be negative, got {jitter}; 0 leaves the picture in its place")


def _coarsened(slope: torch.Tensor) -> torch.Tensor:
    """The (1, 3, h, w) slope with each of its waves divided by the square of its frequency."""
    height, width = slope.shape[2:]
    rows, columns = torch.fft.fftfreq(height, device="cpu"), torch.fft.rfftfreq(width, device="cpu")
    frequency = torch.hypot(rows[:, None], columns[None])
    weights = frequency.clamp(min=1 / max(height, width)).square().reciprocal().to(slope.device)
    coarsened: torch.Tensor = torch.fft.irfft2(torch.fft.rfft2(slope) * weights, s=(height, width))
    return coarsened
