"""What the long tests share: their marker, and where their figures go."""

from pathlib import Path

import pytest

from tests.soak.figures import Record, record_figures

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test in this folder, so that none is forgotten."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.soak)


@pytest.fixture
def record() -> Record:
    """Return what keeps a test's figures."""
    return record_figures
