"""The service keeps what its OpenAPI document says: schemathesis asks, five hundred times an operation."""

from collections import Counter

from tests.contract import keeps_its_word, schema
from tests.soak.figures import Record

EXAMPLES = 500

document = schema()
asked: Counter[str] = Counter()
statuses: set[int] = set()

test_every_answer_is_one_that_the_document_declares = keeps_its_word(document, EXAMPLES, asked, statuses)


def test_as_many_were_asked_of_each(record: Record) -> None:
    record("contract", {"examples": dict(asked), "statuses": sorted(statuses)})
    assert len(asked) == len(list(document.get_all_operations()))
    assert min(asked.values()) >= EXAMPLES
