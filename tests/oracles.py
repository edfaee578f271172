"""The formulas of the method, slow and obvious, written from the papers, to test the library against."""

import math
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import cv2
import numpy as np
from scipy.spatial import KDTree

DIRECTIONS = ((0, 1), (1, 0), (1, 1), (1, -1))
"""(dy, dx) of right, down, down-right and down-left."""


def neighboring_pairs(height: int, width: int) -> Iterator[tuple[int, tuple[int, int], tuple[int, int]]]:
    """(plane, p, q) of each pair of 8-neighbors, once."""
    for y, x in product(range(height), range(width)):
        for plane, (dy, dx) in enumerate(DIRECTIONS):
            if y + dy < height and 0 <= x + dx < width:
                yield plane, (y, x), (y + dy, x + dx)


def energy(mask: Any, unary: Any, pairwise: Any) -> float:
    """E(A) = sum_p R_p(A_p) + sum_pq B_pq [A_p != A_q]: Boykov, Jolly 2001, equations 1 to 3."""
    total = 0.0
    for y, x in np.ndindex(*mask.shape):
        total += unary[y, x, int(mask[y, x])]
    for plane, p, q in neighboring_pairs(*mask.shape):
        total += pairwise[plane, *p] if mask[p] != mask[q] else 0
    return total


def labelings(height: int, width: int) -> Iterator[Any]:
    """Every mask of that size: 512 of 3x3."""
    for labels in product([False, True], repeat=height * width):
        yield np.array(labels).reshape(height, width)


def cheapest_labelings(unary: Any, pairwise: Any) -> tuple[float, list[Any]]:
    """The least energy of all labelings, and all those that reach it."""
    energies = [(energy(mask, unary, pairwise), mask) for mask in labelings(*unary.shape[:2])]
    least = min(cost for cost, _ in energies)
    return least, [mask for cost, mask in energies if cost == least]


def potts_energies(stack: Any, unary: Any, pairwise: Any) -> Any:
    """E(f) = sum_p D_p(f_p) + sum_pq u_pq [f_p != f_q] of each labeling in the stack, (N, H, W).

    Boykov, Veksler, Zabih 2001, section 7: the Potts model.
    """
    totals = np.zeros(len(stack))
    for y, x in np.ndindex(*unary.shape[:2]):
        totals += unary[y, x][stack[:, y, x]]
    for plane, p, q in neighboring_pairs(*unary.shape[:2]):
        totals += pairwise[plane, *p] * (stack[:, *p] != stack[:, *q])
    return totals


def labelings_of_several(height: int, width: int, labels: int) -> Any:
    """Every labeling of that size, stacked: 19683 of 3x3 with three labels."""
    return np.array(list(product(range(labels), repeat=height * width))).reshape(-1, height, width)


def expansion_moves(labels: Any, count: int) -> Any:
    """Every labeling in which some pixels of `labels` took one of the `count` labels, stacked."""
    takers = labelings_of_several(*labels.shape, 2) == 1
    return np.concatenate([np.where(takers, target, labels) for target in range(count)])


def contrast(image: Any, gamma: float) -> Any:
    """V_mn = gamma / dis(m, n) exp(-beta ||z_m - z_n||^2), beta = 1 / (2 <||z_m - z_n||^2>), over 8 neighbors.

    GrabCut (Rother, Kolmogorov, Blake 2004), equations 4, 5 and 11.
    """
    height, width, _ = image.shape
    squares = {}
    for plane, p, q in neighboring_pairs(height, width):
        squares[plane, p, q] = sum((int(a) - int(b)) ** 2 for a, b in zip(image[p], image[q], strict=True))
    expectation = sum(squares.values()) / max(len(squares), 1)
    beta = 1 / (2 * expectation) if expectation else 0
    planes = np.zeros((4, height, width))
    for (plane, p, q), square in squares.items():
        planes[plane, *p] = gamma / math.dist(p, q) * math.exp(-beta * square)
    return planes


def hard_cost(pairwise: Any) -> float:
    """K = 1 + max_p sum_q B_pq: Boykov, Jolly 2001, section 2."""
    sums = np.zeros(pairwise.shape[1:])
    for plane, p, q in neighboring_pairs(*sums.shape):
        sums[p] += pairwise[plane, *p]
        sums[q] += pairwise[plane, *p]
    return 1 + float(sums.max())


def quantile_labels(saliency: Any, foreground_quantile: float, background_quantile: float) -> Any:
    """0, 1 or 255 by the share of pixels that a pixel outranks: Simonyan, Vedaldi, Zisserman 2013, section 3.2."""
    labels = np.full(saliency.shape, 255)
    for place, value in np.ndenumerate(saliency):
        outranked = int((saliency < value).sum())
        if outranked > 0 and outranked >= foreground_quantile * saliency.size:
            labels[place] = 1
        if outranked == 0 or outranked < background_quantile * saliency.size:
            labels[place] = 0
    return labels


