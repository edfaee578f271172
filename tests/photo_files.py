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
    """Formats that this Pillow can write; older versions lack some."""
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


def fixed(*numbers: float) -> bytes:
    return b"".join(struct.pack(">i", round(number * 65536)) for number in numbers)


def rgb_profile(name: str, curve: bytes) -> bytes:
    """An ICC profile of version 2 with the primaries of sRGB."""
    text = name.encode() + b"\0"
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78 + -len(text) % 4),
        b"wtpt": b"XYZ \0\0\0\0" + fixed(0.9642, 1, 0.8249),
        b"rXYZ": b"XYZ \0\0\0\0" + fixed(0.43607, 0.22249, 0.01392),
        b"gXYZ": b"XYZ \0\0\0\0" + fixed(0.38515, 0.71687, 0.09708),
        b"bXYZ": b"XYZ \0\0\0\0" + fixed(0.14307, 0.06061, 0.71410),
    } | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    table, data = struct.pack(">I", len(tags)), b""
    for tag, value in tags.items():
        table += tag + struct.pack(">II", 132 + 12 * len(tags) + len(data), len(value))
        data += value
    head = struct.pack(">I4xI", 128 + len(table + data), 0x02400000) + b"mntrRGB XYZ " + bytes(12) + b"acsp"
    return (head.ljust(68, b"\0") + fixed(0.9642, 1, 0.8249)).ljust(128, b"\0") + table + data


def gamma_curve(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IHxx", 1, round(gamma * 256))


def psd(channels: list[list[int]], layers: int | None = None, profile: bytes = b"") -> bytes:
    """A PSD of one row: its merged picture of RGB and more, so many layers without pixels, and a color profile."""
    head = b"8BPS" + struct.pack(">H6xHIIHH", 1, len(channels), 1, len(channels[0]), 8, 3) + bytes(4)
    resource = struct.pack(">4sHHI", b"8BIM", 1039, 0, len(profile)) + profile + bytes(len(profile) % 2)
    resources = resource if profile else b""
    records = (bytes(18) + b"8BIMnorm" + bytes(4) + struct.pack(">I", 0)) * abs(layers or 0)
    info = struct.pack(">h", layers or 0) + records
    sections = b"" if layers is None else struct.pack(">I", len(info)) + info
    pixels = b"".join(map(bytes, channels))
    return b"".join(
        [
            head,
            struct.pack(">I", len(resources)),
            resources,
            struct.pack(">I", len(sections)),
            sections,
            bytes(2),
            pixels,
        ]
    )


def smooth_photo() -> NDArray[np.uint8]:
    noise = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 3).astype(np.uint8)


def names(sources: list[Source]) -> list[str]:
    return [source.name.as_posix() for source in sources]
