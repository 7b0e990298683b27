"""The service keeps what its OpenAPI document says, whatever is made of that document: schemathesis asks, in short."""

from collections import Counter

import httpx

from tests.contract import BUSY, keeps_its_word, keeps_its_word_at_its_edges, schema
from tests.fakes import MANIFEST

document = schema()
asked: Counter[str] = Counter()
statuses: Counter[int] = Counter()

test_every_answer_is_one_that_the_document_declares = keeps_its_word(document, 15, MANIFEST, asked, statuses)
test_methods_and_bodies_at_the_edges_of_the_document_are_answered_by_it = keeps_its_word_at_its_edges(
    document, 5, MANIFEST, statuses
)


def test_the_examples_were_of_every_kind() -> None:
    assert {200, 405, 415, 422} <= statuses.keys()
    assert not statuses.keys() & set(BUSY), "one caller alone is never too much"


def test_the_document_is_the_one_that_is_served(address: str) -> None:
    assert httpx.get(f"{address}/openapi.json").json() == document.raw_schema
