"""Photos, masks and folders on disk: a photo of any format arrives as an upright sRGB Image, or is refused by name.

Pillow decodes. While it does, this module holds a lock, sets Pillow's two globals (`MAX_IMAGE_PIXELS`,
`LOAD_TRUNCATED_IMAGES`) and the warnings filter as it needs them, and puts all three back; so threads read one photo
at a time, and processes as many as they like.
"""

import hashlib
import math
import os
import stat
import threading
import unicodedata
import uuid
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from os import PathLike
from pathlib import Path, PurePath, PurePosixPath
from types import MappingProxyType
from typing import Any, BinaryIO, Final, NamedTuple, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, ImageCms, ImageFile, UnidentifiedImageError
from PIL import Image as pillow

from wsseg.arrays import BACKGROUND, FOREGROUND, UNKNOWN, Image, Labels, Mask, Seeds, check_labels, check_mask
from wsseg.recipe import MAX_PIXELS

_Undecoded: TypeAlias = str | PathLike[str] | bytes | pillow.Image | NDArray[Any]

_FORMATS: Final = (
    *("AVIF", "BMP", "GIF", "ICO", "JPEG", "JPEG2000", "PCX", "PNG", "PPM", "PSD", "QOI", "SGI", "TIFF", "WEBP"),
    "TGA",  # Has no signature, so it is tried last.
)
"""The formats of photos; the rest of Pillow's hold no photo, or run other programs (EPS)."""

_RAW: Final = frozenset(
    f".{kind}" for kind in ("arw", "cr2", "cr3", "dng", "nef", "nrw", "orf", "pef", "raf", "raw", "rw2", "srw")
)
"""Suffixes of what cameras' sensors saw. Many are TIFF, of which Pillow would take the preview for the photo."""

_UNREAD: Final = _RAW | {".heic", ".heif", ".hif", ".jxl", ".psb", ".svg"}
"""Suffixes of photos and pictures that Pillow alone does not open."""

_FRAMES: Final = {"AVIF": "frames", "GIF": "frames", "PNG": "frames", "WEBP": "frames", "TIFF": "pages"}
"""What a file of several pictures calls them; those of MPO and PSD are previews, gain maps and layers."""

_UPRIGHT: Final[dict[object, pillow.Transpose]] = {
    2: pillow.Transpose.FLIP_LEFT_RIGHT,
    3: pillow.Transpose.ROTATE_180,
    4: pillow.Transpose.FLIP_TOP_BOTTOM,
    5: pillow.Transpose.TRANSPOSE,
    6: pillow.Transpose.ROTATE_270,
    7: pillow.Transpose.TRANSVERSE,
    8: pillow.Transpose.ROTATE_90,
}
"""What undoes each EXIF orientation."""

_WIDE: Final = ("I", "I;16", "I;16L", "I;16B", "I;16N", "F")
"""Pillow's modes of more than 8 bits, which its own `convert` would clip."""

_WHITE_16: Final = 65535

QUALITY: Final = 92
"""Of jpg and webp. A level of scikit-image's photos, cut out, is off by 2.3 (RMS) in a webp of a seventh of the PNG's
size, one of their overlays in a jpg of a fifth; 95 makes both a third larger for half a level less."""

FORMATS: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "png": {"format": "PNG"},
        "webp": {"format": "WEBP", "quality": QUALITY},
        # With color at half the size, Pillow's default, an overlay's thin contour would be pale, as webp cannot help.
        "jpg": {"format": "JPEG", "quality": QUALITY, "subsampling": "4:4:4"},
    }
)
"""What Pillow is told to write pictures in each format."""

SUFFIXES: Final[Mapping[str, str]] = MappingProxyType({".png": "png", ".webp": "webp", ".jpg": "jpg", ".jpeg": "jpg"})
"""The format that each suffix stands for."""

_LONGEST: Final = {"webp": 16383, "jpg": 65500}
"""Pixels of a side that the format's library can write; a PNG's can be as long as any photo's."""

_OBJECT_VALUES: Final = (1, 255, _WHITE_16)
"""What a file of two values may hold beside 0."""

_BYTES: Final = 8
"""Of a pixel that is not compressed: 16 bits in four channels."""

_HEADER: Final = 1 << 24
"""Bytes allowed beside the pixels, for previews and metadata."""

UNKNOWN_LEVEL: Final = 128
"""What is unknown in a picture of seeds, whose background is 0 and whose object 255."""

VOC_COLORS: Final[NDArray[np.uint8]] = np.sum(
    [(np.arange(256)[:, None] >> (3 * bit + np.arange(3)) & 1) << (7 - bit) for bit in range(3)], axis=0
).astype(np.uint8)
"""Red, green and blue of each label in the files of PASCAL VOC (`VOClabelcolormap` of its development kit), (256, 3).

They take a label's lowest three bits as their highest, then the next three, then the last two.
"""
VOC_COLORS.setflags(write=False)

_PILLOW: Final = threading.RLock()


