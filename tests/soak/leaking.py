"""The service with a leak, to see that the soak test finds one: `python -m tests.soak.leaking serve ...`.

It is the service in all else, down to the command; a layer around the app keeps a little of each request for ever.
"""

from unittest.mock import patch

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from catdog_api import cli
from catdog_api.app import create_app
from catdog_api.settings import Settings

KEPT_BYTES = 1024
"""Of each request: a forgotten entry in a dictionary with a header or two is as large."""


class LeakingMiddleware:
    """Keeps something of each request. One for the app's life.

    Args:
        app: What answers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._kept: list[bytes] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request through."""
        self._kept.append(b"x" * KEPT_BYTES + str(len(self._kept)).encode())
        await self._app(scope, receive, send)


def create_leaking_app(settings: Settings) -> FastAPI:
    """Build the application, with the leak."""
    app = create_app(settings)
    app.add_middleware(LeakingMiddleware)
    return app


if __name__ == "__main__":
    with patch("catdog_api.server.create_app", create_leaking_app):
        cli.main()
