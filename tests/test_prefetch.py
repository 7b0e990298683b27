"""`training.prefetch`: in order, side by side, and no further ahead than allowed."""

import itertools
import threading
from collections.abc import Callable, Iterator

import pytest

from training.prefetch import prepared


def test_results_come_in_order_even_when_the_first_is_the_slowest() -> None:
    last_began = threading.Event()

    def first() -> int:
        assert last_began.wait(10), "the tasks did not run side by side"
        return 0

    def last() -> int:
        last_began.set()
        return 2

    assert list(prepared([first, lambda: 1, last], threads=2, ahead=3)) == [0, 1, 2]


def test_preparing_never_runs_further_ahead_than_allowed() -> None:
    taken: list[int] = []

    def endless() -> Iterator[Callable[[], int]]:
        for number in itertools.count():
            taken.append(number)
            yield lambda number=number: number  # type: ignore[misc]  # mypy cannot type a default of a lambda

    results = prepared(endless(), threads=2, ahead=3)
    for received in range(20):
        assert next(results) == received
        assert len(taken) == received + 1 + 3
    results.close()  # type: ignore[attr-defined]  # a generator, and leaving it ends its threads
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("views")]


def test_a_task_that_fails_fails_the_consumer() -> None:
    results = prepared([lambda: 1, lambda: 1 // 0, lambda: 1], threads=2, ahead=2)
    assert next(results) == 1
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_no_tasks_give_no_results() -> None:
    assert list(prepared([], threads=2, ahead=2)) == []
