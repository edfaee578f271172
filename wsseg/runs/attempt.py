"""A step that may fail on a photo."""

from collections.abc import Callable
from typing import TypeVar

import cv2

Given = TypeVar("Given")

Made = TypeVar("Made")


def attempt(act: Callable[[Given], Made], given: Given) -> tuple[Made | None, str]:
    """What `act` makes of a photo, or what failed."""
    try:
        return act(given), ""
    except (ValueError, MemoryError, RuntimeError, cv2.error) as error:
        # ReadError is a ValueError; torch says RuntimeError, OpenCV its own, when one photo is more than they can take.
        return None, str(error) or type(error).__name__
