"""Failures of one photo, and how they differ from bugs.

A photo fails if an exception says that the photo is the cause: a `PhotoError`, or a lack of memory. Any other exception
is a bug in wsseg, or in the classifier if it is the user's own, and most likely concerns other photos too.
"""

import re
from collections.abc import Callable
from typing import Final, TypeVar

import cv2

from wsseg.arrays import PhotoError
from wsseg.recipe import RecipeError

Given = TypeVar("Given")

Made = TypeVar("Made")

_TOO_LARGE: Final = re.compile(
    "out of memory|not enough memory|can't allocate memory|_ALLOC_FAILED"  # torch, on any device
    r"|\(-4:|\(-201:|SHRT_MAX|INT_MAX"  # OpenCV
)
"""Messages of torch and OpenCV about a photo that is too large for the memory or for their own limits. They raise
RuntimeError and cv2.error for other errors too, so the class alone does not tell."""


def is_bug(error: Exception) -> bool:
    """Return whether the exception is a bug, and not the failure of one photo."""
    if isinstance(error, PhotoError | MemoryError | OSError):
        return False
    return not (isinstance(error, RuntimeError | cv2.error) and _TOO_LARGE.search(str(error)))


def ends_run(error: Exception, *, reading: bool) -> bool:
    """Return whether no photo can be done: the recipe does not suit the classifier, or a disk is full."""
    return isinstance(error, RecipeError) or (isinstance(error, OSError) and not reading)


def reason_of(error: Exception) -> str:
    """Return why a photo failed: the exception's sentence, after its type if it is a bug."""
    name = type(error).__name__
    return f"{name}: {error}" if is_bug(error) else str(error) or name


def attempt(act: Callable[[Given], Made], given: Given) -> tuple[Made | None, str]:
    """Return what `act` makes of a photo, or `None` and why the photo failed; OSErrors and bugs are raised."""
    try:
        return act(given), ""
    except Exception as error:
        if is_bug(error) or ends_run(error, reading=False):
            raise
        return None, reason_of(error)
