"""Warnings: they name the line that called wsseg, from any thread."""

import threading
import warnings
from pathlib import Path

import numpy as np
import pytest

import wsseg
from wsseg.files.encode import write_picture
from wsseg.runs.notices import warnings_at_caller


@pytest.mark.parametrize("make", [wsseg.segment_folder, wsseg.saliency_folder])
def test_a_warning_names_the_line_that_called_wsseg(tmp_path: Path, make: object) -> None:
    write_picture(tmp_path / "a.png", np.zeros((40, 50, 3), np.uint8))
    (tmp_path / "b.nef").touch()
    with pytest.warns(UserWarning, match="whose format wsseg cannot read") as caught:
        make(tmp_path, tmp_path / "out", recipe="fast")  # type: ignore[operator]  # One of two functions.
    assert {warning.filename for warning in caught} == {__file__}
    line = Path(__file__).read_text().splitlines()[caught[0].lineno - 1]
    assert line.strip().startswith("make(")


def test_a_thread_warns_at_the_line_too() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn = warnings_at_caller()
        thread = threading.Thread(target=warn, args=("late",))
        thread.start()
        thread.join()
    assert [(str(one.message), one.filename) for one in caught] == [("late", __file__)]


def test_a_filter_may_turn_it_into_an_error() -> None:
    with warnings.catch_warnings(), pytest.raises(UserWarning, match="^late$"):
        warnings.simplefilter("error")
        warnings_at_caller()("late")
