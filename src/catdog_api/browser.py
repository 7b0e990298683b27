"""What a browser is shown: the page at `/`, Swagger UI at `/docs`, and the policy under which both run."""

from collections.abc import Awaitable, Callable
from hashlib import sha256
from http import HTTPStatus
from importlib.resources import files
from mimetypes import guess_type
from pathlib import Path

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from catdog_api.settings import bundled

POLICY = "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
"""Nothing inline and nothing from elsewhere (Content Security Policy Level 3, W3C).

Swagger UI 5 needs nothing wider: its script sets styles through the CSSOM, which the policy does not govern, and its
pictures are `data:` addresses. `tests/test_docs.py` opens every operation of it and counts the violations.
"""

SWAGGER_UI_FILES = ("swagger-ui-bundle.js", "swagger-ui.css")


def install(app: FastAPI) -> None:
    """Add the page, its files, and the explorer to the app; none of them is part of the API's document."""
    page = bundled("static")
    swagger_ui = Path(str(files("fastapi_swagger") / "resources"))

    def add(address: str, path: Path) -> None:
        app.add_route(address, _file(path), methods=["GET"], include_in_schema=False)

    add("/", page / "index.html")
    add("/docs", page / "docs.html")
    for name in SWAGGER_UI_FILES:
        add(f"/docs/{name}", swagger_ui / name)
    for path in sorted(page.iterdir()):
        add(f"/{path.name}", path)


def _file(path: Path) -> Callable[[Request], Awaitable[Response]]:
    """Return what answers with a file.

    It is in memory once (all of them: 2 MB), for however many clients that do not read; each of those would hold pieces
    of one that is read from the disk, and each read takes a thread: 300 clients held 74 MB.
    """
    body = path.read_bytes()
    media_type = guess_type(path.name)[0]
    headers = {
        "Content-Security-Policy": POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        # Kept, but asked for again each time: a new release must not meet an old script.
        "Cache-Control": "no-cache",
        "ETag": f'"{sha256(body).hexdigest()}"',
    }

    async def endpoint(request: Request) -> Response:
        known = request.headers.get("if-none-match", "")
        if headers["ETag"] in (tag.strip().removeprefix("W/") for tag in known.split(",")):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        return Response(body, headers=headers, media_type=media_type)

    return endpoint
