"""The service keeps what its OpenAPI document says, whatever is made of that document: schemathesis asks, in short."""

from collections import Counter
from typing import Any

import httpx

from tests.contract import check_answer, examples, keeps_its_word, schema

document = schema()
asked: Counter[str] = Counter()
statuses: set[int] = set()

test_every_answer_is_one_that_the_document_declares = keeps_its_word(document, 15, asked, statuses)


@document.parametrize()  # type: ignore[untyped-decorator]  # schemathesis' own
@examples(5)
def test_methods_and_bodies_at_the_edges_of_the_document_are_answered_by_it(
    case: Any,  # noqa: ANN401  # the kind of case is the document's
    address: str,
) -> None:
    # Without strategies of a test's own, schemathesis adds what covers the document: wrong methods, missing bodies.
    check_answer(case.call_and_validate(address), statuses)


def test_the_examples_were_of_every_kind() -> None:
    assert {200, 405, 415, 422} <= statuses


def test_the_document_is_the_one_that_is_served(address: str) -> None:
    assert httpx.get(f"{address}/openapi.json").json() == document.raw_schema
