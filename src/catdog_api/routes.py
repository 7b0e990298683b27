"""The endpoints: each unpacks a request, calls one thing, and packs its answer."""

import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request, Response

from catdog_api import errors, metrics
from catdog_api.pipeline import Outcome, Pipeline
from catdog_api.problems import documented
from catdog_api.schemas import Health, ModelInfo, Prediction
from catdog_api.uploads import FIELD, MEDIA_TYPES, read_photograph

router = APIRouter()

PREDICT_ERRORS = (
    errors.MalformedUploadError,
    errors.TooManyBytesError,
    errors.TooManyPixelsError,
    errors.UnsupportedMediaTypeError,
    errors.TooSlowError,
    errors.NotAnImageError,
    errors.UnsupportedFormatError,
    errors.MissingFileError,
    errors.TooManyFilesError,
    errors.EmptyImageError,
    errors.TruncatedImageError,
    errors.PredictionError,
    errors.OverloadedError,
    errors.DeadlineExceededError,
)

_BINARY = {"type": "string", "format": "binary"}
_UPLOAD = {"type": "object", "required": [FIELD], "properties": {FIELD: {**_BINARY, "description": "The photograph."}}}
PHOTOGRAPH_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {"schema": _UPLOAD},
            **{media_type: {"schema": _BINARY} for media_type in MEDIA_TYPES},
        },
    }
}
"""FastAPI sees no parameter, because the endpoint reads both forms of the body itself: so the document is told here."""


@router.post(
    "/predict",
    tags=["predict"],
    summary="What does this photograph show?",
    response_description="The answer, with a calibrated probability for every label.",
    response_model=Prediction,
    responses=documented(PREDICT_ERRORS),
    openapi_extra=PHOTOGRAPH_BODY,
)
async def predict(request: Request) -> Response:
    """Answer one photograph: as the multipart field `file`, or as the body itself with its image content type."""
    started = time.monotonic()
    data = await read_photograph(request, request.app.state.settings.max_upload_bytes)
    parse_seconds = time.monotonic() - started
    pipeline: Pipeline = request.app.state.pipeline
    outcome = await pipeline.predict(data)
    prediction = Prediction.of(pipeline.manifest, outcome.photograph, outcome.probabilities)
    stage_seconds = _before_response(parse_seconds, outcome)
    request.state.answered = metrics.Answered(prediction.label, outcome.known, stage_seconds)
    return _timed(prediction, outcome.known, stage_seconds, request)


@router.get("/model", tags=["model"], summary="What answers, and how good it is")
async def model(request: Request) -> ModelInfo:
    """Describe the served model: labels, input size, checksum, version, and its figures on held-out photographs."""
    pipeline: Pipeline = request.app.state.pipeline
    labels = list(pipeline.manifest.labels)
    return ModelInfo.model_validate({**asdict(pipeline.manifest), "labels": labels, "precision": pipeline.precision})


@router.get(
    "/health/live",
    tags=["health"],
    summary="Does the process live?",
    responses=documented([errors.ModelStuckError]),
)
async def live(request: Request) -> Health:
    """Answer 200, and 503 once the model hangs or its thread has died, because then only a new process helps."""
    pipeline: Pipeline | None = request.app.state.pipeline
    if pipeline is not None and pipeline.is_stuck:
        raise errors.ModelStuckError("The model hangs, or its thread has died; the service must be started anew.")
    return Health(status="ok")


@router.get(
    "/health/ready",
    tags=["health"],
    summary="Can it answer photographs?",
    responses=documented([errors.NotReadyError, errors.ModelStuckError]),
)
async def ready(request: Request) -> Health:
    """Answer 200 while the model is loaded, warmed up and well, and 503 before that and once the end has begun."""
    if not request.app.state.ready:
        raise errors.NotReadyError("The service is starting or ending.")
    return await live(request)


# Not in the document: what is counted is for the operator, and no part of the contract with callers.
@router.get(metrics.PATH, include_in_schema=False)
async def expose(request: Request) -> Response:
    """Write the Prometheus series down."""
    body, content_type = request.app.state.metrics.expose(request.headers.get("accept", ""))
    return Response(body, media_type=content_type)


def _before_response(parse_seconds: float, outcome: Outcome) -> dict[str, float]:
    times = (parse_seconds, outcome.decode_seconds, outcome.queue_seconds, outcome.predict_seconds)
    return dict(zip(metrics.STAGES[:-1], times, strict=True))


def _timed(prediction: Prediction, known: float, stage_seconds: Mapping[str, float], request: Request) -> Response:
    """Write an answer down, with its stages in `Server-Timing` and in the log.

    `respond` is there the time from the model's answer to these headers: the wait for the event loop and the JSON. The
    headers leave before the body, so they cannot tell how long the handing over takes; the metrics can, and include it.
    """
    body = prediction.model_dump_json()  # here and not by FastAPI, or the headers could not count it
    times = {**stage_seconds, "respond": time.monotonic() - known}
    milliseconds = {stage: round(1000 * seconds, 2) for stage, seconds in times.items()}
    request.state.log.update({"label": prediction.label, **{f"{name}_ms": ms for name, ms in milliseconds.items()}})
    timing = ", ".join(f"{stage};dur={ms}" for stage, ms in milliseconds.items())
    return Response(body, headers={"Server-Timing": timing}, media_type="application/json")
