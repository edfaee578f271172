"""Sentences that are not failures: by default warnings, which name the line that called wsseg."""

import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Final, TypeAlias

Notice: TypeAlias = Callable[[str], None]
"""Gets sentences that are not failures."""

_PACKAGE: Final = f"{Path(__file__).parents[1]}{os.sep}"


def warnings_at_caller() -> Notice:
    """Return a function that warns at the line outside wsseg that is running now, from whatever thread it is called."""
    frame: FrameType = sys._getframe()
    while frame.f_back and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    file, line, module = frame.f_code.co_filename, frame.f_lineno, frame.f_globals.get("__name__", "__main__")
    seen = frame.f_globals.setdefault("__warningregistry__", {})

    def warn(sentence: str) -> None:
        warnings.warn_explicit(sentence, UserWarning, file, line, module, seen)

    return warn
