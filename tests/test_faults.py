"""A model that raises, answers nonsense or hangs: its own batch fails, as a problem, and nobody else's."""

import asyncio
from base64 import b64encode
from collections.abc import Callable

import numpy as np
import pytest

from catdog_api import batching
from catdog_api.errors import PredictionError
from catdog_api.tensors import Images, Probabilities
from tests.conftest import Serve, submitted
from tests.fakes import ColourClassifier, GatedClassifier
from tests.test_app import RED_JPEG, assert_problem
from tests.test_liveness import DEADLINE, wait_until_well

Fault = Callable[[Probabilities], Probabilities]

FILES = {"file": RED_JPEG}
WAIT = 10


def raising(error: BaseException) -> Fault:
    """Return a fault that raises."""

    def fail(_: Probabilities) -> Probabilities:
        raise error

    return fail


FAULTS = [
    pytest.param(raising(RuntimeError("a secret of the network's")), id="raises"),
    pytest.param(raising(MemoryError()), id="has-no-memory"),
    pytest.param(raising(PredictionError("The network gave no probabilities.")), id="says-that-it-failed"),
    pytest.param(lambda rows: rows * np.nan, id="nan"),
    pytest.param(lambda rows: np.where(np.arange(rows.shape[1]) == 1, np.nan, rows), id="one-nan"),
    pytest.param(lambda rows: rows + np.inf, id="infinite"),
    pytest.param(lambda rows: rows - 1, id="negative"),
    pytest.param(lambda rows: rows[:, :2], id="a-label-too-few"),
    pytest.param(lambda rows: rows[:-1], id="a-row-too-few"),
    pytest.param(lambda rows: rows.repeat(2, axis=0), id="rows-too-many"),
]


class FaultyClassifier(GatedClassifier):
    """Spoils its first batch, which begins when the test opens the gate, and answers all others."""

    def __init__(self, fault: Fault) -> None:
        super().__init__()
        self.fault = fault

    def predict(self, images: Images) -> Probabilities:
        """Answer, the first time with the fault."""
        answer = super().predict(images)
        return self.fault(answer) if len(self.batches) == 1 else answer


class OnceHangingClassifier(GatedClassifier):
    """Hangs in its first batch until the test opens the gate, and answers all others meanwhile."""

    def predict(self, images: Images) -> Probabilities:
        """Answer; the first time behind the gate."""
        return ColourClassifier.predict(self, images) if self.entered.is_set() else super().predict(images)


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_batch_that_goes_wrong_is_500_for_its_own_and_200_for_the_next(serve: Serve, fault: Fault) -> None:
    classifier = FaultyClassifier(fault)
    client = await serve(classifier)
    spoilt = asyncio.create_task(client.post("/predict", files=FILES))
    await asyncio.to_thread(classifier.entered.wait, WAIT)
    others = [asyncio.create_task(client.post("/predict", files=FILES)) for _ in range(3)]
    await asyncio.sleep(0.1)  # in which they are decoded, and wait
    classifier.gate.set()
    response = await spoilt
    assert response.status_code == 500
    assert_problem(response, 500, response.json()["type"])
    assert response.json()["type"] == "/problems/prediction-failed"
    assert "secret" not in response.text
    assert [(await other).status_code for other in others] == [200, 200, 200]


@pytest.mark.parametrize("fault", FAULTS)
async def test_in_the_open_inference_protocol_too_it_is_never_an_answer(serve: Serve, fault: Fault) -> None:
    classifier = FaultyClassifier(fault)
    classifier.gate.set()
    client = await serve(classifier)
    tensor = {"name": "photographs", "datatype": "BYTES", "shape": [1], "data": [b64encode(RED_JPEG).decode()]}
    responses = [await client.post("/v2/models/fake/infer", json={"inputs": [tensor]}) for _ in range(2)]
    assert [response.status_code for response in responses] == [500, 200]
    assert list(responses[0].json()) == ["error"]


@pytest.mark.parametrize("fault", FAULTS)
async def test_of_many_photographs_only_those_of_the_failed_batch_have_a_problem(serve: Serve, fault: Fault) -> None:
    classifier = FaultyClassifier(fault)
    classifier.gate.set()
    client = await serve(classifier)
    response = await client.post("/predict/batch", files=[("files", RED_JPEG)] * 30)
    assert response.status_code == 200
    problems = [answer["problem"]["type"] for answer in response.json()["answers"] if "problem" in answer]
    assert set(problems) == {"/problems/prediction-failed"}
    assert len(problems) <= classifier.batches[0]


@pytest.mark.usefixtures("patient")
async def test_all_of_a_failed_batch_are_told_and_the_thread_lives_on(serve: Serve) -> None:
    class SecondFails(GatedClassifier):
        def predict(self, images: Images) -> Probabilities:
            answer = super().predict(images)
            return answer * np.nan if len(self.batches) == 2 else answer

    classifier = SecondFails()
    client = await serve(classifier)
    first = asyncio.create_task(client.post("/predict", files=FILES))
    await asyncio.to_thread(classifier.entered.wait, WAIT)
    second = [asyncio.create_task(client.post("/predict", files=FILES)) for _ in range(4)]
    async with asyncio.timeout(WAIT):
        while submitted(client) < 4:  # noqa: ASYNC110  # it has no event
            await asyncio.sleep(0.01)
    classifier.gate.set()
    assert (await first).status_code == 200
    assert [(await task).status_code for task in second] == [500] * 4
    assert (await client.post("/predict", files=FILES)).status_code == 200
    assert (await client.get("/health/live")).status_code == 200


async def test_a_hang_is_504_for_its_batch_and_its_end_is_the_end_of_the_trouble(serve: Serve) -> None:
    classifier = GatedClassifier()
    client = await serve(classifier, deadline_seconds=0.3)
    hung = await asyncio.gather(*(client.post("/predict", files=FILES) for _ in range(3)))
    for refused in hung:
        assert_problem(refused, 504, "/problems/deadline-exceeded")
    classifier.gate.set()
    response = await client.post("/predict", files=FILES)
    assert response.status_code == 200


async def test_a_hang_is_504_for_its_batch_alone_and_the_other_thread_answers_meanwhile(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batching, "STUCK_SECONDS", 0.1)
    classifier = OnceHangingClassifier()
    client = await serve(classifier, model_threads=2, deadline_seconds=DEADLINE)
    hung = asyncio.create_task(client.post("/predict", files=FILES))
    await asyncio.to_thread(classifier.entered.wait, WAIT)
    others = await asyncio.gather(*(client.post("/predict", files=FILES) for _ in range(20)))
    assert {other.status_code for other in others} == {200}
    assert_problem(await hung, 504, "/problems/deadline-exceeded")
    assert_problem(await client.get("/health/live"), 503, "/problems/model-stuck")
    assert (await client.post("/predict", files=FILES)).status_code == 200
    classifier.gate.set()
    await wait_until_well(client, "/health/live")
