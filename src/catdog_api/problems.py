"""The one table from errors to statuses, and the one error body: RFC 9457 application/problem+json.

Under `/v2` alone it is another: that of the Open Inference Protocol, whose clients know no other.
"""

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from catdog_api import errors
from catdog_api.inference_schemas import InferenceError
from catdog_api.schemas import Problem

logger = logging.getLogger("catdog_api")

MEDIA_TYPE = "application/problem+json"
OPEN_INFERENCE = "/v2"
_TYPES = "/problems/"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of problem: its name in `type`, its title and its status."""

    name: str
    title: str
    status: HTTPStatus


KINDS: Mapping[type[errors.CatdogError], Kind] = {
    errors.MissingFileError: Kind("missing-file", "No file", HTTPStatus.UNPROCESSABLE_ENTITY),
    errors.TooManyFilesError: Kind("too-many-files", "Too many files", HTTPStatus.UNPROCESSABLE_ENTITY),
    errors.MalformedUploadError: Kind("malformed-upload", "Malformed upload", HTTPStatus.BAD_REQUEST),
    errors.TooManyBytesError: Kind("too-many-bytes", "Too many bytes", HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    errors.UnsupportedMediaTypeError: Kind(
        "unsupported-media-type", "Unsupported media type", HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    ),
    errors.InvalidParameterError: Kind("invalid-parameter", "Invalid parameter", HTTPStatus.UNPROCESSABLE_ENTITY),
    errors.EmptyImageError: Kind("empty-image", "Empty file", HTTPStatus.UNPROCESSABLE_ENTITY),
    errors.NotAnImageError: Kind("not-an-image", "Not an image", HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
    errors.UnsupportedFormatError: Kind(
        "unsupported-format", "Unsupported image format", HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    ),
    errors.TruncatedImageError: Kind("truncated-image", "Damaged image", HTTPStatus.UNPROCESSABLE_ENTITY),
    errors.TooManyPixelsError: Kind("too-many-pixels", "Too many pixels", HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    errors.TooSlowError: Kind("too-slow", "Too slow", HTTPStatus.REQUEST_TIMEOUT),
    errors.CallerLeftError: Kind("caller-left", "The caller has left", HTTPStatus.BAD_REQUEST),
    errors.ModelStuckError: Kind("model-stuck", "The model is stuck", HTTPStatus.SERVICE_UNAVAILABLE),
    errors.NotReadyError: Kind("not-ready", "Not ready", HTTPStatus.SERVICE_UNAVAILABLE),
    errors.PredictionError: Kind("prediction-failed", "The model failed", HTTPStatus.INTERNAL_SERVER_ERROR),
    errors.UnauthorizedError: Kind("unauthorized", "No valid key", HTTPStatus.UNAUTHORIZED),
    errors.RateLimitedError: Kind("too-many-requests", "Too many requests", HTTPStatus.TOO_MANY_REQUESTS),
    errors.OverloadedError: Kind("overloaded", "Overloaded", HTTPStatus.SERVICE_UNAVAILABLE),
    errors.DeadlineExceededError: Kind("deadline-exceeded", "Deadline exceeded", HTTPStatus.GATEWAY_TIMEOUT),
}
"""Every error that a request can end in. `ArtifactError` and `SettingsError` stop the start instead."""


def problem_of(error: errors.CatdogError) -> Problem:
    """Say what went wrong as the API does."""
    return _problem(KINDS[type(error)], str(error))


def reason_of(problem: Problem) -> str | None:
    """Return the name that the metrics have for a problem; None for one that says no more than its status."""
    return problem.type.removeprefix(_TYPES) if problem.type.startswith(_TYPES) else None


def about_blank(status: HTTPStatus, detail: str) -> Problem:
    """Say no more than a status does, and a sentence: the type that RFC 9457, section 4.2.1, has for that."""
    return Problem(type="about:blank", title=status.phrase, status=status.value, detail=detail)


def written(problem: Problem, path: str) -> tuple[int, str, str]:
    """Write a problem down in the shape that is spoken at a path.

    Returns:
        The status, the media type and the body.
    """
    if path != OPEN_INFERENCE and not path.startswith(f"{OPEN_INFERENCE}/"):
        return problem.status, MEDIA_TYPE, problem.model_dump_json()
    # There the photograph is a part of the request, whose own type and fields are as they should be.
    status = 400 if problem.status in {415, 422} else problem.status
    return status, "application/json", json.dumps({"error": problem.detail})


def documented(kinds: Iterable[type[errors.CatdogError]], path: str = "") -> dict[int | str, dict[str, Any]]:
    """Describe for the OpenAPI document which problems an operation can end in.

    Args:
        kinds: Errors that the operation raises.
        path: Where it is; what it begins with is enough.

    Returns:
        FastAPI's `responses`: one entry a status, with an example for every problem of that status.
    """
    responses: dict[int | str, dict[str, Any]] = {}
    for error in kinds:
        kind = KINDS[error]
        detail = (error.__doc__ or "").split("\n")[0]
        status, media_type, body = written(_problem(kind, detail), path)
        content = {media_type: {"schema": _SCHEMAS[media_type], "examples": {}}}
        entry = responses.setdefault(status, {"description": "", "content": content})
        titles = [title for title in (entry["description"], kind.title) if title]
        entry["description"] = "; ".join(titles)
        example = {"summary": kind.title, "value": json.loads(body)}
        entry["content"][media_type]["examples"][kind.name] = example
    return responses


def install(app: FastAPI) -> None:
    """Make every error leave the app as a problem."""
    app.add_exception_handler(errors.CatdogError, _on_catdog_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)


class ProblemMiddleware:
    """Outside of everything: makes problems of what leaves the app otherwise.

    That is the framework's own plain-text errors (a crash's 500, which is logged here), and what a layer around the
    framework raises before anything is answered. Holds no state of its own; one for the app's life.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request through, and answer in its place where it ends in an error."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        replaced = False

        async def send_problem(message: Message) -> None:
            nonlocal replaced
            if message["type"] == "http.response.start" and _is_plain_error(message):
                replaced = True
                await _of_status(message["status"], scope, _kept(message))(scope, receive, send)
            elif not replaced:
                await send(message)

        try:
            await self._app(scope, receive, send_problem)
        except errors.CatdogError as error:
            await _answer_to(error, scope)(scope, receive, send)
        except Exception:
            if not replaced:  # nothing has left, or half an answer: the server ends the connection
                raise
            # It would end that of a whole answer, too, without a word of it, and the next request on it would be lost.
            logger.exception("a request failed", extra={"fields": {"id": scope["state"]["id"]}})


