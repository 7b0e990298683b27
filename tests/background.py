"""The service on a thread of the tests' own process, around a small model: quick to start, on real sockets."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import pytest
import uvicorn

from catdog_api.app import create_app
from catdog_api.pipeline import Predictor
from catdog_api.protocol import Protocol
from catdog_api.server import Server
from catdog_api.settings import Settings
from tests.fakes import ColourClassifier


class ThreadServer(Server):
    """A server that leaves the signals alone: Python gives them to the main thread."""

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        """Capture none."""
        return nullcontext()


@contextmanager
def background(classifier: Predictor, **settings: object) -> Iterator[str]:
    """Serve for the time of the block, which is given the address; whatever the server raises, the block's end does."""
    app = create_app(Settings(grace_seconds=5, **settings), lambda _: classifier)  # type: ignore[arg-type]
    config = uvicorn.Config(app, http=Protocol, lifespan="off", log_config=None, server_header=False, ws="none")
    listener = socket.create_server(("127.0.0.1", 0))
    server = ThreadServer(config, app, listener, well=lambda _: None)
    failures: list[BaseException] = []

    async def run() -> None:
        async with app.router.lifespan_context(app):
            await server.serve()

    def work() -> None:
        try:
            asyncio.run(run())
        except BaseException as failure:  # noqa: BLE001  # carried over to the test's own thread
            failures.append(failure)

    thread = threading.Thread(target=work, name="background service")
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.handle_exit(0, None)  # as an operator's SIGINT: no drain
        thread.join(30)
        assert not thread.is_alive(), "the service did not end"
        if failures:
            raise failures[0]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Serve a small model while the module's tests run; return where."""
    with background(ColourClassifier()) as url:
        yield url
