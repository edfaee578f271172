"""An objectness head: its score, its file, and files that are not heads."""

import json
from pathlib import Path

import numpy as np
import pytest

from wsseg.classifier.head import LARGEST, Head, Provenance, read_head

PROVENANCE = Provenance(classifier="small", sha256=None, photos=3, recipe="{}", wsseg="0.1")


def test_objectness_is_half_where_the_head_is_undecided_and_stays_within_its_range() -> None:
    head = Head(np.array([1, 0], np.float32), 0.0, PROVENANCE)
    features = np.array([[[0, 1, -1, 9, -9, 0.5]], [[7, 7, 7, 7, 7, 7]]], np.float32)
    found = head.objectness(features)
    assert found.dtype == np.float32
    assert found.tolist() == [[0.5, 1, 0, 1, 0, 0.75]]


def test_features_of_another_network_are_an_error() -> None:
    with pytest.raises(ValueError, match="a weight for each of 3 channels, got 2; .*wsseg adapt"):
        Head(np.zeros(2, np.float32), 0.0, PROVENANCE).objectness(np.zeros((3, 1, 1), np.float32))


def test_a_head_survives_its_file(tmp_path: Path) -> None:
    head = Head(np.random.default_rng(3).normal(0, 1, 5).astype(np.float32), 0.123456, PROVENANCE)
    head.save(tmp_path / "head.json")
    assert (tmp_path / "head.json").read_text() == head.as_json()
    again = read_head(tmp_path / "head.json")
    np.testing.assert_allclose(again.weights, head.weights, rtol=1e-4)
    assert again.bias == pytest.approx(head.bias, rel=1e-4)
    assert again.provenance == PROVENANCE


GOOD = {
    "weights": [1, 2],
    "bias": 0,
    "provenance": {"classifier": "a", "sha256": None, "photos": 1, "recipe": "", "wsseg": ""},
}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[" * 100_000,
        b"3",
        b"[]",
        b"{}",
        json.dumps(GOOD | {"weights": []}).encode(),
        json.dumps(GOOD | {"weights": 3}).encode(),
        json.dumps(GOOD | {"weights": [[1, 2]]}).encode(),
        json.dumps(GOOD | {"weights": [1, [2]]}).encode(),
        json.dumps(GOOD | {"weights": [1, "x"]}).encode(),
        json.dumps(GOOD | {"weights": [1, 10**400]}).encode(),
        json.dumps(GOOD | {"weights": [1, float("nan")]}).encode(),
        json.dumps(GOOD | {"bias": float("inf")}).encode(),
        json.dumps(GOOD | {"bias": None}).encode(),
        json.dumps(GOOD | {"bias": "3"}).encode(),
        json.dumps(GOOD | {"bias": 1e300}).encode(),
        json.dumps(GOOD | {"weights": [True, False]}).encode(),
        json.dumps(GOOD | {"provenance": {}}).encode(),
        json.dumps(GOOD | {"provenance": {**GOOD["provenance"], "more": 1}}).encode(),  # type: ignore[dict-item]
        json.dumps(GOOD | {"provenance": {**GOOD["provenance"], "recipe": []}}).encode(),  # type: ignore[dict-item]
        json.dumps(GOOD | {"provenance": {**GOOD["provenance"], "photos": "many"}}).encode(),  # type: ignore[dict-item]
        json.dumps({"more": 1} | GOOD).encode().replace(b"1", b"[" * 100_000, 1),
        b" " * LARGEST + json.dumps(GOOD).encode(),
    ],
)
def test_a_file_that_is_not_a_head_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "head.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"head must be a file that wsseg adapt made, got .*head\.json"):
        read_head(path)


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.json"):
        with pytest.raises(
            FileNotFoundError, match="head must be a file that wsseg adapt made, got '.*', which is no file; check"
        ):
            read_head(path)


def test_an_existing_file_is_kept_unless_forced(tmp_path: Path) -> None:
    head = Head(np.ones(2, np.float32), 0.0, PROVENANCE)
    path = tmp_path / "head.json"
    path.write_text("mine")
    for taken in (path, tmp_path):
        with pytest.raises(FileExistsError, match=f"^out must be a new file, got '{taken}'"):
            head.save(taken)
    assert path.read_text() == "mine"
    head.save(path, force=True)
    assert read_head(path).provenance == PROVENANCE


def test_its_repr_is_one_short_line() -> None:
    assert repr(Head(np.ones(2, np.float32), 0.0, PROVENANCE)) == "Head(2 weights, learned from 3 photos with small)"


def test_a_valid_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "head.json"
    path.write_text(json.dumps(GOOD))
    assert read_head(path).weights.tolist() == [1, 2]
