"""Label Studio's ML backend protocol: masks for its tasks, also under hints that a person gives there.

https://labelstud.io/guide/ml_create: `GET /health`, `POST /setup` and `POST /predict`. A request of interactive
labeling has its hints in `params.context.result`: key points, rectangles and strokes of the brush, of which
`is_positive: 0` marks the background. Photos are read below one folder, as Label Studio's local storage names them
(`/data/local-files/?d=sub/a.jpg`); no address is ever fetched.
"""

from asyncio import get_running_loop
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import msgspec
import numpy as np
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from wsseg.arrays import UNKNOWN, Mask, PhotoError, Seeds
from wsseg.export.labelstudio import rle_of
from wsseg.files.photos import read_photo
from wsseg.review.brush import mask_of_rle
from wsseg.review.guard import Guard
from wsseg.review.opened import OpenPhoto, Work
from wsseg.review.strokes import Stroke, check_strokes

if TYPE_CHECKING:
    from wsseg.segmenting.segmenter import Segmenter

MODEL: Final = "wsseg"

OPEN: Final = 2
"""Photos that are kept open for more hints."""

Values: TypeAlias = dict[str, Any]
"""An object of JSON."""


class Hint(msgspec.Struct):
    """A result in the context of a request: a key point, a rectangle, or a stroke of the brush."""

    type: str
    value: Values = {}
    """Empty for what is no drawing, as a relation."""
    is_positive: int | bool = 1


class Context(msgspec.Struct):
    """The hints of a person."""

    result: list[Hint] = []


class Params(msgspec.Struct):
    """The parameters of a request."""

    context: Context | None = None


class Task(msgspec.Struct):
    """A task of Label Studio."""

    data: Values


class Predict(msgspec.Struct):
    """A request for predictions."""

    tasks: list[Task]
    label_config: str = ""
    params: Params | None = None


class Interface(msgspec.Struct):
    """The part of a labeling interface that a prediction needs."""

    from_name: str
    to_name: str
    key: str
    """Where a task holds its photo."""
    labels: list[str]


def interface_of(config: str) -> Interface:
    """Return the brush of a labeling interface; PhotoError if it has none."""
    if "<!" in config.replace("<!--", ""):
        raise PhotoError("label_config must be plain XML, got a declaration; remove it")
    try:
        root = ElementTree.fromstring(config)
    except ElementTree.ParseError as error:
        raise PhotoError(f"label_config must be XML, got '{error}'; save the labeling interface again") from error
    brush, images = root.find(".//BrushLabels"), {image.get("name"): image for image in root.iter("Image")}
    image = images.get(brush.get("toName")) if brush is not None else None
    if brush is None or image is None:
        raise PhotoError("label_config must have BrushLabels of an Image, got none; add them to the labeling interface")
    return Interface(
        from_name=brush.get("name", ""),
        to_name=brush.get("toName", ""),
        key=image.get("value", "").removeprefix("$"),
        labels=[label.get("value", "") for label in brush.iter("Label")],
    )


def backend(photos: Path, segmenter: "Future[Segmenter]", *, hosts: frozenset[str]) -> Guard:
    """Return the backend as an ASGI application: it reads photos below one folder and writes nothing."""
    answers = Backend(photos, segmenter)
    routes = [
        Route("/health", answers.health, methods=["GET"]),
        Route("/", answers.health, methods=["GET"]),
        Route("/setup", answers.setup, methods=["POST"]),
        Route("/predict", answers.predict, methods=["POST"]),
        Route("/webhook", answers.webhook, methods=["POST"]),
    ]
    return Guard(Starlette(routes=routes), hosts=hosts, token="", secret="/never")


