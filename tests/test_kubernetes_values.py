"""Every value in the manifests that also stands in the code: ports, paths, settings, limits, times and names."""

import re
from typing import Any

import pytest
import yaml
from fastapi.routing import iter_route_contexts
from prometheus_client.parser import text_string_to_metric_families
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT

from catdog_api import __version__, metrics, server
from catdog_api.admission import HELD_AT_ONCE
from catdog_api.app import create_app
from catdog_api.artifact import read_manifest
from catdog_api.bodies import BODIES_AT_ONCE
from catdog_api.bounded import HEAD_BYTES
from catdog_api.errors import SettingsError
from catdog_api.idle_connections import MAX_CONNECTIONS
from catdog_api.metrics import Metrics
from catdog_api.queues import MAX_BATCH
from catdog_api.routes import unguarded
from catdog_api.settings import Settings, bundled, read_settings
from tests.custom_kinds import pods
from tests.kustomize import BUILDS, ROOT, Object, build, containers, load, of_kind
from tests.test_memory import BYTES_A_PIXEL, HEADS

REPOSITORY = ROOT.parents[1]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
ALERTS = (REPOSITORY / "deploy" / "prometheus" / "alerts.yml").read_text(encoding="utf-8")
PRODUCTION = build(BUILDS["production"])
DEPLOYMENT = of_kind(PRODUCTION, "Deployment")
KSERVE = build(BUILDS["kserve"])
INFERENCE_SERVICE = of_kind(KSERVE, "InferenceService")
RAY_SERVICE = of_kind(build(BUILDS["kuberay"]), "RayService")

CATDOG = [
    pytest.param(pods(DEPLOYMENT)["catdog-api"], id="deployment"),
    pytest.param(pods(INFERENCE_SERVICE)["kserve-container"], id="kserve"),
]
"""The pods in which the service runs by itself."""

UNITS = {"": 1, "M": 10**6, "G": 10**9, "Mi": 2**20, "Gi": 2**30}


def quantity(text: str) -> int:
    """Return how much a quantity of Kubernetes is."""
    number, unit = re.fullmatch(r"(\d+)(\w*)", text).groups()  # type: ignore[union-attr]  # or the test fails, too
    return int(number) * UNITS[unit]


def settings_of(container: Object) -> Settings:
    """Return the settings that a container has, read as the service reads them."""
    flags: dict[str, Any] = {}
    for variable in container["env"]:
        name = variable["name"].removeprefix("CATDOG_")
        if name != variable["name"]:
            source = variable.get("valueFrom", {}).get("resourceFieldRef", {})
            value = variable.get("value") or container["resources"]["limits"][source["resource"].split(".")[1]]
            flags[name.lower()] = value
    return read_settings(flags)


def public(path: str) -> bool:
    """Say whether the Ingress passes a path on."""
    for rule in of_kind(PRODUCTION, "Ingress")["spec"]["rules"][0]["http"]["paths"]:
        exact = path == rule["path"]
        if exact or (rule["pathType"] == "Prefix" and path.startswith(rule["path"].rstrip("/") + "/")):
            return True
    return False


@pytest.mark.parametrize("pod", CATDOG)
def test_the_port_is_the_one_that_the_image_listens_on(pod: Object) -> None:
    dockerfile = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")
    (port,) = pod["containers"][0]["ports"]
    assert re.findall(r"CATDOG_PORT=(\d+)", dockerfile) == [str(port["containerPort"])]
    service = of_kind(PRODUCTION, "Service")["spec"]["ports"][0]
    assert service["targetPort"] == port["name"]


@pytest.mark.parametrize("pod", CATDOG)
def test_the_probes_ask_what_they_are_there_for(pod: Object) -> None:
    paths = {getattr(route, "name", ""): getattr(route, "path", "") for route in unguarded.routes}
    (container,) = pod["containers"]
    asked = {name: probe["httpGet"]["path"] for name, probe in container.items() if name.endswith("Probe")}
    assert asked == {"startupProbe": paths["ready"], "livenessProbe": paths["live"], "readinessProbe": paths["ready"]}


@pytest.mark.parametrize("pod", CATDOG)
def test_the_pod_is_given_the_time_that_its_end_takes_at_most(pod: Object) -> None:
    settings = settings_of(pod["containers"][0])
    pause = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    end = pause + settings.drain_seconds + settings.grace_seconds
    assert pause > 0 < settings.drain_seconds
    assert end + 3 <= pod["terminationGracePeriodSeconds"] <= end + 10


