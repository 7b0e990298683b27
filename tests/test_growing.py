"""README's *Growing*: its tables are what the measured figures come to."""

import json
import math
import re
import statistics
from pathlib import Path

import pytest

from benchmarks import growing
from benchmarks.figures import CORES
from benchmarks.steps import STEPS
from catdog_api.settings import read_settings
from tests.custom_kinds import pods
from tests.kustomize import BUILDS, build, of_kind
from tests.test_kubernetes_values import quantity, settings_of

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SAID = " ".join(README.split())
"""The same without its line breaks."""


def test_the_readme_has_the_tables_as_they_are_worked_out() -> None:
    figures = growing.read()
    assert f"\n{growing.steps(figures)}\n" in README
    assert f"\n{growing.plan(figures)}\n" in README


WINDOWS = [
    {
        "images": 1000,
        "images_per_second": 80 + turn,
        "cpu_ms": {"Ray": 1.0, "proxy": 4.0, "replica": 9.0 + turn},
        "memory_mb": {"Ray": 900.0, "proxy": 200.0, "replica": 600.0},
        "peak_mb": 1750.0,
    }
    for turn in (2, 0, 1)
]


def test_an_image_costs_what_all_processes_take_in_the_round_in_the_middle() -> None:
    figures = {**growing.read(), "windows": {"Ray": WINDOWS}}
    assert growing.cpu_ms(figures, "Ray") == pytest.approx(1 + 4 + 10)
    assert "| Ray | 81 | 15.0 | 1,750 |" in growing.steps(figures)


def test_a_million_images_cost_what_the_cores_do_and_not_only_the_time_in_which_they_are_busy() -> None:
    figures = {**growing.read(), "windows": {"Ray": WINDOWS}}
    figures["assumed"]["dollars_per_core_hour"] = 0.1
    assert growing.steps(figures).endswith("| 6.9 | 0.69 |")  # two cores for a million of 81 a second; busy for 4.2


def test_twice_the_photographs_take_twice_the_pods() -> None:
    figures = growing.read()
    counts = []
    for rate in (100_000, 200_000):
        figures["assumed"]["images_per_second"] = rate
        row = next(line for line in growing.plan(figures).splitlines() if line.startswith("| pods"))
        counts.append([int(number) for number in re.findall(r"(?<=\| )\d+", row)])
    assert counts[1] == pytest.approx([2 * count for count in counts[0]], abs=1)


@pytest.mark.parametrize(
    ("entrance", "first", "rate"),
    [pytest.param(8, "entrance", 500, id="all-goes-through-one"), pytest.param(1000, "machines", 2502.5, id="no-more")],
)
def test_whose_network_is_full_first_is_worked_out(entrance: float, first: str, rate: float) -> None:
    figures = growing.read()
    figures |= {"photograph_bytes": 999_000, "answer_bytes": 1_000}  # 8 Mbit an image, either way
    figures["assumed"] |= {"utilization": 0.5, "entrance_gigabits_per_second": entrance}
    figures["assumed"]["node"]["gigabits_per_second"] = 4
    found, full = growing.full_next(figures, machines=10)
    assert found == first
    assert full == pytest.approx(rate, rel=1e-4)


def test_a_pod_is_measured_with_the_settings_of_its_manifest() -> None:
    container = pods(of_kind(build(BUILDS["production"]), "Deployment"))["catdog-api"]["containers"][0]
    environment = STEPS[growing.ENGINES["Kubernetes"]]
    flags = {name.removeprefix("CATDOG_").lower(): value for name, value in environment.items()}
    assert read_settings(flags) == settings_of(container)


def test_as_much_memory_is_asked_for_as_in_the_manifests() -> None:
    kinds = {"production": ("Deployment", "catdog-api"), "kuberay": ("RayService", "ray-worker")}
    pod, worker = (
        quantity(
            pods(of_kind(build(BUILDS[name]), kind))[container]["containers"][0]["resources"]["requests"]["memory"]
        )
        for name, (kind, container) in kinds.items()
    )
    asked_for = {engine: gigabytes * 10**9 for engine, gigabytes in growing.read()["asked_for_gb"].items()}
    assert asked_for == {"Kubernetes": pod, "Ray": worker, "Ray with HAProxy": worker}


