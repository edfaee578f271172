"""Names of targets in files: `sub/a.TARGET.png`."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from wsseg.classifier.categories import Categories, Target
from wsseg.files.text import folded


def target_names_of(categories: Categories) -> Callable[[Target], str]:
    """Return the function that names a target in files: its category, with `_` for all but letters and digits.

    A class whose name would equal another's, in a file system without case, adds its index: `cardigan-474`.
    """
    plain = [_plain(name) for name in categories.names]
    uses = Counter(map(folded, plain))
    alike = {index for index, name in enumerate(plain) if uses[folded(name)] > 1}
    return partial(_target_name, {index: categories.names[index] for index in alike})


def _target_name(alike: Mapping[int, str], target: Target) -> str:
    """Return the target's name in files, with the indices of classes that it is called by and whose names are alike."""
    names = target.category.split("|")
    return "-".join([_plain(target.category), *(str(index) for index in target.indices if alike.get(index) in names)])


def check_target_names(targets: Iterable[Target], name_of_target: Callable[[Target], str]) -> None:
    """Raise ValueError if the pictures of two targets would have one name."""
    owners: dict[str, Target] = {}
    for target in targets:
        owner = owners.setdefault(folded(name_of_target(target)), target)
        if owner is not target:
            raise ValueError(
                f"targets must have different names, got {owner.category!r} and {target.category!r} for files named "
                f"'{name_of_target(target)}'; leave out one"
            )


def _plain(category: str) -> str:
    return re.sub(r"\W", "_", category)
