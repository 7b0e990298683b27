"""catdog-api on Ray Serve: the whole application in each replica, as `catdog-api serve` has it in each process.

`app` is what `serve run` and KubeRay are given. Every node needs this folder and the package on its path.
"""

from typing import TYPE_CHECKING

import ray
from catdog_ray_metrics import RayMetrics
from ray import serve
from ray.serve.config import AutoscalingConfig, BackpressureConfig
from ray.serve.schema import LoggingConfig

from catdog_api import logs
from catdog_api.batching import STUCK_SECONDS
from catdog_api.errors import RETRY_AFTER_SECONDS, ModelStuckError
from catdog_api.problems import KINDS
from catdog_api.settings import Settings, read_settings

if TYPE_CHECKING:
    from fastapi import FastAPI

CORES = 2
"""Of one replica. Its threads share a model, and memory is most of what another replica costs."""

ONGOING = 7
"""Requests that a replica has at once when its cores are 70 % busy.

Measured with the service alone on two cores, in an open loop (`tests/soak/test_autoscaling.py`, Zen 5).
"""

QUEUE_LIMIT: int = Settings.model_fields["queue_limit"].default


def own_settings() -> Settings:
    """Read the settings of the replica that this runs in: from the environment, but what is Ray's there is Ray's.

    It has given the replica its cores, it starts more of them, and it has the listener.

    Raises:
        SettingsError: A value cannot be read.
    """
    cpus = ray.get_runtime_context().get_assigned_resources().get("CPU", 0)
    ours = {"core_limit": max(1, int(cpus)), "workers": 1, "tls_certificate": None, "tls_key": None}
    return read_settings(ours)


def build() -> "FastAPI":
    """Build the application of one replica; Ray enters its lifespan, which loads the model."""
    # Not at the top: TensorFlow is for the replicas, and whoever deploys imports this module, too.
    from catdog_api.app import create_app  # noqa: PLC0415

    settings = own_settings()
    logs.configure_own(settings.log_level)
    app = create_app(settings)
    app.state.metrics = RayMetrics(kind.name for kind in KINDS.values())
    return app


@serve.deployment(
    name="catdog",
    ray_actor_options={"num_cpus": CORES},
    autoscaling_config=AutoscalingConfig(
        min_replicas=2, max_replicas=20, target_ongoing_requests=ONGOING, downscale_delay_s=300
    ),
    # The application's own queue is full first, and refuses at once. More than it takes at the same time are uploads
    # on their way; past these a request waits at the proxy, and past its queue `catdog_ray_proxy` says the same.
    max_ongoing_requests=2 * QUEUE_LIMIT,
    max_queued_requests=QUEUE_LIMIT,
    backpressure_config=BackpressureConfig(status_code=503, retry_after_s=RETRY_AFTER_SECONDS),
    # As the workers of one machine: three checks that fail make room for another replica.
    health_check_period_s=STUCK_SECONDS,
    health_check_timeout_s=2 * STUCK_SECONDS,
    graceful_shutdown_timeout_s=Settings.model_fields["grace_seconds"].default,
    # A new version's replica is ready before an old one goes. That needs room for half as many again.
    max_surge_percent=50,
    # The application has a line for each request itself, with the id that the caller was given.
    logging_config=LoggingConfig(enable_access_log=False),
)
@serve.ingress(build)
class Catdog:
    """One replica. Lives as long as its process; Ray calls it on the application's event loop."""

    def check_health(self) -> None:
        """Say whether the model is well, and say the gauges again, which Ray forgets.

        Raises:
            ModelStuckError: It hangs, or a thread of its has died: only a new process helps.
        """
        state = self.app.state  # type: ignore[attr-defined]  # `serve.ingress` adds it
        state.metrics.say_again()
        if state.pipeline.is_stuck:
            raise ModelStuckError("Decoding or the model hangs, or a thread of theirs has died.")


app = Catdog.bind()  # type: ignore[attr-defined]  # what a decorator makes of a class is not seen
