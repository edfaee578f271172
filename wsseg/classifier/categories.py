"""The classes of a classifier and what people call them: index, WordNet id, name, synonym, or a kind of thing such as
`dog`, always as a whole word."""

import difflib
import operator
import reprlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wsseg.classifier.hierarchy import folded
from wsseg.classifier.kinds import Kinds, kinds_of
from wsseg.classifier.tree import Kind, tree_below

NEAREST: Final = 8
"""Maximum number of classes and kinds that an error message suggests."""

FEW: Final = 3
"""Up to this many classes of a kind are named in a note: a person is more than a ballplayer, groom or scuba diver."""


@dataclass(frozen=True)
class Target:
    """One class, or several that count as one (`dog`, `tiger cat|tabby`): what a saliency map is made for.

    Parameters
    ----------
    indices : tuple of int
        Class indices in rising order, each once.
    category : str
        Names of the classes and kinds that it was asked for by, joined by `|`.
    weights : tuple of float, optional
        Weight of each class's score, its probability. Only targets that the classifier chose itself have weights;
        with None (default) the classes count as one.
    notes : tuple of str, optional
        Facts about the choice of classes. Results repeat them among their reasons.

    Raises
    ------
    ValueError
        If the indices are empty, unordered or negative, or the weights do not fit them.

    Examples
    --------
    >>> cats = wsseg.Target((281, 282), "tabby|tiger cat")
    >>> cats.indices
    (281, 282)
    """

    indices: tuple[int, ...]
    """Class indices in rising order, each once."""
    category: str
    """Names of the classes and kinds that it was asked for by, joined by `|`."""
    weights: tuple[float, ...] | None = None
    """Weight of each class's score if the classifier chose the classes; None if they count as one."""
    notes: tuple[str, ...] = ()
    """Facts about the choice of classes, such as that there are few of a kind."""

    @property
    def given(self) -> bool:
        """True if a person gave the target; the classifier's own choice has a weight for each class."""
        return self.weights is None

    def __post_init__(self) -> None:
        if self.weights is not None and len(self.weights) != len(self.indices):
            raise ValueError(f"weights must be one per index, got {self.weights} for {self.indices}; or leave them out")
        if not all(0 <= weight < float("inf") for weight in self.weights or ()):
            raise ValueError(f"weights must be finite and not negative, got {self.weights}; or leave them out")
        if not self.indices or list(self.indices) != sorted(set(self.indices)) or self.indices[0] < 0:
            raise ValueError(
                f"indices must be class indices, rising and each once, got {self.indices}; "
                "get a target from Categories.resolve"
            )


class _Part(NamedTuple):
    """The meaning of one name of a target."""

    name: str
    indices: tuple[int, ...]
    kinds: tuple[str, ...] = ()
    """WordNet ids of the kinds that are meant; none for a class."""


