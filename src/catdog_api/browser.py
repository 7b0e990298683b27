"""What a browser is shown: the page at `/`, Swagger UI at `/docs`, and the policy under which both run."""

from collections.abc import Awaitable, Callable
from importlib.resources import files

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from catdog_api.settings import bundled

POLICY = "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
"""Nothing inline and nothing from elsewhere (Content Security Policy Level 3, W3C).

Swagger UI 5 needs nothing wider: its script sets styles through the CSSOM, which the policy does not govern, and its
pictures are `data:` addresses. `tests/test_docs.py` opens every operation of it and counts the violations.
"""

SWAGGER_UI_FILES = ("swagger-ui-bundle.js", "swagger-ui.css")


def install(app: FastAPI) -> None:
    """Add the page, its files, and the explorer to the app; none of them is part of the API's document."""
    folder = bundled("static")
    ours = StaticFiles(directory=folder)
    swagger_ui = StaticFiles(directory=str(files("fastapi_swagger") / "resources"))

    def add(path: str, static: StaticFiles, name: str) -> None:
        app.add_route(path, _file(static, name), methods=["GET"], include_in_schema=False)

    add("/", ours, "index.html")
    add("/docs", ours, "docs.html")
    for name in SWAGGER_UI_FILES:
        add(f"/docs/{name}", swagger_ui, name)
    for path in sorted(folder.iterdir()):
        add(f"/{path.name}", ours, path.name)


def _file(static: StaticFiles, name: str) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        response = await static.get_response(name, request.scope)
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        # Kept, but asked for again each time (ETag): a new release must not meet an old script.
        response.headers["Cache-Control"] = "no-cache"
        return response

    return endpoint