class ReadError(ValueError):
    """A file is no picture, or not one that may be used; the message names the file, the reason and the remedy."""


@dataclass(frozen=True, eq=False)
class Photo:
    """A photo, and a short sentence about each thing that reading it left out or mended."""

    image: Image
    notes: tuple[str, ...]


PhotoSource: TypeAlias = _Undecoded | Photo


class Source(NamedTuple):
    """A photo to be read, and the relative name of whatever is made from it: `sub/a.png`."""

    path: Path
    name: PurePosixPath


# ----------------------------------------------------------------------------------------------------------- paths


def path_of(text: str) -> Path:
    """The path that a user spelled: `s3://bucket/photos` is in an object store, by what fsspec knows of such.

    Such a path is universal_pathlib's, which does here what a Path does; `is_local` tells them apart.

    ValueError says what to install for one that nothing here can open.
    """
    if "://" not in text:
        return Path(text)
    try:
        from upath import UPath

        # Other processes write beside this one, so a listing is old as soon as it is there.
        path = UPath(text, use_listings_cache=False)
        _ = path.fs  # Which is when the store's own library is asked for.
    except (ImportError, ValueError) as error:
        raise ValueError(f"{text} must be a path that can be opened, got '{error}'; pip install 'wsseg[s3]'") from error
    return cast(Path, path)


def is_local(path: Path) -> bool:
    """Whether it is on a disk."""
    return isinstance(path, Path)


@contextmanager
def answering(path: Path) -> Iterator[None]:
    """While the body asks for a path: whatever an object store's library raises is an OSError of one sentence."""
    try:
        yield
    except Exception as error:
        if is_local(path) or isinstance(error, ValueError | FileExistsError):  # What is said of it here.
            raise
        refusal = OSError(f"{path} must be in a store that answers, got '{_reason(error)}'; check its address and keys")
        refusal.errno = getattr(error, "errno", None)
        raise refusal from error


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def is_folder(path: Path) -> bool:
    """Whether it is a folder, which in an object store is whatever something lies below."""
    if is_local(path):
        return path.is_dir()
    store = cast(Any, path)
    try:
        return bool(store.fs.info(store.path)["type"] == "directory")  # Its own `is_dir` would list all of it.
    except FileNotFoundError:
        return False


def remove(paths: Sequence[Path]) -> None:
    """Removes files that are there, all of one folder."""
    if paths and not is_local(paths[0]):
        with answering(paths[0]):
            cast(Any, paths[0]).fs.rm([cast(Any, path).path for path in paths])
        return
    for path in paths:
        path.unlink()


def sizes_below(folder: Path) -> dict[str, int]:
    """The size in bytes of every file below the folder, by its path relative to it."""
    if not is_local(folder):
        store = cast(Any, folder)
        with answering(folder):
            found = store.fs.find(store.path, detail=True)
        return {path.removeprefix(store.path).lstrip("/"): each["size"] for path, each in found.items()}
    paths = (Path(top, name) for top, _, names in os.walk(folder) for name in names)
    return {path.relative_to(folder).as_posix(): path.lstat().st_size for path in paths}


# ---------------------------------------------------------------------------------------------------------- photos


def read_image(source: PhotoSource, *, max_pixels: int = MAX_PIXELS) -> Image:
    """The photo upright in sRGB, over white where it is transparent, in an array of its own; see `read_photo`."""
    return read_photo(source, max_pixels=max_pixels).image


def read_photo(source: PhotoSource, *, max_pixels: int = MAX_PIXELS, name: str = "") -> Photo:
    """The photo upright in sRGB, over white where it is transparent, and notes on what was left out or mended.

    A Photo is itself. A path or bytes hold a file of any photo format, of which the first frame is used; a PIL image is
    used at its current frame. 16 bits are scaled to 8. An array is bool, uint8, uint16 or a float in [0, 1] of shape
    (H, W), (H, W, 1), (H, W, 3) or (H, W, 4). ReadError names a source that is unreadable, empty, truncated, no
    picture, or of more than `max_pixels`, which is known before anything is decoded; by its path, or by `name`.
    TypeError, something else.
    """
    if isinstance(source, Photo):
        return source
    notes: list[str] = []
    name = name or _name_of(source)
    with _opened(source, max_pixels, notes, name) as picture:
        image = np.array(_over_white(_upright(picture, notes), name, notes))
    return Photo(image, tuple(dict.fromkeys(notes)))


def _name_of(source: object) -> str:
    """What errors call the source; TypeError when it is none at all."""
    if isinstance(source, str | PathLike):
        return str(source)
    if isinstance(source, bytes | pillow.Image | np.ndarray):
        return "source"
    raise TypeError(
        f"source must be a path, bytes, PIL image or numpy array, got {type(source).__name__}; pass one of these"
    )


