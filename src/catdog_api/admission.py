"""Whoever cannot be served is told so at once: before the body is read, and before the framework is troubled."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from fastapi.routing import RouteContext
from starlette.types import ASGIApp, Receive, Scope, Send

from catdog_api.errors import OverloadedError
from catdog_api.logs import REQUEST_ID_HEADER, Tally, new_id
from catdog_api.metrics import OTHER
from catdog_api.problems import problem_of, reason_of, written
from catdog_api.schemas import Problem

TURNS = 4  # of the event loop, until a request whose body has come has its place in the queue
HELD_AT_ONCE = 512  # requests held back until their bodies have come, each with 64 KiB at most; more are begun at once


@dataclass(frozen=True, slots=True)
class Refusal:
    """What to answer in the application's stead.

    Attributes:
        status: Of the answer.
        headers: Those that it has of its own.
        body: Of the answer.
    """

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Admission:
    """Knows who asks for an answer, and refuses while the queue is full. One for the app's life; on the event loop.

    It comes before the key and the rate: while the queue is full, it does not matter who asks.

    Args:
        app: With the settings on its state, and once it is ready the pipeline and the metrics.
        routes: All of them; those that take POST ask for an answer.
    """

    def __init__(self, app: FastAPI, routes: Iterable[RouteContext]) -> None:
        self._app = app
        self._asking = [route for route in routes if "POST" in (route.methods or ())]
        self._refusals = Tally("requests refused early")
        self._held = 0

    def check(self, scope: Scope, *, as_expected: bool = False) -> None:
        """Let a request pass that asks for no answer, or for whose answer there is room.

        Args:
            scope: Of the request.
            as_expected: Count those before it, too, that have no place in the queue yet.

        Raises:
            OverloadedError: As many wait for an answer as may.
        """
        if scope["method"] == "POST":
            for route in self._asking:
                if route.path_regex.match(scope["path"]):
                    scope["route"] = route  # for the metrics: where a request is refused, nothing is routed
                    self._app.state.pipeline.refuse_if_full(as_expected=as_expected)
                    break

    def refusal(self, scope: Scope) -> Refusal | None:
        """Refuse for a server that asks before it troubles the application.

        What the application's layers do is done here: the answer is the same, and it is counted. Only the log has one
        line a second for all of them.

        Returns:
            What to answer; None to pass the request on: there is room, or a page of another origin asks, and the
            application alone adds the headers without which it could not read the refusal.
        """
        if self._app.state.settings.cors_origins and any(name == b"origin" for name, _ in scope["headers"]):
            return None
        try:
            self.check(scope, as_expected=True)
        except OverloadedError as error:
            return self._refusal(error, scope)
        return None

    def expect(self, scope: Scope) -> None:
        """Count a request that was not refused until it has its place: all of one turn would see the same one free."""
        if "route" in scope:
            self._come(self._app.state.pipeline.expect(), TURNS)

    def hold(self, scope: Scope) -> bool:
        """Count a request as held back until its body has come; return False where it needs no answer, or too many are.

        Args:
            scope: Of a request that was not refused; it is held back where it asks for an answer to its body.
        """
        may = "route" in scope and self._held < HELD_AT_ONCE
        self._held += may
        return may

    def release(self) -> None:
        """Count one that is held back no more."""
        self._held -= 1

    def count(self, problem: Problem, scope: Mapping[str, Any]) -> None:
        """Count a request that the application does not hear of, in the metrics and for the log.

        Args:
            problem: Which it was answered with.
            scope: Of the request; empty where its header was not read.
        """
        metrics = self._app.state.metrics
        metrics.request_began()
        route = getattr(scope.get("route"), "path", OTHER)
        metrics.request_ended(route, scope.get("method", OTHER), problem.status, None)
        if reason := reason_of(problem):
            metrics.refused(reason)
        self._refusals.count(status=problem.status, problem=problem.type)

    def _come(self, forget: Callable[[], None], turns: int) -> None:
        if turns:
            asyncio.get_running_loop().call_soon(self._come, forget, turns - 1)
        else:
            forget()

    def _refusal(self, error: OverloadedError, scope: Scope) -> Refusal:
        problem = problem_of(error)
        status, media_type, body = written(problem, scope["path"])
        self.count(problem, scope)
        headers = [
            (b"content-type", media_type.encode()),
            (b"retry-after", str(error.retry_after_seconds).encode()),
            (REQUEST_ID_HEADER, new_id().encode()),
        ]
        return Refusal(status, headers, body.encode())


class AdmissionMiddleware:
    """Refuses at the header, too, where the server does not ask by itself.

    Args:
        app: What routes and reads bodies.
        admission: Of the app.
    """

    def __init__(self, app: ASGIApp, admission: Admission) -> None:
        self._app = app
        self._admission = admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request through.

        Raises:
            OverloadedError: The request asks for an answer, and as many wait for one as may.
        """
        if scope["type"] == "http":
            self._admission.check(scope)
        await self._app(scope, receive, send)
