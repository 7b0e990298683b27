"""Start Ray Serve on loopback, without dashboard, and serve one deployment until the end."""

import ray
from ray import serve

from benchmarks.contenders import knobs
from benchmarks.figures import CORES


def run(deployment: serve.Deployment) -> None:
    """Serve its replicas at `/predict` until the process is ended."""
    ray.init(
        address="local",
        include_dashboard=False,
        num_cpus=CORES,
        _node_ip_address=knobs.HOST,
        configure_logging=False,
    )
    serve.start(http_options={"host": knobs.HOST, "port": knobs.port()})
    # Unasked, a replica has five at once, and no larger batch would ever form.
    at_once = max(5, 2 * knobs.batch())
    replicas = deployment.options(num_replicas=knobs.workers(), max_ongoing_requests=at_once)
    serve.run(replicas.bind(), route_prefix="/predict", blocking=True)
