"""The classes of ImageNet: their names, WordNet ids and synonyms, in the usual order of the scores."""

from functools import cache
from importlib import resources
from typing import Any, Final

from wsseg.classifier.categories import Categories

USUAL: Final = 1000
"""Classes of the usual ImageNet."""

_CLASSES: Final = resources.files("wsseg.classifier") / "wordnet" / "imagenet.tsv"


@cache
def imagenet_categories(classes: int = USUAL) -> Categories:
    """Return the categories of ImageNet.

    Parameters
    ----------
    classes : int, optional
        Number of classes: 1000, or the size of one of the larger ImageNets, as 11821 or 21841.

    Returns
    -------
    Categories
        Names, WordNet ids and synonyms in the usual order of the scores.

    Raises
    ------
    ValueError
        If no ImageNet has this many classes.
    """
    if classes == USUAL:  # Of the larger ones timm knows the names; importing it takes seconds.
        wnids, names, synonyms = zip(
            *(line.split("\t") for line in _CLASSES.read_text("utf-8").splitlines()), strict=True
        )
        return Categories(names, wnids, tuple(tuple(one.split(", ")) for one in synonyms))
    from timm.data.imagenet_info import ImageNetInfo, infer_imagenet_subset

    subset = infer_imagenet_subset({"num_classes": classes})
    if subset is None:
        raise ValueError(f"classes must be the size of an ImageNet, got {classes}; pass your own names as categories")
    info: Any = ImageNetInfo(subset)
    several = tuple(tuple(lemmas.split(", ")) for lemmas in info.label_descriptions())
    return Categories(tuple(first for first, *_ in several), tuple(info.label_names()), several)


def is_imagenet(classes: int) -> bool:
    """Return whether an ImageNet has this many classes."""
    if classes == USUAL:
        return True
    from timm.data.imagenet_info import infer_imagenet_subset

    return infer_imagenet_subset({"num_classes": classes}) is not None
