"""A classifier's classes as a tree: kinds of things, and the classes that belong to them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from wsseg.classifier.kinds import Kinds


@dataclass(frozen=True, repr=False)
class Kind:
    """A kind of thing and the classes that belong to it: a branch of the tree that `Categories.tree` returns."""

    name: str
    """Its most usual name, or that of the class."""
    wnid: str
    """Its WordNet id; empty if it has none."""
    indices: tuple[int, ...]
    """Indices of the classes that are this kind or belong to it, in rising order."""
    text: str
    """Its line: the name, with the WordNet id and the number of classes of a kind, or the index and id of a class."""
    children: tuple["Kind", ...] = ()
    """The kinds and classes directly below it, by name. One that belongs to several kinds is below each of them."""

    def __repr__(self) -> str:
        return f"Kind({self.text})"

    def lines(self) -> Iterator[str]:
        """Yield the tree as text, with two spaces for each level.

        Yields
        ------
        str
            The `text` of each kind and class. What is below a kind is listed once: where the kind appears again, its
            line ends in `see above`.

        Examples
        --------
        >>> categories = wsseg.Categories(("tabby", "lynx", "beagle"), wnids=("n02123045", "n02127052", "n02088364"))
        >>> print(*categories.tree("cat").lines(), sep="\\n")
        cat (n02121620, 2 classes)
          lynx (1, n02127052)
          tabby (0, n02123045)
        """
        yield from self._lines("", set())

    def _lines(self, indent: str, listed: set[str]) -> Iterator[str]:
        again = bool(self.children) and self.wnid in listed
        yield f"{indent}{self.text}{', see above' if again else ''}"
        listed.add(self.wnid)
        for child in () if again else self.children:
            yield from child._lines(indent + "  ", listed)


def tree_below(wnid: str, kinds: Kinds, classes: Mapping[str, Kind]) -> Kind:
    """Return the tree below a kind.

    `classes` has each class as a tree of its own, by WordNet id. A kind that is no class and has only one kind or class
    directly below it is left out, unless it is the first.
    """
    trees: dict[str, Kind] = {}

    def tree(wnid: str) -> Kind:
        if wnid not in trees:
            below = (tree(child) for child in kinds.hierarchy.children(wnid) if child in kinds.classes)
            unique = {child.wnid: child for child in map(shortened, below)}
            children = sorted(unique.values(), key=lambda kind: kind.name.casefold())
            own = classes.get(wnid) or Kind(kinds.hierarchy.name(wnid), wnid, (), kinds.description(wnid))
            trees[wnid] = replace(own, indices=kinds.classes[wnid], children=tuple(children))
        return trees[wnid]

    def shortened(kind: Kind) -> Kind:
        return kind if kind.wnid in classes or len(kind.children) != 1 else kind.children[0]

    return tree(wnid)
