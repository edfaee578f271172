"""The colors of object and background: Gaussian mixtures.

Full covariances as in GrabCut (Rother, Kolmogorov, Blake 2004, section 3.2), fitted by expectation-maximization
(Dempster, Laird, Rubin 1977) from a k-means++ start (Arthur, Vassilvitskii 2007).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

COLOR_VARIANCE = 10.0
"""Added to the variance of each channel, in squared 8-bit levels, so that flat areas keep an invertible covariance. It
is about the noise of a JPEG, and the value that the recipes were measured with."""

ROUNDS = 10
"""Largest number of rounds of expectation and maximization; the refits of a recipe continue from there."""

GAIN = 2e-2
"""The fit ends when a round raises the mean log-likelihood by less than this, in nats."""


@dataclass(frozen=True, eq=False)
class Mixture:
    """K Gaussians over D features: `weights` (K,) that sum to 1, `means` (K, D), `covariances` (K, D, D)."""

    weights: Floats
    means: Floats
    covariances: Floats

    def log_likelihood(self, samples: Floats) -> Floats:
        """Return ln sum_k w_k N(x; mu_k, Sigma_k) for each sample.

        Parameters
        ----------
        samples : (N, D) float64 array

        Returns
        -------
        (N,) float64 array
            Log-likelihoods, in nats.
        """
        return _log_sum_exp(self._log_joint(samples))

    def _log_joint(self, samples: Floats) -> Floats:
        """Return ln w_k + ln N(x; mu_k, Sigma_k), (K, N)."""
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
    """Return a Gaussian mixture that makes the samples likely, fitted by expectation-maximization.

    No round lowers the weighted likelihood of the samples if `variance` is 0. Fewer distinct samples than components
    give fewer Gaussians. One component has the mean and covariance of the samples, with `variance` on the diagonal.

    Parameters
    ----------
    samples : (N, D) float64 array
        Colors, or other features.
    components : int
        Largest number of Gaussians.
    random_state : int
        Seed of the k-means++ start.
    sample_weights : (N,) float64 array, optional
        Weight of each sample; only their ratios matter. Default: all the same.
    variance : float
        Added to the variance of each feature, in squared units of the samples.
    rounds : int
        Largest number of rounds.
    start : Mixture, optional
        Mixture to start from, in place of k-means++.

    Returns
    -------
    Mixture

    Raises
    ------
    ValueError
        If there is no sample or no weight, or a value is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> samples = np.array([[0.0], [2.0], [10.0], [12.0]])
    >>> mixture = wsseg.fit_mixture(samples, components=2, random_state=0, variance=0)
    >>> sorted(mixture.means.round().ravel().tolist()), mixture.weights.round(2).tolist()
    ([1.0, 11.0], [0.5, 0.5])
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
        raise ValueError(f"samples must be finite numbers (N, D), got shape {samples.shape}; remove NaN and infinity")
    if weights.shape != samples.shape[:1] or not (np.isfinite(weights) & (weights >= 0)).all():
        raise ValueError(
            f"sample_weights must be {len(samples)} numbers, finite and not negative, got shape {weights.shape}; "
            "leave them out to give all samples the same weight"
        )
    if not weights.sum() > 0:
        raise ValueError(
            f"samples must include one with a positive weight, got none in {len(samples)}; seed more pixels"
        )


def _maximize(samples: Floats, shares: Floats, variance: float) -> Mixture:
    """Return the M step: the weighted moments under (K, N) shares, without components that lost all their samples."""
    masses = shares.sum(axis=1)
    kept = masses > 1e-9 * masses.sum()
    shares, masses = shares[kept], masses[kept]
    center = samples.mean(axis=0)  # Squares of values far from zero would lose the spread.
    offsets = samples - center
    means = shares @ offsets / masses[:, None]
    squares = (shares[:, None] * offsets.T) @ offsets / masses[:, None, None]
    covariances = squares - means[:, :, None] * means[:, None]
    return Mixture(masses / masses.sum(), means + center, covariances + variance * np.eye(samples.shape[1]))


def _nearest(samples: Floats, weights: Floats, components: int, random_state: int) -> Floats:
    """Return (K, N) memberships, 1 for the nearest k-means++ center of a sample; fewer rows if samples coincide."""
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
    """Return ln sum_k exp(values) over the first axis; the largest value is taken out, so that none overflows."""
    top = values.max(axis=0)
    return np.asarray(top + np.log(np.exp(values - top).sum(axis=0)))
