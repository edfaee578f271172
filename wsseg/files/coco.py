"""The run lengths of COCO, read and written by pycocotools."""

from typing import Any


def pycocotools() -> Any:
    """Return the library, or raise ValueError that says how to install it."""
    try:
        from pycocotools import mask
    except ImportError as error:
        raise ValueError(f"coco must have pycocotools, got '{error}'; pip install 'wsseg[export]'") from error
    return mask
