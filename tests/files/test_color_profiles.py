"""Colors in sRGB by what a profile, or the chunks of a PNG, do; checked against the formulas."""

import struct
import zlib

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray
from photo_files import QUARTERS, RAMP_8, chunk, encoded, gamma_curve, png, rgb_profile, smooth_photo
from PIL import ImageCms

from wsseg.files.photos import read_image, read_photo


def profile_with(old: bytes, new: bytes, swap: bool) -> bytes:
    """An RGB profile of another name, in which red and blue may be swapped."""
    data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = data.replace(old.decode().encode("utf-16-be"), new.decode().encode("utf-16-be"))
    if swap:
        data = data.replace(b"rXYZ", b"tmpX").replace(b"bXYZ", b"rXYZ").replace(b"tmpX", b"bXYZ")
    return data


def test_color_profiles_are_followed() -> None:
    swapped = profile_with(b"sRGB", b"test", swap=True)
    photo = read_photo(encoded(QUARTERS, "PNG", icc_profile=swapped))
    assert np.abs(photo.image.astype(int) - QUARTERS[..., ::-1]).max() <= 3
    assert photo.notes == ()


def test_grey_photos_may_carry_a_color_profile() -> None:
    profile = profile_with(b"sRGB", b"test", swap=False)
    photo = read_photo(encoded(RAMP_8, "PNG", icc_profile=profile))
    assert np.abs(photo.image[..., 0].astype(int) - RAMP_8).max() <= 1
    assert photo.notes == ()


def linear_grey_profile() -> bytes:
    """The smallest profile of greys: their levels are proportional to light."""
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 0xF6D6, 0x10000, 0xD32D)
    curve = b"curv\0\0\0\0" + struct.pack(">I", 0)
    tags = struct.pack(">I", 2) + struct.pack(">4sII4sII", b"wtpt", 156, 20, b"kTRC", 176, 12)
    head = struct.pack(">I4sI4s4s4s12s4s", 188, b"", 0x02100000, b"mntr", b"GRAY", b"XYZ ", b"", b"acsp")
    return head.ljust(68, b"\0") + white[8:].ljust(60, b"\0") + tags + white + curve


@pytest.mark.parametrize("mode", ["L", "LA"])
def test_grey_profiles_are_followed(mode: str) -> None:
    picture = PIL.Image.new("L", (4, 3), 55).convert(mode)
    photo = read_photo(encoded(picture, "PNG", icc_profile=linear_grey_profile()))
    assert photo.notes == ()
    assert np.abs(photo.image.astype(int) - 128).max() <= 1


def test_alpha_survives_a_color_profile() -> None:
    rgba = np.dstack([QUARTERS, np.zeros((32, 48), np.uint8)])
    rgba[16:, :, 3] = 255
    image = read_image(encoded(rgba, "PNG", icc_profile=profile_with(b"sRGB", b"test", swap=True)))
    assert (image[:16] == 255).all()
    assert np.abs(image[16:].astype(int) - QUARTERS[16:, :, ::-1]).max() <= 3


def test_the_srgb_profile_changes_nothing() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    photo = smooth_photo()
    np.testing.assert_array_equal(read_image(encoded(photo, "PNG", icc_profile=profile)), photo)


@pytest.mark.parametrize("profile", [b"no profile", b"\0" * 200])
def test_a_broken_profile_is_noted_and_ignored(profile: bytes) -> None:
    photo = read_photo(encoded(QUARTERS, "PNG", icc_profile=profile))
    np.testing.assert_array_equal(photo.image, QUARTERS)
    assert photo.notes == ("its color profile is broken: taken as sRGB",)


def srgb_table(count: int) -> bytes:
    """The curve of sRGB as writers of profiles store it."""
    levels = np.rint(65535 * light_of(np.linspace(0, 1, count))).astype(">u2").tobytes()
    return b"curv\0\0\0\0" + struct.pack(">I", count) + levels


def light_of(levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """The curve of sRGB, IEC 61966-2-1."""
    return np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)


def levels_of_light(light: NDArray[np.float64]) -> NDArray[np.float64]:
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("name", ["linear", "GIMP built-in Linear sRGB", "sRGB-elle-V2-g10.icc", "not sRGB, gamma 1.8"])
@pytest.mark.parametrize("gamma", [1.0, 1.8])
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "JPEG"])
def test_a_profile_counts_by_its_effect_not_its_name(name: str, gamma: float, kind: str) -> None:
    options = {"JPEG": {"quality": 100}, "WEBP": {"lossless": True}}.get(kind, {})
    profile = rgb_profile(name, gamma_curve(gamma))
    photo = read_photo(encoded(PIL.Image.new("RGB", (4, 4), (55, 55, 55)), kind, icc_profile=profile, **options))
    assert np.abs(photo.image - 255 * levels_of_light(np.array((55 / 255) ** gamma))).max() <= 1
    assert photo.notes == ()


