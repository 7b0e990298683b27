"""Callers that do as the README's client does: one request at a time, and again when the service says so."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

import httpx

PATIENCE = httpx.Timeout(120, connect=120)


@dataclass(slots=True)
class Heard:
    """What callers were told.

    Attributes:
        answers: How many photographs were answered.
        refusals: How often each problem was the answer, by the end of its `type`.
        faults: Every answer that was neither: a status that is not known, plain text, a connection that broke.
    """

    answers: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def take(self, response: httpx.Response) -> bool:
        """Note an answer; return whether it is worth asking again."""
        if response.status_code == httpx.codes.OK:
            self.answers += 1
            return False
        is_problem = response.headers["Content-Type"] == "application/problem+json"
        says_when = response.headers.get("Retry-After") == "1"
        if response.status_code == httpx.codes.SERVICE_UNAVAILABLE and is_problem and says_when:
            self.refusals[response.json()["type"].removeprefix("/problems/")] += 1
            return True
        self.faults.append(f"{response.status_code} {response.headers} {response.text}")
        return False


class Callers:
    """Some callers, each with one request under way, until they are told to stop. On one event loop.

    Args:
        url: Where the service is.
        photographs: Sent in turn.
        count: How many callers.
    """

    def __init__(self, url: str, photographs: Sequence[bytes], count: int) -> None:
        self.heard = Heard()
        self._url = url
        self._photographs = photographs
        self._count = count
        self._stop = asyncio.Event()

    async def __aenter__(self) -> Self:
        """Begin to call."""
        self._client = httpx.AsyncClient(base_url=self._url, timeout=PATIENCE, trust_env=False)
        self._tasks = [asyncio.create_task(self._call(number)) for number in range(self._count)]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Let every caller have its answer, and end."""
        self._stop.set()
        await asyncio.gather(*self._tasks)
        await self._client.aclose()

    async def hear(self, answers: int, patience_seconds: float) -> None:
        """Wait for so many more answers."""
        deadline, wanted = time.monotonic() + patience_seconds, self.heard.answers + answers
        while self.heard.answers < wanted:
            assert time.monotonic() < deadline, f"{self.heard} and no more within {patience_seconds} s"
            await asyncio.sleep(0.1)

    async def _call(self, number: int) -> None:
        is_owed = False
        while is_owed or not self._stop.is_set():
            data = self._photographs[number % len(self._photographs)]
            try:
                response = await self._client.post("/predict", content=data, headers={"Content-Type": "image/jpeg"})
            except httpx.HTTPError as error:
                self.heard.faults.append(repr(error))
                return
            is_owed = self.heard.take(response)
            if is_owed:
                await asyncio.sleep(1)
