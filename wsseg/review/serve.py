"""Review of a run: the public call, which serves the page until it is interrupted."""

import secrets
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from os import PathLike
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING, Any, Final

from wsseg.files.store import is_local, path_of, paths_of
from wsseg.recipe import EMBEDDED, Recipe, recipe_named
from wsseg.review.desk import Desk
from wsseg.review.items import Items
from wsseg.review.running import LOOPBACK, POLL, authority, begun, bound, check_installed, hosts_of, run_server
from wsseg.runs.notices import Notice, warnings_at_caller
from wsseg.runs.record import is_run, read_run
from wsseg.runs.reviews import reviewing

if TYPE_CHECKING:
    from wsseg.segmenting.segmenter import Segmenter

PORT: Final = 8642
"""The port of the page, if it is free: what a tab keeps for later belongs to the page's address."""

SHORTEST_TOKEN: Final = 16

ERROR, IOU = 0.1, 0.5
"""Share of photos that may be accepted and bad, and the IoU below which a mask is: the defaults of `calibrate`."""


def serve_review(
    run: str | PathLike[str],
    *,
    photos: str | PathLike[str] | Sequence[str | PathLike[str]] | None = None,
    classifier: str | None = None,
    recipe: str | Path | None = None,
    objectness: str | PathLike[str] | None = None,
    host: str = "127.0.0.1",
    port: int | None = None,
    token: str | None = None,
    browser: bool = True,
    announce: Callable[[str], None] = print,
    notice: Notice | None = None,
) -> None:
    """Serve a page on which a person corrects, accepts or rejects the masks of a run, until it is interrupted.

    Each decision is written into the run at once: the mask, the hints as seeds below `hints`, the automatic mask below
    `automatic`, and the decision with the photo's record.

    Parameters
    ----------
    run : str or path
        Folder of a run on a disk, finished or at work.
    photos : path or list of paths, optional
        Photos to segment into `run` in another process, while those that are done are reviewed.
    classifier, recipe, objectness : str or path, optional
        What cuts the photos under hints: names or files, as in `segment_folder`. Default: those of the run.
    host : str
        Address that the page is served at. Another than this machine's own needs a token.
    port : int, optional
        Port of the page (default: 8642, or a free one if that is taken).
    token : str, optional
        What the page must know to see and change anything; by default it is made anew for each start.
    browser : bool
        Whether to open the page in a browser.
    announce : callable
        Called with the address of the page once it is served.
    notice : callable, optional
        Called with sentences that are not failures. By default they are warnings.

    Raises
    ------
    ValueError, FileNotFoundError
        If there is no run, it has no masks of single targets, what cuts its photos is unknown, or the libraries of the
        extra `review` are missing.
    FileExistsError
        If another review of the run is at work.
    """
    notice = warnings_at_caller() if notice is None else notice
    out = path_of(run, "run")
    _check(out, host, port, token)
    check_installed()
    with ExitStack() as stack:
        if photos is not None:
            stack.enter_context(_made_ahead(out, photos, classifier, recipe, objectness))
        items = Items(out)
        _check_masks(items, wait=photos is not None)
        load = _loader(items.made_by, classifier, recipe, objectness)
        reviews = stack.enter_context(reviewing(out))
        door = stack.enter_context(bound(host, port, PORT, notice))
        _serve(Desk(items, reviews, begun(load)), door, host, token, browser=browser, announce=announce, notice=notice)


def _check(out: Path, host: str, port: int | None, token: str | None) -> None:
    if not is_local(out):
        raise ValueError(f"run must be on a disk, got '{out}'; copy it to one first")
    if port is not None and not 0 <= port < 65536:
        raise ValueError(f"port must be from 0 to 65535, got {port}; leave it out for {PORT}")
    if token is not None and (len(token) < SHORTEST_TOKEN or not (token.isascii() and token.isalnum())):
        raise ValueError(
            f"token must be {SHORTEST_TOKEN} letters and digits or more, got {len(token)} signs; make it longer"
        )
    if host not in LOOPBACK and token is None:
        raise ValueError(
            f"host must be this machine's own (127.0.0.1) unless there is a token, got {host!r}; add a token (--token)"
        )
    if host in ("0.0.0.0", "::", ""):
        raise ValueError(
            f"host must be the address that browsers open, got {host!r}; give this machine's name or address"
        )


