"""The endpoints: each unpacks a request, calls one thing, and packs its answer."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request, Response

from catdog_api import errors
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
    responses=documented(PREDICT_ERRORS),
    openapi_extra=PHOTOGRAPH_BODY,
)
async def predict(request: Request, response: Response) -> Prediction:
    """Answer one photograph: as the multipart field `file`, or as the body itself with its image content type."""
    data = await read_photograph(request, request.app.state.settings.max_upload_bytes)
    pipeline: Pipeline = request.app.state.pipeline
    outcome = await pipeline.predict(data)
    prediction = Prediction.of(pipeline.manifest, outcome.photograph, outcome.probabilities)
    times = _milliseconds(outcome)
    response.headers["Server-Timing"] = ", ".join(f"{stage};dur={time}" for stage, time in times.items())
    request.state.log.update({"label": prediction.label, **{f"{stage}_ms": time for stage, time in times.items()}})
    return prediction


@router.get("/model", tags=["model"], summary="What answers, and how good it is")
async def model(request: Request) -> ModelInfo:
    """Describe the served model: labels, input size, checksum, version, and its figures on held-out photographs."""
    pipeline: Pipeline = request.app.state.pipeline
    return ModelInfo.model_validate({**asdict(pipeline.manifest), "labels": list(pipeline.manifest.labels)})


@router.get("/health/live", tags=["health"], summary="Does the process live?")
async def live() -> Health:
    """Answer as long as the process does."""
    return Health(status="ok")


@router.get(
    "/health/ready",
    tags=["health"],
    summary="Can it answer photographs?",
    responses=documented([errors.NotReadyError]),
)
async def ready(request: Request) -> Health:
    """Answer 200 once the model is loaded and warmed up, and 503 before that."""
    if not request.app.state.ready:
        raise errors.NotReadyError("The model is not ready to answer.")
    return Health(status="ok")


def _milliseconds(outcome: Outcome) -> dict[str, float]:
    stages = {"decode": outcome.decode_seconds, "queue": outcome.queue_seconds, "model": outcome.model_seconds}
    return {stage: round(1000 * seconds, 2) for stage, seconds in stages.items()}
