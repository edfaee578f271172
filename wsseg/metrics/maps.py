"""How well a saliency map falls on the object: pointing game, energy inside the object, and its lift.

Void pixels never count. All scores are NaN when the truth has no object, or the map is 0 everywhere.
"""

import numpy as np

from wsseg.arrays import FOREGROUND, UNKNOWN, Saliency, Seeds, check_saliency, check_same_size, check_seeds


def saliency_scores(saliency: Saliency, truth: Seeds) -> dict[str, float]:
    """Score a saliency map against the truth.

    Parameters
    ----------
    saliency : ndarray of float32, (H, W)
        Saliency in [0, 1].
    truth : ndarray of uint8, (H, W)
        FOREGROUND, BACKGROUND, or UNKNOWN where it is void.

    Returns
    -------
    dict of str to float
        - `pointing`: 1 when the most salient pixel is on the object, else 0; where several pixels are the most salient,
          the share of them that is on the object. Its mean over photos is the pointing game of Zhang et al., "Top-down
          Neural Attention by Excitation Backprop" (2016), section 4.2, without their tolerance of 15 pixels.
        - `energy`: the object's share of all saliency, E = sum_object s / sum s; Wang et al., "Score-CAM" (2020),
          section 4.3.
        - `lift`: that share divided by the object's share of the pixels, so a uniform map has 1; Kohlbrenner et al.,
          "Towards Best Practice in Explaining Neural Network Decisions with LRP" (2020), equation 9.

        All are NaN when the truth has no object, or the map is 0 everywhere.

    Raises
    ------
    TypeError
        If either is not an array.
    ValueError
        If a shape, type or value is wrong, or the sizes differ.

    Examples
    --------
    >>> import numpy as np
    >>> truth = np.array([[1, 1, 0, 0]], np.uint8)
    >>> saliency = np.array([[0.5, 0.25, 0.25, 0]], np.float32)
    >>> wsseg.saliency_scores(saliency, truth)
    {'pointing': 1.0, 'energy': 0.75, 'lift': 1.5}
    """
    check_same_size(check_saliency(saliency), check_seeds(truth, "truth"), "saliency and truth")
    values, is_object = saliency[truth != UNKNOWN].astype(np.float64), truth[truth != UNKNOWN] == FOREGROUND
    if not is_object.any() or not values.any():
        return dict.fromkeys(("pointing", "energy", "lift"), float("nan"))
    energy = float(values[is_object].sum() / values.sum())
    return {
        "pointing": float(is_object[values == values.max()].mean()),
        "energy": energy,
        "lift": energy / float(is_object.mean()),
    }
