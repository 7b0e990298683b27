"""The benchmark's arithmetic: what it reads out of /proc and wrk, and what it makes of it."""

import io
import math
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks.figures import RATIOS, Figure, Ratio, cpu_ms, difference, figure, met, rate, rate_without_client, ratio
from benchmarks.handover import hand_over, handed_over
from benchmarks.loading import ClientError, parse_report
from benchmarks.photographs import SIZE, draw, write_bodies
from benchmarks.processes import TICKS, descendants, memory_bytes, parse_stat, tree
from benchmarks.registry import CONTENDERS, chosen
from benchmarks.report import markdown, plot_nodes, plot_stages
from benchmarks.run import fastest, rotated
from benchmarks.steps import RAY, SERVICE, role
from benchmarks.waiting import Waiting, measured_seconds
from catdog_api.settings import Settings
from tests.errands import wait_until
from tests.fakes import MANIFEST

WINDOW: dict[str, Any] = {
    "requests": 1000,
    "failed": 0,
    "seconds": 10.0,
    "p50_ms": 20.0,
    "p90_ms": 30.0,
    "p99_ms": 40.0,
    "stages_ms": {"decode": 2.0, "queue": 0.5, "predict": 5.0},
    "client_cpu_seconds": 0.2,
    "server_cpu_seconds": 15.0,
}


def measured(slower: float) -> dict[str, Any]:
    """Return a contender's round, so many times slower than the fastest."""
    window = {**WINDOW, "requests": 1000 / slower, "p50_ms": 20 * slower}
    windows = dict.fromkeys(("full", "alone", "apart", "apart_alone", "apart_large"), window)
    return {**windows, "peak_bytes": 500e6, "cold_start_seconds": [4.0, 5.0], "difference": {"concurrent": 0.0}}


ROUND = {
    "flask": measured(10),
    "litserve-documented": measured(2),
    "ray-documented": measured(3),
    "service": measured(1),
    "limit": {**WINDOW, "requests": 1250, "setting": {"callers": 2}},
    "in_process": {"shared_ms": 16.0, "apart_ms": 18.0},
    "batch_difference": 1e-6,
}
RESULTS = {"machine": "A machine", "scale": {"seconds": 20}, "tuning": {}, "rounds": [ROUND, ROUND]}


def test_a_process_is_read_with_the_children_that_it_has_waited_for() -> None:
    stat = f"7 (a (b) c) S 3 {'0 ' * 9}{TICKS} {2 * TICKS} {3 * TICKS} {4 * TICKS} 20 0"
    assert parse_stat(stat) == (3, 10.0)


def test_a_tree_is_everything_below_its_root() -> None:
    assert descendants(1, {1: 0, 2: 1, 3: 2, 4: 2, 5: 0, 6: 5}) == {2, 3, 4}


def test_a_child_is_in_the_tree_unless_it_is_the_client() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert child.pid in tree()
        assert child.pid not in tree(besides=child.pid)
        assert os.getpid() not in tree()
        assert memory_bytes() > memory_bytes(besides=child.pid)
        child.communicate(b"\n")


def test_wrk_is_read_from_the_line_that_the_script_writes() -> None:
    line = (
        '{"requests": 9, "failed": 1, "seconds": 2.0, "received_bytes": 900, "p50_ms": 3, "p90_ms": 4, "p99_ms": 5, '
        '"stages_ms": {"queue": 1}}'
    )
    load = parse_report(f"Running 2s test\n\nresult {line}\n", 0.5)
    assert (load.requests, load.failed, load.stages_ms, load.client_cpu_seconds) == (9, 1, {"queue": 1}, 0.5)


@pytest.mark.parametrize(
    "said", [pytest.param("unable to connect", id="nothing"), pytest.param('unable\nresult {"requests": ', id="half")]
)
def test_a_client_that_does_not_report_is_an_error(said: str) -> None:
    with pytest.raises(ClientError, match="unable"):
        parse_report(said)