@pytest.mark.parametrize("name", ["sRGB IEC61966-2.1", "c2", "display"])
@pytest.mark.parametrize("count", [1024, 4096])
def test_an_srgb_profile_with_any_name_changes_nothing(name: str, count: int) -> None:
    photo = smooth_photo()
    profile = rgb_profile(name, srgb_table(count))
    np.testing.assert_array_equal(read_image(encoded(photo, "PNG", icc_profile=profile)), photo)


SRGB = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
ADOBE = (0.3127, 0.3290, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
DISPLAY_P3 = (0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060)

LEVELS = np.random.default_rng(0).integers(0, 256, (6, 9, 3)).astype(np.uint8)


def png_of_levels(*chunks: bytes) -> bytes:
    rows = b"".join(b"\0" + row.tobytes() for row in LEVELS)
    return png(9, 6, 8, 2, *chunks, chunk(b"IDAT", zlib.compress(rows)))


def gama(gamma: float) -> bytes:
    return chunk(b"gAMA", struct.pack(">I", round(gamma * 100_000)))


def chrm(*chromaticities: float) -> bytes:
    return chunk(b"cHRM", struct.pack(">8I", *[round(number * 100_000) for number in chromaticities]))


def xyz_of(chromaticities: tuple[float, ...]) -> NDArray[np.float64]:
    """The matrix from linear RGB to XYZ; all primaries here share the white of sRGB."""
    x, y = np.reshape(chromaticities, (4, 2)).T
    xyz = np.stack([x / y, np.ones(4), (1 - x - y) / y])
    return xyz[:, 1:] * np.linalg.solve(xyz[:, 1:], xyz[:, 0])


def expected(light: NDArray[np.float64], chromaticities: tuple[float, ...]) -> NDArray[np.float64]:
    return 255 * levels_of_light(light @ (np.linalg.inv(xyz_of(SRGB)) @ xyz_of(chromaticities)).T)


@pytest.mark.parametrize(
    ("chunks", "power", "chromaticities"),
    [
        ([gama(1)], 1.0, SRGB),
        ([gama(1 / 1.8)], 1.8, SRGB),
        ([gama(1), chrm(*SRGB)], 1.0, SRGB),
        ([gama(1 / 2.2), chrm(*ADOBE)], 2.2, ADOBE),
        ([chrm(*DISPLAY_P3)], None, DISPLAY_P3),
        ([chunk(b"cICP", bytes([12, 13, 0, 1]))], None, DISPLAY_P3),
        ([chunk(b"cICP", bytes([1, 8, 0, 1]))], 1.0, SRGB),
        ([chunk(b"cICP", bytes([12, 13, 0, 1])), gama(1)], None, DISPLAY_P3),
    ],
)
def test_the_chunks_of_a_png_are_followed(
    chunks: list[bytes], power: float | None, chromaticities: tuple[float, ...]
) -> None:
    photo = read_photo(png_of_levels(*chunks))
    light = light_of(LEVELS / 255) if power is None else (LEVELS / 255) ** power
    assert np.abs(photo.image - expected(light, chromaticities)).max() <= 1.5
    assert photo.notes == ()


@pytest.mark.parametrize(
    "chunks",
    [
        [gama(0.45455)],
        [gama(0.45455), chrm(*SRGB)],
        [chrm(*SRGB)],
        [chunk(b"sRGB", b"\0"), gama(1), chrm(*ADOBE)],
        [chunk(b"cICP", bytes([1, 13, 0, 1])), gama(1)],
    ],
)
def test_equivalents_of_srgb_change_nothing(chunks: list[bytes]) -> None:
    photo = read_photo(png_of_levels(*chunks))
    np.testing.assert_array_equal(photo.image, LEVELS)
    assert photo.notes == ()


@pytest.mark.parametrize(
    ("chunks", "note"),
    [
        ([gama(0)], "its gamma (gAMA) is 0: taken as that of sRGB"),
        ([chrm(*[0.0] * 8)], "its primaries (cHRM) are broken: taken as those of sRGB"),
        (
            [chunk(b"cICP", bytes([9, 16, 0, 1]))],
            "its colors are coded as 9, 16, 0, 1 (cICP), not known: taken as sRGB",
        ),
        (
            [chunk(b"cICP", bytes([1, 13, 0, 0]))],
            "its colors are coded as 1, 13, 0, 0 (cICP), not known: taken as sRGB",
        ),
        ([chunk(b"iCCP", b"name\0\0no deflate")], "its color profile is broken: taken as sRGB"),
    ],
)
def test_chunks_that_are_not_followed_are_noted(chunks: list[bytes], note: str) -> None:
    photo = read_photo(png_of_levels(*chunks))
    np.testing.assert_array_equal(photo.image, LEVELS)
    assert photo.notes == (note,)


def test_greys_and_palettes_follow_the_chunks() -> None:
    grey = png(1, 1, 8, 0, gama(1), chunk(b"IDAT", zlib.compress(b"\0\x37")))
    palette = png(1, 1, 8, 3, gama(1), chunk(b"PLTE", b"\x37\x37\x37"), chunk(b"IDAT", zlib.compress(b"\0\0")))
    assert read_image(grey).tolist() == read_image(palette).tolist() == [[[128, 128, 128]]]
