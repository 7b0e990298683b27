"""The endpoints of the Open Inference Protocol v2: another door to the same decoder, model and labels.

Errors have the protocol's own shape here, `{"error": "..."}`; `problems.py` sees to that by the path.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from functools import partial
from http import HTTPStatus
from typing import Any, TypeVar

from fastapi import APIRouter, HTTPException, Request, Response

from catdog_api import __version__, errors
from catdog_api.inference_request import read_inference
from catdog_api.inference_response import all_answered, described, pack
from catdog_api.inference_schemas import (
    BINARY_EXTENSION,
    HEADER_LENGTH,
    InferenceError,
    InferenceRequest,
    InferenceResponse,
    ModelMetadata,
    ModelReady,
    ServerLive,
    ServerMetadata,
    ServerReady,
)
from catdog_api.labels import decide
from catdog_api.leaving import unless_the_caller_leaves
from catdog_api.pipeline import Pipeline
from catdog_api.problems import OPEN_INFERENCE, documented
from catdog_api.routes import PHOTOGRAPH_ERRORS, REQUEST_ERRORS, live, pipeline_of, ready
from catdog_api.uploads import read_body

guarded = APIRouter()
"""What may ask for a key and have a rate."""

unguarded = APIRouter()
"""What operators and probes need whatever happens."""

MODEL = f"{OPEN_INFERENCE}/models/{{model}}"
VERSION = f"{MODEL}/versions/{{version}}"

INFER_ERRORS = (*REQUEST_ERRORS, *PHOTOGRAPH_ERRORS)

UNKNOWN: dict[int | str, dict[str, Any]] = {404: {"description": "No such model or version", "model": InferenceError}}

_TAGS: list[str | Enum] = ["open inference protocol"]
_BINARY = {"type": "string", "format": "binary"}
_LENGTH = {"description": "Bytes of the JSON, where binary tensors are behind it.", "schema": {"type": "integer"}}
_INFER_REQUEST: dict[str, Any] = {
    "parameters": [{"name": HEADER_LENGTH, "in": "header", **_LENGTH}],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": f"#/components/schemas/{InferenceRequest.__name__}"}},
            "application/octet-stream": {"schema": _BINARY},
        },
    },
}
_INFER_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The answer; with its JSON's length in a header where binary tensors are behind it.",
        "headers": {HEADER_LENGTH: _LENGTH},
        "content": {"application/octet-stream": {"schema": _BINARY}},
    }
}

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


def _of_model(
    add: Callable[..., Callable[[Endpoint], Endpoint]],
    tail: str,
    summary: str,
    openapi_extra: Mapping[str, Any] | None = None,
    **documents: Any,  # noqa: ANN401  # as FastAPI takes them
) -> Callable[[Endpoint], Endpoint]:
    """Return a decorator that adds an endpoint at both of its paths, without the model's version and with it.

    FastAPI is not shown the parameters: for those it sees it documents a validation error, in a shape of its own.
    """
    extra = dict(openapi_extra or {})
    others = extra.pop("parameters", [])

    def register(endpoint: Endpoint) -> Endpoint:
        for path, names, what in ((MODEL, ["model"], ""), (VERSION, ["model", "version"], " (of a version)")):
            own = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]
            add(
                path + tail,
                tags=_TAGS,
                summary=summary + what,
                openapi_extra={**extra, "parameters": [*own, *others]},
                **documents,
            )(endpoint)
        return endpoint

    return register


@_of_model(
    guarded.post,
    "/infer",
    "Inference",
    _INFER_REQUEST,
    response_model=InferenceResponse,
    responses={**_INFER_ANSWER, **UNKNOWN, **documented(INFER_ERRORS, OPEN_INFERENCE)},
)
async def infer(request: Request) -> Response:
    """Answer a tensor of encoded images, or one of pixels; all together, or none."""
    pipeline = _pipeline(request)
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    body, settings = await read_body(request), request.app.state.settings
    if coding != "identity":
        raise errors.UnsupportedMediaTypeError(f"The body is compressed ({coding}); send it as it is.")
    reading = partial(read_inference, body, request.headers.get(HEADER_LENGTH), settings.max_batch_files)
    async with pipeline.in_time():
        inference = await unless_the_caller_leaves(request, pipeline.aside(reading))
        work = pipeline.predict_all(inference.photographs)
        outcomes = all_answered(await unless_the_caller_leaves(request, work))
    labels = [decide(pipeline.manifest.labels, outcome.look.probabilities) for outcome in outcomes]
    for label, outcome in zip(labels, outcomes, strict=True):
        request.app.state.metrics.answered(label, outcome.stage_seconds)
    answer, json_length = pack(pipeline.manifest, inference.id, inference.outputs, labels, outcomes)
    if json_length is None:
        return Response(answer, media_type="application/json")
    return Response(answer, headers={HEADER_LENGTH: str(json_length)}, media_type="application/octet-stream")


@_of_model(guarded.get, "", "Model metadata", response_description="What the model takes and gives.", responses=UNKNOWN)
async def model_metadata(request: Request) -> ModelMetadata:
    """Describe the tensors that the model takes and gives."""
    return described(_pipeline(request).manifest)


@_of_model(
    unguarded.get,
    "/ready",
    "Model ready",
    response_description="It is.",
    responses={**UNKNOWN, **documented([errors.NotReadyError, errors.ModelStuckError], OPEN_INFERENCE)},
)
async def model_ready(request: Request) -> ModelReady:
    """Answer as `/v2/health/ready`: there is one model."""
    await ready(request)
    return ModelReady(name=_pipeline(request).manifest.name, ready=True)


@unguarded.get(f"{OPEN_INFERENCE}/", include_in_schema=False)  # as the protocol's own OpenAPI document has it
@unguarded.get(OPEN_INFERENCE, tags=_TAGS, summary="Server metadata", response_description="What the server is.")
async def server_metadata() -> ServerMetadata:
    """Name the server and the protocol's extensions that it knows."""
    return ServerMetadata(name="catdog-api", version=__version__, extensions=[BINARY_EXTENSION])


@unguarded.get(
    f"{OPEN_INFERENCE}/health/live",
    tags=_TAGS,
    summary="Server live",
    response_description="It does.",
    responses=documented([errors.ModelStuckError], OPEN_INFERENCE),
)
async def server_live(request: Request) -> ServerLive:
    """Answer as `/health/live`."""
    await live(request)
    return ServerLive(live=True)


@unguarded.get(
    f"{OPEN_INFERENCE}/health/ready",
    tags=_TAGS,
    summary="Server ready",
    response_description="It can.",
    responses=documented([errors.NotReadyError, errors.ModelStuckError], OPEN_INFERENCE),
)
async def server_ready(request: Request) -> ServerReady:
    """Answer as `/health/ready`."""
    await ready(request)
    return ServerReady(ready=True)


def _pipeline(request: Request) -> Pipeline:
    """Return what answers for the model that the path names; raises HTTPException (404) if there is no such model."""
    pipeline = pipeline_of(request)
    asked, manifest = request.path_params, pipeline.manifest
    if (asked["model"], asked.get("version", manifest.version)) != (manifest.name, manifest.version):
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return pipeline
