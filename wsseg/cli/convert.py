"""Converters from the words of a command line to numbers, boxes, shards, lists and paths."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from cyclopts import Token

from wsseg.files.store import path_of

Convert: TypeAlias = Callable[[Any, Sequence[Token]], Any]
"""A converter, as cyclopts calls it: with the type of the option, and its words."""


def whole(least: int | None = None) -> Convert:
    """Return a converter to a whole number, of at least `least`."""
    bound = "" if least is None else f" from {least}"

    def convert(kind: object, tokens: Sequence[Token]) -> int:
        [token] = tokens
        try:
            number = int(token.value)
        except ValueError:
            number = None
        if number is None or (least is not None and number < least):
            got = f"{token.keyword} must be a whole number{bound}, got '{token.value}'"
            raise ValueError(f"{got}; an example is {token.keyword} {max(least or 0, 1)}")
        return number

    return convert


def real(kind: object, tokens: Sequence[Token]) -> float:
    """Convert to a number."""
    [token] = tokens
    try:
        return float(token.value)
    except ValueError as error:
        got = f"{token.keyword} must be a number, got '{token.value}'"
        raise ValueError(f"{got}; an example is {token.keyword} 0.5") from error


def box(kind: object, tokens: Sequence[Token]) -> tuple[int, ...]:
    """Convert `X0,Y0,X1,Y1` to four numbers."""
    [token] = tokens
    try:
        x0, y0, x1, y1 = map(int, token.value.split(","))
    except ValueError as error:
        got = f"box must be four whole numbers X0,Y0,X1,Y1, got '{token.value}'"
        raise ValueError(f"{got}; an example is --box 60,0,200,110") from error
    return x0, y0, x1, y1


def shard(kind: object, tokens: Sequence[Token]) -> tuple[int, int]:
    """Convert `I/N` to two numbers."""
    [token] = tokens
    index, _, count = token.value.partition("/")
    if not (index.isdecimal() and count.isdecimal()):
        raise ValueError(f"shard must be I/N, two whole numbers, got '{token.value}'; 3/16 is the third of sixteen")
    return int(index), int(count)


def classifier(kind: object, tokens: Sequence[Token]) -> str:
    """Check the name of a classifier, before the libraries that know it are imported."""
    from wsseg.classifier.sources import check_source

    [token] = tokens
    check_source(token.value)
    return token.value


def workers(kind: object, tokens: Sequence[Token]) -> int | None:
    """Convert to a number of processes; `None` stands for auto."""
    [token] = tokens
    if token.value == "auto":
        return None
    if not (token.value.isdecimal() and int(token.value)):
        raise ValueError(f"workers must be a number from 1, or auto, got '{token.value}'; leave it out for auto")
    return int(token.value)


def words(kind: object, tokens: Sequence[Token]) -> list[str]:
    """Convert to a list of words, given one by one or separated by commas, each once."""
    return list(dict.fromkeys(word.strip() for token in tokens for word in token.value.split(",")))


def paths(kind: object, tokens: Sequence[Token]) -> list[Path]:
    """Convert to paths, on disk or in object storage; an empty word, as of an unset variable, is refused."""
    if empty := [token for token in tokens if not token.value]:
        raise ValueError(f"{empty[0].keyword or 'a path'} must not be empty, got ''; give a path")
    return [path_of(token.value) for token in tokens]


def path(kind: object, tokens: Sequence[Token]) -> Path:
    """Convert to a path, on disk or in object storage."""
    [place] = paths(kind, tokens)
    return place