def test_a_plan_for_kubernetes_has_pods_as_busy_and_as_many_at_once_as_the_manifests_have() -> None:
    figures, objects = growing.read(), build(BUILDS["production"])
    pods_then, with_new = (
        int(re.findall(rf"^\| {row}.*? \| (\d+)", growing.plan(figures), re.MULTILINE)[0])
        for row in ("pods of two cores", "while a new version comes")
    )
    assert with_new - pods_then == of_kind(objects, "Deployment")["spec"]["strategy"]["rollingUpdate"]["maxSurge"]
    cpu = of_kind(objects, "HorizontalPodAutoscaler")["spec"]["metrics"][0]["resource"]
    assert cpu["target"] == {"type": "Utilization", "averageUtilization": figures["busy_percent"]["Kubernetes"]}


def test_a_pod_that_is_full_is_so_busy_that_the_autoscaler_adds_another() -> None:
    figures = growing.read()
    for window in figures["windows"][growing.ENGINES["Kubernetes"]]:
        busy_percent = 100 * window["images_per_second"] * sum(window["cpu_ms"].values()) / 1000 / CORES
        assert busy_percent > 1.2 * figures["busy_percent"]["Kubernetes"], "which has to be more than the tolerance"


def test_a_plan_for_ray_has_replicas_as_busy_as_its_autoscaler_keeps_them() -> None:
    busy = growing.read()["busy_percent"]
    (said,) = re.findall(r"at once when its cores are (\d+) % busy", (ROOT / "deploy/ray/catdog_ray.py").read_text())
    assert busy["Ray"] == busy["Ray with HAProxy"] == int(said)


def test_the_figures_say_where_they_come_from() -> None:
    measured = json.loads(growing.MEASURED.read_text(encoding="utf-8"))
    assert "2 cores" in measured["machine"]
    for windows in measured["windows"].values():
        assert len(windows) == measured["rounds"]
        assert all(window["images"] >= 1000 for window in windows)


def test_what_is_said_of_the_windows_follows_from_them() -> None:
    figures = growing.read()
    rates = {step: [window["images_per_second"] for window in windows] for step, windows in figures["windows"].items()}
    most = max(max(of_step) / min(of_step) - 1 for of_step in rates.values())
    one, two, pod = (
        statistics.median(rates[step]) * growing.cpu_ms(figures, step) / 1000 / CORES
        for step in ("one process", "two workers", growing.ENGINES["Kubernetes"])
    )
    share = figures["busy_percent"]["Kubernetes"]
    for sentence in (
        f"no step changed by more than {math.ceil(100 * most)} %.",
        f"One process keeps two cores {100 * one:.0f} % busy and no more,",
        f"and two workers {100 * two:.0f} %",
        f"{share} % busy, as the autoscaler keeps it, a pod of Kubernetes answers {share / pod:.0f} % of what it can",
    ):
        assert sentence in SAID


def test_what_is_said_of_nodes_follows_from_their_windows() -> None:
    text = " ".join((ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8").split())
    windows = json.loads((growing.MEASURED.parent / "nodes.json").read_text(encoding="utf-8"))["windows"]
    (true, waiting, slower) = (
        [window["images_per_second"] for window in windows[kind]] for kind in ("true", "waiting", "slower")
    )
    for_each = [rate / slower[0] / window["nodes"] for rate, window in zip(slower, windows["slower"], strict=True)]
    for sentence in (
        "machine would: {:.0f} and {:.0f} images a second.".format(*true),
        f"take {windows['waiting'][0]['cpu_ms']:.1f} ms of a core for an image",
        "({:.0f} and {:.0f}, then {:.0f} and {:.0f} with four and six)".format(*waiting),
        "{:.1f}, {:.1f}, {:.1f} and {:.1f} images a second on one, two, four and six nodes".format(*slower),
        f"so {min(for_each):.2f} to {max(for_each):.2f} times as many",
    ):
        assert sentence in text
    assert max(window["busy"] for window in windows["slower"]) < 0.6, "of which the text says two fifths are idle"


def test_what_is_said_of_a_bucket_follows_from_its_rounds() -> None:
    bucket = json.loads((growing.MEASURED.parent / "bucket.json").read_text(encoding="utf-8"))
    assert "2 cores" in bucket["machine"]
    few, many = bucket["photographs"]
    rates = [(many - few) / (longer - shorter) for shorter, longer in bucket["seconds"]]
    rate = statistics.median(rates)
    assert rate == pytest.approx(bucket["images_per_second"]["median"])
    hours = CORES * 10**7 / rate / 3600
    for sentence in (
        f"answered {rate:.0f} images/s of one on both cores (a folder of {many:,} beside one of {few:,},",
        f"so ten million take {hours:.1f} core-hours, and the start, {bucket['start_seconds']:.0f} s",
    ):
        assert sentence in SAID
