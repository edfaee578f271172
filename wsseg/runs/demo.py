"""Sample photos, so that every command and snippet of the documentation has something to run on.

The photos come with scikit-image, which wsseg needs anyway; nothing is downloaded.
"""

from collections.abc import Callable, Mapping
from importlib import resources
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Final

from wsseg.files.encode import encoded_picture
from wsseg.files.photos import read_image
from wsseg.files.store import path_of, replacing, store_of
from wsseg.recipe import Recipe, recipe_named
from wsseg.runs.folder import segment_folder
from wsseg.runs.result import FolderRun, PhotoDone

SAMPLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "cat": "chelsea.png",
        "cup": "coffee.png",
        "rocket": "rocket.jpg",
        "astronaut": "astronaut.png",
        "cameraman": "camera.png",
        "motorcycle": "motorcycle_left.png",
    }
)
"""The sample photos, and their files in scikit-image."""

PICTURES: Final = ("mask", "cutout", "overlay")


def demo(
    out: str | PathLike[str] = "wsseg-demo",
    *,
    recipe: Recipe | str | Path = "default",
    force: bool = False,
    progress: Callable[[PhotoDone], None] | None = None,
) -> FolderRun:
    """Write sample photos and segment them.

    The folder gets `cat.jpg`, six photos in `photos/`, and the run in `out/`. Run the commands and snippets of the
    documentation in it.

    Parameters
    ----------
    out : path
        Folder to write: new or empty.
    recipe : Recipe, str or path
        A Recipe, or the name or .toml file of one.
    force : bool
        Whether to write into a folder that holds other files, and to replace files of the same names.
    progress : callable, optional
        Called after each photo, see `segment_folder`.

    Returns
    -------
    FolderRun
        The run in `out/`, with masks, cut-outs and overlays.

    Raises
    ------
    FileExistsError
        If it is a file, or the folder is not empty and `force` is not set.

    Examples
    --------
    >>> run = wsseg.demo("sample", recipe="fast")
    >>> run.photos, [mask.name for mask in run.masks][:2]
    (6, ['astronaut.png', 'cameraman.png'])
    """
    folder = path_of(out, "out")
    with store_of(folder).answering(folder):
        if folder.exists() and not folder.is_dir():
            raise FileExistsError(f"out must be a folder, got the file '{out}'; choose another folder")
        if not force and folder.is_dir() and any(folder.iterdir()):
            raise FileExistsError(
                f"out must be a new or empty folder, got '{out}'; choose another or use force (--force)"
            )
    recipe = recipe if isinstance(recipe, Recipe) else recipe_named(recipe)
    write_samples(folder)
    return segment_folder(
        folder / "photos", folder / "out", recipe=recipe, pictures=PICTURES, force=force, progress=progress
    )


def write_samples(folder: Path) -> None:
    """Write the photos as JPEGs: all of them into `photos/`, and the cat beside it too."""
    for name, file in SAMPLES.items():
        data = encoded_picture(read_image((resources.files("skimage") / "data" / file).read_bytes()), "jpg")
        for path in (f"photos/{name}.jpg", *(["cat.jpg"] if name == "cat" else [])):
            with replacing(folder / path) as stream:
                stream.write(data)
