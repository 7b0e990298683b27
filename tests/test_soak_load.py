"""What the long tests make of their calls: who was accepted, and how many of those had their answer in time."""

import pytest

from tests.soak.calls import LEFT, LOST, REFUSED, Call
from tests.soak.client import Load

DEADLINE_SECONDS = 10.0


def load_of(*ended: tuple[int, float]) -> Load:
    """Return a load of calls that were due at 100 s: each a status, and how long that took, seconds."""
    calls = [Call(due=100.0, sent=100.0, ended=100.0 + seconds, status=status) for status, seconds in ended]
    return Load(calls, seconds=60.0, client_seconds=0.0)


@pytest.mark.parametrize(
    ("missed", "share"),
    [
        pytest.param([], 1.0, id="nobody"),
        pytest.param([(200, 10.1)], 0.75, id="answered-after-the-deadline"),
        pytest.param([(504, 10.0)], 0.75, id="too-late-by-the-service-itself"),
        pytest.param([(LOST, 0.5)], 0.75, id="lost"),
        pytest.param([(503, 0.01), (REFUSED, 0.01), (LEFT, 0.05)], 1.0, id="not-accepted"),
    ],
)
def test_whoever_is_accepted_and_has_no_answer_in_time_counts(missed: list[tuple[int, float]], share: float) -> None:
    load = load_of((200, 0.5), (200, 0.6), (200, 10.0), *missed)
    assert load.share_in_time(DEADLINE_SECONDS) == share


def test_a_call_that_never_ended_counts_as_lost() -> None:
    answered, unended = load_of((200, 0.5)).calls[0], Call(due=100.0)
    assert Load([answered, unended], 60.0, 0.0).share_in_time(DEADLINE_SECONDS) == 0.5
