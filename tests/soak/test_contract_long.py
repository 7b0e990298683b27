"""The service keeps what its OpenAPI document says, around the true model: schemathesis asks, five hundred times."""

from collections import Counter

import httpx
import pytest

from catdog_api.artifact import read_manifest
from catdog_api.settings import bundled
from tests.contract import BUSY, keeps_its_word, keeps_its_word_at_its_edges, schema
from tests.service import Service
from tests.soak.figures import Record
from tests.soak.scale import times

EXAMPLES = times(500, 10)
"""Of each operation; those that cover the document come on top."""

MOST_BUSY = 0.01
"""Of all answers: where the service were always too busy, nothing else would be shown."""

document = schema()
manifest = read_manifest(bundled("models") / "catdog.keras")
asked: Counter[str] = Counter()
statuses: Counter[int] = Counter()


@pytest.fixture(scope="module")
def address(service: Service) -> str:
    """Return where the true model is served, by a process of its own."""
    return service.url


test_every_answer_is_one_that_the_document_declares = keeps_its_word(document, EXAMPLES, manifest, asked, statuses)
test_methods_and_bodies_at_the_edges_of_the_document_are_answered_by_it = keeps_its_word_at_its_edges(
    document, 1, manifest, statuses
)


def test_as_many_were_asked_of_each_and_hardly_any_was_too_much(record: Record) -> None:
    counts = {str(status): count for status, count in sorted(statuses.items())}
    record("contract", {"examples": dict(asked), "statuses": counts})
    assert len(asked) == len(list(document.get_all_operations()))
    assert min(asked.values()) >= EXAMPLES
    assert {200, 405, 415, 422} <= statuses.keys()
    assert sum(statuses[status] for status in BUSY) <= MOST_BUSY * statuses.total()


def test_the_document_is_the_one_that_is_served(address: str) -> None:
    assert httpx.get(f"{address}/openapi.json").json() == document.raw_schema
