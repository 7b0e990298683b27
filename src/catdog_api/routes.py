"""The endpoints: each unpacks a request, calls one thing, and packs its answer."""

import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response

from catdog_api import errors, metrics
from catdog_api.leaving import unless_the_caller_leaves
from catdog_api.pipeline import Pipeline
from catdog_api.problems import KINDS, documented, problem_of
from catdog_api.schemas import BatchPrediction, Explanation, FilePrediction, FileProblem, Health, ModelInfo, Prediction
from catdog_api.uploads import FIELD, FILES_FIELD, MEDIA_TYPES, read_photograph, read_photographs

guarded = APIRouter()
"""What may ask for a key and have a rate."""

unguarded = APIRouter()
"""What operators and probes need whatever happens."""

REQUEST_ERRORS = (
    errors.MalformedUploadError,
    errors.CallerLeftError,
    errors.TooManyBytesError,
    errors.UnsupportedMediaTypeError,
    errors.TooSlowError,
    errors.TooManyFilesError,
    errors.OverloadedError,
)
"""What a request with photographs may end in, whatever they are."""

PHOTOGRAPH_ERRORS = (
    errors.TooManyPixelsError,
    errors.NotAnImageError,
    errors.UnsupportedFormatError,
    errors.EmptyImageError,
    errors.TruncatedImageError,
    errors.PredictionError,
    errors.DeadlineExceededError,
)
"""What one photograph may end in; in a batch they stand in its answer."""

PREDICT_ERRORS = (*REQUEST_ERRORS, errors.MissingFileError, *PHOTOGRAPH_ERRORS)
BATCH_ERRORS = (*REQUEST_ERRORS, errors.MissingFileError)

_BINARY = {"type": "string", "format": "binary"}
EXPLANATION: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The evidence, as a picture or as numbers.",
        "content": {
            "image/png": {"schema": _BINARY},
            "application/json": {"schema": {"$ref": f"#/components/schemas/{Explanation.__name__}"}},
        },
    }
}

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
PHOTOGRAPHS_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": [FILES_FIELD],
                    "properties": {
                        FILES_FIELD: {
                            "type": "array",
                            "items": _BINARY,
                            "description": "The photographs.",
                        },
                    },
                }
            }
        },
    }
}
"""FastAPI sees no parameter, because the endpoints read the body themselves: so the document is told here."""


