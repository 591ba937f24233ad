"""The chat page: static files, no build step, no outside resource."""

from __future__ import annotations

from importlib import resources

from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

FILES = {
    "/": ("index.html", b"text/html; charset=utf-8"),
    "/chat.css": ("chat.css", b"text/css; charset=utf-8"),
    "/icon.svg": ("icon.svg", b"image/svg+xml"),
    **{
        f"/{name}.js": (f"{name}.js", b"text/javascript; charset=utf-8")
        for name in ("chat", "view", "bars", "talk", "history", "options", "offline")
    },
}
POLICY = (
    b"default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    b"object-src 'none'"
)
HEADERS = [
    (b"content-security-policy", POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cache-control", b"no-cache"),
]


def page_routes() -> list[BaseRoute]:
    """The paths of the page's files."""
    return [Route(path, _file(*kind), methods=["GET"]) for path, kind in FILES.items()]


def _file(name: str, kind: bytes) -> ASGIApp:
    return File(resources.files(__package__).joinpath("static", name).read_bytes(), kind)


class File:
    """A file, read once."""

    def __init__(self, content: bytes, kind: bytes) -> None:
        length = b"%d" % len(content)
        self._content = content
        self._headers = [(b"content-type", kind), (b"content-length", length), *HEADERS]

    async def __call__(self, _: Scope, __: Receive, send: Send) -> None:
        """Send it; of a HEAD request the server sends no body."""
        await send({"type": "http.response.start", "status": 200, "headers": self._headers})
        await send({"type": "http.response.body", "body": self._content})
