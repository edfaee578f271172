"""The kinds of things that a classifier has classes of: `dog` is 118 classes of ImageNet."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from wsseg.classifier.hierarchy import Hierarchy, folded, wordnet

DOMINANT: Final = 10
"""A name has its most usual meaning if WordNet's sample texts use it this many times as often as any other meaning.

In ImageNet-1k, 43 names of kinds have several meanings with classes. Read one by one, `house` (157 : 0), `car`
(71 : 2), `ball` (35 : 3) and `cat` (18 : 0) are clear; `game` (7 : 0, grouse or puzzles), `dish` (9 : 3, bowls or food)
and `plant` (63 : 37, works or flowers) are not."""

TOGETHER: Final = frozenset({"bike", "cart", "cutlery", "footwear", "helmet", "instrument", "lamp", "robe", "table"})
"""Names whose meanings are alike to people, as desks and dining tables: they have all of them."""


GENERAL: Final = 0.2
"""Share of all classes above which a kind is too general to be suggested for another; `dog` has .12, `animal` .40."""


@dataclass(frozen=True, repr=False)
class Kinds:
    """The kinds of a hierarchy that a classifier has classes of."""

    hierarchy: Hierarchy
    """All kinds, also those without classes."""
    classes: Mapping[str, tuple[int, ...]]
    """The indices of the classes that are a kind or belong to it, in rising order, by the kind's WordNet id."""

    def meanings(self, text: str) -> list[str]:
        """Return the kinds that a folded name or WordNet id means, the most usual first, also those without classes."""
        return [text] if text in self.hierarchy.nouns else list(self.hierarchy.meanings(text))

    def meant(self, text: str, meanings: Sequence[str]) -> list[str]:
        """Return those of a name's meanings that people mean by it; none if that is not clear.

        Meanings that share classes, as both of `food`, are one.
        """
        if len(meanings) < 2 or text in TOGETHER:
            return list(meanings)
        uses, first = self.hierarchy.meanings(text), meanings[0]
        alike = [meaning for meaning in meanings if not set(self.classes[first]).isdisjoint(self.classes[meaning])]
        clear = all(uses[first] >= DOMINANT * max(1, uses[other]) for other in meanings if other not in alike)
        return alike if clear else []

    def nearest(self, meaning: str) -> str | None:
        """Return the nearest kind with classes that a kind belongs to; None if it is as general as `animal`."""
        found = next((wnid for wnid in self.hierarchy.ancestors(meaning) if wnid in self.classes), None)
        general = GENERAL * max(map(len, self.classes.values()), default=0)
        return found if found and len(self.classes[found]) <= general else None

    def description(self, wnid: str) -> str:
        """Return a kind's name, WordNet id and number of classes, as in `dog (n02084071, 118 classes)`."""
        count = len(self.classes[wnid])
        return f"{self.hierarchy.name(wnid)} ({wnid}, {count} {'class' if count == 1 else 'classes'})"

    @cached_property
    def names(self) -> Mapping[str, tuple[str, ...]]:
        """The kinds of each folded name, among those with classes."""
        names = defaultdict[str, list[str]](list)
        for kind in self.classes:
            for name in self.hierarchy.nouns[kind].uses:
                names[folded(name)].append(kind)
        return {name: tuple(kinds) for name, kinds in names.items()}


def kinds_of(wnids: Sequence[str]) -> Kinds:
    """Return the kinds that classes with these WordNet ids belong to; an id that is unknown belongs to none."""
    hierarchy = wordnet() if wnids else Hierarchy({})
    classes = defaultdict[str, list[int]](list)
    for index, wnid in enumerate(wnids):
        if wnid in hierarchy.nouns:
            for kind in (wnid, *hierarchy.ancestors(wnid)):
                classes[kind].append(index)
    return Kinds(hierarchy, {kind: tuple(indices) for kind, indices in classes.items()})