def _check_masks(items: Items, *, wait: bool) -> None:
    """Raise ValueError if the run has no masks; with `wait`, it may still be about to begin."""
    while wait and not is_run(items.out):
        sleep(POLL)
    if items.all() or wait:
        return
    done = [record for record in read_run(items.out).records if not record.error]
    got = "maps of several targets or of saliency" if done else "none"
    raise ValueError(f"run must hold masks to review, got {got} in '{items.out}'; segment photos into it first")


@contextmanager
def _made_ahead(
    out: Path,
    photos: str | PathLike[str] | Sequence[str | PathLike[str]],
    classifier: str | None,
    recipe: str | Path | None,
    objectness: str | PathLike[str] | None,
) -> Iterator[None]:
    """Segment photos in another process until the body ends; the run resumes when it is started again."""
    given = {"--classifier": classifier, "--recipe": recipe, "--adapt": objectness}
    options = [f"{flag}={value}" for flag, value in given.items() if value is not None]
    paths = [str(path) for path in paths_of(photos, "photos")]
    # -P: a module in the working folder, which may come from anywhere, is none of ours.
    words = ["-P", "-m", "wsseg", "segment", *options, "--workers=1", "--progress=none", f"--out={out}", "--", *paths]
    ahead = subprocess.Popen([sys.executable, *words], stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    try:
        while ahead.poll() is None and not is_run(out):
            sleep(POLL)
        if ahead.poll() not in (None, 0, 1):  # 1 is that some photos failed, each of which was named.
            raise ValueError(
                f"photos must be segmented first, got the error above; solve it, or run `wsseg review {out}`"
            )
        yield
    finally:
        ahead.terminate()
        ahead.wait()


def _loader(
    made_by: Mapping[str, Any], classifier: str | None, recipe: str | Path | None, objectness: Any
) -> Callable[[], "Segmenter"]:
    """Return the function that loads what made the run; ValueError if that is not known here.

    A run's folder may come from anywhere, so it can name no file and nothing that would be downloaded.
    """
    numbers = _recipe_of(made_by) if recipe is None else recipe_named(recipe)
    named = made_by.get("classifier")
    name = classifier or (named.get("name") if isinstance(named, dict) else None) or EMBEDDED
    digest = made_by.get("objectness")

    def load() -> "Segmenter":
        from wsseg.classifier.wheels import WHEELS
        from wsseg.segmenting.segmenter import Segmenter

        if classifier is None and name not in WHEELS:
            raise ValueError(f"classifier must be given, got a run made with {name!r}; name it (--classifier)")
        made = Segmenter(name, numbers, objectness)
        wanted = digest.get("sha256") if isinstance(digest, dict) else None
        if objectness is None and wanted and made.objectness and made.objectness.digest != wanted:
            raise ValueError("objectness must be that of the run, got a run made with another; give its file (--adapt)")
        return made

    return load


def _recipe_of(made_by: Mapping[str, Any]) -> Recipe:
    numbers = made_by.get("recipe")
    if not isinstance(numbers, dict):
        return recipe_named("default")
    try:
        return Recipe(**numbers)
    except (TypeError, ValueError) as error:
        raise ValueError(f"run must have a recipe of this version, got '{error}'; name one (--recipe)") from error


def _serve(
    desk: Desk,
    door: socket.socket,
    host: str,
    token: str | None,
    *,
    browser: bool,
    announce: Callable[[str], None],
    notice: Notice,
) -> None:
    from wsseg.review.server import application

    port = door.getsockname()[1]
    secret = token or secrets.token_hex(SHORTEST_TOKEN)
    app = application(desk, hosts=hosts_of(host, port), token=secret, error=ERROR, iou=IOU)
    address = f"http://{authority(host, port)}/#{secret}"
    if host not in LOOPBACK:
        notice(
            f"whoever reaches {host}:{port} and knows the token can see the photos and change the masks; nothing "
            "on the way is encrypted"
        )
    run_server(app, door, address, announce=announce, browser=browser)
