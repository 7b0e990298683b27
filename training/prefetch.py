"""Work ahead: what the next steps need is made on threads while the present one computes."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def prepared(tasks: Iterable[Callable[[], T]], *, threads: int, ahead: int) -> Iterator[T]:
    """Run tasks on threads, some ahead of the consumer, and yield their results in order.

    Args:
        tasks: Calls without arguments.
        threads: How many run at the same time.
        ahead: How many results wait at most; bounds the memory.
    """
    with ThreadPoolExecutor(threads, thread_name_prefix="views") as pool:
        upcoming = iter(tasks)
        waiting: list[Future[T]] = [pool.submit(task) for task in islice(upcoming, ahead)]
        while waiting:
            result = waiting.pop(0).result()
            waiting.extend(pool.submit(task) for task in islice(upcoming, 1))
            yield result
