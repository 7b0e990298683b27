"""One Ray cluster for all of these tests: a head that computes nothing, and two nodes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.cluster import ENVIRONMENT, Nodes
from tests.cluster.serving import url  # noqa: F401  # a fixture

HERE = Path(__file__).parent

OURS = {
    "AWS_ACCESS_KEY_ID": "nobody",
    "AWS_SECRET_ACCESS_KEY": "nothing",
    "CATDOG_PRECISION": "float32",
    "CATDOG_QUEUE_LIMIT": "4",
    "RAY_metrics_report_interval_ms": "1000",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test in this folder, so that none is forgotten."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.cluster)


@pytest.fixture(scope="session")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """Start the cluster, and connect this process to it."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (ENVIRONMENT | OURS).items():
            patch.setenv(name, value)
        with Nodes.started(tmp_path_factory.mktemp("nodes"), 2, cpus=2) as started:
            yield started
