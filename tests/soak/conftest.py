"""What the long tests share: their marker, their service, its photographs, and where their figures go."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from benchmarks.photographs import draw
from tests.service import Service, started
from tests.serving import HEAD
from tests.soak.figures import Record, record_figures

HERE = Path(__file__).parent
PHOTOGRAPHS = 16


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test in this folder, so that none is forgotten."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.soak)


@pytest.fixture
def record() -> Record:
    """Return what keeps a test's figures."""
    return record_figures


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Serve with the settings as they are, while the module's tests run."""
    with started(tmp_path_factory.mktemp("service") / "log") as running:
        yield running


@pytest.fixture(scope="session")
def photographs() -> Sequence[bytes]:
    """Return whole requests for `/predict`, with photographs of 500 x 375: the benchmarks' own."""
    return [HEAD % len(data) + data for data in draw(PHOTOGRAPHS)]
