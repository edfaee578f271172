"""Colors of photos, converted to sRGB by what a color profile does, or by the chunks of a PNG that stand for one.

A profile is taken for sRGB if it changes no level by more than `SRGB_TOLERANCE`, whatever its name.
ICC.1:2022 (profile version 4.4); ITU-T H.273 (2024), tables 2 and 3, for cICP.
"""

import struct
from collections.abc import Mapping
from io import BytesIO
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image as pillow
from PIL import ImageCms

from wsseg.files.png import CICP

SRGB_TOLERANCE: Final = 2
"""Levels by which the rounded tables of an sRGB profile may differ from the formula of sRGB."""


class _Curve(NamedTuple):
    """The light of a level X: (a X + b) ** gamma from d on, and c X below it."""

    gamma: float
    a: float = 1.0
    b: float = 0.0
    c: float = 0.0
    d: float = 0.0


_SRGB_CURVE: Final = _Curve(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)

_D65: Final = (0.3127, 0.3290)

_Chromaticities = tuple[float, ...]
"""x and y of white, red, green and blue."""

_SRGB: Final[_Chromaticities] = (*_D65, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)

_ADOBE_RGB: Final[_Chromaticities] = (*_D65, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)

_CICP_PRIMARIES: Final[Mapping[int, _Chromaticities]] = {
    1: _SRGB,
    5: (*_D65, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06),
    6: (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    7: (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    9: (*_D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    11: (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    12: (*_D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
}

_CICP_CURVES: Final[Mapping[int, _Curve]] = {4: _Curve(2.2), 5: _Curve(2.8), 8: _Curve(1.0), 13: _SRGB_CURVE}

_ENCODING_GAMMA: Final = 1 / 2.2
"""Value of gAMA that writers use for sRGB, although the curve of sRGB is not a power."""

_BRADFORD: Final = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])

_D50: Final = np.array([0.9642, 1.0, 0.8249])


def in_srgb(colors: pillow.Image, info: Mapping[Any, Any], notes: list[str]) -> pillow.Image:
    """Return a picture of mode L, RGB, CMYK or LAB in sRGB, by the profile or the chunks of a PNG in its `info`.

    cICP comes before a profile, and that before sRGB, gAMA and cHRM.
    """
    profile = _profile_of_cicp(info, notes) or info.get("icc_profile") or _profile_of_gamma(info, notes)
    if profile:
        try:
            return _through_profile(colors, ImageCms.ImageCmsProfile(BytesIO(profile)))
        except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
            notes.append("its color profile is broken: taken as sRGB")
    elif "icc_profile" in info and CICP not in info:
        notes.append("its color profile is broken: taken as sRGB")
    return colors.convert("RGB")


def _through_profile(colors: pillow.Image, profile: ImageCms.ImageCmsProfile) -> pillow.Image:
    if profile.profile.xcolor_space == "RGB " and colors.mode == "L":
        colors = colors.convert("RGB")
    if colors.mode in ("L", "RGB") and _is_srgb(profile, colors.mode):
        return colors.convert("RGB")
    return _converted(colors, profile, ImageCms.Intent.PERCEPTUAL)


def _is_srgb(profile: ImageCms.ImageCmsProfile, mode: str) -> bool:
    """Return whether the profile keeps all greys, and colors of all hues, as they are."""
    grey = np.arange(256, dtype=np.uint8)[None]
    steps = np.arange(0, 256, 17, dtype=np.uint8)
    colors = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, 3)
    probe = pillow.fromarray(grey if mode == "L" else np.concatenate([np.dstack([grey] * 3), colors], axis=1))
    found = _converted(probe, profile, ImageCms.Intent.RELATIVE_COLORIMETRIC)
    change = np.array(found, int) - np.array(probe.convert("RGB"), int)
    return bool(np.abs(change).max() <= SRGB_TOLERANCE)


def _converted(colors: pillow.Image, profile: ImageCms.ImageCmsProfile, intent: ImageCms.Intent) -> pillow.Image:
    srgb = ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(colors, profile, srgb, renderingIntent=intent, outputMode="RGB")
    if converted is None:
        raise TypeError("profileToProfile works in place only when told to")
    return converted


def _profile_of_cicp(info: Mapping[Any, Any], notes: list[str]) -> bytes | None:
    """Return the profile that cICP stands for."""
    if CICP not in info:
        return None
    primaries, transfer, matrix, full_range = info[CICP]
    if primaries in _CICP_PRIMARIES and transfer in _CICP_CURVES and (matrix, full_range) == (0, 1):
        return _profile(_CICP_PRIMARIES[primaries], _CICP_CURVES[transfer])
    taken = "its color profile is used" if info.get("icc_profile") else "taken as sRGB"
    notes.append(f"its colors are coded as {primaries}, {transfer}, {matrix}, {full_range} (cICP), not known: {taken}")
    return None


def _profile_of_gamma(info: Mapping[Any, Any], notes: list[str]) -> bytes | None:
    """Return the profile that gAMA and cHRM stand for, or None for sRGB."""
    gamma, given = info.get("gamma"), info.get("chromaticity")
    if "srgb" in info or (gamma is None and given is None):
        return None
    chromaticities = _SRGB if given is None else tuple(given)
    if gamma is not None and not gamma > 0:
        notes.append("its gamma (gAMA) is 0: taken as that of sRGB")
        gamma = None
    if not _is_sound(chromaticities):
        notes.append("its primaries (cHRM) are broken: taken as those of sRGB")
        chromaticities = _SRGB
    is_srgb = np.abs(np.subtract(chromaticities, _SRGB)).max() < 0.005
    if is_srgb and (gamma is None or abs(gamma - _ENCODING_GAMMA) < 0.005):
        return None
    return _profile(chromaticities, _SRGB_CURVE if gamma is None else _Curve(1 / gamma))


def adobe_rgb() -> bytes:
    """Return a profile of Adobe RGB (1998)."""
    return _profile(_ADOBE_RGB, _Curve(2.19921875))


def _is_sound(chromaticities: _Chromaticities) -> bool:
    """Return whether no y is 0, and the primaries are no line."""
    xyz = _xyz(chromaticities)
    return bool(np.isfinite(xyz).all() and abs(np.linalg.det(xyz[1:])) > 1e-6)


def _xyz(chromaticities: _Chromaticities) -> NDArray[np.float64]:
    """Return X, Y and Z of white, red, green and blue, each of Y = 1, as rows."""
    x, y = np.reshape(chromaticities, (4, 2)).T.astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.stack([x / y, np.ones(4), (1 - x - y) / y], axis=1)


def _profile(chromaticities: _Chromaticities, curve: _Curve) -> bytes:
    """Return an ICC profile of three primaries and a curve, adapted to D50 by the Bradford matrix."""
    white, *primaries = _xyz(chromaticities)
    adapted = np.linalg.inv(_BRADFORD) @ np.diag(_BRADFORD @ _D50 / (_BRADFORD @ white)) @ _BRADFORD
    scale = np.linalg.solve(np.transpose(primaries), white)
    columns = [adapted @ (color * weight) for color, weight in zip(primaries, scale, strict=True)]
    tone = b"para" + bytes(4) + struct.pack(">HH", 3, 0) + _fixed(*curve)
    tags = {b"wtpt": b"XYZ " + bytes(4) + _fixed(*_D50)}
    tags |= {
        name: b"XYZ " + bytes(4) + _fixed(*color)
        for name, color in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True)
    }
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), tone)
    start = 132 + 12 * len(tags)
    table, data = struct.pack(">I", len(tags)), b""
    for name, value in tags.items():
        table += name + struct.pack(">II", start + len(data), len(value))
        data += value
    head = struct.pack(">I4xI", start + len(data), 0x04400000) + b"mntrRGB XYZ " + bytes(12) + b"acsp" + bytes(28)
    return (head + _fixed(*_D50)).ljust(128, b"\0") + table + data


def _fixed(*numbers: float) -> bytes:
    """Return numbers as ICC's s15Fixed16Number."""
    return b"".join(struct.pack(">i", round(number * 65536)) for number in numbers)
