"""The public call that serves Label Studio's ML backend protocol until it is interrupted."""

from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wsseg.recipe import EMBEDDED, recipe_named
from wsseg.review.running import LOOPBACK, authority, begun, bound, check_installed, hosts_of, run_server
from wsseg.runs.notices import Notice, warnings_at_caller

if TYPE_CHECKING:
    from wsseg.segmenting.segmenter import Segmenter

PORT: Final = 9090
"""The usual port of an ML backend of Label Studio."""


def serve_label_studio(
    photos: str | PathLike[str],
    *,
    classifier: str = EMBEDDED,
    recipe: str | Path = "default",
    objectness: str | PathLike[str] | None = None,
    host: str = "127.0.0.1",
    port: int | None = None,
    announce: Callable[[str], None] = print,
    notice: Notice | None = None,
) -> None:
    """Serve masks to Label Studio as its ML backend, also under hints that are given there, until it is interrupted.

    Parameters
    ----------
    photos : path
        Folder of the photos: the one that is the document root of Label Studio's local storage.
    classifier, recipe, objectness : str or path
        How masks are made, as in `segment_folder`.
    host : str
        Name of this machine that Label Studio calls: 127.0.0.1, localhost or ::1.
    port : int, optional
        Port of the backend (default: 9090, or a free one if that is taken).
    announce : callable
        Called with the address once the backend is there.
    notice : callable, optional
        Called with sentences that are not failures. By default they are warnings.

    Raises
    ------
    ValueError
        If there is no such folder, the host is another machine's, or the libraries of the extra `review` are missing.
    """
    folder = Path(photos)
    notice = warnings_at_caller() if notice is None else notice
    if not folder.is_dir():
        raise ValueError(f"photos must be a folder, got '{folder}'; give the document root of the local storage")
    if host not in LOOPBACK:
        raise ValueError(f"host must be one of {', '.join(LOOPBACK)}, got {host!r}; reach it through a tunnel")
    check_installed()
    numbers = recipe_named(recipe)

    def load() -> "Segmenter":
        from wsseg.segmenting.segmenter import Segmenter

        return Segmenter(classifier, numbers, objectness)

    from wsseg.review.labelstudio import backend

    with bound(host, port, PORT, notice) as door:
        port = door.getsockname()[1]
        app = backend(folder, begun(load), hosts=hosts_of(host, port))
        run_server(app, door, f"http://{authority(host, port)}", announce=announce, browser=False)
