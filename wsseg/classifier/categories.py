"""The classes of a classifier and what people call them: index, WordNet id, name or synonym, always as a whole word."""

import difflib
import operator
import re
import reprlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

NEAREST: Final = 8
"""Maximum number of classes that an error message suggests."""

# A hyphen in front is a minus sign: -1 is no class.
_HYPHEN: Final = re.compile(r"(?<=\S)-")


@dataclass(frozen=True)
class Target:
    """One class, or several that count as one (`tiger cat|tabby`): what a saliency map is made for.

    Parameters
    ----------
    indices : tuple of int
        Class indices in rising order, each once.
    category : str
        Names of the classes, joined by `|`.
    weights : tuple of float, optional
        Weight of each class's score, its probability. Only targets that the classifier chose itself have weights;
        with None (default) the classes count as one.

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
    """Names of the classes, joined by `|`."""
    weights: tuple[float, ...] | None = None
    """Weight of each class's score if the classifier chose the classes; None if they count as one."""

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
            Class index, WordNet id, name or synonym, or several of these joined by `|`. Upper and lower case are the
            same, and so are space, `_` and `-`. A Target is checked and returned.

        Returns
        -------
        Target
            The classes, which count as one.

        Raises
        ------
        ValueError
            If a name fits several classes or none. The message lists the nearest ones.
        TypeError
            If `target` is neither an integer nor text nor a Target.

        Examples
        --------
        >>> animals = wsseg.Categories(("cat", "dog", "guinea pig"))
        >>> animals.resolve("Guinea_Pig").indices
        (2,)
        >>> animals.resolve("dog|cat").indices
        (0, 1)
        """
        if isinstance(target, Target):
            self._target(target.indices)
            return target
        if not isinstance(target, str):
            return self._target((_index(target),))
        names = [target] if _folded(target) in self._meanings else target.split("|")
        return self._target(tuple(dict.fromkeys(map(self._class_named, names))))

    def _target(self, indices: tuple[int, ...]) -> Target:
        if strange := [index for index in indices if not 0 <= index < len(self)]:
            raise ValueError(
                f"target must be a class index from 0 to {len(self) - 1}, got {strange[0]}; or give a category name"
            )
        return Target(tuple(sorted(indices)), "|".join(self.names[index] for index in indices))

    def _class_named(self, text: str) -> int:
        """The one class that a text means; ValueError lists the nearest ones if it means several or none."""
        fitting = self._meanings.get(_folded(text), ())
        if len(fitting) == 1:
            return fitting[0]
        if not fitting and text.strip().isdecimal():
            self._target((int(text),))  # A number that is too large resembles no name.
        problem = "fits several" if fitting else "fits none"
        nearest = ", ".join(map(self._description, fitting or self._nearest(_folded(text))))
        raise ValueError(
            f"target must fit one category, got {reprlib.repr(text)}, which {problem}; "
            f"give the index{' or wnid' if self.wnids else ''} of one"
            + (f" of the nearest: {nearest}" if nearest else f", from 0 to {len(self) - 1}: no name is similar")
        )

    def _description(self, index: int) -> str:
        """Name, index and WordNet id, as in `tabby (281, n02123045)`."""
        return f"{self.names[index]} ({index}{f', {self.wnids[index]}' if self.wnids else ''})"

    def _nearest(self, folded: str) -> tuple[int, ...]:
        """Classes with a name misspelled like this, then those that share a whole word, then roughly similar ones."""
        names = [text for text in self._meanings if not text.isdigit()]
        words = set(folded.split())
        sharing = [name for name in names if words & set(name.split())]
        misspelled = difflib.get_close_matches(folded, names, NEAREST, cutoff=0.8)
        similar = difflib.get_close_matches(folded, names, NEAREST)
        found = dict.fromkeys(index for name in (*misspelled, *sharing, *similar) for index in self._meanings[name])
        return tuple(found)[:NEAREST]

    @cached_property
    def _meanings(self) -> Mapping[str, tuple[int, ...]]:
        """The classes that each folded text means."""
        meanings: defaultdict[str, dict[int, None]] = defaultdict(dict)
        for index in range(len(self)):
            for text in self._texts(index):
                meanings[_folded(text)][index] = None
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


def _folded(text: str) -> str:
    """The text in lower case, with one space for each run of spaces, underscores and hyphens."""
    return " ".join(_HYPHEN.sub(" ", text.casefold().replace("_", " ")).split())
