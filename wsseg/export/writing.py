"""Writing a format's files to a file, an archive or a folder: all of them or none."""

import shutil
import uuid
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wsseg.export.annotations import File
from wsseg.files.store import replace_by, replacing


def write_file(out: Path, files: Iterator[File]) -> None:
    """Write one file."""
    with replacing(out) as stream:
        for file in files:
            stream.writelines(file.content)


def write_zip(out: Path, files: Iterator[File]) -> None:
    """Write a zip archive; equal files make equal archives."""
    with replacing(out) as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            # A fixed time and system keep the bytes the same.
            member = zipfile.ZipInfo(file.path, (1980, 1, 1, 0, 0, 0))
            member.compress_type, member.create_system, member.external_attr = zipfile.ZIP_DEFLATED, 3, 0o644 << 16
            archive.writestr(member, b"".join(file.content))


def write_folder(out: Path, files: Iterator[File]) -> None:
    """Write a folder; files of the same names are replaced, and others stay."""
    with _working_folder(out) as folder:
        for file in files:
            path = folder / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as stream:
                stream.writelines(file.content)
        _move(folder, out)


@contextmanager
def _working_folder(out: Path) -> Iterator[Path]:
    """Yield a new folder beside `out` and remove it in the end; an OSError names `out` if it cannot be written."""
    folder = out.absolute().parent / f".wsseg-{uuid.uuid4().hex}"
    try:
        folder.mkdir(parents=True)
        yield folder
    except OSError as error:
        reason = error.strerror or error
        raise OSError(f"'{out}' must be writable, got '{reason}'; free some space or choose another folder") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _move(folder: Path, out: Path) -> None:
    if not out.exists():
        folder.rename(out)
        return
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        place = out / path.relative_to(folder)
        place.parent.mkdir(parents=True, exist_ok=True)
        replace_by(place, path)