class Backend:
    """The answers of the backend."""

    def __init__(self, photos: Path, segmenter: "Future[Segmenter]") -> None:
        self._photos, self._segmenter = photos.resolve(), segmenter
        self._open: OrderedDict[Path, OpenPhoto] = OrderedDict()
        self._lock = Lock()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="wsseg-serve")

    async def health(self, request: Request) -> Response:
        """Answer that the backend is there."""
        return JSONResponse({"status": "UP", "model_class": MODEL})

    async def setup(self, request: Request) -> Response:
        """Answer with the version of the model."""
        return JSONResponse({"model_version": MODEL})

    async def webhook(self, request: Request) -> Response:
        """Answer that nothing is learned from events."""
        return JSONResponse({}, status_code=201)

    async def predict(self, request: Request) -> Response:
        """Answer with a mask of each task."""
        body = await request.body()
        return await get_running_loop().run_in_executor(self._worker, self._predicted, body)

    def _predicted(self, body: bytes) -> Response:
        try:
            asked = msgspec.json.decode(body, type=Predict)
            interface = interface_of(asked.label_config)
            hints = asked.params.context.result if asked.params and asked.params.context else []
            found = [self._prediction(task, interface, hints) for task in asked.tasks]
        except msgspec.MsgspecError as error:
            return JSONResponse({"error": f"the request must be one of Label Studio, got '{error}'"}, status_code=400)
        except (ValueError, TypeError, KeyError, OSError, RecursionError, OverflowError) as error:
            return JSONResponse({"error": str(error)}, status_code=422)
        return JSONResponse({"results": found, "model_version": MODEL})

    def _prediction(self, task: Task, interface: Interface, hints: list[Hint]) -> Values:
        path = self._path_of(task.data.get(interface.key))
        with self._lock:
            photo = self._opened(path)
            strokes, seeds = hints_of(hints, photo.shape)
            check_strokes(strokes, photo.shape)
            found = photo.cut(Work(strokes=strokes), seeds, full=True)
        named = [label for hint in hints for label in hint.value.get(hint.type, [])]
        label = next(iter([*named, *(one for one in interface.labels if one == found.category), *interface.labels]), "")
        result = [_result(found.mask, label, interface, found.confidence)] if found.mask.any() else []
        return {"model_version": MODEL, "score": found.confidence, "result": result}

    def _path_of(self, address: object) -> Path:
        """Return the photo below the folder that a task names; PhotoError if it names something else."""
        parts = urlsplit(address if isinstance(address, str) else "")
        named = parse_qs(parts.query).get("d", [""])[0] if parts.path.endswith("/local-files/") else ""
        path = (self._photos / PurePosixPath(named)).resolve()
        if not named or parts.netloc or not path.is_relative_to(self._photos) or not path.is_file():
            raise PhotoError(
                f"a task must name a photo of the local storage below '{self._photos}', got {address!r}; add the "
                "folder as local storage, and serve it"
            )
        return path

    def _opened(self, path: Path) -> OpenPhoto:
        if path not in self._open:
            self._open[path] = OpenPhoto(read_photo(path), self._segmenter.result, None)
        self._open.move_to_end(path)
        while len(self._open) > OPEN:
            self._open.popitem(last=False)
        return self._open[path]


def hints_of(hints: list[Hint], shape: tuple[int, int]) -> tuple[list[Stroke], Seeds | None]:
    """Return the points and boxes among the hints as strokes, and what the brush drew as seeds; places are percents."""
    strokes, seeds = list[Stroke](), np.full(shape, UNKNOWN, np.uint8)
    for hint in hints:
        label: Literal[0, 1] = 1 if hint.is_positive else 0
        if hint.type == "keypointlabels":
            place = _place(hint.value, "x", "y", shape)
            strokes.append(Stroke("point", [place], label))
        elif hint.type == "rectanglelabels":
            (x, y), (width, height) = _place(hint.value, "x", "y", shape), _place(hint.value, "width", "height", shape)
            strokes.append(Stroke("box", [(x, y), (x + width, y + height)]))
        elif hint.type == "brushlabels" and "rle" in hint.value:
            seeds[mask_of_rle(hint.value["rle"], shape)] = label
    return strokes, seeds if (seeds != UNKNOWN).any() else None


def _place(value: Values, across: str, down: str, shape: tuple[int, int]) -> tuple[float, float]:
    x, y = value.get(across), value.get(down)
    if not isinstance(x, int | float) or not isinstance(y, int | float):
        raise PhotoError(f"a hint must have numbers {across} and {down}, got {x!r} and {y!r}; draw it again")
    return float(x) * shape[1] / 100, float(y) * shape[0] / 100


def _result(mask: Mask, label: str, interface: Interface, confidence: float) -> Values:
    height, width = mask.shape
    return {
        "type": "brushlabels",
        "from_name": interface.from_name,
        "to_name": interface.to_name,
        "original_width": width,
        "original_height": height,
        "image_rotation": 0,
        "score": confidence,
        "value": {"format": "rle", "rle": rle_of(mask).tolist(), "brushlabels": [label]},
    }