@contextmanager
def _opened(source: _Undecoded, max_pixels: int, notes: list[str], name: str) -> Iterator[pillow.Image]:
    """The decoded picture, while Pillow is strict; whatever Pillow raises, here or in the body, becomes a ReadError."""
    try:
        with _strict_pillow(max_pixels, notes), _picture(source, max_pixels, notes) as picture:
            picture.load()
            yield picture
    except ReadError:
        raise
    except Exception as error:  # Pillow's decoders raise nearly anything on a broken file.
        raise _refusal(name, error, max_pixels) from error


@contextmanager
def _strict_pillow(max_pixels: int, notes: list[str]) -> Iterator[None]:
    with _PILLOW, warnings.catch_warnings(record=True) as caught:
        warnings.filterwarnings("always", module=r"PIL\.")
        warnings.simplefilter("error", pillow.DecompressionBombWarning)
        kept = pillow.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
        pillow.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = max_pixels, False
        try:
            yield
        finally:
            pillow.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = kept
    for warning in caught:
        if Path(warning.filename).parent == Path(pillow.__file__).parent:
            notes.append(f"Pillow warns: {' '.join(str(warning.message).split())}")
        else:  # Of another thread, which the recorder must not keep from its user.
            warnings.showwarning(warning.message, warning.category, warning.filename, warning.lineno)


@contextmanager
def _picture(source: _Undecoded, max_pixels: int, notes: list[str]) -> Iterator[pillow.Image]:
    if isinstance(source, pillow.Image):
        _check_pixels(source.width, source.height, max_pixels)
        yield source
    elif isinstance(source, np.ndarray):
        yield _picture_of_array(source, max_pixels)
    else:
        with _bytes_of(source) as file, pillow.open(file, formats=_formats()) as picture:
            _note_frames(picture, notes)
            yield picture


@cache
def _formats() -> list[str]:
    pillow.init()
    return [name for name in _FORMATS if name in pillow.OPEN]


def read_file(path: Path, *, max_pixels: int = MAX_PIXELS) -> bytes:
    """What a file holds; ReadError names one that cannot be read, is none, or is too large for a photo of so many."""
    if not is_local(path):
        return _fetched(path, max_pixels)
    try:
        with _bytes_of(path) as file:
            _check_length(path, os.fstat(file.fileno()).st_size, max_pixels)
            return file.read()
    except OSError as error:
        raise _refusal(str(path), error, max_pixels) from error


def _fetched(path: Path, max_pixels: int) -> bytes:
    """What a file in an object store holds."""
    try:
        store = cast(Any, path)  # Whose `read_bytes`, and `cat_file` of no bounds, would ask twice.
        length = store.fs.info(store.path)["size"]
        _check_not_empty(str(path), length)
        _check_not_raw(path)
        _check_length(path, length, max_pixels)
        return cast(bytes, store.fs.cat_file(store.path, start=0, end=length))
    except ReadError:
        raise
    except Exception as error:  # Each store's library has its own.
        raise ReadError(f"{path} must be readable, got '{_reason(error)}'; check it and the store's keys") from error


def _check_length(path: Path, length: int, max_pixels: int) -> None:
    most = _BYTES * max_pixels + _HEADER
    if length > most:
        raise ReadError(
            f"{path} must have at most {most} bytes, got {length}; allow more with max_pixels (--max-pixels)"
        )


def _bytes_of(source: bytes | str | PathLike[str]) -> BinaryIO:
    if isinstance(source, bytes):
        _check_not_empty("source", len(source))
        return BytesIO(source)
    status = Path(source).stat()
    if stat.S_ISDIR(status.st_mode):
        raise ReadError(f"{source} must be a picture, got a folder; name a file in it")
    if not stat.S_ISREG(status.st_mode):
        raise ReadError(f"{source} must be a regular file, got a pipe or a device; save the picture to a file")
    _check_not_empty(os.fspath(source), status.st_size)
    _check_not_raw(PurePath(source))
    return Path(source).open("rb")


def _check_not_raw(path: PurePath) -> None:
    if path.suffix.lower() in _RAW:
        raise ReadError(f"{path} must be a picture, got what a camera's sensor saw; develop it to PNG or JPEG")


def _check_not_empty(name: str, size: int) -> None:
    if size == 0:
        raise ReadError(f"{name} must be a picture, got an empty file of 0 bytes; copy it anew")


def _note_frames(picture: pillow.Image, notes: list[str]) -> None:
    frames = getattr(picture, "n_frames", 1) if picture.format in _FRAMES else 1
    if frames > 1:
        notes.append(f"only the first of {frames} {_FRAMES[str(picture.format)]} is used")


def _picture_of_array(array: NDArray[Any], max_pixels: int) -> pillow.Image:
    layered = array[..., 0] if array.ndim == 3 and array.shape[2] == 1 else array
    if not _has_channels(layered):
        raise ReadError(
            f"source must be a non-empty array of shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), got {array.shape}; "
            "put the channels last"
        )
    _check_pixels(array.shape[1], array.shape[0], max_pixels)
    return pillow.fromarray(_eight_bits(layered, "source"))


def _has_channels(array: NDArray[Any]) -> bool:
    """Whether it is a non-empty (H, W), (H, W, 3) or (H, W, 4)."""
    return array.size > 0 and (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4)))


