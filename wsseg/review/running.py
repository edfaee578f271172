"""A server on this machine: its socket, its names, and how long it runs."""

import logging
import socket
import webbrowser
from asyncio import CancelledError
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from threading import Thread
from time import sleep
from typing import TYPE_CHECKING, Final

from wsseg.runs.notices import Notice

if TYPE_CHECKING:
    import uvicorn
    from starlette.types import ASGIApp

    from wsseg.segmenting.segmenter import Segmenter

LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
"""The names of this machine that no other can reach."""

POLL: Final = 0.2
"""Seconds between two looks at whether something has begun."""


def check_installed() -> None:
    """Raise ValueError if a library of the extra `review` is missing."""
    if missing := [name for name in ("starlette", "uvicorn") if find_spec(name) is None]:
        raise ValueError(f"a review needs {' and '.join(missing)}, got no such library; pip install 'wsseg[review]'")


def begun(load: Callable[[], "Segmenter"]) -> "Future[Segmenter]":
    """Return a future of what a thread loads, so that the page is there before the network."""
    future: Future[Segmenter] = Future()

    def run() -> None:
        try:
            future.set_result(load())
        except Exception as error:  # Whoever asks for the result gets it.
            future.set_exception(error)

    Thread(target=run, daemon=True).start()
    return future


@contextmanager
def bound(host: str, port: int | None, usual: int, notice: Notice) -> Iterator[socket.socket]:
    """Yield a socket that listens at the port, or at a free one if none was asked for and the usual one is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind((host, usual if port is None else port))
        except OSError as error:
            if port is not None:
                raise OSError(
                    f"port must be free, got {port}, for which '{error.strerror}'; choose another, or leave it out"
                ) from error
            door.bind((host, 0))
            notice(f"port {usual} is taken, so another is used")
        yield door


def authority(host: str, port: int) -> str:
    """Return a host and a port as they stand in an address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def hosts_of(host: str, port: int) -> frozenset[str]:
    """Return what the Host header of a request to this server may be."""
    names = LOOPBACK if host in LOOPBACK else (host,)
    return frozenset(authority(name, port).lower() for name in names)


def run_server(
    app: "ASGIApp", door: socket.socket, address: str, *, announce: Callable[[str], None], browser: bool
) -> None:
    """Serve until interrupted; say the address once the server is there, and open it in a browser if asked to."""
    import uvicorn

    config = uvicorn.Config(
        app, log_level="error", access_log=False, server_header=False, timeout_graceful_shutdown=2, backlog=256
    )
    server = uvicorn.Server(config)
    Thread(target=_announced, args=(server, address, announce, browser), daemon=True).start()
    logger = logging.getLogger("uvicorn.error")
    logger.addFilter(is_fault)
    try:
        with suppress(KeyboardInterrupt):
            server.run(sockets=[door])
    finally:
        logger.removeFilter(is_fault)


def is_fault(record: logging.LogRecord) -> bool:
    """Return whether a line of the server's log is a fault; requests that are cut off at the end are none."""
    is_cut_off = record.exc_info is not None and isinstance(record.exc_info[1], CancelledError)
    return not is_cut_off and "timeout graceful shutdown exceeded" not in record.getMessage()


def _announced(server: "uvicorn.Server", address: str, announce: Callable[[str], None], browser: bool) -> None:
    """Say where the page is, once it is there."""
    while not server.started:
        sleep(POLL / 10)
    announce(address)
    if browser:
        webbrowser.open(address)
