"""What the READMEs say of the manifests and of the containers' ends is what these have."""

import re
from pathlib import Path

from catdog_api.settings import Settings
from tests.custom_kinds import pods
from tests.kustomize import BUILDS, ROOT, build, of_kind
from tests.test_kubernetes import OLDEST
from tests.test_kubernetes_values import quantity

REPOSITORY = ROOT.parents[1]
README = " ".join((REPOSITORY / "README.md").read_text(encoding="utf-8").split())
RAY_README = (REPOSITORY / "deploy" / "ray" / "README.md").read_text(encoding="utf-8")
PRODUCTION = build(BUILDS["production"])
NUMERALS = {"two": 2, "twenty": 20}


def test_how_many_pods_of_what_size() -> None:
    least, most, cores, gigabytes = re.findall(r"yours: (\w+) to (\w+) pods of (\w+) cores and ([\d.]+) GB", README)[0]
    scaler = of_kind(PRODUCTION, "HorizontalPodAutoscaler")["spec"]
    assert [NUMERALS[least], NUMERALS[most]] == [scaler["minReplicas"], scaler["maxReplicas"]]
    (container,) = pods(of_kind(PRODUCTION, "Deployment"))["catdog-api"]["containers"]
    assert NUMERALS[cores] == int(container["resources"]["limits"]["cpu"])
    assert round(quantity(container["resources"]["limits"]["memory"]) / 1e9, 1) == float(gigabytes)
    assert f"Both stop at {scaler['maxReplicas']} replicas until `maxReplicas`" in README


def test_how_busy_the_autoscaler_keeps_them() -> None:
    scaler = of_kind(PRODUCTION, "HorizontalPodAutoscaler")["spec"]
    (wanted,) = (metric["resource"]["target"] for metric in scaler["metrics"] if metric["type"] == "Resource")
    share = wanted["averageUtilization"]
    assert f": {share} % busy, as the autoscaler keeps it" in README
    assert f"processor time alone, which is why that is to be {share} %" in README


def test_the_oldest_kubernetes_is_the_one_the_manifests_are_tried_against() -> None:
    assert f"It needs Kubernetes {OLDEST}," in README


def test_a_container_has_the_time_to_end_in_order() -> None:
    (alone,) = map(int, re.findall(r"`docker stop -t (\d+)`", README))
    settings = Settings()
    ends = settings.drain_seconds + settings.grace_seconds
    assert ends < alone <= ends + 10
    (ray,) = map(int, re.findall(r"`docker stop -t (\d+)`", RAY_README))
    head = of_kind(build(BUILDS["kuberay"]), "RayService")["spec"]["rayClusterConfig"]["headGroupSpec"]
    assert ray == head["template"]["spec"]["terminationGracePeriodSeconds"], "of a node with no preStop"


def test_the_readme_applies_what_can_be_applied() -> None:
    applied = re.findall(r"\$ kubectl (?:-n \S+ )?apply -k (\S+)", README)
    assert {REPOSITORY / Path(path) for path in applied} == {*BUILDS.values()} - {BUILDS["base"]}
