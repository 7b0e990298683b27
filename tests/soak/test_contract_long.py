"""The service keeps what its OpenAPI document says: schemathesis asks, five hundred times an operation."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.background import background
from tests.contract import check_answer, examples, odd_headers, odd_query, of_the_model, schema
from tests.fakes import ColourClassifier
from tests.soak.figures import Record

document = schema()
asked: Counter[str] = Counter()
statuses: set[int] = set()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Serve a small model."""
    with background(ColourClassifier()) as url:
        yield url


@document.given(headers=odd_headers, query=odd_query)  # type: ignore[untyped-decorator]  # schemathesis' own
@document.parametrize()  # type: ignore[untyped-decorator]
@examples(500)
def test_five_hundred_answers_an_operation_are_ones_that_the_document_declares(
    case: Any,  # noqa: ANN401  # the kind of case is the document's
    address: str,
    headers: dict[str, str],
    query: dict[str, str],
) -> None:
    case.query = {**query, **dict(case.query or {})}
    of_the_model(case)
    asked[case.operation.label] += 1
    check_answer(case.call_and_validate(address, headers=headers), statuses)


def test_five_hundred_were_asked_of_each(record: Record) -> None:
    record("contract", {"examples": dict(asked), "statuses": sorted(statuses)})
    assert len(asked) == len(list(document.get_all_operations()))
    assert min(asked.values()) >= 500