@pytest.mark.parametrize("pod", CATDOG)
def test_as_many_cores_are_counted_as_the_limit_gives(pod: Object) -> None:
    (container,) = pod["containers"]
    variables = {variable["name"]: variable for variable in container["env"]}
    assert variables["CATDOG_CORE_LIMIT"]["valueFrom"] == {"resourceFieldRef": {"resource": "limits.cpu"}}
    assert settings_of(container).core_limit == int(container["resources"]["limits"]["cpu"])


@pytest.mark.parametrize("pod", CATDOG)
def test_the_memory_is_what_the_formula_in_the_readme_gives_for_these_cores(pod: Object) -> None:
    (container,) = pod["containers"]
    settings = settings_of(container)
    (base,) = re.findall(r"interpreter and the model \(about (\d+) MB", README)
    size = read_manifest(bundled("models") / "catdog.keras").input_size
    formula = (
        int(base) * 10**6
        + MAX_CONNECTIONS * HEADS * HEAD_BYTES
        + HELD_AT_ONCE * HIGH_WATER_LIMIT
        + 2 * BODIES_AT_ONCE * settings.max_upload_bytes
        + settings.core_limit * settings.max_pixels * BYTES_A_PIXEL
        + settings.queue_limit * size * size * 3
    )
    limit = quantity(container["resources"]["limits"]["memory"])
    assert settings.workers == 1
    assert formula <= limit <= 1.1 * formula
    (alert,) = re.findall(r" process_resident_memory_bytes\S+ > (\S+)", ALERTS)
    assert float(alert) < 0.6 * limit, "the rule speaks when it is too late"
    healthy = 2 * (int(base) * 10**6 + HELD_AT_ONCE * HIGH_WATER_LIMIT)
    assert float(alert) > healthy, "the sum of two workers under full load sets it off"


def test_a_ray_worker_has_room_for_a_replica_and_for_ray_itself() -> None:
    """Two replicas under Ray took 1.2 GB more than two such services alone (measured, of 2.4 GB)."""
    workers = (pods(RAY_SERVICE)["ray-worker"], pods(DEPLOYMENT)["catdog-api"])
    own, ours = (pod["containers"][0]["resources"]["limits"] for pod in workers)
    group = RAY_SERVICE["spec"]["rayClusterConfig"]["workerGroupSpecs"][0]
    store = int(group["rayStartParams"]["object-store-memory"])
    assert own["cpu"] == ours["cpu"]
    proxy = 2 * BODIES_AT_ONCE * Settings().max_upload_bytes
    assert quantity(own["memory"]) >= quantity(ours["memory"]) + 1.2e9 + proxy + store


def test_ray_serves_in_kubernetes_as_anywhere() -> None:
    (config,) = load(REPOSITORY / "deploy" / "ray" / "serve.yaml")
    assert yaml.safe_load(RAY_SERVICE["spec"]["serveConfigV2"]) == config
    assert config["http_options"]["keep_alive_timeout_s"] == server.KEEP_ALIVE_SECONDS
    assert config["http_options"]["port"] == Settings().port, "which the image exposes, and its health check asks"
    head, worker = (pods(RAY_SERVICE)[name]["containers"][0]["ports"] for name in ("ray-head", "ray-worker"))
    assert worker == [{"name": "serve", "containerPort": config["http_options"]["port"]}]
    assert worker[0] in head, "KubeRay takes the port of Serve's Service from the head, or makes none"


def test_kserve_runs_the_container_of_the_deployment() -> None:
    ours, theirs = pods(DEPLOYMENT)["catdog-api"], pods(INFERENCE_SERVICE)["kserve-container"]
    protocol, *variables = theirs["containers"][0]["env"]
    assert protocol == {
        "name": "PROTOCOL",
        "value": "v2",
    }  # all that KServe reads of a custom container besides its name
    assert {**theirs["containers"][0], "name": "catdog-api", "env": variables} == ours["containers"][0]
    name = INFERENCE_SERVICE["metadata"]["name"]
    selector = {"matchLabels": {"serving.kserve.io/inferenceservice": name}}
    spread = [{**constraint, "labelSelector": selector} for constraint in ours["topologySpreadConstraints"]]
    assert {**theirs, "containers": []} == {**ours, "containers": [], "topologySpreadConstraints": spread}
    budget = of_kind(PRODUCTION, "PodDisruptionBudget")["spec"]
    assert of_kind(KSERVE, "PodDisruptionBudget")["spec"] == {**budget, "selector": selector}
    assert name == read_manifest(bundled("models") / "catdog.keras").name


