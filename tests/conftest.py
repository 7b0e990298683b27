"""What many tests start from: an app around a small fake model, and a real service process around the true one."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from catdog_api import queues
from catdog_api.app import create_app
from catdog_api.pipeline import Predictor
from catdog_api.settings import Settings
from tests.background import address  # noqa: F401  # a fixture
from tests.browsing import chromium, new_page  # noqa: F401  # fixtures
from tests.errands import model, shelf  # noqa: F401  # fixtures
from tests.fakes import ColourClassifier
from tests.service import started
from tests.serving import _process_as_it_was, classifier, serve_and_ask  # noqa: F401  # fixtures

Serve = Callable[..., Awaitable[httpx.AsyncClient]]


def submitted(client: httpx.AsyncClient) -> int:
    """Count the photographs of an app in this process that wait for its thread; no metric is of them alone."""
    app: FastAPI = client._transport.app  # type: ignore[attr-defined]  # noqa: SLF001  # no other way in
    return len(app.state.pipeline._batcher._queues._jobs)  # noqa: SLF001


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings of whoever runs the tests out of them."""
    for name in [name for name in os.environ if name.startswith("CATDOG_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a batch fill, however slow the machine is."""
    monkeypatch.setattr(queues, "PATIENCE_SECONDS", 10)


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Serve an app around a classifier in this process, under given settings; return its client."""
    async with AsyncExitStack() as stack:

        async def start(classifier: Predictor | None = None, **settings: object) -> httpx.AsyncClient:
            predictor = classifier or ColourClassifier()
            # One thread, so that a model that is busy is so on a machine of any number of cores.
            given: dict[str, Any] = {"model_threads": 1, **settings}
            app = create_app(Settings(**given), lambda _: predictor)
            await stack.enter_async_context(app.router.lifespan_context(app))
            return await stack.enter_async_context(client_of(app))

        yield start


def client_of(app: FastAPI) -> httpx.AsyncClient:
    """Return a client that calls the app without a socket, and sees a crash as its caller would."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://catdog.test")


@pytest.fixture(scope="session")
def service_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start `catdog-api serve` with the true model as a process of its own; return its address."""
    with service_process(tmp_path_factory.mktemp("service") / "log") as url:
        yield url


@contextmanager
def service_process(log: Path, *flags: str) -> Iterator[str]:
    """Run `catdog-api serve` on a free port for the time of the block, which is given its address."""
    with started(log, *flags) as service:
        yield service.url
