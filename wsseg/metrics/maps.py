"""How well a saliency map falls on the object: pointing game, energy in the mask, and its lift.

Void pixels never count. Of a truth without an object, or of a map that is 0 throughout, no score is defined: NaN.
"""

import numpy as np

from wsseg.arrays import FOREGROUND, UNKNOWN, Saliency, Seeds, check_saliency, check_same_size, check_seeds


def saliency_scores(saliency: Saliency, truth: Seeds) -> dict[str, float]:
    """The scores of a map against a truth of its size, by name.

    - `pointing`: 1 when the most salient pixel is on the object, else 0; the share of them where several are most
      salient. Its mean over photos is the pointing game of Zhang et al., "Top-down Neural Attention by Excitation
      Backprop" (2016), section 4.2, without their tolerance of 15 pixels.
    - `energy`: the object's share of all saliency, E = sum_object s / sum s; Wang et al., "Score-CAM" (2020), section
      4.3.
    - `lift`: that share over the object's share of the pixels, so that 1 is what a map without any idea has;
      Kohlbrenner et al., "Towards Best Practice in Explaining Neural Network Decisions with LRP" (2020), equation 9.
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
