"""The server of the page: pictures, masks under hints, and decisions, all by number."""

import json
from asyncio import get_running_loop
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib import resources
from threading import Lock
from typing import Final, Literal

import msgspec
import numpy as np
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from wsseg.arrays import PhotoError
from wsseg.review.desk import Desk, jpeg, quick_png
from wsseg.review.guard import Guard
from wsseg.review.opened import Work
from wsseg.review.strokes import Stroke
from wsseg.review.summary import summary_of
from wsseg.runs.record import Verdict

PAGE: Final[Mapping[str, str]] = {
    "index.html": "text/html; charset=utf-8",
    "review.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
    "main.js": "text/javascript; charset=utf-8",
    "api.js": "text/javascript; charset=utf-8",
    "strokes.js": "text/javascript; charset=utf-8",
    "view.js": "text/javascript; charset=utf-8",
    "queue.js": "text/javascript; charset=utf-8",
    "tools.js": "text/javascript; charset=utf-8",
}
"""The files of the page, with their types."""

SECRET: Final = "/api/"
"""Start of the paths that need the token."""

WORKERS: Final = 3
"""Threads that answer: one cuts the photo on the page, one opens the next, one makes thumbnails. Memory grows with
their number."""

MOST_SECONDS: Final = 86_400.0


class Cut(msgspec.Struct, forbid_unknown_fields=True):
    """A request for a mask under hints."""

    tab: str
    strokes: list[Stroke] = []
    saved: bool = True
    target: str | None = None

    @property
    def work(self) -> Work:
        """The person's work so far."""
        return Work(strokes=self.strokes, saved=self.saved, target=self.target or None, anew=True)


class Decide(msgspec.Struct, forbid_unknown_fields=True):
    """A request to write a decision."""

    tab: str
    verdict: Literal["accepted", "rejected", "no object"]
    strokes: list[Stroke] = []
    saved: bool = True
    target: str | None = None
    anew: bool = False
    seconds: float = 0.0
    at_random: bool = False

    @property
    def work(self) -> Work:
        """The person's work so far."""
        return Work(strokes=self.strokes, saved=self.saved, target=self.target or None, anew=self.anew)


class Claim(msgspec.Struct, forbid_unknown_fields=True):
    """A tab that wants to be the one in which a person works."""

    tab: str
    force: bool = False
    leave: bool = False


class Tabs:
    """The one tab in which a person works; others are told so."""

    def __init__(self) -> None:
        self._active, self._lock = "", Lock()

    def claim(self, claim: Claim) -> bool:
        """Return whether the tab is the active one now."""
        with self._lock:
            if claim.leave:
                self._active = "" if self._active == claim.tab else self._active
                return False
            if claim.force or self._active in ("", claim.tab):
                self._active = claim.tab
            return self._active == claim.tab

    def check(self, tab: str) -> None:
        """Raise PermissionError if another tab is the active one."""
        if not self.claim(Claim(tab=tab)):
            raise PermissionError("the review goes on in another tab; nothing was written from this one")


def application(desk: Desk, *, hosts: frozenset[str], token: str, error: float, iou: float) -> Guard:
    """Return the server as an ASGI application; `hosts` are what a Host header may be.

    `error` and `iou` are those of the estimate of how many masks may be accepted unseen, see `calibrate`.
    """
    answers = _Answers(desk, error=error, iou=iou)
    routes = [
        *(Route(f"/{'' if name == 'index.html' else name}", partial(_file, name), methods=["GET"]) for name in PAGE),
        Route("/api/queue", answers.to(answers.queue), methods=["GET"]),
        Route("/api/sizes", answers.to(answers.sizes), methods=["GET"]),
        Route("/api/tab", answers.to(answers.tab), methods=["POST"]),
        Route("/api/items/{number:int}/photo", answers.to(answers.photo), methods=["GET"]),
        Route("/api/items/{number:int}/full", answers.to(answers.full), methods=["GET"]),
        Route("/api/items/{number:int}/thumbnail", answers.to(answers.thumbnail), methods=["GET"]),
        Route("/api/items/{number:int}/mask", answers.to(answers.mask), methods=["GET"]),
        Route("/api/items/{number:int}/hints", answers.to(answers.hints), methods=["GET"]),
        Route("/api/items/{number:int}/cut", answers.to(answers.cut), methods=["POST"]),
        Route("/api/items/{number:int}/classes", answers.to(answers.classes), methods=["GET"]),
        Route("/api/items/{number:int}/decision", answers.to(answers.decision), methods=["POST"]),
    ]
    return Guard(Starlette(routes=routes), hosts=hosts, token=token, secret=SECRET)


async def _file(name: str, request: Request) -> Response:
    data = (resources.files("wsseg.review") / "page" / name).read_bytes()
    return Response(data, headers={"content-type": PAGE[name]})


