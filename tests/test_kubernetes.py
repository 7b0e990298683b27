"""The manifests as Kubernetes would take them: fields, types, names that meet, and what a hardened pod may not have."""

import json
import shutil
import subprocess
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from tests.custom_kinds import ADAPTER, SCHEMAS, SERVE_CONFIG, pods
from tests.kustomize import BUILDS, KUSTOMIZATIONS, ROOT, Object, build, load, of_kind

OLDEST = "1.30"
"""The first Kubernetes that has `preStop.sleep` without being asked for it."""

BUILT = {name: build(folder) for name, folder in BUILDS.items()}
OBJECTS = [
    pytest.param(found, id=f"{name}-{found['kind']}-{found['metadata']['name']}")
    for name, objects in BUILT.items()
    for found in objects
]
PODS = [
    pytest.param(pod, id=f"{name}-{container}")
    for name, objects in BUILT.items()
    for found in objects
    for container, pod in pods(found).items()
]
VERSIONS = (OLDEST, kubernetes_validate.latest_version())


def fitting(labels: dict[str, str], selector: dict[str, Any]) -> bool:
    """Say whether a selector finds labels."""
    return bool(selector["matchLabels"]) and selector["matchLabels"].items() <= labels.items()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("found", OBJECTS)
def test_every_object_has_the_fields_of_its_kind_and_no_other(found: Object, version: str) -> None:
    if found["kind"] in SCHEMAS:
        jsonschema.validate(found, SCHEMAS[found["kind"]])
    else:
        kubernetes_validate.validate(found, version, strict=True)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("pod", PODS)
def test_every_pod_is_one_also_where_a_custom_kind_carries_it(pod: Object, version: str) -> None:
    whole = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod"}, "spec": pod}
    kubernetes_validate.validate(whole, version, strict=True)


def test_a_field_that_does_not_exist_is_refused() -> None:
    for name, kind in [("production", "Deployment"), ("production", "ServiceMonitor"), ("kserve", "InferenceService")]:
        found = deepcopy(of_kind(BUILT[name], kind))
        found["spec"]["extra"] = 1
        with pytest.raises(jsonschema.ValidationError, match="extra"):
            test_every_object_has_the_fields_of_its_kind_and_no_other(found, OLDEST)


def test_the_texts_and_files_inside_have_their_fields_too() -> None:
    jsonschema.validate(yaml.safe_load(of_kind(BUILT["kuberay"], "RayService")["spec"]["serveConfigV2"]), SERVE_CONFIG)
    (values,) = load(ROOT / "components" / "monitoring" / "prometheus-adapter.yaml")
    jsonschema.validate(values, ADAPTER)
    predictor = of_kind(BUILT["kserve"], "InferenceService")["spec"]["predictor"]
    strategy = of_kind(BUILT["base"], "Deployment")["spec"]["strategy"]
    assert predictor["deploymentStrategy"] == {"type": "RollingUpdate", **strategy}


def test_every_manifest_is_in_a_kustomization() -> None:
    named = {folder / name for folder in KUSTOMIZATIONS for name in load(folder / "kustomization.yaml")[0]["resources"]}
    files = {
        path for path in ROOT.rglob("*.yaml") if path.name not in {"kustomization.yaml", "prometheus-adapter.yaml"}
    }
    assert files == {path for path in named if path.suffix}
    assert {folder.name for folder in KUSTOMIZATIONS} == {"base", "production", "monitoring", "kserve", "kuberay"}