def test_a_result_is_read_from_among_all_else_that_a_process_prints(capsys: pytest.CaptureFixture[str]) -> None:
    for images in (1, 2):
        hand_over({"images": images, "cpu_ms": {"replica": 0.5}})
    output = f"no result yet, exporting ...{capsys.readouterr().out}Saved.\n"
    assert handed_over(output) == {"images": 2, "cpu_ms": {"replica": 0.5}}
    with pytest.raises(ValueError, match="there is no result: 'Saved"):
        handed_over("Saved.\n")


def test_a_figure_is_the_median_with_its_spread() -> None:
    assert figure([3.0, 1.0, 2.0]) == Figure(2.0, 1.0, 3.0)
    assert str(figure([3.0, 1.0, 2.0])) == "2 (1 to 3)"


def test_the_clients_cpu_is_taken_out_of_the_rate() -> None:
    assert cpu_ms(WINDOW) == 15.0
    assert rate_without_client(WINDOW) == pytest.approx(1000 / 9.9)
    assert cpu_ms({**WINDOW, "requests": 0}) == math.inf


def test_what_was_refused_is_no_image() -> None:
    refused = {**WINDOW, "requests": 2 * WINDOW["requests"], "failed": WINDOW["requests"]}
    assert (cpu_ms(refused), rate(refused)) == (cpu_ms(WINDOW), rate(WINDOW))
    assert rate_without_client(refused) == rate_without_client(WINDOW)


def test_every_ratio_is_taken_within_its_round() -> None:
    found = {asked.title: ratio(asked, [ROUND, {**ROUND, "flask": measured(20)}]) for asked in RATIOS}
    assert found["CPU per image: Flask over this service"] == Figure(15, 10, 20)
    assert found["CPU per image: best as documented over this service"] == Figure(2, 2, 2)
    assert found["CPU per image: the limit over this service"] == Figure(0.8, 0.8, 0.8)
    assert found["CPU per image: best with our decode and predict over this service"] is None


@pytest.mark.parametrize(
    ("holds", "median", "expected"),
    [
        pytest.param(">= 8", 8.0, True, id="just"),
        pytest.param(">= 8", 7.9, False, id="below"),
        pytest.param("<= 1.25", 1.3, False, id="above"),
        pytest.param("<= 1.25", 1.0, True, id="well below"),
    ],
)
def test_a_ratio_holds_or_is_missed(holds: str, median: float, expected: bool) -> None:  # noqa: FBT001  # a table
    assert met(Ratio("", holds, "", lambda _: 0.0), Figure(median, median, median)) is expected


def test_a_difference_is_that_of_the_probabilities_and_another_label_is_none_at_all() -> None:
    expected = {"label": "cat", "probabilities": {"cat": 0.75, "dog": 0.25}}
    assert difference({"label": "cat", "probabilities": {"cat": 0.5, "dog": 0.5}}, expected) == 0.25
    assert difference({**expected, "label": "dog"}, expected) == math.inf


def test_the_photographs_are_the_same_in_every_run_and_no_two_alike(tmp_path: Path) -> None:
    photographs = draw(5)
    assert photographs == draw(5)
    assert len(set(photographs)) == 5
    assert {Image.open(io.BytesIO(data)).size for data in photographs} == {SIZE}
    bodies = write_bodies(photographs, b"large", "file", tmp_path / "file")
    assert [photographs[0] in path.read_bytes() for path in bodies.paths] == [True] + 4 * [False]


def test_the_order_is_rotated_and_the_fastest_setting_competes() -> None:
    assert [contender.name for contender in rotated(CONTENDERS, 1)][:2] == [CONTENDERS[1].name, CONTENDERS[2].name]
    tried = [{**WINDOW, "setting": {}}, {**WINDOW, "requests": 2000, "setting": {"workers": "2"}}]
    assert fastest(tried, {"none": "tried"}) == {"workers": "2"}
    assert fastest([], {"none": "tried"}) == {"none": "tried"}
    broken = {"setting": {"workers": "3"}, "error": "It does not start."}
    assert fastest([broken, *tried], {}) == {"workers": "2"}
    assert fastest([broken], {"none": "tried"}) == {"none": "tried"}


