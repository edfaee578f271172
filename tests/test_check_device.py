"""The check of a device, on the CPU, which agrees with itself."""

import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "scripts/check_device.py"


@pytest.fixture(scope="module")
def check() -> dict[str, object]:
    return runpy.run_path(str(SCRIPT))


def test_the_iou_is_that_of_the_masks(check: dict[str, object]) -> None:
    iou, mask = check["iou"], np.array([[True, True, False, False]])
    assert iou(mask, mask) == iou(~mask & mask, ~mask & mask) == 1  # type: ignore[operator]  # A function.
    assert iou(mask, np.array([[False, True, True, False]])) == pytest.approx(1 / 3)  # type: ignore[operator]


def test_what_there_is_no_time_for_is_named(check: dict[str, object], capsys: pytest.CaptureFixture[str]) -> None:
    clock = check["Clock"]
    assert clock(60).has_time("this")  # type: ignore[operator]
    assert not clock(0).has_time("that")  # type: ignore[operator]
    assert capsys.readouterr().out == "left out, because the time is over: that\n"


@pytest.mark.slow
def test_the_cpu_agrees_with_itself() -> None:
    options = ("--device", "cpu", "--recipes", "fast", "--workers", "1", "--photos", "2")
    done = subprocess.run([sys.executable, SCRIPT, *options], capture_output=True, text=True, check=True)
    rows = [line.split("│") for line in done.stdout.splitlines() if "│" in line]
    cells = [[cell.strip() for cell in row[1:-1]] for row in rows]
    assert ["fast", "6", "1.0000", "1.0000", "6 of 6"] in cells
    assert any(row[:3] == ["fast", "1", "2"] and float(row[4]) > 0 for row in cells)
    assert [row[0] for row in cells if len(row) == 3] == ["1", "2", "4", "8", "16", "32"]


@pytest.mark.slow
def test_a_device_that_is_missing_is_one_sentence() -> None:
    done = subprocess.run([sys.executable, SCRIPT, "--device", "cuda:99"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("device must be one that torch can use here, got cuda:99")
