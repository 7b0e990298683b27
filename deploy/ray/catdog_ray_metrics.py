"""The service's series through Ray's metrics, so that whoever asks Ray sees all replicas and can add them up."""

from collections.abc import Iterable, Mapping

from ray.serve.metrics import Counter, Gauge, Histogram

from catdog_api.metrics import BATCH_SIZES, SECONDS, SHA256_DIGITS, Metrics, known_method


class RayMetrics(Metrics):
    """Counts as ever, and once more through Ray, which tells the replicas apart by a label. As safe in any thread.

    Ray writes `ray_` before the names. What a replica has counted leaves Ray's endpoints some time after it. What a
    gauge has said Ray forgets within some twenty seconds, unless it is said again.

    Args:
        reasons: Every name that a refusal can have.
    """

    def __init__(self, reasons: Iterable[str]) -> None:
        super().__init__(reasons)
        seconds = list(SECONDS)
        self._of_ray_requests = Counter(
            "catdog_requests", "Requests by route, method and status.", ("route", "method", "status")
        )
        self._of_ray_request_seconds = Histogram(
            "catdog_request_duration_seconds", "From when it is taken on to its last byte.", seconds, ("route",)
        )
        self._of_ray_in_flight = Gauge("catdog_requests_in_flight", "Requests that wait for their answer.")
        self._of_ray_stage_seconds = Histogram(
            "catdog_stage_duration_seconds", "Where the time of answered photographs went.", seconds, ("stage",)
        )
        self._of_ray_queue_depth = Gauge("catdog_queue_depth", "Photographs that are decoded or wait for the model.")
        self._of_ray_batch_size = Histogram(
            "catdog_batch_size", "Photographs in one call of the model.", list(BATCH_SIZES)
        )
        self._of_ray_refused = Counter("catdog_refused", "Requests refused, by the name of the problem.", ("reason",))
        self._of_ray_answers = Counter("catdog_answers", "Photographs answered, by label.", ("label",))
        self._of_ray_model_info = Gauge(
            "catdog_model_info", "The served model; always 1.", ("name", "version", "sha256", "input_size", "precision")
        )
        self._in_flight_now = self._depth_now = 0
        self._model: dict[str, str] = {}

    def say_again(self) -> None:
        """Say all gauges as they are; nothing of the model before it is loaded."""
        self._of_ray_in_flight.set(self._in_flight_now)
        self._of_ray_queue_depth.set(self._depth_now)
        if self._model:
            self._of_ray_model_info.set(1, self._model)

    def model_loaded(  # noqa: PLR0913  # the labels of one series, by their names
        self, *, name: str, version: str, sha256: str, input_size: int, precision: str, labels: Iterable[str]
    ) -> None:
        """Say which model is served, and in which precision."""
        super().model_loaded(
            name=name, version=version, sha256=sha256, input_size=input_size, precision=precision, labels=labels
        )
        self._model = {
            "name": name,
            "version": version,
            "sha256": sha256[:SHA256_DIGITS],
            "input_size": str(input_size),
            "precision": precision,
        }
        self.say_again()

    def request_began(self) -> None:
        """Count a request in."""
        super().request_began()
        self._in_flight_now += 1
        self._of_ray_in_flight.set(self._in_flight_now)

    def request_ended(self, route: str, method: str, status: int, seconds: float | None) -> None:
        """Count a request out, as `Metrics` does."""
        super().request_ended(route, method, status, seconds)
        self._in_flight_now -= 1
        self._of_ray_in_flight.set(self._in_flight_now)
        self._of_ray_requests.inc(1, {"route": route, "method": known_method(method), "status": str(status)})
        if seconds is not None:
            self._of_ray_request_seconds.observe(seconds, {"route": route})

    def queue_changed(self, depth: int) -> None:
        """Note how many photographs are decoded or wait for the model now."""
        super().queue_changed(depth)
        self._depth_now = depth
        self._of_ray_queue_depth.set(depth)

    def batch_formed(self, size: int) -> None:
        """Count a batch."""
        super().batch_formed(size)
        self._of_ray_batch_size.observe(size)

    def answered(self, label: str, stage_seconds: Mapping[str, float]) -> None:
        """Count an answered photograph, as `Metrics` does."""
        super().answered(label, stage_seconds)
        self._of_ray_answers.inc(1, {"label": label})
        for stage, seconds in stage_seconds.items():
            self._of_ray_stage_seconds.observe(seconds, {"stage": stage})

    def refused(self, reason: str) -> None:
        """Count a refusal."""
        super().refused(reason)
        self._of_ray_refused.inc(1, {"reason": reason})
