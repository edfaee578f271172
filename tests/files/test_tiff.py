"""TIFFs that Pillow misreads or refuses, made here byte by byte, or by tifffile."""

import io
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import PIL.Image
import pytest
import tifffile
from numpy.typing import NDArray
from photo_files import RAMP_8, RAMP_16, by_opencv

from wsseg.files.levels import ReadError
from wsseg.files.masks import read_mask
from wsseg.files.photos import Photo, read_photo

EVERY_ORDER = pytest.mark.parametrize("order", ["<", ">"])

UNSIGNED, SIGNED, FLOAT = 1, 2, 3

FLOATS, SIGNED_16, WIDE = (
    "its levels are floats: 1 is taken as white",
    "its levels are signed: 32767 is taken as white",
    "its levels are integers of 32 bits: 65535 is taken as white",
)


def tiff(
    levels: NDArray[Any],
    photometric: int | None,
    order: str = "<",
    *,
    kind: int = UNSIGNED,
    extra: Sequence[int] = (),
    planes: bool = False,
    bits: int | None = None,
    data: bytes | None = None,
    orientation: int = 1,
) -> bytes:
    """An uncompressed TIFF of levels (H, W) or (H, W, channels) with only these tags."""
    height, width, samples = (*levels.shape, 1)[:3]
    stored = levels.astype(levels.dtype.newbyteorder(order))
    strips = [stored[..., band].tobytes() for band in range(samples)] if planes else [data or stored.tobytes()]
    entries: dict[int, tuple[str, list[int]]] = {
        256: ("H", [width]),
        257: ("H", [height]),
        258: ("H", [bits or 8 * levels.dtype.itemsize] * samples),
        259: ("H", [1]),
        273: ("I", [0] * len(strips)),
        274: ("H", [orientation]),
        277: ("H", [samples]),
        278: ("H", [height]),
        279: ("I", [len(strip) for strip in strips]),
        284: ("H", [1 + planes]),
        339: ("H", [kind] * samples),
    }
    if photometric is not None:
        entries[262] = ("H", [photometric])
    if extra:
        entries[338] = ("H", list(extra))
    after = 8 + 2 + 12 * len(entries) + 4
    long = {tag: struct.calcsize(f"{len(values)}{code}") for tag, (code, values) in entries.items()}
    start = after + sum(size for size in long.values() if size > 4)
    entries[273] = ("I", [start + sum(map(len, strips[:index])) for index in range(len(strips))])
    table, values_after = b"", b""
    for tag, (code, values) in sorted(entries.items()):
        packed = struct.pack(f"{order}{len(values)}{code}", *values)
        table += struct.pack(f"{order}HHI", tag, 3 if code == "H" else 4, len(values))
        table += packed.ljust(4, b"\0") if len(packed) <= 4 else struct.pack(f"{order}I", after + len(values_after))
        values_after += packed if len(packed) > 4 else b""
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HIH", 42, 8, len(entries))
    return head + table + bytes(4) + values_after + b"".join(strips)


def by_tifffile(levels: NDArray[Any], **options: Any) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, levels, **options)
    return file.getvalue()


def read(data: bytes) -> tuple[list[Any], tuple[str, ...]]:
    """The levels of the first row, one for a grey pixel or three for a color, and the notes."""
    photo: Photo = read_photo(data)
    row = photo.image[0].tolist()
    return [pixel[0] if len(set(pixel)) == 1 else pixel for pixel in row], photo.notes


STEPS = np.array([[0, 13107, 26214, 65535]], np.uint16)
"""0, 51, 102 and 255 in 8 bits."""