@guarded.post(
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
    pipeline = pipeline_of(request)
    outcome = await unless_the_caller_leaves(request, pipeline.predict(data))
    prediction = Prediction.of(pipeline.manifest, outcome.photograph, outcome.look.probabilities)
    stage_seconds = {"parse": parse_seconds, **outcome.stage_seconds}
    request.state.answered = metrics.Answered(prediction.label, outcome.known, stage_seconds)
    return _timed(prediction, outcome.known, stage_seconds, request)


@guarded.post(
    "/predict/batch",
    tags=["predict"],
    summary="What do these photographs show?",
    response_description="For each file, in their order, its answer or its problem.",
    responses=documented(BATCH_ERRORS),
    openapi_extra=PHOTOGRAPHS_BODY,
)
async def predict_batch(request: Request) -> BatchPrediction:
    """Answer many photographs, each in a multipart field `files`; a bad one fails only itself."""
    settings = request.app.state.settings
    files = await read_photographs(request, settings.max_upload_bytes, settings.max_batch_files)
    pipeline = pipeline_of(request)
    outcomes = await unless_the_caller_leaves(request, pipeline.predict_all([data for _, data in files]))
    answers: list[FilePrediction | FileProblem] = []
    for (name, _), outcome in zip(files, outcomes, strict=True):
        if isinstance(outcome, errors.CatdogError):
            request.app.state.metrics.refused(KINDS[type(outcome)].name)
            answers.append(FileProblem(file=name, problem=problem_of(outcome)))
            continue
        prediction = Prediction.of(pipeline.manifest, outcome.photograph, outcome.look.probabilities)
        request.app.state.metrics.answered(prediction.label, outcome.stage_seconds)
        answers.append(FilePrediction(file=name, **dict(prediction)))
    return BatchPrediction(answers=answers)


@guarded.post(
    "/explain",
    tags=["predict"],
    summary="Where does the network see it?",
    response_class=Response,
    responses={**EXPLANATION, **documented((*PREDICT_ERRORS, errors.InvalidParameterError))},
    openapi_extra=PHOTOGRAPH_BODY,
)
async def explain(
    request: Request,
    label: Annotated[str | None, Query(description="Whose evidence to show; by default the answer's.")] = None,
    format: Annotated[  # noqa: A002  # the parameter's name
        Literal["png", "json"], Query(description="The evidence laid over the photograph, or as a grid of numbers.")
    ] = "png",
) -> Response:
    """Show the class activation map (Zhou et al. 2016, arXiv 1512.04150): where the network saw a label, and how much.

    The map's mean plus the bias is exactly that label's logit. The photograph comes as for `/predict`.
    """
    pipeline = pipeline_of(request)
    if label is not None and label not in pipeline.manifest.labels:
        raise errors.InvalidParameterError(f"label: '{label}' is none of {', '.join(pipeline.manifest.labels)}.")
    data = await read_photograph(request, request.app.state.settings.max_upload_bytes, {"label", "format"})
    async with pipeline.in_time():
        outcome = await unless_the_caller_leaves(request, pipeline.predict(data))
        prediction = Prediction.of(pipeline.manifest, outcome.photograph, outcome.look.probabilities)
        explained, look = label or prediction.label, outcome.look_at_photograph
        if format == "json":
            explanation = Explanation.of(pipeline.manifest.labels, look, explained, prediction)
            answer = Response(explanation.model_dump_json(), media_type="application/json")
        else:
            evidence = look.maps[..., pipeline.manifest.labels.index(explained)]
            drawn = await unless_the_caller_leaves(request, pipeline.draw(outcome.photograph, evidence))
            answer = Response(drawn, media_type="image/png")
    request.app.state.metrics.answered(prediction.label, outcome.stage_seconds)
    return answer


@guarded.get(
    "/model",
    tags=["model"],
    summary="What answers, and how good it is",
    response_description="The model, and what was measured of it.",
)
async def model(request: Request) -> ModelInfo:
    """Describe the served model: labels, input size, checksum, version, and its figures on held-out photographs."""
    pipeline = pipeline_of(request)
    labels = list(pipeline.manifest.labels)
    return ModelInfo.model_validate({**asdict(pipeline.manifest), "labels": labels, "precision": pipeline.precision})


@unguarded.get(
    "/health/live",
    tags=["health"],
    summary="Does the process live?",
    response_description="It does.",
    responses=documented([errors.ModelStuckError]),
)
async def live(request: Request) -> Health:
    """Answer 200, and 503 once decoding or the model hangs, or its thread has died: only a new process helps."""
    pipeline: Pipeline | None = request.app.state.pipeline
    if pipeline is not None and pipeline.is_stuck:
        raise errors.ModelStuckError("Decoding or the model hangs, or a thread has died; only a new process helps.")
    return Health(status="ok")


@unguarded.get(
    "/health/ready",
    tags=["health"],
    summary="Can it answer photographs?",
    response_description="It can.",
    responses=documented([errors.NotReadyError, errors.ModelStuckError]),
)
async def ready(request: Request) -> Health:
    """Answer 200 while the model is loaded, warmed up and well, and 503 before that and once the end has begun."""
    if not request.app.state.ready:
        raise errors.NotReadyError("The service is starting or ending.")
    return await live(request)


# Not in the document: what is counted is for the operator, and no part of the contract with callers.
@unguarded.get(metrics.PATH, include_in_schema=False)
async def expose(request: Request) -> Response:
    """Write the Prometheus series down."""
    body, content_type = request.app.state.metrics.expose(request.headers.get("accept", ""))
    return Response(body, media_type=content_type)


def pipeline_of(request: Request) -> Pipeline:
    """Return what answers, loaded."""
    pipeline: Pipeline = request.app.state.pipeline
    return pipeline


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
