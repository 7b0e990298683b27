"""Who is taken on: a bounded number of places.

A place is kept from before a photograph is decoded until the model begins on it: a photograph without one would be
wasted work.
"""

import threading
from collections import deque
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

from catdog_api.errors import OverloadedError


class Observer(Protocol):
    """Is told how full it is, on whichever thread that changes; must neither block nor fail."""

    def queue_changed(self, depth: int) -> None:
        """Hear how many photographs have a place now."""


class Place:
    """Of one photograph, or of several, one after the other."""


class Places:
    """Keeps count. Lives as long as the lifespan; used on the event loop, but for `leave`.

    Args:
        limit: How many there are.
        observer: Is told of each change.
    """

    def __init__(self, limit: int, observer: Observer) -> None:
        self._limit = limit
        self._observer = observer
        self._taken: set[Place] = set()
        self._changing = threading.Lock()
        self._expected: deque[object] = deque()  # one for each photograph that has just come

    def expect(self) -> Callable[[], None]:
        """Count a photograph that has come, but not yet as far as to its place.

        Returns:
            To be called when it is not expected any more: it does nothing where there was a place meanwhile.
        """
        photograph = object()
        self._expected.append(photograph)

        def forget() -> None:
            with suppress(ValueError):
                self._expected.remove(photograph)

        return forget

    def refuse_if_full(self, count: int = 1, *, as_expected: bool = False) -> None:
        """Let nobody take on what could not be kept.

        Args:
            count: Of the places that are wanted.
            as_expected: Count those, too, that are expected.

        Raises:
            OverloadedError: So many are not free.
        """
        expected = len(self._expected) if as_expected else 0
        if len(self._taken) + expected + count > self._limit:
            raise OverloadedError(f"{self._limit} photographs may wait, and there is no room for {count} more.")

    @contextmanager
    def keep(self, count: int = 1, *, is_expected: bool = True) -> Iterator[Collection[Place]]:
        """Keep places during the block.

        Args:
            count: How many.
            is_expected: Whether `expect` has counted it, which is then over.

        Raises:
            OverloadedError: So many are not free.
        """
        self.refuse_if_full(count)
        if self._expected and is_expected:
            self._expected.popleft()
        places = [Place() for _ in range(count)]
        try:
            self.take(*places)
            yield places
        finally:
            self.leave(*places)

    def leave(self, *places: Place) -> None:
        """Free places, on any thread, until they are taken again; those that are free stay so."""
        with self._changing:
            if not self._taken.isdisjoint(places):
                self._taken.difference_update(places)
                self._observer.queue_changed(len(self._taken))

    def take(self, *places: Place) -> None:
        """Take places that are kept: again, and over the limit if need be, where the model has begun on one before."""
        with self._changing:
            if not self._taken.issuperset(places):
                self._taken.update(places)
                self._observer.queue_changed(len(self._taken))
