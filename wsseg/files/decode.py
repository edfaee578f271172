"""Pictures of any format, decoded by Pillow, or refused by name.

While Pillow decodes, this module holds a lock, sets Pillow's two globals (`MAX_IMAGE_PIXELS`, `LOAD_TRUNCATED_IMAGES`)
and the warnings filter, and restores all three. So the threads of a process read one photo at a time.
"""

import os
import stat
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from os import PathLike
from pathlib import Path, PurePath
from typing import Any, BinaryIO, Final, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, ImageFile, UnidentifiedImageError
from PIL import Image as pillow
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile

from wsseg.files.alpha import has_useless_alpha, without_alpha
from wsseg.files.levels import ReadError, eight_bits
from wsseg.files.png import loaded_png
from wsseg.files.profiles import hidden_colors
from wsseg.files.store import is_local, one_line
from wsseg.files.tiff import corrected_tiff, is_misread, is_tiff, rare_tiff
from wsseg.recipe import MAX_PIXELS

UndecodedSource: TypeAlias = str | PathLike[str] | bytes | pillow.Image | NDArray[Any]

_FORMATS: Final = (
    *("AVIF", "BMP", "GIF", "ICO", "JPEG", "JPEG2000", "PCX", "PNG", "PPM", "PSD", "QOI", "SGI", "TIFF", "WEBP"),
    "TGA",  # Has no signature, so it is tried last.
)
"""The formats of photos. Pillow's other formats hold no photo, or run other programs (EPS)."""

_RAW: Final = frozenset(
    f".{kind}" for kind in ("arw", "cr2", "cr3", "dng", "nef", "nrw", "orf", "pef", "raf", "raw", "rw2", "srw")
)
"""Suffixes of camera RAW files. Many are TIFF, and Pillow would read their preview in place of the photo."""

_HEIF: Final = frozenset({".heic", ".heics", ".heif", ".heifs", ".hif"})
"""Suffixes of the photos of telephones, which Pillow opens if pillow-heif is installed."""