@dataclass(frozen=True, repr=False)
class Categories:
    """The names of a classifier's classes in the order of its scores.

    Parameters
    ----------
    names : tuple of str
        One name per class.
    wnids : tuple of str, optional
        One WordNet id per class, as `n02124075`.
    synonyms : tuple of tuple of str, optional
        Other names of each class.

    Raises
    ------
    ValueError
        If there are no names, or not as many ids or synonyms as names.
    TypeError
        If a name is not a string.

    Examples
    --------
    >>> wsseg.Categories(("cat", "dog", "guinea pig"))
    Categories(3 names: cat, dog, guinea pig)
    """

    names: tuple[str, ...]
    """One name per class."""
    wnids: tuple[str, ...] | None = None
    """One WordNet id per class, if known."""
    synonyms: tuple[tuple[str, ...], ...] | None = None
    """Other names of each class, if known."""

    def __post_init__(self) -> None:
        if not self.names:
            raise ValueError("names must hold a name for each class, got none; give one name per score")
        if strange := [name for name in self.names if not isinstance(name, str)]:
            raise TypeError(f"names must be strings, got {strange[0]!r}; convert each with str()")
        for argument, values in (("wnids", self.wnids), ("synonyms", self.synonyms)):
            if values is not None and len(values) != len(self.names):
                raise ValueError(
                    f"{argument} must have one entry per name, got {len(values)} for {len(self.names)} names; "
                    "list them in the order of the names"
                )

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        shown = [*self.names[:3], "..."] if len(self) > 3 else self.names
        return f"Categories({len(self)} names: {', '.join(shown)})"

    def resolve(self, target: int | str | Target) -> Target:
        """Find the classes that `target` means.

        Parameters
        ----------
        target : int, str or Target
            Class index, WordNet id, name or synonym, or several of these joined by `|`. If the classes have WordNet
            ids, a kind of thing, as `dog` or `vehicle`, means all classes that belong to it; a class's own name comes
            first. Upper and lower case are the same, and so are space, `_` and `-`. A Target is checked and returned.

        Returns
        -------
        Target
            The classes, which count as one, under the name that was asked for. If there are three of a kind or fewer,
            `notes` names them.

        Raises
        ------
        ValueError
            If a name fits several classes or kinds, or none. The message lists the nearest ones.
        TypeError
            If `target` is neither an integer nor text nor a Target.

        Examples
        --------
        >>> animals = wsseg.Categories(("cat", "dog", "guinea pig"))
        >>> animals.resolve("Guinea_Pig").indices
        (2,)
        >>> animals.resolve("dog|cat").indices
        (0, 1)

        >>> wsseg.load_classifier().categories.resolve("bear")
        Target(indices=(294, 295, 296, 297), category='bear', weights=None, notes=())
        """
        if isinstance(target, Target):
            self._check(*target.indices)
            return target
        parts = self._parts(target)
        indices = {index for part in parts for index in part.indices}
        notes = (self._note(part) for part in parts if part.kinds and len(part.indices) <= FEW)
        return Target(tuple(sorted(indices)), "|".join(part.name for part in parts), notes=tuple(notes))

    def notes_on(self, target: Target, probabilities: NDArray[np.float32]) -> tuple[str, ...]:
        """Return the notes on a target in one photo: its own, and the likeliest class of a kind.

        Parameters
        ----------
        target : Target
            A target of these categories.
        probabilities : ndarray of float32, shape (classes,)
            Probability of each class in the photo.

        Returns
        -------
        tuple of str
            Short sentences; none about a target that is named by its classes.
        """
        if len(target.indices) == 1 or {*target.category.split("|")} == {self.names[index] for index in target.indices}:
            return target.notes
        first = max(target.indices, key=probabilities.__getitem__)
        likeliest = f"{self.names[first]} {probabilities[first]:.2g}"
        return (f"the likeliest of {len(target.indices)} classes of {target.category} is {likeliest}", *target.notes)

    def tree(self, under: int | str | None = None) -> Kind:
        """Return the classes as a tree of kinds of things.

        Parameters
        ----------
        under : int or str, optional
            A name or WordNet id, as for `resolve`, of the kind or class to start from; all classes by default.

        Returns
        -------
        Kind
            The kind with all that belongs to it. Classes without a known WordNet id belong to the root alone.

        Raises
        ------
        ValueError
            If a name fits several classes or kinds, or none.
        TypeError
            If `under` is neither an integer nor text.

        Examples
        --------
        >>> bears = wsseg.load_classifier().categories.tree("bear")
        >>> [kind.name for kind in bears.children]
        ['American black bear', 'brown bear', 'ice bear', 'sloth bear']
        """
        if under is not None:
            name, branches = str(under), [kind for part in self._parts(under) for kind in self._branches(part)]
        else:
            tops = (wnid for wnid in self._kinds.classes if not self._kinds.hierarchy.nouns[wnid].parents)
            others = (index for index, kind in enumerate(self._leaves) if kind.wnid not in self._kinds.classes)
            name, branches = "all", [*map(self._tree_below, tops), *(self._leaves[index] for index in others)]
        if len(branches) == 1:
            return branches[0]
        indices = tuple(sorted({index for kind in branches for index in kind.indices}))
        return Kind(name, "", indices, f"{name} ({len(indices)} classes)", tuple(branches))

    def _parts(self, target: int | str) -> list[_Part]:
        """The meaning of each name in `target`, without repetition."""
        if not isinstance(target, str):
            return [self._class(_index(target))]
        names = [target] if folded(target) in self._meanings else target.split("|")
        return list(dict.fromkeys(map(self._part, names)))

    def _part(self, text: str) -> _Part:
        """The class or kind that a text means; ValueError lists the nearest ones if it means several or none."""
        name = folded(text)
        classes = self._meanings.get(name, ())
        if len(classes) == 1:
            return self._class_with_name(classes[0], name)
        if not classes and text.strip().isdecimal():
            self._check(int(text))  # A number that is too large resembles no name.
        kinds = [wnid for wnid in self._kinds.meanings(name) if wnid in self._kinds.classes]
        if meant := self._kinds.meant(name, kinds):
            return self._kind(name, meant)
        fitting = classes or kinds
        nearest = ", ".join(map(self._description, fitting or self._nearest(name)))
        raise ValueError(
            f"target must fit one category, got {reprlib.repr(text)}, which fits {'several' if fitting else 'none'}; "
            f"give the index{' or wnid' if self.wnids else ''} of one"
            + (f" of the nearest: {nearest}" if nearest else f", from 0 to {len(self) - 1}: no name is similar")
        )

    def _class(self, index: int) -> _Part:
        self._check(index)
        return _Part(self.names[index], (index,))

    def _class_with_name(self, index: int, name: str) -> _Part:
        """The class, with all classes that belong to it unless it is asked for by its index or WordNet id."""
        wnid = self._leaves[index].wnid
        alone = name in (str(index), folded(wnid)) or len(self._kinds.classes.get(wnid, ())) < 2
        return self._class(index) if alone else self._kind(name, [wnid])

    def _kind(self, name: str, kinds: list[str]) -> _Part:
        """The classes of some kinds under the name that was asked for; another name of one class means that class."""
        indices = tuple(sorted({index for kind in kinds for index in self._kinds.classes[kind]}))
        if [self._leaves[index].wnid for index in indices] == kinds:
            return self._class(*indices)
        return _Part(self._kinds.hierarchy.name(name) if name in kinds else name, indices, tuple(kinds))

    def _check(self, *indices: int) -> None:
        if strange := [index for index in indices if not 0 <= index < len(self)]:
            raise ValueError(
                f"target must be a class index from 0 to {len(self) - 1}, got {strange[0]}; or give a category name"
            )

    def _note(self, part: _Part) -> str:
        """A sentence on a kind with few classes."""
        kinds = f"{len(part.indices)} {'kind' if len(part.indices) == 1 else 'kinds'}"
        names = ", ".join(self.names[index] for index in part.indices)
        return f"the classifier knows only {kinds} of {part.name}: {names}"

    def _description(self, found: int | str) -> str:
        """A class as `tabby (281, n02123045)`, a kind as `sheep (n02411705, 1 class: ram)`."""
        if isinstance(found, int):
            return f"{self.names[found]} ({found}{f', {self.wnids[found]}' if self.wnids else ''})"
        names = [self.names[index] for index in self._kinds.classes[found]]
        shown = ", ".join(names if len(names) <= FEW else [names[0], "..."])
        return f"{self._kinds.description(found).removesuffix(')')}: {shown})"

    def _nearest(self, name: str) -> list[int | str]:
        """Class indices and kinds near a name.

        First kinds that it belongs to, then names misspelled like it, then those that share a whole word, then roughly
        similar ones.
        """
        above = [kind for meaning in self._kinds.meanings(name) if (kind := self._kinds.nearest(meaning))]
        names = [text for text in {**self._meanings, **self._kinds.names} if not text.isdigit()]
        words = set(name.split())
        sharing = [text for text in names if words & set(text.split())]
        misspelled = difflib.get_close_matches(name, names, NEAREST, cutoff=0.8)
        similar = difflib.get_close_matches(name, names, NEAREST)
        found = [each for text in (*misspelled, *sharing, *similar) for each in self._all_named(text)]
        return list(dict.fromkeys([*above, *found]))[:NEAREST]

    def _all_named(self, name: str) -> Sequence[int | str]:
        """The classes of this folded name, or else the kinds."""
        return self._meanings.get(name) or self._kinds.names[name]

    def _branches(self, part: _Part) -> list[Kind]:
        """The trees below a class or kind."""
        leaf = self._leaves[part.indices[0]]
        wnids = part.kinds or [wnid for wnid in [leaf.wnid] if wnid in self._kinds.classes]
        return [*map(self._tree_below, wnids)] or [leaf]

    def _tree_below(self, wnid: str) -> Kind:
        return tree_below(wnid, self._kinds, {kind.wnid: kind for kind in self._leaves})

    @cached_property
    def _leaves(self) -> list[Kind]:
        """Each class as a tree of its own."""
        wnids = self.wnids or [""] * len(self)
        return [
            Kind(name, wnid, (index,), self._description(index))
            for index, (name, wnid) in enumerate(zip(self.names, wnids, strict=True))
        ]

    @cached_property
    def _kinds(self) -> Kinds:
        return kinds_of(self.wnids or ())

    @cached_property
    def _meanings(self) -> Mapping[str, tuple[int, ...]]:
        """The classes that each folded text means."""
        meanings: defaultdict[str, dict[int, None]] = defaultdict(dict)
        for index in range(len(self)):
            for text in self._texts(index):
                meanings[folded(text)][index] = None
        return {text: tuple(indices) for text, indices in meanings.items()}

    def _texts(self, index: int) -> Iterator[str]:
        yield self.names[index]
        yield str(index)
        if self.wnids:
            yield self.wnids[index]
        if self.synonyms:
            yield from self.synonyms[index]


def numbered(classes: int) -> Categories:
    """Return categories named `class 0`, `class 1`, ... for a classifier whose class names are unknown."""
    return Categories(tuple(f"class {index}" for index in range(classes)))


def _index(target: object) -> int:
    if isinstance(target, bool) or not hasattr(target, "__index__"):
        raise TypeError(
            f"target must be an index, a name or a Target, got {type(target).__name__}; join several names with |"
        )
    return operator.index(target)
