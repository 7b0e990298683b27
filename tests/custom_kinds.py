"""The fields of the custom kinds that the manifests use, as JSON schemas that admit no other.

Their own schemas come in no installable package, so these are written after the types they are generated from:
RayService and RayCluster in KubeRay's `ray-operator/apis/ray/v1` (rayservice_types.go, raycluster_types.go),
InferenceService in KServe's `pkg/apis/serving/v1beta1` (predictor.go, component.go, predictor_custom.go),
ServiceMonitor and PrometheusRule in the Prometheus Operator's `pkg/apis/monitoring/v1`, and the adapter's rules in
prometheus-adapter's `pkg/config/config.go`. Pods in them are Kubernetes' own, and are validated as such.
"""

from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string", "minLength": 1}
COUNT: Schema = {"type": "integer", "minimum": 1}
FLAG: Schema = {"type": "boolean"}
TEXTS: Schema = {"type": "object", "additionalProperties": {"type": "string"}}  # the API server takes no number for one
ANY: Schema = {"type": "object"}
"""Validated as what it is of Kubernetes' own: a pod, a selector, a strategy."""

DURATION: Schema = {"type": "string", "pattern": r"^(\d+(ms|[smhdwy]))+$"}


def fields(required: dict[str, Schema], **optional: Schema) -> Schema:
    """Return the schema of an object that has these fields and no other."""
    properties = {**required, **optional}
    return {"type": "object", "properties": properties, "required": [*required], "additionalProperties": False}


def every(items: Schema) -> Schema:
    """Return the schema of a list with something in it."""
    return {"type": "array", "items": items, "minItems": 1}


def kind(api_version: str, spec: Schema) -> Schema:
    """Return the schema of a whole object."""
    metadata = fields({"name": TEXT, "labels": TEXTS}, annotations=TEXTS, namespace=TEXT)
    return fields({"apiVersion": {"const": api_version}, "kind": TEXT, "metadata": metadata, "spec": spec})


RULE = fields({"alert": TEXT, "expr": TEXT, "for": DURATION, "labels": TEXTS, "annotations": TEXTS})
GROUP = fields({"rayStartParams": TEXTS, "template": ANY})
WORKERS = fields(
    {"groupName": TEXT, "minReplicas": COUNT, "maxReplicas": COUNT, "rayStartParams": TEXTS, "template": ANY}
)
CLUSTER = fields(
    {
        "rayVersion": TEXT,
        "enableInTreeAutoscaling": FLAG,
        "autoscalerOptions": fields(
            {
                "version": {"enum": ["v1", "v2"]},
                "idleTimeoutSeconds": COUNT,
                "securityContext": ANY,
                "volumeMounts": every(ANY),
            }
        ),
        "headGroupSpec": GROUP,
        "workerGroupSpecs": every(WORKERS),
    }
)
PREDICTOR: Schema = {
    "type": "object",  # a pod's fields beside these; what is none of either, the pod's validation refuses
    "properties": {
        "minReplicas": COUNT,
        "maxReplicas": COUNT,
        "scaleMetric": {"enum": ["cpu", "memory"]},  # the others are Knative's
        "scaleTarget": COUNT,
        "timeout": COUNT,
        "deploymentStrategy": ANY,
        "containers": every({"type": "object", "properties": {"name": {"const": "kserve-container"}}}),
    },
    "required": ["containers"],
}

SCHEMAS: dict[str, Schema] = {
    "InferenceService": kind("serving.kserve.io/v1beta1", fields({"predictor": PREDICTOR})),
    "PrometheusRule": kind(
        "monitoring.coreos.com/v1", fields({"groups": every(fields({"name": TEXT, "rules": every(RULE)}))})
    ),
    "RayService": kind(
        "ray.io/v1",
        fields({"excludeHeadPodFromServeSvc": FLAG, "serveConfigV2": TEXT, "rayClusterConfig": CLUSTER}),
    ),
    "ServiceMonitor": kind(
        "monitoring.coreos.com/v1",
        fields(
            {
                "jobLabel": TEXT,
                "selector": ANY,
                "endpoints": every(fields({"port": TEXT, "path": TEXT, "interval": DURATION})),
            }
        ),
    ),
}

SERVE_CONFIG = fields(
    {
        "proxy_location": {"enum": ["Disabled", "HeadOnly", "EveryNode"]},
        "http_options": fields(
            {"host": TEXT, "port": COUNT, "request_timeout_s": COUNT, "keep_alive_timeout_s": COUNT}
        ),
        "applications": every(fields({"name": TEXT, "import_path": TEXT, "route_prefix": TEXT})),
    }
)
"""Of `serveConfigV2`, which is YAML in a text (Ray Serve's config files)."""

ADAPTER = fields(
    {
        "rules": fields(
            {
                "custom": every(
                    fields(
                        {
                            "seriesQuery": TEXT,
                            "resources": fields({"overrides": {"additionalProperties": fields({"resource": TEXT})}}),
                            "metricsQuery": TEXT,
                        }
                    )
                )
            }
        )
    }
)
"""Of the adapter's chart: its values put `rules.custom` into the adapter's `rules`."""


def pods(found: Schema) -> dict[str, Schema]:
    """Return the pod specifications in an object of any kind, by the names of their first containers.

    An InferenceService has its pod's fields beside its own.
    """
    spec = found.get("spec", {})
    if found["kind"] == "Deployment":
        specs = [spec["template"]["spec"]]
    elif found["kind"] == "RayService":
        cluster = spec["rayClusterConfig"]
        groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
        specs = [group["template"]["spec"] for group in groups]
    elif found["kind"] == "InferenceService":
        own = PREDICTOR["properties"].keys() - {"containers"}
        specs = [{name: value for name, value in spec["predictor"].items() if name not in own}]
    else:
        specs = []
    return {pod["containers"][0]["name"]: pod for pod in specs}
