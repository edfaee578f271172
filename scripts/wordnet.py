"""Write the part of WordNet 3.0 that wsseg ships; started by `scripts/wordnet`.

It has the nouns that ImageNet has classes for, of all its sizes, and everything that they are kinds of. The formats of
WordNet's files are described in its manual pages wndb(5WN) and cntlist(5WN).
"""

import gzip
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torchvision
from timm.data.imagenet_info import ImageNetInfo

FOLDER = Path(__file__).resolve().parents[1] / "wsseg" / "classifier" / "wordnet"

IMAGENETS = ("imagenet-1k", "imagenet-12k", "imagenet-21k-miil", "imagenet-21k-goog", "imagenet-22k", "imagenet-22k-ms")
"""ImageNet's sizes, as timm calls them."""


class Noun(NamedTuple):
    """One meaning (synset) in WordNet."""

    names: list[str]
    """Its synonyms, the most usual first."""
    parents: list[str]
    """Offsets of the meanings that it is a kind or an instance of."""


def main() -> None:
    """Write the nouns, one a line, ImageNet's usual classes, and the license."""
    source = Path(sys.argv[1])
    nouns, uses = nouns_of(source / "data.noun"), uses_of(source)
    wanted = {wnid[1:] for size in IMAGENETS for wnid in ImageNetInfo(size).label_names()}
    lines = [line_of(offset, nouns[offset], uses) for offset in sorted(with_ancestors(wanted, nouns))]
    (FOLDER / "nouns.tsv.gz").write_bytes(gzip.compress("".join(lines).encode(), mtime=0))
    (FOLDER / "LICENSE").write_text("".join(license_of(source / "data.noun")))
    (FOLDER / "imagenet.tsv").write_text("".join(classes()), "utf-8")
    print(f"{FOLDER}: {len(lines)} nouns, {(FOLDER / 'nouns.tsv.gz').stat().st_size} bytes")


def classes() -> Iterator[str]:
    """Yield the classes of ImageNet as `wnid<tab>name<tab>synonyms`, in the order of the scores.

    The names are torchvision's, which distinguish the two cranes and the two maillots; the first synonyms do not.
    """
    info, names = ImageNetInfo("imagenet-1k"), torchvision.models.ResNet50_Weights.DEFAULT.meta["categories"]
    for wnid, name, synonyms in zip(info.label_names(), names, info.label_descriptions(), strict=True):
        yield f"{wnid}\t{name}\t{synonyms}\n"


def nouns_of(file: Path) -> dict[str, Noun]:
    """Return all nouns by their offsets, which are their WordNet ids without the `n`."""
    lines = (line for line in file.read_text().splitlines() if not line.startswith(" "))
    return {line[:8]: noun_of(line.partition(" | ")[0].split()) for line in lines}


def noun_of(words: list[str]) -> Noun:
    """Return the noun of a line `offset file type count (name id)* count (pointer offset part source/target)*`."""
    end = 4 + 2 * int(words[3], 16)
    pointers = zip(words[end + 1 :: 4], words[end + 2 :: 4], strict=False)
    parents = [offset for pointer, offset in pointers if pointer in ("@", "@i")]
    return Noun([name.replace("_", " ") for name in words[4:end:2]], parents)


def uses_of(folder: Path) -> dict[tuple[str, str], int]:
    """Return how often WordNet's sample texts use a name in a meaning, by name and offset."""
    counts = {}
    for line in (folder / "cntlist.rev").read_text().splitlines():
        key, sense, count = line.split()
        name, _, rest = key.partition("%")
        if rest.startswith("1:"):  # a noun
            counts[name, int(sense)] = int(count)
    uses = {}
    for line in (folder / "index.noun").read_text().splitlines():
        if not line.startswith(" "):
            name, _, senses, *_ = words = line.split()
            for sense, offset in enumerate(words[-int(senses) :], 1):
                uses[name.replace("_", " "), offset] = counts.get((name, sense), 0)
    return uses


def with_ancestors(offsets: set[str], nouns: dict[str, Noun]) -> set[str]:
    """Return the nouns and all that they are kinds of."""
    found, waiting = set(), list(offsets)
    while waiting:
        offset = waiting.pop()
        if offset not in found:
            found.add(offset)
            waiting += nouns[offset].parents
    return found


def line_of(offset: str, noun: Noun, uses: dict[tuple[str, str], int]) -> str:
    """Return the noun as `wnid<tab>parents<tab>names`, each name with its number of uses if there are any."""
    counts = [uses[name.lower(), offset] for name in noun.names]
    names = [f"{name}:{count}" if count else name for name, count in zip(noun.names, counts, strict=True)]
    return "\t".join((f"n{offset}", " ".join(f"n{parent}" for parent in noun.parents), "|".join(names))) + "\n"


def license_of(file: Path) -> Iterator[str]:
    """Yield the lines of the license at the start of WordNet's files, without their numbers."""
    for line in file.read_text().splitlines():
        if not line.startswith("  "):
            return
        yield line.split(maxsplit=1)[1].rstrip() + "\n" if len(line.split()) > 1 else "\n"


if __name__ == "__main__":
    main()
