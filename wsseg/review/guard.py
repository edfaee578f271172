"""The guard of the page's server, which refuses whatever is not the page's own request.

A page of another site may make a browser send requests to this machine. A request for data must therefore name this
server as its host (DNS rebinding), come from no other origin, and carry a token that is made anew for each start.
Bodies and the number of requests at once are bounded.
"""

import json
from collections.abc import Mapping
from hmac import compare_digest
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

TOKEN: Final = "x-wsseg-token"
"""The header that holds the token."""

LARGEST: Final = 4_000_000
"""Bytes of a body, at most: far more than an hour of strokes."""

LONGEST: Final = 200
"""Letters of a path, at most: Python reads no number of thousands of digits."""

AT_ONCE: Final = 16
"""Requests that are served at once, at most; others are told to come again."""

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

HEADERS: Final[Mapping[str, str]] = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}
"""Headers of every answer."""


class Guard:
    """An ASGI application around another, which passes on only what is safe.

    Parameters
    ----------
    app : ASGI application
        The application.
    hosts : set of str
        What a Host header may be: `127.0.0.1:8642`.
    token : str
        What a request below `secret` must have in its header.
    secret : str
        Start of the paths that need the token.
    """

    def __init__(self, app: "ASGIApp", *, hosts: frozenset[str], token: str, secret: str) -> None:
        self._app, self._hosts, self._token, self._secret = app, hosts, token, secret
        self._under_way = 0

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer a request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        send = _with_headers(send)
        if refusal := self._refusal(scope):
            await _refuse(send, *refusal)
            return
        if self._under_way >= AT_ONCE:
            await _refuse(send, 503, "too many requests at once; try again")
            return
        self._under_way += 1
        try:
            await self._bounded(scope, receive, send)
        finally:
            self._under_way -= 1

    def _refusal(self, scope: "Scope") -> tuple[int, str] | None:
        """Return the status and the reason of a refusal, from the head of the request alone."""
        if len(scope["path"]) > LONGEST:
            return 404, "there is no such page"
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        if len(hosts) != 1 or headers["host"].lower() not in self._hosts:
            return 403, "this server answers under its own address only"
        origin = headers.get("origin")
        if origin is not None and origin.lower() not in {f"http://{host}" for host in self._hosts}:
            return 403, "requests of other pages are refused"
        if scope["path"].startswith(self._secret) and not _is_equal(headers.get(TOKEN, ""), self._token):
            return 401, "the token is missing or of an earlier start; open the address that the program printed"
        length = headers.get("content-length", "0")
        if not length.isdecimal() or len(length) > 20 or int(length) > LARGEST:
            return 413, f"a request may have {LARGEST:,} bytes"
        return None

    async def _bounded(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Read the whole body first, up to its bound, so that a slow or endless one occupies no worker."""
        parts, size, more = [], 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            parts.append(message.get("body", b""))
            size, more = size + len(parts[-1]), message.get("more_body", False)
            if size > LARGEST:
                await _refuse(send, 413, f"a request may have {LARGEST:,} bytes")
                return
        whole: list[Message] = [{"type": "http.request", "body": b"".join(parts), "more_body": False}]

        async def again() -> "Message":
            return whole.pop() if whole else await receive()

        await self._app(scope, again, send)


def _is_equal(given: str, wanted: str) -> bool:
    return compare_digest(given.encode("latin-1"), wanted.encode())


def _with_headers(send: "Send") -> "Send":
    async def send_with_headers(message: "Message") -> None:
        if message["type"] == "http.response.start":
            given = {name for name, _ in message.get("headers", [])}
            added = [(name.encode(), value.encode()) for name, value in HEADERS.items() if name.encode() not in given]
            message = {**message, "headers": [*message.get("headers", []), *added]}
        await send(message)

    return send_with_headers


async def _refuse(send: "Send", status: int, reason: str) -> None:
    body = json.dumps({"error": reason}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if status in (413, 503):
        headers += [(b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