def _check_pixels(width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise _too_large("source", f"{width} x {height}", max_pixels)


def _too_large(name: str, got: str, max_pixels: int) -> ReadError:
    return ReadError(
        f"{name} must have at most {max_pixels} pixels, got {got}; allow more with max_pixels (--max-pixels)"
    )


def _refusal(name: str, error: Exception, max_pixels: int) -> ReadError:
    match error:
        case pillow.DecompressionBombError() | pillow.DecompressionBombWarning():
            return _too_large(name, str(error).partition(" exceeds")[0].lower(), max_pixels)
        case UnidentifiedImageError():
            return ReadError(
                f"{name} must be a picture, got nothing that Pillow reads; convert it to PNG, or copy a cut one anew"
            )
        case OSError(errno=int()):
            return ReadError(f"{name} must be readable, got '{error.strerror}'; check the path and its permissions")
    reason = f"{type(error).__name__}: {error}"
    return ReadError(f"{name} must be a whole and sound picture, got {reason}; copy or export it anew")


def _upright(picture: pillow.Image, notes: list[str]) -> pillow.Image:
    try:
        orientation = picture.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # Broken metadata is no reason to lose a sound photo.
        notes.append("its EXIF data is broken: taken as upright")
        return picture
    turn = _UPRIGHT.get(orientation)
    return picture if turn is None else picture.transpose(turn)


def _over_white(picture: pillow.Image, name: str, notes: list[str]) -> pillow.Image:
    colors, alpha = _without_alpha(_narrow(picture, name))
    colors = _in_srgb(colors, picture.info.get("icc_profile"), notes)
    return colors if alpha is None else pillow.composite(colors, pillow.new("RGB", colors.size, "white"), alpha)


def _narrow(picture: pillow.Image, name: str) -> pillow.Image:
    """The picture in a mode of 8 bits, its levels scaled, its transparent level kept so."""
    if picture.mode not in _WIDE:
        return picture
    levels = _levels(picture, name)
    grey = pillow.fromarray(_eight_bits(levels, name))
    if (transparent := picture.info.get("transparency")) is None:
        return grey
    return pillow.merge("LA", (grey, pillow.fromarray(_eight_bits(levels != transparent, name))))


def _levels(picture: pillow.Image, name: str) -> NDArray[Any]:
    """What a picture of one channel holds; integers of 32 bits are taken as 16, the most that photos use."""
    levels = np.array(picture)
    if levels.dtype != np.int32:
        return levels
    if levels.min() < 0 or levels.max() > _WHITE_16:
        raise ReadError(
            f"{name} must hold levels in [0, {_WHITE_16}], got [{levels.min()}, {levels.max()}]; scale them to 16 bits"
        )
    return levels.astype(np.uint16)


def _eight_bits(levels: NDArray[Any], name: str) -> Image:
    """The levels scaled so that white is 255: uint8 as it is, bool and uint16 by their full range, floats from 1."""
    match levels.dtype.kind, levels.dtype.itemsize:
        case "u", 1:
            return levels
        case "b", _:
            return levels * np.uint8(255)
        case "u", 2:
            return ((levels.astype(np.uint32) + 128) // 257).astype(np.uint8)
        case "f", _:
            _check_unit(levels, name)
            return np.asarray(np.rint(levels * 255), np.uint8)
    raise ReadError(f"{name} must be bool, uint8, uint16 or float, got {levels.dtype}; convert it with numpy's astype")


def _check_unit(levels: NDArray[Any], name: str) -> None:
    if not (levels.min() >= 0 and levels.max() <= 1):
        raise ReadError(
            f"{name} must hold floats in [0, 1], got [{levels.min()}, {levels.max()}]; divide them by their white"
        )


def _without_alpha(picture: pillow.Image) -> tuple[pillow.Image, pillow.Image | None]:
    """The colors in one of the modes L, RGB, CMYK and LAB, and the alpha where there is one."""
    if picture.mode == "La":  # Premultiplied grey, which Pillow converts to nothing else.
        picture = picture.convert("LA")
    if picture.has_transparency_data:
        full = picture.convert("LA" if picture.mode in ("1", "L", "LA") else "RGBA")
        return full.convert(full.mode.removesuffix("A")), full.getchannel("A")
    if picture.mode in ("L", "RGB", "CMYK", "LAB"):
        return picture, None
    return picture.convert("L" if picture.mode == "1" else "RGB"), None


def _in_srgb(colors: pillow.Image, profile: bytes | None, notes: list[str]) -> pillow.Image:
    if profile:
        try:
            return _through_profile(colors, ImageCms.ImageCmsProfile(BytesIO(profile)))
        except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
            notes.append("its color profile is broken: taken as sRGB")
    return colors.convert("RGB")


def _through_profile(colors: pillow.Image, profile: ImageCms.ImageCmsProfile) -> pillow.Image:
    if "sRGB" in (profile.profile.profile_description or ""):
        return colors.convert("RGB")
    if profile.profile.xcolor_space == "RGB " and colors.mode == "L":
        colors = colors.convert("RGB")
    converted = ImageCms.profileToProfile(colors, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
    if converted is None:
        raise TypeError("profileToProfile works in place only when told to")
    return converted


# ----------------------------------------------------------------------------------------------------------- masks


def read_mask(path: str | PathLike[str], *, max_pixels: int = MAX_PIXELS) -> Mask:
    """The mask of a file that holds 0 with 1, with 255 or, in 16 bits, with 65535; ReadError names any other value."""
    return np.asarray(read_truth(path, void=None, max_pixels=max_pixels) == FOREGROUND)


def read_truth(path: str | PathLike[str], *, void: int | None, max_pixels: int = MAX_PIXELS) -> Seeds:
    """The truth of a file like a mask's in which the value `void`, if one is named, stands for UNKNOWN.

    A palette of greys stands for its greys, any other, and that of PASCAL VOC, for its indices. Three equal channels
    count as one.
    ReadError names the first values that are none of 0, the object's and `void`.
    """
    levels = _read_levels(path, max_pixels)
    others = _values_beside(levels, 0 if void is None else void)
    if not _is_object_value(others):
        raise ReadError(
            f"{path} must hold 0 with 1 or with 255, got also {_first(others)}; declare a void value "
            "(--void), threshold it, or save it as PNG if it is a JPEG, which changes values"
        )
    truth = np.where(levels != 0, np.uint8(FOREGROUND), np.uint8(BACKGROUND))
    if void is not None:
        truth[levels == void] = UNKNOWN
    return truth


def read_labels(path: str | PathLike[str], *, max_pixels: int = MAX_PIXELS) -> Labels:
    """The labels of a file that `write_labels` wrote, or of any with a palette or of grey values of 8 bits."""
    levels = _read_levels(path, max_pixels)
    if levels.dtype != np.uint8:
        raise ReadError(f"{path} must hold labels of 8 bits, got {levels.dtype}; save it as wsseg.write_labels does")
    return levels


def read_soft_mask(path: str | PathLike[str], *, max_pixels: int = MAX_PIXELS) -> NDArray[np.float32]:
    """The grey mask of a file, float32 (H, W) in [0, 1]: by its full range, or by its own white if it has two values.

    So a mask of 0 and 1 holds 0.0 and 1.0, not 1/255.
    """
    levels = read_soft_levels(path, max_pixels=max_pixels)
    return levels if levels.dtype == np.float32 else levels.astype(np.float32) / np.float32(255)


def read_soft_levels(path: str | PathLike[str], *, max_pixels: int = MAX_PIXELS) -> NDArray[Any]:
    """The mask of `read_soft_mask`, in uint8 levels of which 255 is 1 where the file has 8 bits."""
    levels = _read_levels(path, max_pixels)
    if levels.dtype.kind == "f":
        _check_unit(levels, os.fspath(path))
        return levels.astype(np.float32)
    others = _values_beside(levels)
    white = int(others.max(initial=1)) if _is_object_value(others) else np.iinfo(levels.dtype).max
    if levels.dtype == np.uint8:
        return levels if white == 255 else levels * np.uint8(255)
    return levels.astype(np.float32) / np.float32(white)


def read_class_ids(path: str | PathLike[str], *, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint16]:
    """The class of each pixel as ImageNet-S codes it, red + 256 green; ReadError names any blue.

    Gao et al., "Large-scale Unsupervised Semantic Segmentation" (2022), and https://github.com/LUSSeg/ImageNet-S.
    """
    with _opened(path, max_pixels, [], os.fspath(path)) as picture:
        red, green, blue = np.moveaxis(np.array(_upright(picture, []).convert("RGB"), np.uint16), 2, 0)
    if blue.any():
        raise ReadError(f"{path} must hold classes in red and green, got blue; save them as ImageNet-S does")
    return np.asarray(red + 256 * green, np.uint16)


def _values_beside(levels: NDArray[Any], void: int = 0) -> NDArray[Any]:
    if levels.dtype != np.uint8:
        return np.setdiff1d(levels, [0, void])
    high = levels.max()
    if ((levels == 0) | (levels == high)).all():  # As in most masks, in a hundredth of the time.
        return np.array([value for value in (high,) if value not in (0, void)])
    return np.setdiff1d(np.flatnonzero(np.bincount(levels.ravel(), minlength=256)), [0, void])


def _is_object_value(others: NDArray[Any]) -> bool:
    return others.size == 0 or (others.size == 1 and others[0] in _OBJECT_VALUES)


def _first(values: NDArray[Any], count: int = 5) -> str:
    shown = ", ".join(f"{value:g}" for value in values[:count])
    return shown if values.size <= count else f"{shown} and {values.size - count} more"


def _read_levels(path: str | PathLike[str], max_pixels: int) -> NDArray[Any]:
    """What the one channel of the file holds: uint8, uint16 or float (H, W), upright."""
    notes: list[str] = []  # They are about colors and metadata, of which a mask has none.
    # A path in an object store is no PathLike.
    source = path if isinstance(path, str | PathLike) else read_file(path, max_pixels=max_pixels)
    with _opened(source, max_pixels, notes, str(path)) as picture:
        return _one_channel(_upright(picture, notes), str(path))


def _one_channel(picture: pillow.Image, name: str) -> NDArray[Any]:
    if picture.mode in ("1", "L", *_WIDE):
        levels = _levels(picture, name)
        return levels.astype(np.uint8) if levels.dtype == np.bool_ else levels
    if picture.mode not in ("P", "PA", "LA", "RGB", "RGBA"):
        raise _colored(name, f"mode {picture.mode}")
    colors, alpha = np.split(np.array(picture.convert("RGBA")), [3], axis=2)
    grey = bool((colors == colors[..., :1]).all())
    if picture.mode in ("P", "PA"):
        # Some colors of VOC, such as its cars', are greys too.
        return colors[..., 0] if grey and not _is_of_voc(picture) else np.array(picture.getchannel(0))
    if not grey or alpha.min() < 255:
        raise _colored(name, "transparency" if grey else "colors")
    return colors[..., 0]


def _is_of_voc(picture: pillow.Image) -> bool:
    return picture.getpalette() == VOC_COLORS.ravel().tolist()


def _colored(name: str, got: str) -> ReadError:
    return ReadError(f"{name} must have one channel, got {got}; save the mask as a grey PNG")


def write_mask(path: str | PathLike[str], mask: Mask) -> None:
    """Writes a grey PNG, 255 on the object and 0 elsewhere; see `write_picture`."""
    write_picture(path, check_mask(mask) * np.uint8(255))


def write_picture(path: str | PathLike[str], picture: NDArray[np.uint8]) -> None:
    """Writes a PNG of the picture, see `encoded_picture`, whole or not at all; makes the folders it needs."""
    _write_png(Path(path), encoded_picture(picture))


def write_labels(path: str | PathLike[str], labels: Labels) -> None:
    """Writes a PNG of the labels as indices into the colors of PASCAL VOC: 0 black, 255 void; see `write_picture`."""
    _write_png(Path(path), encoded_labels(labels))


def encoded_picture(picture: NDArray[np.uint8], format: str = "png") -> bytes:
    """The file of a uint8 array (H, W), (H, W, 3) or, not as jpg, (H, W, 4), in one of `FORMATS`.

    Equal arrays make equal bytes. A png keeps every value, a webp every alpha. ValueError for a picture with a side
    longer than the format can say: 16383 pixels as webp, 65500 as jpg.
    """
    if picture.dtype != np.uint8 or not _has_channels(picture):
        raise ValueError(
            f"picture must be a non-empty uint8 array of shape (H, W), (H, W, 3) or (H, W, 4), "
            f"got {picture.dtype} {picture.shape}; convert it first"
        )
    if format not in FORMATS:
        raise ValueError(f"format must be one of {', '.join(FORMATS)}, got {format!r}; choose one of these")
    _check_fits(picture, format)
    return _saved(pillow.fromarray(picture), format)


def _check_fits(picture: NDArray[np.uint8], format: str) -> None:
    if format == "jpg" and picture.shape[2:] == (4,):
        raise ValueError("picture must be opaque as jpg, got four channels; lay it on a background")
    if max(picture.shape[:2]) > _LONGEST.get(format, math.inf):
        height, width = picture.shape[:2]
        raise ValueError(
            f"picture must have sides of at most {_LONGEST[format]} pixels as {format}, got {width} x {height}; "
            "choose png"
        )


def encoded_labels(labels: Labels) -> bytes:
    """The PNG that `write_labels` writes."""
    picture = pillow.fromarray(check_labels(labels))
    picture.putpalette(VOC_COLORS.tobytes())
    return _saved(picture, "png")


def _saved(picture: pillow.Image, format: str) -> bytes:
    file = BytesIO()
    picture.save(file, **FORMATS[format])
    return file.getvalue()


def _write_png(path: Path, data: bytes) -> None:
    if path.suffix.lower() != ".png":
        raise ValueError(f"path must end in .png, got {path}; masks need a format that keeps every value")
    with replacing(path) as file:
        file.write(data)


@contextmanager
def replacing(path: Path, *, by: Path | None = None) -> Iterator[BinaryIO]:
    """A new file that takes the place of `path` once the body is done, and is gone if the body fails.

    Until then it lies in the folder `by`, of the same disk, or beside `path`. The folders that `path` needs are made.
    In an object store it is written at once. OSError names the path when it cannot be written.
    """
    if not is_local(path):
        whole = BytesIO()
        yield whole
        with answering(path):
            path.write_bytes(whole.getvalue())
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _moved(path, by or path.parent) as file:
            yield file
    except OSError as error:
        reason = error.strerror or error
        refusal = OSError(f"{path} must be writable, got '{reason}'; make room, or name another folder")
        refusal.errno = error.errno
        raise refusal from error


@contextmanager
def _moved(path: Path, folder: Path) -> Iterator[BinaryIO]:
    # A name of fixed length: a photo's own name may leave no room for a suffix.
    temporary = folder / f".wsseg-{uuid.uuid4().hex}"
    try:
        with temporary.open("xb") as file:
            yield file
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


# --------------------------------------------------------------------------------------------------------- folders


def find_photos(
    paths: Sequence[str | PathLike[str]], *, named: Mapping[str, str] = MappingProxyType({}), empty_ok: bool = False
) -> list[Source]:
    """The photos that the paths stand for, in their order, each once, with the names of their outputs.

    A path is a photo, a folder (recursive, sorted; hidden entries, linked folders and links that leave it are
    skipped), a glob pattern (hidden entries are skipped), or a list file (.txt: one photo a line, relative to the
    list, or s3://...; blank lines and # comments are skipped).
    A name is the photo's path relative to its folder with suffix `.png`, and `_` for a backslash and `..`; below the
    folder's own name when there are several paths; photos that would share a name keep their whole name (`a.jpg.png`).
    Names are compared without case and Unicode form, as some file systems do; whole names that differ in these alone
    have a digest too (`a.jpg-0f1e2d3c.png`). ValueError names a path that is missing or holds no photo, and two photos
    whose names still clash.

    `named` has the names, without suffix, that photos have already by their paths: these keep theirs, and no other gets
    it while they are there. With `empty_ok` a folder may hold none.
    """
    found: dict[Path, Source] = {}
    for path in paths:
        for source in _expand(path, several=len(paths) > 1, empty_ok=empty_ok):
            found.setdefault(_real(source.path), Source(source.path, _inside(source.name)))
    return _refuse_clashes(_named(list(found.values()), named))


def pictures_below(folder: Path) -> list[Path]:
    """What `find_photos` finds in a folder, of which nothing is to be made."""
    return [source.path for source in _some(_in_folder(folder, several=False), folder, "add one, or name another")]


def _real(path: Path) -> Path:
    """The path with its folder's links and dots resolved; a linked photo stays a photo of its own."""
    return path.parent.resolve() / path.name if is_local(path) else path


def _inside(name: PurePosixPath) -> PurePosixPath:
    """The name without what could lead out of a folder: keys of an object store may hold `..`, files a backslash."""
    return PurePosixPath(*("_" if part == ".." else part.replace("\\", "_") for part in name.parts if part != "/"))


def _expand(given: str | PathLike[str], *, several: bool, empty_ok: bool) -> list[Source]:
    """The photos that one path stands for, under their own names."""
    path = path_of(given) if isinstance(given, str) else cast(Path, given)
    with answering(path):
        try:
            if str(given) and is_folder(path):
                sources = _in_folder(path, several=several)
                return sources if empty_ok else _some(sources, path, "add one, or name hidden or linked ones by name")
            if path.is_file() and path.suffix.lower() == ".txt":
                return _in_list(path)
            if str(given) and path.exists():
                return [Source(path, PurePosixPath(path.name))]
            if any(map(_is_pattern, path.parts)):
                return _matching(path)
        except OSError as error:
            raise ValueError(f"{given} must be readable, got '{error}'; check its permissions") from error
    raise ValueError(
        f"{given or repr(given)} must be a photo, folder, pattern or list, got nothing; check its spelling"
    )


def _in_folder(folder: Path, *, several: bool) -> list[Source]:
    top = PurePosixPath(_folder_name(folder) if several else "")
    if is_local(folder):
        sources = [Source(path, top / path.relative_to(folder).as_posix()) for path in _walk(folder, folder.resolve())]
    else:
        seen = [(name, PurePosixPath(name)) for name in sorted(sizes_below(folder))]
        photos = [(key, name) for key, name in seen if _has_photo_suffix(name) and not _is_hidden(name)]
        sources = [Source(folder / key, top / name) for key, name in photos]
    return sources


def _folder_name(folder: Path) -> str:
    return folder.resolve().name if folder.name in ("", "..") else folder.name


def _walk(folder: Path, root: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            yield from () if path.is_symlink() else _walk(path, root)
        elif _has_photo_suffix(path) and not (path.is_symlink() and _leaves(path, root)):
            yield path


def _leaves(path: Path, root: Path) -> bool:
    # Path.resolve would raise on a link to itself.
    return not Path(os.path.realpath(path)).is_relative_to(root)


def passed_over(paths: Sequence[Path]) -> list[Path]:
    """The files in folders of these that are photos of formats which nothing here reads, such as a camera's own."""
    folders = [path for path in paths if is_local(path) and path.is_dir()]
    files = [Path(top, name) for folder in folders for top, _, names in os.walk(folder) for name in sorted(names)]
    return [path for path in files if path.suffix.lower() in _UNREAD and not path.name.startswith(".")]


def _is_hidden(name: PurePath) -> bool:
    return any(part.startswith(".") for part in name.parts)


def _has_photo_suffix(path: PurePath) -> bool:
    return path.suffix.lower() in _photo_suffixes()


@cache
def _photo_suffixes() -> frozenset[str]:
    # MPO, the format of phones and stereo cameras, is opened as JPEG.
    kinds = {"MPO", *_FORMATS}
    return frozenset(suffix for suffix, kind in pillow.registered_extensions().items() if kind in kinds)


def _is_pattern(part: str) -> bool:
    return any(sign in part for sign in "*?[")


def _matching(pattern: Path) -> list[Source]:
    fixed = next(index for index, part in enumerate(pattern.parts) if _is_pattern(part))
    root, rest = pattern.parents[len(pattern.parts) - fixed - 1], "/".join(pattern.parts[fixed:])
    paths = [path for path in sorted(root.glob(rest)) if _has_photo_suffix(path) and path.is_file()]
    sources = [Source(path, _name_under(root, path)) for path in paths]
    seen = [source for source in sources if not _is_hidden(source.name)]
    return _some(seen, pattern, "check the pattern")


def _in_list(file: Path) -> list[Source]:
    try:
        lines = [line.strip() for line in file.read_text("utf-8-sig").split("\n")]
    except UnicodeDecodeError as error:
        raise ValueError(f"{file} must be a list of photos in UTF-8, got other bytes; save it as UTF-8") from error
    named = [line for line in lines if line and not line.startswith("#")]
    photos = [path_of(line) if "://" in line else file.parent / line for line in named]
    for photo in filter(is_local, photos):  # To ask a store after each would take longer than to try each.
        if not photo.is_file():
            raise ValueError(f"{file} must list photos relative to its folder, got no file {photo}; mend that line")
    return _some([Source(photo, _name_under(file.parent, photo)) for photo in photos], file, "write one path a line")


def _some(sources: list[Source], given: Path, remedy: str) -> list[Source]:
    if not sources:
        raise ValueError(f"{given} must stand for a photo or more, got none; {remedy}")
    return sources


def _name_under(root: Path, path: Path) -> PurePosixPath:
    """The path relative to the root when it lies below, else the file's name alone."""
    path, root = _real(path), root.resolve() if is_local(root) else root
    return PurePosixPath(path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name)


def _named(sources: list[Source], named: Mapping[str, str]) -> list[Source]:
    owners = {_folded(PurePosixPath(f"{name}.png")): path for path, name in named.items()}
    real = cache(os.path.realpath)  # Of a few folders, which hold many photos.
    names = {_place(path, real): PurePosixPath(f"{name}.png") for path, name in named.items()}
    places = [_place(str(source.path), real) for source in sources]
    found = {index: names[place] for index, place in enumerate(places) if place in names}
    for name_of in (_short, _whole, _marked):
        if len(found) == len(sources):
            break
        uses = Counter(_folded(name_of(source.name)) for source in sources)
        for index in set(range(len(sources))) - found.keys():
            path, name = sources[index].path, name_of(sources[index].name)
            if uses[_folded(name)] == 1 and not _is_another(owners.get(_folded(name)), path):
                found[index] = name
    return [Source(source.path, found.get(index, _whole(source.name))) for index, source in enumerate(sources)]


def _place(path: str, real: Callable[[str], str]) -> str:
    """Where a photo is, however its path is spelled; a linked photo stays a photo of its own."""
    folder, name = os.path.split(path)
    return path if "://" in path else str(Path(real(folder), name))


def _short(name: PurePosixPath) -> PurePosixPath:
    return name.with_suffix(".png")


def _whole(name: PurePosixPath) -> PurePosixPath:
    return name.with_name(f"{name.name}.png")


def _marked(name: PurePosixPath) -> PurePosixPath:
    """The whole name with a digest of how it is written, which tells it from another that file systems may not."""
    return name.with_name(f"{name.name}-{hashlib.sha256(os.fsencode(name)).hexdigest()[:8]}.png")


def _is_another(owner: str | None, path: Path) -> bool:
    """Whether there still is an owner of the name, and it is not the same photo under another path."""
    if owner is None:
        return False
    there = path_of(owner)
    return there.exists() and not (is_local(path) and is_local(there) and path.exists() and there.samefile(path))


def _folded(name: PurePosixPath) -> str:
    return unicodedata.normalize("NFC", str(name).casefold())


def _refuse_clashes(sources: list[Source]) -> list[Source]:
    owners: dict[str, Source] = {}
    for source in sources:
        if (owner := owners.setdefault(_folded(source.name), source)) is not source:
            raise _clash(owner, source, source.name)
    for source in sources:
        for parent in source.name.parents:  # A file `a.png` leaves no room for a folder `a.png`.
            if _folded(parent) in owners:
                raise _clash(owners[_folded(parent)], source, parent)
    return sources


def _clash(first: Source, second: Source, name: PurePosixPath) -> ValueError:
    return ValueError(
        f"paths must give photos different names, got {first.path} and {second.path} for {name}; "
        "rename one, or run them apart"
    )
