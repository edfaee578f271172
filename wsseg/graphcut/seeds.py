"""The pixels to trust: seeds at quantiles of the saliency (Simonyan, Vedaldi, Zisserman 2013, section 3.2)."""

import numpy as np

from wsseg.arrays import BACKGROUND, FOREGROUND, UNKNOWN, Saliency, Seeds, check_saliency


def seeds_from_saliency(saliency: Saliency, *, foreground_quantile: float, background_quantile: float) -> Seeds:
    """Return object seeds above one quantile of the saliency and background seeds at or below another.

    Only the ranking of the saliency matters. Object seeds lie strictly above their quantile, so a constant map has
    background seeds only.

    Parameters
    ----------
    saliency : (H, W) float32 array
        The map, in [0, 1].
    foreground_quantile : float
        Share of the pixels that are not object seeds, in [0, 1].
    background_quantile : float
        Share of the pixels that are background seeds, in [0, 1].

    Returns
    -------
    (H, W) uint8 array
        FOREGROUND, BACKGROUND, and UNKNOWN between the quantiles.

    Raises
    ------
    TypeError, ValueError
        If the saliency has another type, shape or range.

    Examples
    --------
    >>> import numpy as np
    >>> saliency = np.array([[0.1, 0.2, 0.3, 0.9]], np.float32)
    >>> wsseg.seeds_from_saliency(saliency, foreground_quantile=0.75, background_quantile=0.5)
    array([[  0,   0, 255,   1]], dtype=uint8)
    """
    check_saliency(saliency)
    low, high = np.quantile(saliency, (background_quantile, foreground_quantile), method="inverted_cdf")
    seeds = np.full(saliency.shape, UNKNOWN, np.uint8)
    np.copyto(seeds, FOREGROUND, where=saliency > high)
    np.copyto(seeds, BACKGROUND, where=saliency <= low)
    return seeds
