"""Failures of one photo, told apart from faults of wsseg.

A photo can fail for what decoding and the documented checks raise. Any other exception is a fault of wsseg: it would
fail on other photos as well, and no user can fix it.
"""

from collections.abc import Callable
from typing import Final, TypeVar

import cv2

Given = TypeVar("Given")

Made = TypeVar("Made")

PHOTO_ERRORS: Final = (ValueError, MemoryError, RuntimeError, OSError, cv2.error)
"""What a photo can cause: ValueError by decoding (ReadError) and checks; MemoryError, RuntimeError by torch and its own
by OpenCV where the photo is more than they can take; OSError while the photo is read."""

SLIPS: Final = (LookupError, NotImplementedError, RecursionError)
"""Programming errors all the same, though some classes of them derive from those."""


def is_fault(error: Exception) -> bool:
    """Whether the exception is a fault of wsseg, not of a photo; decided by its type alone."""
    return not isinstance(error, PHOTO_ERRORS) or isinstance(error, SLIPS)


def reason_of(error: Exception) -> str:
    """Return why a photo failed: the exception's sentence, after its type if it is a fault of wsseg."""
    name = type(error).__name__
    return f"{name}: {error}" if is_fault(error) else str(error) or name


def attempt(act: Callable[[Given], Made], given: Given) -> tuple[Made | None, str]:
    """Return what `act` makes of a photo, or `None` and why the photo failed; faults of wsseg are raised."""
    try:
        return act(given), ""
    except PHOTO_ERRORS as error:
        if is_fault(error) or isinstance(error, OSError):
            raise
        return None, reason_of(error)
