"""What object and background look like: Gaussian mixtures over color.

Full covariances as in GrabCut (Rother, Kolmogorov, Blake 2004, section 3.2), fitted by expectation-maximization
(Dempster, Laird, Rubin 1977) from a k-means++ start (Arthur, Vassilvitskii 2007).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

COLOR_VARIANCE = 10.0
"""Added to each channel's variance, in squared 8-bit levels, so that flat areas keep an invertible covariance: about
the noise of a JPEG. The figure of the measured recipe."""

ROUNDS = 10
"""Rounds of expectation and maximization at most: the refits of a recipe go on where these end."""

GAIN = 2e-2
"""A smaller gain of the mean log-likelihood, in nats, ends the fit."""


@dataclass(frozen=True, eq=False)
class Mixture:
    """K Gaussians over D features: `weights` (K,), `means` (K, D), `covariances` (K, D, D)."""

    weights: Floats
    means: Floats
    covariances: Floats

    def log_likelihood(self, samples: Floats) -> Floats:
        """ln sum_k w_k N(x; mu_k, Sigma_k) of each of (N, D) samples, in nats; shape (N,)."""
        return _log_sum_exp(self._log_joint(samples))

    def _log_joint(self, samples: Floats) -> Floats:
        """ln w_k + ln N(x; mu_k, Sigma_k), shape (K, N)."""
        factors = np.linalg.cholesky(self.covariances)
        whitening = np.linalg.inv(factors)
        centers = np.einsum("kij,kj->ki", whitening, self.means)
        whitened = (whitening.reshape(-1, samples.shape[1]) @ samples.T).reshape(*centers.shape, -1) - centers[
            ..., None
        ]
        log_norms = np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
        constants = np.log(self.weights) - log_norms - samples.shape[1] / 2 * np.log(2 * np.pi)
        return np.asarray(constants[:, None] - np.square(whitened).sum(axis=1) / 2)


def fit_mixture(
    samples: Floats,
    *,
    components: int,
    random_state: int,
    sample_weights: Floats | None = None,
    variance: float = COLOR_VARIANCE,
    rounds: int = ROUNDS,
    start: Mixture | None = None,
) -> Mixture:
    """The mixture of at most `components` Gaussians that makes (N, D) samples likely.

    No round of EM lowers the (weighted) likelihood of the samples when `variance` is 0; a positive one, added to each
    feature's variance after the round, may cost a little of it. Only the ratios of `sample_weights` matter. Fewer
    distinct samples than components give fewer Gaussians; one gives the sample mean and covariance (plus `variance` on
    its diagonal). ValueError when there is no sample or no weight, and for what is not finite.
    """
    weights = np.ones(len(samples)) if sample_weights is None else sample_weights
    _check_samples(samples, weights)
    mixture = start or _maximize(samples, weights * _nearest(samples, weights, components, random_state), variance)
    likelihood = -np.inf
    for _ in range(rounds):
        joint = mixture._log_joint(samples)
        total = _log_sum_exp(joint)
        previous, likelihood = likelihood, float(np.average(total, weights=weights))
        if likelihood - previous < GAIN:
            break
        mixture = _maximize(samples, weights * np.exp(joint - total), variance)
    return mixture


def _check_samples(samples: Floats, weights: Floats) -> None:
    if samples.ndim != 2 or not np.isfinite(samples).all():
        raise ValueError(f"samples must be finite numbers (N, D), got shape {samples.shape}; drop NaN and infinity")
    if weights.shape != samples.shape[:1] or not (np.isfinite(weights) & (weights >= 0)).all():
        raise ValueError(
            f"sample_weights must be {len(samples)} numbers, finite and not negative, got shape {weights.shape}; "
            "leave them out to count all alike"
        )
    if not weights.sum() > 0:
        raise ValueError(f"samples must hold one of positive weight, got {len(samples)} without; seed more pixels")


def _maximize(samples: Floats, shares: Floats, variance: float) -> Mixture:
    """The M step: the weighted moments under (K, N) shares; a component that lost all its samples is dropped."""
    masses = shares.sum(axis=1)
    kept = masses > 1e-9 * masses.sum()
    shares, masses = shares[kept], masses[kept]
    center = samples.mean(axis=0)  # The samples' spread is not lost in squares of a far origin.
    offsets = samples - center
    means = shares @ offsets / masses[:, None]
    squares = (shares[:, None] * offsets.T) @ offsets / masses[:, None, None]
    covariances = squares - means[:, :, None] * means[:, None]
    return Mixture(masses / masses.sum(), means + center, covariances + variance * np.eye(samples.shape[1]))


def _nearest(samples: Floats, weights: Floats, components: int, random_state: int) -> Floats:
    """(K, N) memberships, 0 or 1, of each sample's nearest k-means++ center; fewer rows when samples coincide."""
    rng = np.random.default_rng(random_state)
    distances = np.full((1, len(samples)), np.inf)
    odds = weights
    while len(distances) <= components and odds.sum() > 0:
        center = samples[rng.choice(len(samples), p=odds / odds.sum())]
        distances = np.vstack([distances, np.square(samples - center).sum(axis=1)])
        odds = weights * distances.min(axis=0)
    nearest = distances[1:].argmin(axis=0)
    return np.asarray(nearest == np.arange(len(distances) - 1)[:, None], np.float64)


def _log_sum_exp(values: Floats) -> Floats:
    """ln sum_k exp(values), over the first axis; the largest term goes before, so that none overflows."""
    top = values.max(axis=0)
    return np.asarray(top + np.log(np.exp(values - top).sum(axis=0)))
