"""Whether a server answers rightly: alone, and while others ask as well."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from benchmarks.figures import Answer, difference
from benchmarks.photographs import Bodies

SAME = 0.02  # a wrong decoder or another model is further off; a lower precision of this one is not
TIMEOUT_SECONDS = 60


def ask(client: httpx.Client, url: str, path: Path, content_type: str) -> Answer:
    """Post one body and return the answer, the only one in its list where a framework answers in lists.

    Raises:
        HTTPError: There is no answer, or one of a status that is none of success.
    """
    response = client.post(url, content=path.read_bytes(), headers={"Content-Type": content_type})
    response.raise_for_status()
    answer = response.json()
    return answer[0] if isinstance(answer, list) else answer  # type: ignore[no-any-return]  # JSON has no types


def answers_rightly(url: str, bodies: Bodies, expected: Sequence[Answer]) -> bool:
    """Return whether the first photograph comes back as it should.

    Raises:
        HTTPError: As `ask`.
    """
    with httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False) as client:
        return difference(ask(client, url, bodies.paths[0], bodies.content_type), expected[0]) < SAME


def compare(url: str, bodies: Bodies, expected: Sequence[Answer], connections: int) -> dict[str, float]:
    """Return the largest differences over all photographs.

    Returns:
        `alone`: one request at a time against what is expected; `concurrent`: so many at once against those answers.

    Raises:
        HTTPError: As `ask`.
    """
    with httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False) as client, ThreadPoolExecutor(connections) as threads:
        alone = [ask(client, url, path, bodies.content_type) for path in bodies.paths]
        together = list(threads.map(lambda path: ask(client, url, path, bodies.content_type), bodies.paths))
    return {
        "alone": max(map(difference, alone, expected)),
        "concurrent": max(map(difference, together, alone)),
    }