@EVERY_ORDER
@pytest.mark.parametrize(
    ("levels", "kind", "notes"),
    [
        ((STEPS >> 8).astype(np.uint8), UNSIGNED, ()),
        (STEPS, UNSIGNED, ()),
        (STEPS.astype(np.uint32), UNSIGNED, (WIDE,)),
        (STEPS.astype(np.int32), SIGNED, (WIDE,)),
        ((STEPS // 2).astype(np.int16), SIGNED, (SIGNED_16,)),
        ((STEPS / 65535).astype(np.float16), FLOAT, (FLOATS,)),
        ((STEPS / 65535).astype(np.float32), FLOAT, (FLOATS,)),
        ((STEPS / 65535).astype(np.float64), FLOAT, (FLOATS,)),
    ],
    ids=lambda value: str(value.dtype) if isinstance(value, np.ndarray) else None,
)
def test_greys_of_every_depth_and_both_whites(
    levels: NDArray[Any], kind: int, notes: tuple[str, ...], order: str
) -> None:
    assert read(tiff(levels, 1, order, kind=kind)) == ([0, 51, 102, 255], notes)
    assert read(tiff(levels, 0, order, kind=kind)) == ([255, 204, 153, 0], notes)


@EVERY_ORDER
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("bigtiff", [False, True])
def test_white_is_zero_in_other_wrappings(order: str, compression: str, bigtiff: bool) -> None:
    options = {"byteorder": order, "bigtiff": bigtiff, "compression": compression}
    data = by_tifffile(RAMP_16.astype(f"{order}u2"), photometric="miniswhite", **options)
    assert np.abs(read_photo(data).image[..., 0] + RAMP_8.astype(int) - 255).max() == 0


def test_an_opened_picture_is_read_as_its_file_is() -> None:
    for data in (tiff(STEPS, 0), tiff(STEPS / np.float32(65535), 0, kind=FLOAT), tiff(COLORS, 2)):
        picture = PIL.Image.open(io.BytesIO(data))
        before = read_photo(picture)
        np.testing.assert_array_equal(before.image, read_photo(data).image)
        np.testing.assert_array_equal(read_photo(picture).image, before.image)


def test_a_mask_whose_white_is_zero(tmp_path: Any) -> None:
    for levels in (np.array([[0, 65535]], np.uint16), np.array([[0, 255]], np.uint8)):
        (tmp_path / "a.tif").write_bytes(tiff(levels, 0))
        assert read_mask(tmp_path / "a.tif").tolist() == [[True, False]]


def test_without_a_photometric_interpretation_white_is_zero() -> None:
    note = ("it does not say whether 0 is black or white: taken as white",)
    for levels in (STEPS, (STEPS >> 8).astype(np.uint8)):
        for order in "<>":
            assert read(tiff(levels, None, order)) == ([255, 204, 153, 0], note)


@EVERY_ORDER
@pytest.mark.parametrize(
    ("levels", "kind", "reason"),
    [
        (np.array([[-1, 9]], np.int16), SIGNED, r"levels in \[0, 32767\], got \[-1, 9\]"),
        (np.array([[-1, 9]], np.int8), SIGNED, r"levels in \[0, 127\], got \[-1, 9\]"),
        (np.array([[0, 2**32 - 1]], np.uint32), UNSIGNED, r"levels in \[0, 65535\], got \[0, 4294967295\]"),
        (np.array([[0, 1.5]], np.float64), FLOAT, r"floats in \[0, 1\], got \[0.0, 1.5\]"),
        (np.array([[[0, 1.5, np.nan]]], np.float32), FLOAT, r"floats in \[0, 1\], got \[nan, nan\]"),
    ],
)
def test_levels_of_unknown_white_are_refused(levels: NDArray[Any], kind: int, reason: str, order: str) -> None:
    with pytest.raises(ReadError, match=reason):
        read_photo(tiff(levels, 1 if levels.ndim == 2 else 2, order, kind=kind))


def test_signed_bytes_are_not_bytes() -> None:
    assert read(tiff(np.array([[0, 127]], np.int8), 1, kind=SIGNED)) == (
        [0, 255],
        ("its levels are signed: 127 is taken as white",),
    )


def test_12_bits_have_a_white_of_4095() -> None:
    assert read(tiff(np.zeros((1, 2), np.uint16), 1, bits=12, data=b"\x80\x0f\xff")) == ([128, 255], ())
    for data in (b"\x80\x0f\xff", b"\0\0\0"):
        with pytest.raises(ReadError, match="got 12 bits of uint16 with compression NONE; save it with 8 or 16 bits"):
            read_photo(tiff(np.zeros((1, 2), np.uint16), 1, ">", bits=12, data=data))


COLORS = np.array([[[10, 20, 30, 0], [100, 150, 200, 40]]], np.uint8)
"""Colors, and a fourth channel that would make them pale if it were alpha."""

OPAQUE: list[Any] = [[10, 20, 30], [100, 150, 200]]


@EVERY_ORDER
@pytest.mark.parametrize("planes", [False, True])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("more", [1, 2])
def test_extra_channels_are_not_alpha(order: str, planes: bool, dtype: Any, more: int) -> None:
    levels = np.dstack([COLORS, COLORS[..., :1]])[..., : 3 + more] * dtype(np.iinfo(dtype).max // 255)
    row, notes = read(tiff(levels, 2, order, planes=planes))
    assert row == OPAQUE
    assert notes in [
        ("its fourth channel is not declared to be alpha: ignored",),
        (f"only the first 3 of its {3 + more} channels are used",),
    ]


@EVERY_ORDER
@pytest.mark.parametrize("planes", [False, True])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_declared_alpha_is_alpha(order: str, planes: bool, dtype: Any) -> None:
    kind = FLOAT if dtype == np.float32 else UNSIGNED
    levels = (COLORS / 255).astype(dtype) if kind == FLOAT else COLORS * dtype(np.iinfo(dtype).max // 255)
    image = read_photo(tiff(levels, 2, order, planes=planes, kind=kind, extra=[2])).image
    assert image[0, 0].tolist() == [255, 255, 255]
    assert np.abs(image[0, 1] - np.array([231, 239, 246])).max() <= 1


@EVERY_ORDER
@pytest.mark.parametrize("planes", [False, True])
@pytest.mark.parametrize(
    ("scale", "kind"),
    [
        (lambda colors: colors * np.uint16(257), UNSIGNED),
        (lambda colors: (colors / 255).astype(np.float16), FLOAT),
        (lambda colors: (colors / 255).astype(np.float32), FLOAT),
        (lambda colors: colors / 255, FLOAT),
        (lambda colors: np.rint(colors / 255 * 32767).astype(np.int16), SIGNED),
        (lambda colors: colors.astype(np.uint32) * 257, UNSIGNED),
    ],
)
def test_colors_of_every_depth(scale: Any, kind: int, planes: bool, order: str) -> None:
    data = tiff(scale(COLORS[..., :3]), 2, order, planes=planes, kind=kind)
    assert read_photo(data).image[0].tolist() == OPAQUE


def test_colors_of_floats_as_opencv_writes_them() -> None:
    data = by_opencv(np.dstack([RAMP_16 / 65535, RAMP_16 * 0.0, RAMP_16 * 0.0 + 1]).astype(np.float32), ".tiff")
    photo = read_photo(data)
    np.testing.assert_array_equal(photo.image[..., 2], RAMP_8)
    assert (photo.image[..., 1] == 0).all() and (photo.image[..., 0] == 255).all()
    assert photo.notes == (FLOATS,)


@EVERY_ORDER
@pytest.mark.parametrize(("photometric", "channels", "name"), [(1, 5, "MINISBLACK"), (5, 4, "SEPARATED")])
def test_channels_of_unknown_meaning_are_refused(photometric: int, channels: int, name: str, order: str) -> None:
    levels = np.zeros((2, 2, channels), np.float32)
    with pytest.raises(ReadError, match=f"one grey channel or three of RGB, got {channels} of {name}; save those"):
        read_photo(tiff(levels, photometric, order, kind=FLOAT))


def test_complex_numbers_are_refused() -> None:
    with pytest.raises(ReadError, match="must hold integers or floats, got complex64; save it as float32"):
        read_photo(by_tifffile(np.zeros((2, 2), np.complex64)))


def test_an_unsupported_compression_is_named() -> None:
    data = bytearray(tiff(np.zeros((4, 4)), 1, kind=FLOAT))
    place = data.index(struct.pack("<HHI", 259, 3, 1)) + 8
    data[place] = 5
    with pytest.raises(ReadError, match="got 64 bits of float64 with compression LZW; .* or pip install imagecodecs"):
        read_photo(bytes(data))


def test_planes_of_an_opened_picture_are_refused() -> None:
    """Pillow itself takes their first bytes for levels."""
    picture = PIL.Image.open(io.BytesIO(tiff(COLORS[..., :3] * np.uint16(257), 2, planes=True)))
    with pytest.raises(ReadError, match="must be a TIFF that Pillow reads, got planes of 16 bits; give its path"):
        read_photo(picture)


@pytest.mark.parametrize("levels", [STEPS.astype(np.float64) / 65535, STEPS])
def test_rare_tiffs_come_upright_with_their_first_page(levels: NDArray[Any]) -> None:
    kind = FLOAT if levels.dtype.kind == "f" else UNSIGNED
    turned = read_photo(tiff(levels, 0, ">", kind=kind, orientation=6)).image
    assert turned[:, 0, 0].tolist() == [255, 204, 153, 0]
    data = by_tifffile(np.stack([levels / np.float64(levels.max())] * 3), photometric="minisblack")
    assert read(data) == ([0, 51, 102, 255], ("only the first of 3 pages is used", FLOATS))


def test_a_palette_of_8_bits_is_not_black() -> None:
    colors = np.zeros((3, 256), np.uint16)
    colors[0] = np.arange(256)
    photo = read_photo(by_tifffile(np.array([[10, 200]], np.uint8), photometric="palette", colormap=colors))
    assert photo.image[0].tolist() == [[10, 0, 0], [200, 0, 0]]
    assert photo.notes == ("its palette has 8 bits where TIFF has 16: read as 8",)


def test_a_rare_tiff_has_the_size_limit_of_photos() -> None:
    with pytest.raises(ReadError, match="source must have at most 3 pixels, got 4 x 1; allow more with max_pixels"):
        read_photo(tiff(STEPS / 65535, 1, kind=FLOAT), max_pixels=3)


def test_a_truncated_rare_tiff_is_complete_or_refused() -> None:
    data = tiff(RAMP_16 / 65535, 1, kind=FLOAT)
    whole = read_photo(data).image
    for length in np.linspace(0, len(data) - 1, 60).astype(int):
        try:
            np.testing.assert_array_equal(read_photo(data[:length]).image, whole)
        except ReadError:
            continue
