"""Photos made on the fly, in the formats of cameras and tools."""

import io
import struct
import zlib
from typing import Any

import cv2
import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

from wsseg.files.names import Source

RAMP_16 = np.linspace(0, 65535, 48 * 64).astype(np.uint16).reshape(48, 64)
RAMP_8 = np.rint(RAMP_16 / 257).astype(np.uint8)
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
QUARTERS = np.array([[RED, GREEN], [BLUE, (0, 0, 0)]], np.uint8).repeat(16, 0).repeat(24, 1)
"""A photo of 32 x 48 pixels that no turn or flip leaves as it is."""


CROSS = np.array([[0, 1, 0], [1, 1, 1]], np.uint8)

EVERY_LABEL = np.arange(256, dtype=np.uint8).reshape(8, 32)


def kinds(*names: str) -> pytest.MarkDecorator:
    """Formats, of which an older Pillow does not write all."""
    PIL.Image.init()
    return pytest.mark.parametrize(
        "kind",
        [
            pytest.param(name, marks=pytest.mark.skipif(name not in PIL.Image.SAVE, reason=f"Pillow writes no {name}"))
            for name in names
        ],
    )


def encoded(picture: PIL.Image.Image | NDArray[Any], kind: str, **options: Any) -> bytes:
    if isinstance(picture, np.ndarray):
        picture = PIL.Image.fromarray(picture)
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def by_opencv(array: NDArray[Any], suffix: str) -> bytes:
    """The array in a file of the kind, for depths that Pillow does not write."""
    done, data = cv2.imencode(suffix, array)
    assert done
    return data.tobytes()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, depth: int, color: int, *chunks: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + chunk(b"IEND", b"")


def smooth_photo() -> NDArray[np.uint8]:
    noise = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 3).astype(np.uint8)


def names(sources: list[Source]) -> list[str]:
    return [source.name.as_posix() for source in sources]