_HEIF_BRANDS: Final = tuple(
    b"ftyp" + brand for brand in (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1")
)
"""Bytes 4 to 12 of a HEIF file."""

HEIF_REMEDY: Final = "pip install 'wsseg[heif]', or convert it to PNG or JPEG"

_UNSUPPORTED: Final = _RAW | {".jxl", ".psb", ".svg"}
"""Suffixes of other photos and pictures that Pillow does not open."""

_FRAMES: Final = {"AVIF": "frames", "GIF": "frames", "PNG": "frames", "WEBP": "frames", "TIFF": "pages"}
"""The name for the pictures of a file of several; those of MPO and PSD are previews, gain maps and layers."""

_UPRIGHT: Final[dict[object, pillow.Transpose]] = {
    2: pillow.Transpose.FLIP_LEFT_RIGHT,
    3: pillow.Transpose.ROTATE_180,
    4: pillow.Transpose.FLIP_TOP_BOTTOM,
    5: pillow.Transpose.TRANSPOSE,
    6: pillow.Transpose.ROTATE_270,
    7: pillow.Transpose.TRANSVERSE,
    8: pillow.Transpose.ROTATE_90,
}
"""The transposition that undoes each EXIF orientation."""

_BYTES: Final = 8
"""Bytes of an uncompressed pixel: 16 bits in four channels."""

_HEADER: Final = 1 << 24
"""Bytes allowed beside the pixels, for previews and metadata."""

_PILLOW: Final = threading.RLock()


@contextmanager
def opened_picture(source: UndecodedSource, max_pixels: int, notes: list[str], name: str) -> Iterator[pillow.Image]:
    """Open and decode a picture while Pillow is strict; any error of Pillow, also in the body, becomes a ReadError."""
    try:
        with _strict_pillow(max_pixels, notes), _picture(source, max_pixels, notes, name) as picture:
            yield _loaded(picture, name, notes)
    except ReadError:
        raise
    except Exception as error:  # Pillow's decoders can raise any exception on a broken file.
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
        else:  # From another thread: pass it on.
            warnings.showwarning(warning.message, warning.category, warning.filename, warning.lineno)


@contextmanager
def _picture(source: UndecodedSource, max_pixels: int, notes: list[str], name: str) -> Iterator[pillow.Image]:
    if isinstance(source, pillow.Image):
        _check_pixels(source.width, source.height, max_pixels)
        if is_misread(source):
            raise ReadError(f"{name} must be a TIFF that Pillow reads, got planes of 16 bits; give its path instead")
        yield source
    elif isinstance(source, np.ndarray):
        yield _picture_of_array(source, max_pixels)
    else:
        with _bytes_of(source) as file, _opened(file, max_pixels, name, notes) as picture:
            _note_frames(picture, notes)
            yield picture


def _opened(file: BinaryIO, max_pixels: int, name: str, notes: list[str]) -> pillow.Image:
    head = file.read(12)
    file.seek(0)
    try:
        picture = pillow.open(file, formats=_formats())
    except (OSError, TypeError, ValueError):  # Pillow's readers of TIFF raise each of these.
        if is_tiff(head):
            return rare_tiff(file, max_pixels, name, notes)
        if head[4:] in _HEIF_BRANDS and not has_heif():
            raise ReadError(f"{name} must be a picture that Pillow reads, got HEIC; {HEIF_REMEDY}") from None
        raise
    return rare_tiff(file, max_pixels, name, notes) if is_misread(picture) else picture


def _loaded(picture: pillow.Image, name: str, notes: list[str]) -> pillow.Image:
    """Return the picture decoded, and corrected where Pillow misreads its format."""
    is_opaque, colors = has_useless_alpha(picture), hidden_colors(picture, notes)
    if isinstance(picture, PngImageFile):
        loaded = loaded_png(picture, notes)
    else:
        picture.load()
        loaded = corrected_tiff(picture, name, notes) if isinstance(picture, TiffImageFile) else picture
    if is_opaque:
        loaded = without_alpha(loaded, notes)
    if colors:
        loaded = loaded.copy()
        loaded.info.update(colors)
    return loaded


@cache
def _formats() -> list[str]:
    pillow.init()
    names = (*_FORMATS, "HEIF") if has_heif() else _FORMATS
    return [name for name in names if name in pillow.OPEN]


@cache
def has_heif() -> bool:
    """Return whether pillow-heif is installed; if so, Pillow opens HEIC from now on."""
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return False
    register_heif_opener()
    return True


def read_file(path: Path, *, max_pixels: int = MAX_PIXELS) -> bytes:
    """Return the bytes of a file; ReadError names one that is unreadable, empty, or too large for a photo."""
    if not is_local(path):
        return _fetched(path, max_pixels)
    try:
        with _bytes_of(path) as file:
            _check_length(path, os.fstat(file.fileno()).st_size, max_pixels)
            return file.read()
    except OSError as error:
        raise _refusal(f"'{path}'", error, max_pixels) from error


def _fetched(path: Path, max_pixels: int) -> bytes:
    """Return the bytes of a file in an object store."""
    try:
        store = cast(Any, path)  # Its `read_bytes`, and `cat_file` without bounds, would make two requests.
        length = store.fs.info(store.path)["size"]
        _check_not_empty(f"'{path}'", length)
        _check_not_raw(path)
        _check_length(path, length, max_pixels)
        return cast(bytes, store.fs.cat_file(store.path, start=0, end=length))
    except ReadError:
        raise
    except Exception as error:  # Each store's library has its own exceptions.
        raise ReadError(f"'{path}' must be readable, got '{one_line(error)}'; check it and the store's keys") from error


def _check_length(path: Path, length: int, max_pixels: int) -> None:
    most = _BYTES * max_pixels + _HEADER
    if length > most:
        raise ReadError(
            f"'{path}' must have at most {most} bytes, got {length}; allow more with max_pixels (--max-pixels)"
        )


def _bytes_of(source: bytes | str | PathLike[str]) -> BinaryIO:
    if isinstance(source, bytes):
        _check_not_empty("source", len(source))
        return BytesIO(source)
    status = Path(source).stat()
    if stat.S_ISDIR(status.st_mode):
        raise ReadError(f"'{source}' must be a picture, got a folder; give a file in it")
    if not stat.S_ISREG(status.st_mode):
        raise ReadError(f"'{source}' must be a regular file, got a pipe or a device; save the picture to a file")
    _check_not_empty(f"'{source}'", status.st_size)
    _check_not_raw(PurePath(source))
    return Path(source).open("rb")


def _check_not_raw(path: PurePath) -> None:
    if path.suffix.lower() in _RAW:
        raise ReadError(f"'{path}' must be a picture, got a camera RAW file; convert it to PNG or JPEG")


def _check_not_empty(name: str, size: int) -> None:
    if size == 0:
        raise ReadError(f"{name} must be a picture, got an empty file of 0 bytes; copy it again")


def _note_frames(picture: pillow.Image, notes: list[str]) -> None:
    frames, kind = getattr(picture, "n_frames", 1), str(picture.format)
    if frames > 1 and kind == "HEIF":
        notes.append(f"only the main one of {frames} pictures is used")
    elif frames > 1 and kind in _FRAMES:
        notes.append(f"only the first of {frames} {_FRAMES[kind]} is used")


def _picture_of_array(array: NDArray[Any], max_pixels: int) -> pillow.Image:
    layered = array[..., 0] if array.ndim == 3 and array.shape[2] == 1 else array
    if not has_channels(layered):
        raise ReadError(
            f"source must be a non-empty array of shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), got {array.shape}; "
            "put the channels last"
        )
    _check_pixels(array.shape[1], array.shape[0], max_pixels)
    return pillow.fromarray(eight_bits(layered, "source"))


def has_channels(array: NDArray[Any]) -> bool:
    """Return whether the array is a non-empty (H, W), (H, W, 3) or (H, W, 4)."""
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
                f"{name} must be a picture, got nothing that Pillow reads; convert it to PNG, or re-copy it if it is "
                "truncated"
            )
        case OSError(errno=int()):
            return ReadError(f"{name} must be readable, got '{error.strerror}'; check the path and its permissions")
    reason = f"{type(error).__name__}: {error}"
    return ReadError(f"{name} must be a whole and sound picture, got {reason}; copy or export it again")


def upright(picture: pillow.Image, notes: list[str]) -> pillow.Image:
    """Return the picture turned by its EXIF orientation."""
    try:
        orientation = picture.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # A photo with broken metadata is still usable.
        notes.append("its EXIF data is broken: taken as upright")
        return picture
    turn = _UPRIGHT.get(orientation)
    return picture if turn is None else picture.transpose(turn)


def has_photo_suffix(path: PurePath) -> bool:
    """Return whether the file's suffix is that of a photo."""
    return path.suffix.lower() in _photo_suffixes()


def has_unsupported_suffix(path: PurePath) -> bool:
    """Return whether the file's suffix is that of a photo or picture that cannot be read here."""
    return path.suffix.lower() in (_UNSUPPORTED if has_heif() else _UNSUPPORTED | _HEIF)


def is_heif(path: PurePath) -> bool:
    """Return whether the file's suffix is that of HEIF."""
    return path.suffix.lower() in _HEIF


@cache
def _photo_suffixes() -> frozenset[str]:
    # Pillow opens MPO, a format of phones and stereo cameras, as JPEG.
    kinds = {"MPO", *_formats()}
    return frozenset(suffix for suffix, kind in pillow.registered_extensions().items() if kind in kinds)