def log_gaussian(sample: Any, mean: Any, covariance: Any) -> float:
    """ln N(x; mu, Sigma), by determinant and inverse."""
    offset = sample - mean
    quadratic = offset @ np.linalg.inv(covariance) @ offset
    return -0.5 * float(quadratic + math.log(np.linalg.det(covariance)) + len(mean) * math.log(2 * math.pi))


def log_mixture(sample: Any, weights: Any, means: Any, covariances: Any) -> float:
    """ln sum_k w_k N(x; mu_k, Sigma_k)."""
    parts = zip(weights, means, covariances, strict=True)
    return math.log(sum(weight * math.exp(log_gaussian(sample, *gaussian)) for weight, *gaussian in parts))


def em_round(samples: Any, sample_weights: Any, mixture: tuple[Any, Any, Any], variance: float) -> tuple[Any, Any, Any]:
    """One round of expectation and maximization (Dempster, Laird, Rubin 1977), `variance` added to each diagonal."""
    weights, means, covariances = mixture
    dimensions = samples.shape[1]
    shares = np.zeros((len(samples), len(weights)))
    for n, k in np.ndindex(*shares.shape):
        joint = weights[k] * math.exp(log_gaussian(samples[n], means[k], covariances[k]))
        shares[n, k] = sample_weights[n] * joint / math.exp(log_mixture(samples[n], *mixture))
    masses = [sum(shares[:, k]) for k in range(len(weights))]
    new_means = [sum(shares[n, k] * samples[n] for n in range(len(samples))) / masses[k] for k in range(len(weights))]
    scatters = np.zeros((len(weights), dimensions, dimensions))
    for n, k in np.ndindex(*shares.shape):
        scatters[k] += shares[n, k] * np.outer(samples[n] - new_means[k], samples[n] - new_means[k])
    new_covariances = [scatters[k] / masses[k] + variance * np.eye(dimensions) for k in range(len(weights))]
    return np.array(masses) / sum(masses), np.array(new_means), np.array(new_covariances)


def grad_cam(activations: Any, gradients: Any) -> Any:
    """ReLU(sum_k alpha_k A^k), alpha_k = 1/Z sum_ij dy/dA_ij^k: Selvaraju et al. 2017, equations 1 and 2."""
    total = np.zeros(activations.shape[1:])
    for plane, slopes in zip(activations, gradients, strict=True):
        total += sum(slopes.ravel()) / slopes.size * plane
    return np.maximum(total, 0)


def grad_cam_plus_plus(activations: Any, gradients: Any) -> Any:
    """ReLU(sum_k w_k A^k), w_k = sum_ij alpha_ij ReLU(dy/dA_ij): Chattopadhay et al. 2018, equation 19.

    alpha_ij = g_ij^2 / (2 g_ij^2 + sum_ab A_ab g_ij^3).
    """
    total = np.zeros(activations.shape[1:])
    for plane, slopes in zip(activations, gradients, strict=True):
        weight = 0.0
        for place, g in np.ndenumerate(slopes):
            if g > 0:
                weight += g**2 / (2 * g**2 + sum(plane.ravel()) * g**3) * slopes[place]
        total += weight * plane
    return np.maximum(total, 0)


def layer_cam(activations: Any, gradients: Any) -> Any:
    """ReLU(sum_k ReLU(g_ij^k) A_ij^k): Jiang et al. 2021."""
    total = np.zeros(activations.shape[1:])
    for k, y, x in np.ndindex(*activations.shape):
        total[y, x] += max(gradients[k, y, x], 0) * activations[k, y, x]
    return np.maximum(total, 0)


def score_cam(activations: Any, photo: Any, score: Callable[[Any], float]) -> Any:
    """ReLU(sum_k alpha_k A^k), alpha = softmax_k f(X o s(Up(A^k))): Wang et al. 2020, algorithm 1."""
    scores = []
    for plane in activations:
        mask = cv2.resize(plane, photo.shape[:0:-1], interpolation=cv2.INTER_LINEAR)
        scores.append(score(photo * (mask - mask.min()) / max(mask.max() - mask.min(), 1e-30)))
    weights = np.exp(np.array(scores) - max(scores))
    return np.maximum(np.tensordot(weights / weights.sum(), activations, 1), 0)


