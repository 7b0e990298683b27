"""What Ray's own proxy refuses, said as the service says it: a problem, and when to come again; and what it holds.

A proxy takes `layers` from RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH=catdog_ray_proxy:layers in its environment.
"""

from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from catdog_api.bodies import HeldBodiesMiddleware
from catdog_api.errors import RETRY_AFTER_SECONDS, CatdogError, DeadlineExceededError, NotReadyError, OverloadedError
from catdog_api.problems import about_blank, problem_of, written
from catdog_api.schemas import Problem
from catdog_api.settings import read_settings

OWN_PATHS = "/-/"
"""Of the proxy: its health and its routes, which are for machines that know Ray."""

GONE = NotReadyError("What was working on this request has ended; it may be sent again.")


def layers() -> list[Middleware]:
    """Return what a proxy wraps itself in, the outermost last.

    It reads a body while the request waits for a replica, and holds what it has read: so it counts as a replica does.

    Raises:
        SettingsError: A value in the environment cannot be read.
    """
    settings = read_settings({"tls_certificate": None, "tls_key": None})  # Ray has the listener, as in a replica
    return [Middleware(RayProblems), Middleware(HeldBodiesMiddleware, settings.max_upload_bytes)]


class RayProblems:
    """Turns what the proxy says of its own accord, which is plain text, into problems, and bodies that are refused.

    One for the proxy's life.

    The application has no plain text among its refusals, so that one is Ray's; of another application on the same
    cluster it may be its own.

    Args:
        app: The proxy.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request through; answer it where the proxy refuses it, and where its replica has died."""
        if scope["type"] != "http" or scope["path"].startswith(OWN_PATHS):
            await self._app(scope, receive, send)
            return
        started = replaced = False
        refusal: Problem | None = None

        async def receive_or_leave() -> Message:
            nonlocal refusal
            if refusal is None:
                try:
                    return await receive()
                except CatdogError as error:  # Ray reads in a task of its own, where nobody would hear of it
                    refusal = problem_of(error)
            return {"type": "http.disconnect"}  # upon which Ray ends what it has begun, and says nothing

        async def send_problem(message: Message) -> None:
            nonlocal started, replaced
            if message["type"] == "http.response.start":
                started = True
                headers = Headers(raw=message["headers"])
                replaced = message["status"] >= HTTPStatus.BAD_REQUEST and _is_plain(headers)
                if replaced:
                    problem = _problem(message["status"], scope["path"], full="retry-after" in headers)
                    await _response(problem, scope)(scope, receive, send)
                message["headers"] = _with_one_id(message["headers"])
            if not replaced:
                await send(message)

        await self._app(scope, receive_or_leave, send_problem)
        if not started:  # of a replica that dies the proxy says nothing, either
            await _response(refusal or problem_of(GONE), scope)(scope, receive, send)


def _is_plain(headers: Headers) -> bool:
    return headers.get("content-type", "").startswith("text/plain")


def _problem(status: int, path: str, *, full: bool) -> Problem:
    """Say what a bare status of the proxy's means; `full` is that its queue is."""
    if full:
        sentence = "All replicas are busy, and as many requests wait for one as may."
        return problem_of(OverloadedError(sentence))
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return problem_of(NotReadyError("There is no replica that could answer now."))
    if status == HTTPStatus.REQUEST_TIMEOUT:  # which Ray says of the answer, not of the request
        return problem_of(DeadlineExceededError("There was no answer in time; the service has too much to do."))
    detail = f"There is nothing at {path}." if status == HTTPStatus.NOT_FOUND else HTTPStatus(status).phrase
    return about_blank(HTTPStatus(status), detail)


def _response(problem: Problem, scope: Scope) -> Response:
    status, media_type, body = written(problem, scope["path"])
    comes_again = {"Retry-After": str(RETRY_AFTER_SECONDS)} if status == HTTPStatus.SERVICE_UNAVAILABLE else None
    return Response(body, status, comes_again, media_type)


def _with_one_id(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Keep the id under which the application has logged the request; the proxy adds another, under the same name."""
    ids = [header for header in headers if header[0].lower() == b"x-request-id"]
    return [header for header in headers if header not in ids[1:]]
