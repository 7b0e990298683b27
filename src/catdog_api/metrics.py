"""The Prometheus series of one app, the layer that counts its requests, and the text in which they are exposed.

Every label takes its values from a set that the service fixes; what a caller sends never names a series.
"""

import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPMethod, HTTPStatus

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import choose_encoder
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from catdog_api import gathering

PATH = "/metrics"
STAGES = ("parse", "decode", "queue", "predict", "respond")
"""Of an answered photograph; nothing is between them, so that their sum is the endpoint's time. It queues twice: to be
decoded, and then for the model."""

OTHER = "other"
"""Stands for every route and method that the service does not know."""

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""From a tenth of a model call on a CPU to the default deadline."""

BATCH_SIZES = (1, 2, 3, 4, 5, 6, 7, 8)
SHA256_DIGITS = 12  # tells models apart, and fits into a dashboard's cell


class Metrics:
    """What an app counts. Lives as long as the app, with a registry of its own; safe in any thread.

    Gauges say how several processes add up: `live...`, because one that has ended has no queue any more.

    Args:
        reasons: Every name that a refusal can have.
    """

    def __init__(self, reasons: Iterable[str]) -> None:
        registry = self._registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._requests = Counter(
            "catdog_requests",
            "Requests by route, method and status; status 0 was cut off before its answer.",
            ("route", "method", "status"),
            registry=registry,
        )
        self._request_seconds = Histogram(
            "catdog_request_duration_seconds",
            "From when a request is taken on to the last byte of its answer; nothing of those answered with 503.",
            ("route",),
            buckets=SECONDS,
            registry=registry,
        )
        self._in_flight = Gauge(
            "catdog_requests_in_flight",
            "Requests that wait for their answer.",
            multiprocess_mode="livesum",
            registry=registry,
        )
        stage_seconds = Histogram(
            "catdog_stage_duration_seconds",
            "Where the time of answered photographs went; parse includes the wait for the caller's upload.",
            ("stage",),
            buckets=SECONDS,
            registry=registry,
        )
        self._stage_seconds = {stage: stage_seconds.labels(stage) for stage in STAGES}
        self._queue_depth = Gauge(
            "catdog_queue_depth",
            "Photographs that are decoded or wait for the model.",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self._batch_size = Histogram(
            "catdog_batch_size", "Photographs in one call of the model.", buckets=BATCH_SIZES, registry=registry
        )
        self._refused = Counter(
            "catdog_refused", "Requests refused, by the name of the problem.", ("reason",), registry=registry
        )
        self._answers = Counter("catdog_answers", "Photographs answered, by label.", ("label",), registry=registry)
        self._model_info = Gauge(
            "catdog_model_info",
            "The served model; always 1.",
            ("name", "version", "sha256", "input_size", "precision"),
            multiprocess_mode="livemax",
            registry=registry,
        )
        for reason in reasons:
            self._refused.labels(reason)

    def model_loaded(  # noqa: PLR0913  # the labels of one series, by their names
        self, *, name: str, version: str, sha256: str, input_size: int, precision: str, labels: Iterable[str]
    ) -> None:
        """Say which model is served, in which precision, and start the count of every label at 0."""
        self._model_info.labels(name, version, sha256[:SHA256_DIGITS], input_size, precision).set(1)
        for label in labels:
            self._answers.labels(label)

    def request_began(self) -> None:
        """Count a request in."""
        self._in_flight.inc()

    def request_ended(self, route: str, method: str, status: int, seconds: float | None) -> None:
        """Count a request out.

        Args:
            route: A template of the app's, or `OTHER`.
            method: As it came.
            status: Of the answer; 0 where there was none.
            seconds: Until the last byte of its answer; None where it was refused for want of room, or before it was
                there: those would hide how long answers take.
        """
        self._in_flight.dec()
        self._requests.labels(route, known_method(method), status).inc()
        if seconds is not None:
            self._request_seconds.labels(route).observe(seconds)

    def queue_changed(self, depth: int) -> None:
        """Note how many photographs are decoded or wait for the model now."""
        self._queue_depth.set(depth)

    def batch_formed(self, size: int) -> None:
        """Count a batch."""
        self._batch_size.observe(size)

    def answered(self, label: str, stage_seconds: Mapping[str, float]) -> None:
        """Count an answered photograph.

        Args:
            label: One of the model's.
            stage_seconds: For those of `STAGES` that were its own; the last until the answer's bytes were handed over.
        """
        self._answers.labels(label).inc()
        for stage, seconds in stage_seconds.items():
            self._stage_seconds[stage].observe(seconds)

    def refused(self, reason: str) -> None:
        """Count a refusal.

        Args:
            reason: One of those that the object was made with.
        """
        self._refused.labels(reason).inc()

    def expose(self, accept: str) -> tuple[bytes, str]:
        """Write all series down, those of other workers included.

        Args:
            accept: The request's header; it chooses between Prometheus' own text and OpenMetrics.

        Returns:
            The text, and its content type.
        """
        try:
            encode, content_type = choose_encoder(accept)
        except TypeError:  # prometheus-client 0.26 cannot compare a version that is no number
            encode, content_type = choose_encoder("")
        folder = gathering.folder()
        return encode(gathering.gather(folder) if folder else self._registry), content_type


@dataclass(frozen=True, slots=True)
class Answered:
    """What is known of an answered photograph before its answer has left.

    Attributes:
        label: One of the model's.
        known: When the model had answered, by `time.monotonic`: where the stage `respond` begins.
        stage_seconds: For the stages before it.
    """

    label: str
    known: float
    stage_seconds: Mapping[str, float]


class MetricsMiddleware:
    """Counts and times every request but those for the metrics themselves, which are no traffic.

    One for the app's life. What refuses a request leaves the reason in `request.state.refused`; what answers a
    photograph leaves an `Answered` in `request.state.answered`, because its last stage ends where the answer leaves.

    Args:
        app: What answers.
        metrics: What counts.
        routes: The templates of all routes.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, routes: Collection[str]) -> None:
        self._app = app
        self._metrics = metrics
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request through and count it when its answer is out."""
        if scope["type"] != "http" or scope["path"] == PATH:
            await self._app(scope, receive, send)
            return
        started = time.monotonic()
        state = scope.setdefault("state", {})
        status = 0

        async def send_and_look(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self._metrics.request_began()
        try:
            await self._app(scope, receive, send_and_look)
        finally:
            seconds = None if status == HTTPStatus.SERVICE_UNAVAILABLE else time.monotonic() - started
            self._metrics.request_ended(self._route(scope), scope["method"], status, seconds)
            if "refused" in state:
                self._metrics.refused(state["refused"])
            if "answered" in state:
                self._count_answer(state["answered"])

    def _count_answer(self, answered: Answered) -> None:
        respond_seconds = time.monotonic() - answered.known
        self._metrics.answered(answered.label, {**answered.stage_seconds, "respond": respond_seconds})

    def _route(self, scope: Scope) -> str:
        """Return the template of a request's route; a body refused before the routing has only its path to tell."""
        route = str(getattr(scope.get("route"), "path", scope["path"]))
        return route if route in self._routes else OTHER


def known_method(method: str) -> str:
    """Return a method as a label: whatever a caller invents is `OTHER`."""
    return method if method in HTTPMethod.__members__ else OTHER