def _answered(answer: Callable[[int, bytes], Response], number: int, body: bytes) -> Response:
    try:
        return answer(number, body)
    except KeyError:
        return _refusal(404, "there is no such photo")
    except PermissionError as error:
        return _refusal(409, str(error))
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        return _refusal(400, f"the request must be one of the page's, got '{error}'")
    except (PhotoError, ValueError, TypeError, OSError, MemoryError) as error:
        return _refusal(422, str(error) or type(error).__name__)


class _Json(JSONResponse):
    """JSON of ASCII alone: names of files may hold bytes that are no UTF-8."""

    def render(self, content: object) -> bytes:
        return json.dumps(content, allow_nan=False).encode()


def _refusal(status: int, reason: str) -> Response:
    return _Json({"error": reason}, status_code=status)


class _Answers:
    """The answers of the server, each from a number and a body."""

    def __init__(self, desk: Desk, *, error: float, iou: float) -> None:
        self._desk, self._tabs = desk, Tabs()
        self._error, self._iou = error, iou
        self._workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="wsseg-review")

    def to(self, answer: Callable[[int, bytes], Response]) -> Callable[[Request], Awaitable[Response]]:
        """Return an endpoint that answers with what a function makes of a number and a body, or with its error."""

        async def endpoint(request: Request) -> Response:
            number, body = request.path_params.get("number", 0), await request.body()
            return await get_running_loop().run_in_executor(self._workers, _answered, answer, number, body)

        return endpoint

    def queue(self, number: int, body: bytes) -> Response:
        """Answer with all masks, and what the decisions so far say about the rest."""
        items = self._desk.items.all()
        made_by = self._desk.items.made_by
        return _Json(
            {
                "run": str(self._desk.out),
                "state": made_by.get("state", "at work") if isinstance(made_by.get("state"), str) else "at work",
                "items": [item.as_json(place) for place, item in enumerate(items)],
                "summary": summary_of(items, error=self._error, iou=self._iou),
            }
        )

    def sizes(self, number: int, body: bytes) -> Response:
        """Answer with the share of the photo that each mask covers."""
        return _Json(self._desk.sizes())

    def tab(self, number: int, body: bytes) -> Response:
        """Answer whether the tab is the active one."""
        return _Json({"active": self._tabs.claim(msgspec.json.decode(body, type=Claim))})

    def photo(self, number: int, body: bytes) -> Response:
        """Answer with the view of the photo; its header has the photo's own size."""
        photo = self._desk.photo(number)
        height, width = photo.shape
        size = {"x-photo-size": f"{width} {height}"}
        return Response(jpeg(photo.view.image, 92), media_type="image/jpeg", headers=size)

    def full(self, number: int, body: bytes) -> Response:
        """Answer with the photo at its own size."""
        return Response(jpeg(self._desk.photo(number).photo.image, 95), media_type="image/jpeg")

    def thumbnail(self, number: int, body: bytes) -> Response:
        """Answer with a small picture."""
        return Response(self._desk.thumbnail(number), media_type="image/jpeg")

    def mask(self, number: int, body: bytes) -> Response:
        """Answer with the mask as it is in the run."""
        return Response(quick_png(self._desk.mask(number) * np.uint8(255)), media_type="image/png")

    def hints(self, number: int, body: bytes) -> Response:
        """Answer with the hints of an earlier review: 0 background, 1 object, 255 unknown; empty if there are none."""
        seeds = self._desk.hints(number)
        return Response(b"" if seeds is None else quick_png(seeds), media_type="image/png")

    def cut(self, number: int, body: bytes) -> Response:
        """Answer with the mask under hints."""
        asked = msgspec.json.decode(body, type=Cut)
        self._tabs.check(asked.tab)
        found = self._desk.cut(number, asked.work)
        about = {"x-confidence": f"{found.confidence:.4f}", "x-status": found.status}
        return Response(quick_png(found.mask * np.uint8(255)), media_type="image/png", headers=about)

    def classes(self, number: int, body: bytes) -> Response:
        """Answer with the photo's likeliest classes, and make the photo ready for hints."""
        photo = self._desk.photo(number)
        with photo.lock:
            photo.session(None, full=False).segment()
            found = photo.likeliest()
        return _Json([{"category": category, "probability": each} for category, each in found])

    def decision(self, number: int, body: bytes) -> Response:
        """Write a decision, and answer once it is on the disk."""
        asked = msgspec.json.decode(body, type=Decide)
        self._tabs.check(asked.tab)
        seconds = min(max(asked.seconds, 0.0), MOST_SECONDS) if asked.seconds == asked.seconds else 0.0
        verdict: Verdict = asked.verdict
        self._desk.decide(number, verdict, asked.work, seconds=seconds, at_random=asked.at_random)
        items = self._desk.items.all()
        return _Json(
            {
                "item": items[number].as_json(number),
                "summary": summary_of(items, error=self._error, iou=self._iou),
            }
        )