def test_every_autoscaler_wants_the_same() -> None:
    ours, theirs = of_kind(PRODUCTION, "HorizontalPodAutoscaler")["spec"], INFERENCE_SERVICE["spec"]["predictor"]
    (cpu,) = [metric["resource"] for metric in ours["metrics"] if metric["type"] == "Resource"]
    assert [ours["minReplicas"], ours["maxReplicas"], cpu["name"], cpu["target"]["averageUtilization"]] == [
        theirs[name] for name in ("minReplicas", "maxReplicas", "scaleMetric", "scaleTarget")
    ]
    text = (REPOSITORY / "deploy" / "ray" / "catdog_ray.py").read_text(encoding="utf-8")
    assert f"min_replicas={ours['minReplicas']}, max_replicas={ours['maxReplicas']}," in text
    cluster = RAY_SERVICE["spec"]["rayClusterConfig"]
    assert f"downscale_delay_s={cluster['autoscalerOptions']['idleTimeoutSeconds']}\n" in text


def test_whoever_waits_for_an_answer_waits_longer_than_whoever_is_behind_it() -> None:
    annotations = of_kind(PRODUCTION, "Ingress")["metadata"]["annotations"]
    deadline = Settings().deadline_seconds
    ray = yaml.safe_load(RAY_SERVICE["spec"]["serveConfigV2"])["http_options"]["request_timeout_s"]
    assert deadline < ray < int(annotations["nginx.org/proxy-read-timeout"].removesuffix("s"))
    assert INFERENCE_SERVICE["spec"]["predictor"]["timeout"] > deadline


def test_the_ingress_takes_all_that_the_service_takes_and_not_much_more() -> None:
    size = of_kind(PRODUCTION, "Ingress")["metadata"]["annotations"]["nginx.org/client-max-body-size"]
    assert re.fullmatch(r"\d+m", size)  # nginx' m is a MiB
    limit = Settings().max_upload_bytes
    assert limit < int(size[:-1]) * 2**20 <= 2 * limit


def test_the_ingress_passes_on_every_path_but_those_of_the_operator() -> None:
    served = {route.path for route in iter_route_contexts(create_app(Settings()).routes) if route.path}
    operators = {getattr(route, "path", "") for route in unguarded.routes}
    assert operators == {metrics.PATH, "/health/live", "/health/ready"}
    assert {path for path in served if not public(path)} == operators, "overlays/production/ingress.yaml lacks a path"
    paths = of_kind(PRODUCTION, "Ingress")["spec"]["rules"][0]["http"]["paths"]
    assert {rule["path"] for rule in paths} <= served
    assert not any(public(path) for path in ("/metrics/", "/health", "/elsewhere"))


def test_the_autoscaler_reads_a_series_that_the_adapter_gives_it() -> None:
    per_pod = of_kind(PRODUCTION, "HorizontalPodAutoscaler")["spec"]["metrics"][1]["pods"]
    (values,) = load(ROOT / "components" / "monitoring" / "prometheus-adapter.yaml")
    (rule,) = values["rules"]["custom"]
    gauges = {
        family.name
        for family in text_string_to_metric_families(Metrics([]).expose("")[0].decode())
        if family.type == "gauge"
    }
    assert per_pod["metric"] == {"name": rule["seriesQuery"].split("{")[0]}
    assert per_pod["metric"]["name"] in gauges
    assert rule["resources"]["overrides"] == {name: {"resource": name} for name in ("namespace", "pod")}
    assert all(f'{label}!=""' in rule["seriesQuery"] for label in rule["resources"]["overrides"])
    assert int(per_pod["target"]["averageValue"]) == MAX_BATCH


def test_prometheus_reads_the_series_where_they_are_under_the_job_of_the_rules() -> None:
    monitor = of_kind(PRODUCTION, "ServiceMonitor")["spec"]
    assert [endpoint["path"] for endpoint in monitor["endpoints"]] == [metrics.PATH]
    labels = of_kind(PRODUCTION, "Service")["metadata"]["labels"]
    assert set(re.findall(r'job="([^"]+)"', ALERTS)) == {labels[monitor["jobLabel"]]}


def test_the_rules_in_the_cluster_are_those_of_the_file() -> None:
    (rules,) = load(REPOSITORY / "deploy" / "prometheus" / "alerts.yml")
    assert of_kind(PRODUCTION, "PrometheusRule")["spec"] == rules, "the command at its head renews prometheusrule.yaml"


def test_a_service_beside_it_could_set_its_port_if_links_were_on() -> None:
    with pytest.raises(SettingsError, match="CATDOG_PORT"):
        read_settings({"port": "tcp://10.96.0.1:80"})


@pytest.mark.parametrize("name", sorted(BUILDS.keys() - {"base"}))
def test_every_image_is_of_this_version_from_a_registry_that_must_be_named(name: str) -> None:
    images = {container["image"] for found in build(BUILDS[name]) for container in containers(found)}
    assert len(images) == 1
    assert re.fullmatch(rf"registry\.example\.com/catdog-api(-ray)?:{re.escape(__version__)}", images.pop())
