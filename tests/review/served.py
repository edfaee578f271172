"""A review that is served, and requests to it as anyone on this machine could send them."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import uvicorn
from quick import QUICK

from wsseg.review.desk import Desk
from wsseg.review.items import Items
from wsseg.review.server import application
from wsseg.runs.record import Finding, read_run
from wsseg.runs.reviews import reviewing
from wsseg.segmenting.segmenter import Segmenter

PLAIN = replace(QUICK, method="gradient")
"""A quick recipe for a classifier without a grid."""

TOKEN = "0123456789abcdef"


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Served(NamedTuple):
    run: Path
    port: int
    desk: Desk

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def address(self) -> str:
        return f"http://{self.host}/#{TOKEN}"

    def ask(self, path: str, body: Any = None, **headers: str) -> Answer:
        """Send a request; a header of the value "" is left out, and `_` in its name stands for `-`."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        given = {"x-wsseg-token": TOKEN, **{name.replace("_", "-"): value for name, value in headers.items()}}
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        with closing(connection):
            connection.request("GET" if body is None else "POST", path, data, {k: v for k, v in given.items() if v})
            answer = connection.getresponse()
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())

    def decide(self, number: int, verdict: str, **more: Any) -> Answer:
        return self.ask(f"/api/items/{number}/decision", {"tab": "t", "verdict": verdict, **more})

    def findings(self) -> dict[str, Finding]:
        return {record.name: record.findings[0] for record in read_run(self.run).records}


@contextmanager
def serving(run: Path, segmenter: Segmenter) -> Iterator[Served]:
    """Serve the page of a run in a thread of this process."""
    loaded: Future[Segmenter] = Future()
    loaded.set_result(segmenter)
    with socket.socket() as door, reviewing(run) as reviews:
        door.bind(("127.0.0.1", 0))
        port = door.getsockname()[1]
        desk = Desk(Items(run), reviews, loaded)
        app = application(desk, hosts=frozenset({f"127.0.0.1:{port}"}), token=TOKEN, error=0.1, iou=0.5)
        config = uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [door]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield Served(run, port, desk)
        finally:
            server.should_exit = True
            thread.join()


def point(x: float, y: float, label: int = 1) -> dict[str, Any]:
    return {"kind": "point", "points": [[x, y]], "label": label, "radius": 0}