def test_a_name_that_no_contender_has_is_refused() -> None:
    assert chosen([]) == list(CONTENDERS)
    with pytest.raises(ValueError, match="No contender is called django"):
        chosen(["flask", "django"])


def test_the_report_has_every_contender_every_ratio_and_who_failed(tmp_path: Path) -> None:
    results = {**RESULTS, "rounds": [{**ROUND, "fastapi": {"error": "It did not start.\nIts log"}}] * 2}
    broken = {"setting": {"BENCHMARK_WORKERS": "3"}, "error": "It does not start.\nIts log"}
    results["tuning"] = {"flask": [broken, {**WINDOW, "setting": {"BENCHMARK_WORKERS": "2"}}]}
    report = markdown(results)
    assert "| Flask, `model.predict` | 150 (150 to 150) |" in report
    assert "| 500 (500 to 500) | 4 (4 to 4) | 0 |\n" in report, "a cold start is one on all cores"
    assert "| FastAPI, `model.predict` in an async endpoint | It did not start. |" in report
    assert "| CPU per image: Flask over this service | >= 8 | 15 | 10 (10 to 10) | holds |" in report
    assert "| flask | workers 2 | 100 | 15 |\n| flask | workers 3 | did not start | |\n" in report
    plot_stages([ROUND], tmp_path / "stages.png")
    assert (tmp_path / "stages.png").read_bytes().startswith(b"\x89PNG")


def test_every_contenders_requirements_are_pinned() -> None:
    folder = Path(__file__).resolve().parents[1] / "benchmarks" / "contenders"
    for environment in {contender.environment for contender in CONTENDERS} - {"service"}:
        lines = (folder / f"{environment}.txt").read_text().splitlines()
        assert all("==" in line for line in lines if not line.startswith("#"))


@pytest.mark.model
def test_contenders_around_our_decoder_take_what_the_service_takes() -> None:
    from benchmarks.contenders import ours  # noqa: PLC0415  # TensorFlow, which nothing else here waits for

    assert Settings.model_fields["max_pixels"].default == ours.MAX_PIXELS


def test_the_nodes_are_drawn_in_all_kinds(tmp_path: Path) -> None:
    windows = [{"nodes": count, "images_per_second": 9.0 * count, "busy": 0.2 * count} for count in (1, 2, 4)]
    results = {
        "is_quick": False,
        "nodes": [1, 2, 4],
        "stand_ins": {"waiting": 1, "slower": 40},
        "windows": {"waiting": windows, "slower": windows, "true": windows[:2]},
    }
    plot_nodes(results, tmp_path / "nodes.png")
    assert (tmp_path / "nodes.png").read_bytes().startswith(b"\x89PNG")


def test_the_stand_in_waits_as_long_as_a_batch_of_that_size_takes() -> None:
    images = np.zeros((2, 32, 32, 3), np.uint8)
    began = time.monotonic()
    looks = Waiting(MANIFEST, [0.0, 0.2]).look(images)
    assert time.monotonic() - began >= 0.2
    assert [look.probabilities.sum() for look in looks] == pytest.approx([1, 1])
    quick = measured_seconds(Waiting(MANIFEST, [0.001 * count for count in range(1, 9)]))
    assert all(seconds >= 0.001 * count for count, seconds in enumerate(quick, 1))


def test_a_process_has_the_role_that_its_name_says() -> None:
    assert role(os.getpid(), "two workers") == SERVICE
    assert role(os.getpid(), "Ray") == RAY
    waits = ["-c", "import time; time.sleep(60)"]
    titled, named = (
        subprocess.Popen([title, *waits], executable=sys.executable)  # noqa: S603  # ours
        for title in ("ray::ProxyActor", "raylet")
    )
    try:
        # A process is started a moment before it has the name that it was given.
        wait_until(lambda: all(Path(f"/proc/{process.pid}/cmdline").read_bytes() for process in (titled, named)))
        assert [role(process.pid, "Ray with HAProxy") for process in (titled, named)] == ["proxy", RAY]
    finally:
        for process in (titled, named):
            process.kill()
            process.wait()
