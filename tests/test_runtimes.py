"""The tables of other runtimes: each is compared with the faster Keras of its round."""

from typing import Any

from benchmarks.registry import RUNTIMES
from benchmarks.runtimes import table, table_alone

WINDOW: dict[str, Any] = {
    "requests": 1000,
    "seconds": 10.0,
    "server_cpu_seconds": 15.0,
    "alone_ms": 8.0,
    "difference": 0.0,
}
ROUND = {
    **dict.fromkeys(RUNTIMES, WINDOW),
    "Keras, bfloat16": {**WINDOW, "requests": 2000, "alone_ms": 6.0},
    "OpenVINO, bfloat16": {**WINDOW, "requests": 3000, "alone_ms": 3.0},
}


def rows(written: str) -> dict[str, list[str]]:
    """Return the cells of a table, by runtime."""
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in written.splitlines()[2:]]
    return {name: rest for name, *rest in cells}


def test_in_batches_a_runtime_is_compared_with_the_faster_keras_of_its_round() -> None:
    slower = {**ROUND, "Keras, float32": {**WINDOW, "requests": 4000}}
    found = rows(table([ROUND, ROUND, slower]))
    assert list(found) == list(RUNTIMES)
    assert found["Keras, bfloat16"][:2] == ["200 (200 to 200)", "1 (0.5 to 1)"]
    assert found["OpenVINO, bfloat16"] == ["300 (300 to 300)", "1.5 (0.75 to 1.5)", "5 (5 to 5)", "0"]


def test_alone_it_is_compared_by_the_time_that_an_image_takes() -> None:
    found = rows(table_alone([ROUND, {**ROUND, "OpenVINO, bfloat16": {**WINDOW, "alone_ms": 2.0}}]))
    assert list(found) == list(RUNTIMES)
    assert found["Keras, float32"] == ["8 (8 to 8)", "0.75 (0.75 to 0.75)"]
    assert found["Keras, bfloat16"] == ["6 (6 to 6)", "1 (1 to 1)"]
    assert found["OpenVINO, bfloat16"] == ["2.5 (2 to 3)", "2.5 (2 to 3)"]