def seg2bmap(mask: Any) -> Any:
    """Boundary pixels: those that differ from a neighbor to the right, below or both; the last row and column only
    along themselves. As the code of DAVIS has it, after Martin 2003.
    """
    larger = np.pad(mask, ((0, 1), (0, 1)), mode="edge")
    right, below, both = larger[:-1, 1:], larger[1:, :-1], larger[1:, 1:]
    return (mask != right) | (mask != below) | (mask != both)


def boundary_f(mask: Any, truth: Any) -> float:
    """F of DAVIS: boundaries that lie within ceil(.008 diagonal) of each other; truth 255 is void."""
    kept = truth != 255
    found, wanted = (np.argwhere(seg2bmap(one & kept)) for one in (mask, truth == 1))
    if not len(found) or not len(wanted):
        return float(len(found) == len(wanted))
    near = math.ceil(0.008 * math.hypot(*truth.shape))
    precision = (KDTree(wanted).query(found)[0] <= near).mean()
    recall = (KDTree(found).query(wanted)[0] <= near).mean()
    return float(2 * precision * recall / (precision + recall)) if precision + recall else 0.0


def boundary_iou(mask: Any, truth: Any) -> float:
    """IoU of what 3 x 3 erosions of masks in a frame of background take away, as many as 2 % of the diagonal."""
    kept, bands = truth != 255, []
    for one in (mask & kept, (truth == 1) & kept):
        inner = np.pad(one, 1).astype(np.uint8)
        for _ in range(max(1, round(0.02 * math.hypot(*truth.shape)))):
            inner = cv2.erode(inner, np.ones((3, 3), np.uint8))
        bands.append(one & ~inner[1:-1, 1:-1].astype(bool))
    union = (bands[0] | bands[1]).sum()
    return float((bands[0] & bands[1]).sum() / union) if union else 1.0


def stretched(saliency: Any) -> Any:
    """The map in [0, 1], its least value 0 and its greatest 1, unless it is constant."""
    low, high = saliency.min(), saliency.max()
    return (saliency - low) / (high - low) if high > low else saliency


def f_beta(mask: Any, truth: Any, empty: float) -> float:
    """(1 + .3) P R / (.3 P + R), in which P of an empty mask and R of an empty truth are `empty`; 0 for 0/0."""
    shared = (mask & truth).sum()
    precision = shared / mask.sum() if mask.any() else empty
    recall = shared / truth.sum() if truth.any() else empty
    return float(1.3 * precision * recall / (0.3 * precision + recall)) if precision + recall else 0.0


def enhanced_alignment(mask: Any, truth: Any) -> float:
    """The E-measure of a binary mask: Fan et al. 2018, equations 1 to 5, with the N - 1 of their code."""
    if truth.all() or not truth.any():
        return float((mask == truth).sum() / (truth.size - 1))
    a, b = mask - mask.mean(), truth - truth.mean()
    alignment = 2 * a * b / (a**2 + b**2 + np.spacing(1))
    return float(((1 + alignment) ** 2 / 4).sum() / (truth.size - 1))


def structure(saliency: Any, truth: Any) -> float:
    """The S-measure of a stretched map: Fan et al. 2017, equations 1 to 5."""
    if truth.all() or not truth.any():
        return float(saliency.mean() if truth.any() else 1 - saliency.mean())
    share = truth.mean()
    of_object = share * _likeness(saliency[truth]) + (1 - share) * _likeness(1 - saliency[~truth])
    y, x = (int(place) + 1 for place in np.argwhere(truth).mean(axis=0).round())
    of_quarters = 0.0
    for part in (np.s_[:y, :x], np.s_[:y, x:], np.s_[y:, :x], np.s_[y:, x:]):
        if truth[part].size:
            of_quarters += truth[part].size / truth.size * _ssim(saliency[part], truth[part].astype(float))
    return max(0.0, 0.5 * of_object + 0.5 * of_quarters)


def _likeness(values: Any) -> float:
    deviation = values.std(ddof=1) if len(values) > 1 else 0
    return float(2 * values.mean() / (values.mean() ** 2 + 1 + deviation + np.spacing(1)))


def _off_mean(values: Any) -> Any:
    """Return values minus their mean, exactly 0 for equal values."""
    offsets = values - values.flat[0]
    return offsets - offsets.mean()


def _ssim(x: Any, y: Any) -> float:
    mean_x, mean_y, scale = x.mean(), y.mean(), x.size - 1 + np.spacing(1)
    off_x, off_y = _off_mean(x), _off_mean(y)
    both = (off_x * off_y).sum() / scale
    spread = (off_x**2).sum() / scale + (off_y**2).sum() / scale
    above, below = 4 * mean_x * mean_y * both, (mean_x**2 + mean_y**2) * spread
    return float(above / (below + np.spacing(1))) if above else float(below == 0)
