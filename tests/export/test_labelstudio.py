"""Label Studio: its run-length encoding, interface and scores."""

import json
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from export_runs import (
    MASKS,
)
from hypothesis import given

from wsseg.arrays import Mask
from wsseg.export.export import export_run
from wsseg.export.labelstudio import rle_of


def decoded(data: Sequence[int], size: tuple[int, ...]) -> Mask:
    """Decode like rle-pack's `decode`, bit by bit."""
    bits = iter("".join(f"{byte:08b}" for byte in data))

    def read(count: int) -> int:
        return int("".join(next(bits) for _ in range(count)), 2)

    count, word = read(32), read(5) + 1
    lengths = [read(4) + 1 for _ in range(4)]
    values: list[int] = []
    while len(values) < count:
        is_run = read(1)
        length = read(lengths[read(2)]) + 1
        values += [read(word)] * length if is_run else [read(word) for _ in range(length)]
    assert len(list(bits)) < 8
    channels = np.array(values).reshape(*size, 4)
    assert (channels == channels[..., :1]).all() and set(values) <= {0, 255}
    return np.asarray(channels[..., 3] == 255)


class TestBrush:
    @given(MASKS)
    def test_decoding_gives_the_mask(self, mask: Mask) -> None:
        np.testing.assert_array_equal(decoded(rle_of(mask).tolist(), mask.shape), mask)

    @pytest.mark.parametrize("pixels", [1, 2, 3, 4, 5, 63, 64, 65, 16383, 16384, 16385, 32768, 40000])
    def test_decoding_gives_runs_of_any_length(self, pixels: int) -> None:
        mask = np.array([[False] + [True] * pixels + [False]])
        np.testing.assert_array_equal(decoded(rle_of(mask).tolist(), mask.shape), mask)


def test_labelstudio_has_an_interface_and_a_score(small: Path, tmp_path: Path) -> None:
    export_run(small, "labelstudio", tmp_path / "out")
    interface = ElementTree.parse(tmp_path / "out/config.xml")
    assert [label.get("value") for label in interface.iter("Label")] == ["cat", "dog"]
    (brush,), (image,) = interface.iter("BrushLabels"), interface.iter("Image")
    first, _ = json.loads((tmp_path / "out/tasks.json").read_text())
    (prediction,) = first["predictions"]
    assert image.get("value") == "$image" and list(first["data"]) == ["image"]
    assert (prediction["score"], len(prediction["result"])) == (0.75, 2)
    for each in prediction["result"]:
        assert (each["from_name"], each["to_name"]) == (brush.get("name"), brush.get("toName"))
