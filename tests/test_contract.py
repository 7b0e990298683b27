"""The service keeps what its OpenAPI document says, whatever is made of that document: schemathesis asks, in short."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.background import background
from tests.contract import check_answer, examples, odd_headers, odd_query, of_the_model, schema
from tests.fakes import ColourClassifier

document = schema()
statuses: set[int] = set()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Serve a small model."""
    with background(ColourClassifier()) as url:
        yield url


@document.given(headers=odd_headers, query=odd_query)  # type: ignore[untyped-decorator]  # schemathesis' own
@document.parametrize()  # type: ignore[untyped-decorator]
@examples(15)
def test_every_answer_is_one_that_the_document_declares(
    case: Any,  # noqa: ANN401  # the kind of case is the document's
    address: str,
    headers: dict[str, str],
    query: dict[str, str],
) -> None:
    case.query = {**query, **dict(case.query or {})}
    of_the_model(case)
    check_answer(case.call_and_validate(address, headers=headers), statuses)


@document.parametrize()  # type: ignore[untyped-decorator]
@examples(5)
def test_methods_and_bodies_at_the_edges_of_the_document_are_answered_by_it(
    case: Any,  # noqa: ANN401  # likewise
    address: str,
) -> None:
    # Without strategies of a test's own, schemathesis adds what covers the document: wrong methods, missing bodies.
    check_answer(case.call_and_validate(address), statuses)


def test_the_examples_were_of_every_kind() -> None:
    assert {200, 405, 415, 422} <= statuses


def test_the_document_is_the_one_that_is_served(address: str) -> None:
    assert httpx.get(f"{address}/openapi.json").json() == document.raw_schema