_SCHEMAS = {
    media_type: {"$ref": f"#/components/schemas/{model.__name__}"}
    for media_type, model in ((MEDIA_TYPE, Problem), ("application/json", InferenceError))
}


def _problem(kind: Kind, detail: str) -> Problem:
    return Problem(type=f"{_TYPES}{kind.name}", title=kind.title, status=kind.status.value, detail=detail)


def _response(problem: Problem, scope: Scope, headers: Mapping[str, str] | None = None) -> Response:
    status, media_type, body = written(problem, scope["path"])
    return Response(body, status, headers, media_type)


def _of_status(status: int, scope: Scope, headers: Mapping[str, str] | None = None) -> Response:
    """Say in a problem what the framework says in a bare status."""
    phrase = HTTPStatus(status)
    details: dict[HTTPStatus, str] = {
        HTTPStatus.BAD_REQUEST: "A page of that origin may not ask for this." if scope["method"] == "OPTIONS" else "",
        HTTPStatus.NOT_FOUND: f"There is nothing at {scope['path']}.",
        HTTPStatus.METHOD_NOT_ALLOWED: f"{scope['path']} does not answer to {scope['method']}.",
        HTTPStatus.INTERNAL_SERVER_ERROR: "The service failed on this request; its log says why.",
    }
    detail = details.get(phrase) or phrase.description or phrase.phrase
    return _response(about_blank(phrase, detail), scope, headers)


def _kept(start: Message) -> dict[str, str]:
    """Return the headers that do not speak of the body that is replaced."""
    headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in start["headers"]}
    return {key: value for key, value in headers.items() if not key.startswith("content-")}


def _is_plain_error(start: Message) -> bool:
    media_type = dict(start["headers"]).get(b"content-type", b"")
    return int(start["status"]) >= HTTPStatus.BAD_REQUEST and bytes(media_type).startswith(b"text/plain")


async def _on_catdog_error(request: Request, error: Exception) -> Response:
    return _answer_to(cast("errors.CatdogError", error), request.scope)


def _answer_to(error: errors.CatdogError, scope: Scope) -> Response:
    """Answer with an error's problem, and leave its name for the log and the metrics, which count when all is over."""
    problem = problem_of(error)
    scope["state"]["log"]["problem"] = problem.type
    scope["state"]["refused"] = KINDS[type(error)].name
    headers = {}
    if isinstance(error, errors.RetryLaterError):
        headers["Retry-After"] = str(error.retry_after_seconds)
    if isinstance(error, errors.UnauthorizedError):
        headers["WWW-Authenticate"] = "ApiKey"  # RFC 9110, 11.6.1, wants one; no registered scheme is a bare key
    return _response(problem, scope, headers)


async def _on_http_exception(request: Request, error: Exception) -> Response:
    http = cast("HTTPException", error)
    headers = dict(http.headers or {})
    if headers.get("Allow") == "GET":
        headers["Allow"] = "GET, HEAD"  # they are two routes, and the framework names the methods of one
    return _of_status(http.status_code, request.scope, headers)


async def _on_validation_error(request: Request, error: Exception) -> Response:
    faults = cast("RequestValidationError", error).errors()
    sentences = [f"{fault['loc'][-1]}: {fault['msg']}" for fault in faults]
    return _answer_to(errors.InvalidParameterError("; ".join(sentences) + "."), request.scope)
