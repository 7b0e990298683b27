"""The application: `create_app` builds it from settings; the lifespan loads the one model and takes it down again."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.routing import iter_route_contexts
from starlette.types import ASGIApp

from catdog_api import __version__, access, browser, classifier, open_inference, problems, routes
from catdog_api.admission import Admission, AdmissionMiddleware
from catdog_api.bodies import HeldBodiesMiddleware
from catdog_api.inference_schemas import HEADER_LENGTH, InferenceRequest
from catdog_api.logs import RequestLogMiddleware
from catdog_api.metrics import Metrics, MetricsMiddleware
from catdog_api.pipeline import Limits, Pipeline, Predictor
from catdog_api.problems import ProblemMiddleware, documented
from catdog_api.schemas import Explanation, Problem
from catdog_api.settings import Settings

DESCRIPTION = """
`POST /predict` takes a photograph and answers with a calibrated probability for every label of its model.
`GET /model` says which labels those are.

Every refusal is an [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457) problem: `application/problem+json` with `type`,
`title`, `status` and `detail`. Each operation lists its own; besides, a path that does not exist is a 404, a
method that a path does not answer to is a 405, and a fault of the service is a 500, all three of the type
`about:blank`. Under `/v2` the service speaks the
[Open Inference Protocol](https://github.com/kserve/open-inference-protocol), and refuses in that protocol's own shape.
"""


class CatdogApp(FastAPI):
    """FastAPI with layers around everything, so that its own early refusals are problems, logged and counted, too."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document, with the schemas to which nothing but hand-written responses refers."""
        document = super().openapi()
        schemas = document["components"]["schemas"]
        for model in (Problem, Explanation, InferenceRequest):
            schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update(schema.pop("$defs", {}))
            schemas[model.__name__] = schema
        return document

    def build_middleware_stack(self) -> ASGIApp:
        """Wrap the finished stack; CORS goes around the problems, or a page elsewhere could not read them."""
        settings: Settings = self.state.settings
        routes = list(iter_route_contexts(self.routes))
        held = HeldBodiesMiddleware(super().build_middleware_stack(), settings.max_upload_bytes)
        stack: ASGIApp = ProblemMiddleware(AdmissionMiddleware(held, self.state.admission))
        if settings.cors_origins:
            cors = CORSMiddleware(
                stack,
                allow_origins=settings.cors_origins,
                allow_methods=["GET", "POST"],
                allow_headers=["Content-Type", access.HEADER, HEADER_LENGTH],
                expose_headers=["Server-Timing", "Retry-After", "X-Request-ID", HEADER_LENGTH],
            )
            stack = ProblemMiddleware(cors)  # which refuses by itself, too
        templates = {route.path for route in routes if route.path}
        return MetricsMiddleware(RequestLogMiddleware(stack), self.state.metrics, templates)


def load_model(settings: Settings) -> Predictor:
    """Load the model of the settings, in their precision, and give its calls their share of the cores.

    Raises:
        ArtifactError: The model cannot be served.
    """
    classifier.share_cores(settings.threads, settings.cores)
    return classifier.load(settings.model, settings.precision)


def create_app(settings: Settings, load: Callable[[Settings], Predictor] = load_model) -> FastAPI:
    """Build the application; nothing is loaded before its lifespan begins.

    Args:
        settings: Kept on `app.state.settings`.
        load: Called once, in the lifespan, with the settings.
    """
    app = CatdogApp(
        title="catdog-api",
        description=DESCRIPTION,
        version=__version__,
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # it would look for settings each time
    )
    app.state.settings = settings
    app.state.metrics = Metrics(kind.name for kind in problems.KINDS.values())
    app.state.load = load
    app.state.ready = False
    app.state.pipeline = None
    problems.install(app)
    conditions, refusals = access.conditions(settings), access.refusals(settings)
    app.include_router(routes.guarded, dependencies=conditions, responses=documented(refusals))
    app.include_router(routes.unguarded)
    in_open_inference = documented(refusals, problems.OPEN_INFERENCE)
    app.include_router(open_inference.guarded, dependencies=conditions, responses=in_open_inference)
    app.include_router(open_inference.unguarded)
    _answer_heads(app)
    browser.install(app)
    app.state.admission = Admission(app, list(iter_route_contexts(app.routes)))
    return app


def _answer_heads(app: FastAPI) -> None:
    """Answer HEAD wherever the app so far answers GET, as RFC 9110 (9.1) asks; the server leaves the body out.

    In routes of their own, which Starlette would do without: FastAPI would list each method as an operation.
    """
    for route in list(iter_route_contexts(app.routes)):
        if route.methods == {"GET"}:
            path, endpoint = str(route.path), cast("Callable[..., Any]", route.endpoint)
            app.add_api_route(
                path, endpoint, methods=["HEAD"], dependencies=route.dependencies, include_in_schema=False
            )


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Load and warm up before the first request; finish what was taken on after the last."""
    settings: Settings = app.state.settings
    predictor: Predictor = app.state.load(settings)
    predictor.warm_up()
    manifest = predictor.manifest
    metrics: Metrics = app.state.metrics
    metrics.model_loaded(
        name=manifest.name,
        version=manifest.version,
        sha256=manifest.sha256,
        input_size=manifest.input_size,
        precision=predictor.precision,
        labels=manifest.labels,
    )
    limits = Limits(
        model_threads=settings.threads,
        max_pixels=settings.max_pixels,
        queue_limit=settings.queue_limit,
        deadline_seconds=settings.deadline_seconds,
    )
    pipeline = Pipeline(predictor, limits, metrics)
    pipeline.start()
    # On the app and not yielded: not every server hands a lifespan's state to its requests.
    app.state.pipeline = pipeline
    app.state.ready = True
    try:
        yield
    finally:  # also where no listener could be had
        app.state.ready = False
        pipeline.close()
