"""Calls of the command line, and the files that they leave."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image as pillow

QUICK = ("--objectness", "0", "--samples", "1", "--no-mirror", "--exact-side", "64")
"""Options that make a mask quickly."""

RUN_FILES = ("run.json", "run.jsonl")

PROGRAM = (sys.executable, "-c", "from wsseg.cli.app import main; main()")
"""The program in a process of its own."""


class Ended(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Ended]
"""Runs a command line in this process."""


def files_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def mask_at(path: Path) -> np.ndarray:
    with pillow.open(path) as picture:
        assert picture.mode == "L"
        return np.array(picture)
