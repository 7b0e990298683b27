"""A thread that hangs, in the model or decoding, or has died: what the probes say of it, and what its callers get."""

import asyncio
import time

import httpx
import pytest

from catdog_api import batching
from catdog_api.tensors import Images, Probabilities
from tests.conftest import Serve
from tests.fakes import ColourClassifier, GatedClassifier, LongWork
from tests.test_app import RED_JPEG, assert_problem

BOUND = 8
"""Seconds that a test waits for the service to act: much more than it takes, for a machine with other things to do."""

DEADLINE = 0.5
"""Seconds after which a request is answered: in them it must have come to the model there, too."""


async def wait_until_well(client: httpx.AsyncClient, path: str) -> None:
    """Ask until the probe is green again."""
    deadline = time.monotonic() + BOUND
    while (await client.get(path)).status_code != 200:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


class DyingClassifier(ColourClassifier):
    """Takes the thread that calls it down."""

    def predict(self, images: Images) -> Probabilities:  # noqa: ARG002  # as a classifier is called
        """End the thread."""
        raise SystemExit


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
async def test_a_hung_model_turns_the_probes_red_and_its_callers_away(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(batching, "STUCK_SECONDS", 0.2)
    classifier = GatedClassifier()
    client = await serve(classifier, deadline_seconds=DEADLINE)
    assert_problem(await client.post("/predict", files={"file": RED_JPEG}), 504, "/problems/deadline-exceeded")
    await asyncio.sleep(0.2)
    assert_problem(await client.get(path), 503, "/problems/model-stuck")
    classifier.gate.set()
    await wait_until_well(client, path)


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
async def test_a_photograph_that_hangs_while_it_is_decoded_turns_the_probes_red(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(batching, "STUCK_JOB_SECONDS", 0.2)
    work = LongWork()
    monkeypatch.setattr("catdog_api.pipeline.decode", lambda *_, **__: work())
    client = await serve(deadline_seconds=DEADLINE)
    assert_problem(await client.post("/predict", files={"file": RED_JPEG}), 504, "/problems/deadline-exceeded")
    try:
        assert_problem(await client.get(path), 503, "/problems/model-stuck")
    finally:
        work.gate.set()
    await wait_until_well(client, path)


async def test_decoding_may_take_longer_than_the_model(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "STUCK_SECONDS", 0.1)
    work = LongWork()
    monkeypatch.setattr("catdog_api.pipeline.decode", lambda *_, **__: work())
    client = await serve(deadline_seconds=DEADLINE)
    await client.post("/predict", files={"file": RED_JPEG})
    try:
        assert (await client.get("/health/live")).status_code == 200
    finally:
        work.gate.set()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
async def test_a_dead_model_thread_turns_the_probes_red(serve: Serve, path: str) -> None:
    client = await serve(DyingClassifier(), deadline_seconds=DEADLINE)
    assert (await client.get(path)).status_code == 200
    assert_problem(await client.post("/predict", files={"file": RED_JPEG}), 504, "/problems/deadline-exceeded")
    assert_problem(await client.get(path), 503, "/problems/model-stuck")


async def test_a_busy_model_is_well(serve: Serve) -> None:
    classifier = GatedClassifier()
    client = await serve(classifier)
    busy = asyncio.create_task(client.post("/predict", files={"file": RED_JPEG}))
    await asyncio.to_thread(classifier.entered.wait, BOUND)
    assert (await client.get("/health/live")).status_code == 200
    classifier.gate.set()
    assert (await busy).status_code == 200


async def test_an_idle_model_is_well_however_long_it_idles(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "STUCK_SECONDS", 0.1)
    monkeypatch.setattr(batching, "STUCK_JOB_SECONDS", 0.1)
    client = await serve()
    assert (await client.post("/predict", files={"file": RED_JPEG})).status_code == 200
    await asyncio.sleep(0.3)
    assert (await client.get("/health/live")).status_code == 200


def test_a_hang_is_seen_in_less_than_ten_seconds() -> None:
    assert max(batching.STUCK_SECONDS, batching.STUCK_JOB_SECONDS) < 10
