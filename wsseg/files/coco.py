"""The door to pycocotools, which reads and writes the run lengths of COCO."""

from typing import Any


def pycocotools() -> Any:
    """The library, or ValueError that says how to get it."""
    try:
        from pycocotools import mask
    except ImportError as error:
        raise ValueError(f"coco must have pycocotools, got '{error}'; pip install 'wsseg[export]'") from error
    return mask