@pytest.mark.skipif(not shutil.which("kubectl"), reason="needs kubectl")
@pytest.mark.parametrize("folder", BUILDS.values(), ids=BUILDS)
def test_kubectl_builds_the_same(folder: Path) -> None:
    kubectl = shutil.which("kubectl") or ""
    command = [kubectl, "kustomize", str(folder)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603  # ours

    def ordered(objects: list[Object]) -> list[str]:
        return sorted(json.dumps(found, sort_keys=True) for found in objects)

    assert ordered(list(yaml.safe_load_all(printed))) == ordered(build(folder))


def test_a_feature_of_kustomize_that_is_not_covered_is_refused(tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("namePrefix: a-\nresources: []\n", encoding="utf-8")
    with pytest.raises(ValueError, match="namePrefix"):
        build(tmp_path)
    asked = "images: [{name: a, digest: b}]\nresources: [a.yaml]\n"
    (tmp_path / "kustomization.yaml").write_text(asked, encoding="utf-8")
    (tmp_path / "a.yaml").write_text("kind: Service\nmetadata: {name: a}\n", encoding="utf-8")
    with pytest.raises(ValueError, match="digest"):
        build(tmp_path)


def test_what_selects_the_pods_finds_them() -> None:
    objects = BUILT["production"]
    deployment = of_kind(objects, "Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    spread = deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]
    selectors = [deployment["spec"]["selector"], *[constraint["labelSelector"] for constraint in spread]]
    selectors += [of_kind(objects, "PodDisruptionBudget")["spec"]["selector"]]
    selectors += [of_kind(objects, "NetworkPolicy")["spec"]["podSelector"]]
    selectors += [{"matchLabels": of_kind(objects, "Service")["spec"]["selector"]}]
    assert all(fitting(labels, selector) for selector in selectors)
    assert [constraint["topologyKey"].split("/")[1] for constraint in spread] == ["zone", "hostname"]


def test_what_selects_ray_s_pods_is_what_kuberay_labels_them_with() -> None:
    cluster = of_kind(BUILT["kuberay"], "RayService")["spec"]["rayClusterConfig"]
    (workers,) = cluster["workerGroupSpecs"]
    labels = [group["template"].get("metadata", {}).get("labels", {}) for group in (cluster["headGroupSpec"], workers)]
    # The Service that a RayService has for its head selects by KubeRay's own value, whatever the pod says instead.
    assert all("app.kubernetes.io/name" not in own for own in labels)
    spread = workers["template"]["spec"]["topologySpreadConstraints"]
    budget = of_kind(BUILT["kuberay"], "PodDisruptionBudget")["spec"]
    assert [budget["selector"], *(constraint["labelSelector"] for constraint in spread)] == [
        {"matchLabels": {"ray.io/group": workers["groupName"]}}
    ] * 2
    assert 0 < budget["minAvailable"] < workers["minReplicas"]


def test_what_names_an_object_names_one_that_is_there() -> None:
    objects = BUILT["production"]
    service, monitor = of_kind(objects, "Service"), of_kind(objects, "ServiceMonitor")
    port = service["spec"]["ports"][0]["name"]
    assert fitting(service["metadata"]["labels"], monitor["spec"]["selector"])
    assert [endpoint["port"] for endpoint in monitor["spec"]["endpoints"]] == [port]
    ingress = of_kind(objects, "Ingress")["spec"]
    backends = [path["backend"]["service"] for path in ingress["rules"][0]["http"]["paths"]]
    assert all(backend == {"name": service["metadata"]["name"], "port": {"name": port}} for backend in backends)
    assert ingress["tls"][0]["hosts"] == [ingress["rules"][0]["host"]]
    scaled = of_kind(objects, "HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]
    deployment = of_kind(objects, "Deployment")
    assert scaled == {key: deployment[key] for key in ("apiVersion", "kind")} | {"name": deployment["metadata"]["name"]}
    assert "replicas" not in deployment["spec"]
    namespace = of_kind(objects, "Namespace")["metadata"]
    assert {found["metadata"].get("namespace", namespace["name"]) for found in objects} == {namespace["name"]}


@pytest.mark.parametrize("pod", PODS)
def test_every_pod_keeps_to_the_restricted_standard_and_has_a_root_that_nothing_writes_to(pod: Object) -> None:
    assert pod["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    assert pod["enableServiceLinks"] is False
    assert pod.keys().isdisjoint({"hostNetwork", "hostPID", "hostIPC", "initContainers"})
    assert all(volume.keys() <= {"name", "emptyDir"} for volume in pod.get("volumes", []))
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert all("hostPort" not in port for port in container["ports"])
        assert container["resources"]["requests"] == container["resources"]["limits"]


def test_ray_s_autoscaler_beside_the_head_is_as_hardened_as_the_head_and_writes_where_it_does() -> None:
    cluster = of_kind(BUILT["kuberay"], "RayService")["spec"]["rayClusterConfig"]
    (head,) = cluster["headGroupSpec"]["template"]["spec"]["containers"]
    beside = cluster["autoscalerOptions"]
    for field in ("securityContext", "volumeMounts"):
        assert beside[field] == head[field]


@pytest.mark.parametrize("pod", PODS)
def test_no_pod_has_a_token_but_that_of_ray_s_autoscaler(pod: Object) -> None:
    autoscales = pod["containers"][0]["name"] == "ray-head"
    assert pod.get("automountServiceAccountToken", True) is autoscales


@pytest.mark.parametrize("pod", PODS)
def test_probes_ask_a_port_that_the_container_has_or_that_is_ray_s_own(pod: Object) -> None:
    (container,) = pod["containers"]
    ports = {port["name"] for port in container["ports"]} | {52365}  # Ray's agent, which has no name of its own
    probes = [value for name, value in container.items() if name.endswith("Probe")]
    assert len(probes) >= 2
    assert {probe["httpGet"]["port"] for probe in probes} <= ports


def test_nobody_is_taken_away_before_another_is_there_and_few_are_at_once() -> None:
    objects = BUILT["production"]
    assert of_kind(objects, "Deployment")["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    autoscaler = of_kind(objects, "HorizontalPodAutoscaler")["spec"]
    assert autoscaler["minReplicas"] > of_kind(objects, "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


def test_only_the_ingress_and_prometheus_may_call_and_the_service_nobody() -> None:
    policy = of_kind(BUILT["production"], "NetworkPolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert policy["egress"] == []
    (rule,) = policy["ingress"]
    assert rule["ports"] == [{"port": "http"}]
    assert [set(peer) for peer in rule["from"]] == [{"namespaceSelector"}] * 2
    assert all(peer["namespaceSelector"]["matchLabels"] for peer in rule["from"])


def test_ray_is_reached_by_its_own_pods_and_its_dashboard_by_kuberay_alone() -> None:
    objects = BUILT["kuberay"]
    cluster = of_kind(objects, "RayService")["spec"]["rayClusterConfig"]
    head, (workers,) = cluster["headGroupSpec"], cluster["workerGroupSpecs"]
    ports = {port["name"]: port["containerPort"] for port in head["template"]["spec"]["containers"][0]["ports"]}
    every, of_head = [found["spec"] for found in objects if found["kind"] == "NetworkPolicy"]
    for group in (head, workers):
        assert fitting(group["template"]["metadata"]["labels"], every["podSelector"])
    assert every["policyTypes"] == ["Ingress", "Egress"]
    own, *others = every["ingress"]
    assert own == {"from": [{"podSelector": every["podSelector"]}]}
    reached = [{port["port"] for port in rule["ports"]} for rule in others]
    assert reached == [{ports["serve"]}, {8080}, {ports["dashboard"], ports["serve"]}]
    peers = [peer for rule in others for peer in rule["from"]]
    assert all(peer["namespaceSelector"]["matchLabels"] for peer in peers), "pods of anybody who takes such a label"
    assert peers[-1]["podSelector"] == {"matchLabels": {"app.kubernetes.io/component": "kuberay-operator"}}
    assert (of_head["policyTypes"], [set(rule) for rule in of_head["egress"]]) == (["Egress"], [{"ports"}])
