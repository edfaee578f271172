"""The classes of a classifier and what people call them: index, WordNet id, name or synonym, never a part of a word."""

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
"""How many classes an error message offers at most."""

# A hyphen in front is a minus sign: -1 is no class.
_HYPHEN: Final = re.compile(r"(?<=\S)-")


@dataclass(frozen=True)
class Target:
    """What a score is of: one class, or several as one (`tiger cat|tabby`)."""

    indices: tuple[int, ...]
    """Class indices, rising, each once."""
    category: str
    """Their names, joined by `|`."""
    weights: tuple[float, ...] | None = None
    """What the score of each counts when they do not count as one: its probability, of a classifier's own choice."""

    def __post_init__(self) -> None:
        if self.weights is not None and len(self.weights) != len(self.indices):
            raise ValueError(f"weights must be one per index, got {self.weights} for {self.indices}; or leave them out")
        if not all(0 <= weight < float("inf") for weight in self.weights or ()):
            raise ValueError(f"weights must be finite and not negative, got {self.weights}; or leave them out")
        if not self.indices or list(self.indices) != sorted(set(self.indices)) or self.indices[0] < 0:
            raise ValueError(
                f"indices must be class indices, rising and each once, got {self.indices}; resolve a name instead"
            )


@dataclass(frozen=True)
class Categories:
    """The names of a classifier's classes in the order of its scores, with WordNet ids and synonyms where known."""

    names: tuple[str, ...]
    wnids: tuple[str, ...] | None = None
    synonyms: tuple[tuple[str, ...], ...] | None = None

    def __post_init__(self) -> None:
        if not self.names:
            raise ValueError("names must hold a name for each class, got none; count the classifier's scores")
        if strange := [name for name in self.names if not isinstance(name, str)]:
            raise TypeError(f"names must be strings, got {strange[0]!r}; convert each with str()")
        for argument, values in (("wnids", self.wnids), ("synonyms", self.synonyms)):
            if values is not None and len(values) != len(self.names):
                raise ValueError(
                    f"{argument} must have one entry per name, got {len(values)} for {len(self.names)} names; "
                    "keep the order of the scores"
                )

    def __len__(self) -> int:
        return len(self.names)

    def resolve(self, target: int | str | Target) -> Target:
        """The classes that `target` means.

        A target is an index, a WordNet id, a name or synonym (case, `_`, `-` and space alike), several of these joined
        by `|`, or a Target. ValueError lists the nearest classes when what is asked for fits several of them, or none.
        """
        if isinstance(target, Target):
            self._target(target.indices)
            return target
        if not isinstance(target, str):
            return self._target((_index(target),))
        parts = [target] if _folded(target) in self._meanings else target.split("|")
        return self._target(tuple(dict.fromkeys(self._only(part) for part in parts)))

    def _target(self, indices: tuple[int, ...]) -> Target:
        if strange := [index for index in indices if not 0 <= index < len(self)]:
            raise ValueError(
                f"target must be a class index from 0 to {len(self) - 1}, got {strange[0]}; or give a category name"
            )
        return Target(tuple(sorted(indices)), "|".join(self.names[index] for index in indices))

    def _only(self, text: str) -> int:
        fitting = self._meanings.get(_folded(text), ())
        if len(fitting) == 1:
            return fitting[0]
        if not fitting and text.strip().isdecimal():
            self._target((int(text),))  # A number that is too large resembles no name.
        problem = "fits several" if fitting else "fits none"
        nearest = ", ".join(map(self._label, fitting or self._nearest(_folded(text))))
        raise ValueError(
            f"target must fit one category, got {reprlib.repr(text)}, which {problem}; "
            f"give the index{' or wnid' if self.wnids else ''} of one"
            + (f" of the nearest: {nearest}" if nearest else f", from 0 to {len(self) - 1}: nothing is called alike")
        )

    def _label(self, index: int) -> str:
        return f"{self.names[index]} ({index}{f', {self.wnids[index]}' if self.wnids else ''})"

    def _nearest(self, folded: str) -> tuple[int, ...]:
        """Classes with a name misspelled so, then with a name that shares a whole word, then spelled roughly alike."""
        names = [text for text in self._meanings if not text.isdigit()]
        words = set(folded.split())
        sharing = [name for name in names if words & set(name.split())]
        misspelled = difflib.get_close_matches(folded, names, NEAREST, cutoff=0.8)
        alike = difflib.get_close_matches(folded, names, NEAREST)
        found = dict.fromkeys(index for name in (*misspelled, *sharing, *alike) for index in self._meanings[name])
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
    """Categories named `class 0`, `class 1`, ... for a classifier whose names nobody knows."""
    return Categories(tuple(f"class {index}" for index in range(classes)))


def _index(target: object) -> int:
    if isinstance(target, bool) or not hasattr(target, "__index__"):
        raise TypeError(
            f"target must be an index, a name or a Target, got {type(target).__name__}; join several names by |"
        )
    return operator.index(target)


def _folded(text: str) -> str:
    return " ".join(_HYPHEN.sub(" ", text.casefold().replace("_", " ")).split())
