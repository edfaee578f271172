"""A part of the photos: the first ones, or a sample that is spread over the folders."""

from collections import Counter
from pathlib import Path, PurePosixPath

import pytest

from wsseg.files.names import Source
from wsseg.runs.photos import some_of


def sources(**counts: int) -> list[Source]:
    return [
        Source(Path(folder, f"{number:03}.jpg"), PurePosixPath(folder, f"{number:03}.png"))
        for folder, count in counts.items()
        for number in range(count)
    ]


def test_a_limit_takes_the_first_photos() -> None:
    found = sources(a=3, b=3)
    assert some_of(found, limit=4, sample=None) == found[:4]
    assert some_of(found, limit=40, sample=None) == some_of(found, limit=None, sample=None) == found


@pytest.mark.parametrize(
    ("sample", "shares"),
    [
        (3, {"a": 1, "b": 1, "c": 1}),
        (2, {"a": 1, "b": 1}),
        (7, {"a": 1, "b": 3, "c": 3}),
        (100, {"a": 1, "b": 50, "c": 49}),
        (151, {"a": 1, "b": 100, "c": 50}),
        (999, {"a": 1, "b": 100, "c": 50}),
    ],
)
def test_a_sample_is_spread_over_the_folders(sample: int, shares: dict[str, int]) -> None:
    found = sources(a=1, b=100, c=50)
    chosen = some_of(found, limit=None, sample=sample)
    assert Counter(source.path.parent.name for source in chosen) == shares
    assert chosen == sorted(set(chosen)) == some_of(found, limit=None, sample=sample)


def test_a_sample_is_spread_within_a_folder() -> None:
    chosen = some_of(sources(a=100), limit=None, sample=4)
    assert [source.path.stem for source in chosen] == ["000", "025", "050", "075"]
