"""Kinds of things: WordNet's nouns (Miller 1995, version 3.0), whose ids ImageNet's classes have.

`scripts/wordnet` wrote the nouns of ImageNet's classes, and everything that they are kinds of, into a file. Nothing
else of WordNet is read.
"""

import gzip
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from typing import Final, NamedTuple

_NOUNS: Final = resources.files("wsseg.classifier") / "wordnet" / "nouns.tsv.gz"

# A hyphen in front is a minus sign: -1 is no class.
_HYPHEN: Final = re.compile(r"(?<=\S)-")


def folded(text: str) -> str:
    """Return the text in lower case, with one space for each run of spaces, underscores and hyphens."""
    return " ".join(_HYPHEN.sub(" ", text.casefold().replace("_", " ")).split())


class Noun(NamedTuple):
    """One meaning: the names of one kind of thing."""

    parents: tuple[str, ...]
    """WordNet ids of the kinds that it belongs to."""
    uses: Mapping[str, int]
    """Its names, each with the number of times that WordNet's sample texts use it in this meaning."""


@dataclass(frozen=True, repr=False)
class Hierarchy:
    """Kinds of things, from `golden retriever` over `dog` up to `entity`. A kind may belong to several others."""

    nouns: Mapping[str, Noun]
    """Each kind by its WordNet id."""

    def name(self, wnid: str) -> str:
        """Return the most usual name of a kind."""
        return next(iter(self.nouns[wnid].uses))

    def ancestors(self, wnid: str) -> list[str]:
        """Return the kinds that a kind belongs to, at any remove, the nearest first; none for an unknown id."""
        found = dict.fromkeys(self._parents(wnid))
        waiting = list(found)
        for nearer in waiting:  # The list grows as it is read.
            further = [parent for parent in self._parents(nearer) if parent not in found]
            found |= dict.fromkeys(further)
            waiting += further
        return waiting

    def _parents(self, wnid: str) -> tuple[str, ...]:
        return self.nouns[wnid].parents if wnid in self.nouns else ()

    def children(self, wnid: str) -> tuple[str, ...]:
        """Return the kinds directly below a kind."""
        return self._children.get(wnid, ())

    def meanings(self, text: str) -> Mapping[str, int]:
        """Return the kinds that a folded name means, the most usual first, each with its number of uses."""
        return self._meanings.get(text, {})

    @cached_property
    def _children(self) -> Mapping[str, tuple[str, ...]]:
        children = defaultdict[str, list[str]](list)
        for wnid, noun in self.nouns.items():
            for parent in noun.parents:
                children[parent].append(wnid)
        return {wnid: tuple(below) for wnid, below in children.items()}

    @cached_property
    def _meanings(self) -> Mapping[str, Mapping[str, int]]:
        meanings = defaultdict[str, dict[str, int]](dict)
        for wnid, noun in self.nouns.items():
            for name, uses in noun.uses.items():
                meanings[folded(name)][wnid] = uses
        return {name: dict(sorted(uses.items(), key=lambda item: -item[1])) for name, uses in meanings.items()}


@cache
def wordnet() -> Hierarchy:
    """Return WordNet's nouns above ImageNet's classes, read when they are first asked for."""
    lines = gzip.decompress(_NOUNS.read_bytes()).decode().splitlines()
    return Hierarchy(dict(map(_noun, lines)))


def _noun(line: str) -> tuple[str, Noun]:
    """The noun of a line `wnid<tab>parents<tab>names`, and its WordNet id."""
    wnid, parents, names = line.split("\t")
    return wnid, Noun(tuple(parents.split()), dict(_uses(names)))


def _uses(names: str) -> Iterator[tuple[str, int]]:
    """Each of the names `dog:42|domestic dog`, with its number of uses, 0 where there is none."""
    for entry in names.split("|"):
        name, _, uses = entry.partition(":")
        yield name, int(uses or 0)
