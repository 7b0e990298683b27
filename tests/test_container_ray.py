"""The image for Ray against what KubeRay asks of it: the Dockerfile's target `ray`, and what the RayService names."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from benchmarks import growing
from catdog_api.settings import Settings
from tests.custom_kinds import pods
from tests.kustomize import BUILDS, build, containers, of_kind
from tests.test_container import RAY, ROOT, SERVED

RAY_SERVICE = of_kind(build(BUILDS["kuberay"]), "RayService")
LOGS_OF_A_NODE = 30
"""Of a replica, a proxy and Ray's own processes, the output of each and its errors among them, and some to spare."""

FOLDER = ROOT / "deploy" / "ray"
VARIABLES = dict(re.findall(r"([A-Z_]+)=(\S+)", "".join(re.findall(r"^ENV (?:.*\\\n)*.*$", RAY, re.MULTILINE))))


def pinned(lock: str) -> set[str]:
    """Return what a lock file pins, with what it depends on."""
    return set(re.findall(r"^(\S+==.+) \\$", (ROOT / lock).read_text(encoding="utf-8"), re.MULTILINE))


def named(path: str) -> tuple[Path, str]:
    """Return the file and the name in it that `module:name` means."""
    module, _, name = path.partition(":")
    spec = find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin), name


def of_ray(file: str) -> str:
    """Return a file of the installed Ray, which is not imported: that takes seconds."""
    ray, _ = named("ray")
    return (ray.parent / file).read_text(encoding="utf-8")


def test_the_image_that_kuberay_is_given_is_the_one_that_the_readme_builds() -> None:
    (tag,) = re.findall(r"^\$ docker build --target ray -t (\S+) \.$", (FOLDER / "README.md").read_text(), re.MULTILINE)
    images = {container["image"].rpartition("/")[2].partition(":")[0] for container in containers(RAY_SERVICE)}
    assert images == {tag}


def test_what_ray_imports_is_in_the_image_and_on_its_path() -> None:
    (folder,) = re.findall(r"^COPY deploy/ray/ (\S+)/$", RAY, re.MULTILINE)
    (src,) = re.findall(r"PYTHONPATH=(\S+)", SERVED)
    assert VARIABLES["PYTHONPATH"].split(":") == [src, folder]
    (application,) = yaml.safe_load(RAY_SERVICE["spec"]["serveConfigV2"])["applications"]
    for path in (application["import_path"], VARIABLES["RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH"]):
        file, name = named(path)
        assert file.parent == FOLDER
        assert re.search(rf"^(def )?{name}\b", file.read_text(encoding="utf-8"), re.MULTILINE)
    (served,) = re.findall(rf'"{folder}/(\S+)"', RAY)
    assert (FOLDER / served).exists()


def test_kuberay_gives_no_variable_that_the_image_has() -> None:
    given = {variable["name"] for container in containers(RAY_SERVICE) for variable in container.get("env", [])}
    assert given.isdisjoint(VARIABLES)


def test_the_home_that_ray_writes_a_token_to_is_a_folder_that_a_pod_may_write_to() -> None:
    for container in containers(RAY_SERVICE):
        assert VARIABLES["HOME"] in {mount["mountPath"] for mount in container["volumeMounts"]}


def test_every_replica_that_ray_may_start_has_a_worker() -> None:
    (workers,) = RAY_SERVICE["spec"]["rayClusterConfig"]["workerGroupSpecs"]
    (container,) = workers["template"]["spec"]["containers"]
    text = (FOLDER / "catdog_ray.py").read_text(encoding="utf-8")
    assert dict(re.findall(r"\b(CORES|min_replicas|max_replicas) ?= ?(\d+)", text)) == {
        "CORES": container["resources"]["limits"]["cpu"],
        "min_replicas": str(workers["minReplicas"]),
        "max_replicas": str(workers["maxReplicas"] * 2 // 3),  # for a new version half as many again
    }
    assert "max_surge_percent=50" in text


def test_a_new_image_is_planned_for_as_a_second_cluster_beside_the_first() -> None:
    assert "upgradeStrategy" not in RAY_SERVICE["spec"], "KubeRay's own is a new cluster"
    surge = growing.read()["surge_percent"]
    assert surge["Ray"] == surge["Ray with HAProxy"] == 100


@pytest.mark.parametrize("name", ["ray-head", "ray-worker"])
def test_a_node_has_the_time_for_which_ray_drains_it_and_to_end_afterwards(name: str) -> None:
    pod = pods(RAY_SERVICE)[name]
    (container,) = pod["containers"]
    pause = container["lifecycle"]["preStop"]["sleep"]["seconds"] if "lifecycle" in container else 0
    constants = of_ray("_private/ray_constants.py")
    (drain,) = re.findall(r'"RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S", ([\d.]+)\n', constants)
    assert pause + float(drain) + 5 <= pod["terminationGracePeriodSeconds"] <= pause + float(drain) + 15
    assert float(drain) > Settings().grace_seconds, "replicas would be cut off before they have answered"
    text = (FOLDER / "catdog_ray.py").read_text(encoding="utf-8")
    assert 'graceful_shutdown_timeout_s=Settings.model_fields["grace_seconds"].default' in text


def test_no_container_is_started_again_behind_the_back_of_ray_s_autoscaler() -> None:
    """Ray's documents on KubeRay ask for that with either version; the second is its own there."""
    assert 'os.environ.setdefault("RAY_enable_autoscaler_v2", "1")' in of_ray("scripts/scripts.py")
    assert RAY_SERVICE["spec"]["rayClusterConfig"]["autoscalerOptions"]["version"] == "v2"
    assert {pod["restartPolicy"] for pod in pods(RAY_SERVICE).values()} == {"Never"}


def test_probes_ask_ray_where_it_says_how_it_is() -> None:
    constants = of_ray("_private/ray_constants.py")
    (agent,) = re.findall(r"^DEFAULT_DASHBOARD_AGENT_LISTEN_PORT = (\d+)$", constants, re.MULTILINE)
    says = {
        ("/api/gcs_healthz", "dashboard"): "dashboard/modules/reporter/reporter_head.py",
        ("/api/local_raylet_healthz", int(agent)): "dashboard/modules/reporter/healthz_agent.py",
        ("/-/healthz", "serve"): "serve/_private/proxy_request_response.py",
    }
    probes = [
        value["httpGet"]
        for container in containers(RAY_SERVICE)
        for name, value in container.items()
        if name.endswith("Probe")
    ]
    assert {(probe["path"], probe["port"]) for probe in probes} == says.keys()
    for (path, _), file in says.items():
        assert f'"{path}"' in of_ray(file)


def test_ray_s_logs_leave_room_where_they_lie() -> None:
    logs = int(VARIABLES["RAY_ROTATION_MAX_BYTES"]) * (1 + int(VARIABLES["RAY_ROTATION_BACKUP_COUNT"]))
    (workers,) = RAY_SERVICE["spec"]["rayClusterConfig"]["workerGroupSpecs"]
    (volume,) = workers["template"]["spec"]["volumes"]
    assert LOGS_OF_A_NODE * logs <= int(volume["emptyDir"]["sizeLimit"].removesuffix("Gi")) * 2**30 / 2


def test_ray_is_pinned_beside_what_the_service_has_in_the_version_that_kuberay_is_told() -> None:
    packages = pinned("requirements-ray.lock")
    assert packages > pinned("requirements.lock")
    assert f"ray=={RAY_SERVICE['spec']['rayClusterConfig']['rayVersion']}" in packages
