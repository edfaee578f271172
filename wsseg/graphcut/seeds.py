"""The pixels we trust: quantile seeds (Simonyan, Vedaldi, Zisserman 2013, section 3.2)."""

import numpy as np

from wsseg.arrays import BACKGROUND, FOREGROUND, UNKNOWN, Saliency, Seeds, check_saliency


def seeds_from_saliency(saliency: Saliency, *, foreground_quantile: float, background_quantile: float) -> Seeds:
    """Object above one quantile of the saliency, background at or below another, unknown between.

    Only the ranking of the saliency matters. Of a map of ties, such as the many exact zeros of a rectified one, the
    object's side is strict: a constant map seeds background alone.
    """
    check_saliency(saliency)
    low, high = np.quantile(saliency, (background_quantile, foreground_quantile), method="inverted_cdf")
    seeds = np.full(saliency.shape, UNKNOWN, np.uint8)
    seeds[saliency > high] = FOREGROUND
    seeds[saliency <= low] = BACKGROUND
    return seeds
