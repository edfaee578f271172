"""Label Studio's ML backend protocol, with requests as its documentation has them."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from wsseg.arrays import PhotoError
from wsseg.export.labelstudio import rle_of
from wsseg.review.brush import mask_of_rle
from wsseg.review.labelstudio import Hint, backend, hints_of, interface_of
from wsseg.review.strokes import Stroke
from wsseg.segmenting.segmenter import Segmenter

CONFIG = """<View>
  <Image name="image" value="$picture" zoom="true"/>
  <BrushLabels name="tag" toName="image"><Label value="person"/><Label value="sky"/></BrushLabels>
  <KeyPointLabels name="points" toName="image" smart="true"><Label value="sky"/></KeyPointLabels>
</View>"""

Ask = Callable[..., tuple[int, Any]]


@pytest.fixture
def ask(made: Path, segmenter: Segmenter) -> Iterator[Ask]:
    loaded: Future[Segmenter] = Future()
    loaded.set_result(segmenter)
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{door.getsockname()[1]}"
        app = backend(made / "photos", loaded, hosts=frozenset({host}))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [door]})
        thread.start()
        while not server.started:
            time.sleep(0.01)

        def call(path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
            connection = http.client.HTTPConnection(host, timeout=60)
            data = None if body is None else json.dumps(body)
            connection.request("GET" if body is None else "POST", path, data, headers)
            answer = connection.getresponse()
            found = answer.status, json.loads(answer.read())
            connection.close()
            return found

        yield call
        server.should_exit = True
        thread.join()


def predict(photo: str, *hints: dict[str, Any], config: str = CONFIG) -> dict[str, Any]:
    params = {"context": {"result": list(hints)}} if hints else {}
    task = {"id": 7, "data": {"picture": photo}, "annotations": []}
    return {"tasks": [task], "label_config": config, "project": "1.1", "params": {"login": None, **params}}


def hint(kind: str, positive: int = 1, **value: Any) -> dict[str, Any]:
    return {
        "id": "x",
        "type": kind,
        "from_name": "points",
        "to_name": "image",
        "original_width": 150,
        "original_height": 120,
        "is_positive": positive,
        "value": {kind: ["sky"], **value},
    }


def mask_in(answer: tuple[int, Any]) -> np.ndarray:
    status, body = answer
    assert status == 200
    (result,) = body["results"][0]["result"]
    assert (result["from_name"], result["to_name"], result["type"]) == ("tag", "image", "brushlabels")
    shape = result["original_height"], result["original_width"]
    return mask_of_rle(result["value"]["rle"], shape)


A = "/data/local-files/?d=a.png"


def test_health_and_setup(ask: Ask) -> None:
    assert ask("/health") == (200, {"status": "UP", "model_class": "wsseg"})
    setup = {"project": "1.1", "schema": CONFIG, "hostname": "http://localhost:8080", "access_token": "x"}
    assert ask("/setup", setup) == (200, {"model_version": "wsseg"})
    assert ask("/webhook", {"action": "ANNOTATION_CREATED"})[0] == 201


def test_the_automatic_mask(ask: Ask) -> None:
    answer = ask("/predict", predict(A))
    assert mask_in(answer).any()
    assert answer[1]["results"][0]["result"][0]["value"]["brushlabels"] == ["person"]
    assert 0 <= answer[1]["results"][0]["score"] <= 1


def test_points_rectangles_and_the_brush_are_hints(ask: Ask) -> None:
    points = hint("keypointlabels", x=5, y=5, width=0.5), hint("keypointlabels", 0, x=95, y=90, width=0.5)
    answer = ask("/predict", predict(A, *points))
    mask = mask_in(answer)
    assert mask[6, 7] and not mask[108, 142]
    assert answer[1]["results"][0]["result"][0]["value"]["brushlabels"] == ["sky"]
    mask = mask_in(ask("/predict", predict(A, hint("rectanglelabels", x=20, y=25, width=40, height=50))))
    mask[30:90, 30:90] = False
    assert not mask.any()
    drawn = np.zeros((120, 150), bool)
    drawn[10:20, 10:60] = True
    assert mask_in(ask("/predict", predict(A, hint("brushlabels", format="rle", rle=rle_of(drawn).tolist()))))[
        drawn
    ].all()


def test_places_are_percents_of_the_photo_s_width_and_height() -> None:
    point = Hint(type="keypointlabels", value={"x": 10, "y": 50}, is_positive=0)
    box = Hint(type="rectanglelabels", value={"x": 10, "y": 50, "width": 20, "height": 25})
    strokes, seeds = hints_of([point, box], (200, 1000))
    assert strokes == [Stroke("point", [(100, 100)], 0), Stroke("box", [(100, 100), (300, 150)])]
    assert seeds is None


@pytest.mark.parametrize(
    "photo",
    [
        "http://evil.example/a.png",
        "http://evil.example/data/local-files/?d=a.png",
        "/data/local-files/?d=../run/masks/a.png",
        "/data/local-files/?d=/etc/passwd",
        "/data/local-files/?d=",
        "file:///etc/passwd",
        None,
        7,
    ],
)
def test_only_photos_below_the_folder_are_read(ask: Ask, photo: Any) -> None:
    status, body = ask("/predict", predict(photo))
    assert status == 422 and "local storage" in body["error"]


def test_what_is_no_request_is_refused(ask: Ask) -> None:
    assert ask("/predict", {"tasks": 1})[0] == 400
    assert ask("/predict", predict(A, hint("keypointlabels", x="left", y=1)))[0] == 422
    assert ask("/predict", predict(A, hint("keypointlabels", x=1e12, y=1)))[0] == 422
    assert ask("/predict", predict(A, hint("keypointlabels", x=10**400, y=1)))[0] == 422
    assert ask("/predict", predict(A, hint("brushlabels", rle=[0] * 20)))[0] == 422
    assert ask("/health", Origin="http://evil.example")[0] == 403
    assert ask("/health", Host="evil.example")[0] == 403


def test_a_relation_is_no_hint(ask: Ask) -> None:
    relation = {"type": "relation", "from_id": "x", "to_id": "y", "direction": "right"}
    assert ask("/predict", predict(A, relation)) == ask("/predict", predict(A))


@pytest.mark.parametrize(
    "config",
    ["", "<View/>", "<View><BrushLabels name='a' toName='b'/></View>", '<!DOCTYPE x [<!ENTITY a "b">]><View/>'],
)
def test_an_interface_without_a_brush_is_named(config: str) -> None:
    with pytest.raises(PhotoError, match="label_config"):
        interface_of(config)


@given(arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_the_brush_is_read_as_it_is_written(mask: np.ndarray) -> None:
    np.testing.assert_array_equal(mask_of_rle(rle_of(mask).tolist(), mask.shape), mask)


@given(st.lists(st.integers(0, 255), max_size=60))
def test_any_bytes_are_a_mask_or_refused(rle: list[int]) -> None:
    with suppress(PhotoError):
        assert mask_of_rle(rle, (3, 4)).shape == (3, 4)
