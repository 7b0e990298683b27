"""One structured line a request: JSON for machines, words on a terminal; no image content and no file name."""

import asyncio
import json
import logging
import sys
import time
from collections import Counter
from random import Random
from typing import Any
from urllib.parse import quote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger("catdog_api")

REQUEST_ID_HEADER = b"x-request-id"
TALLY_SECONDS = 1.0  # a line for each of thousands a second would take as much as what it tells of


class JsonFormatter(logging.Formatter):
    """A record as one JSON object, with the fields that its `extra` carries under `fields`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class TerminalFormatter(logging.Formatter):
    """A record as words, for a person who watches."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, with a traceback below it where there is one."""
        words = [self.formatTime(record, "%H:%M:%S"), record.getMessage()]
        words += [f"{name}={value}" for name, value in _fields(record).items()]
        if record.exc_info:
            words.append("\n" + self.formatException(record.exc_info))
        return " ".join(words)


def configure(level: str) -> None:
    """Send the records of the service, of uvicorn and of every library to stderr, formatted for who reads there.

    Args:
        level: debug, info, warning or error.
    """
    root = logging.getLogger()
    root.handlers = [_to_stderr()]
    root.setLevel(logging.WARNING)  # of libraries
    logging.getLogger("uvicorn").setLevel(level.upper())
    _set_own(level)


def configure_own(level: str) -> None:
    """Send the records of the service alone to stderr, formatted likewise, in a process whose logs are another's.

    Args:
        level: As for `configure`.
    """
    logger.handlers = [_to_stderr()]
    logger.propagate = False
    _set_own(level)


class RequestLogMiddleware:
    """Writes one line a request and gives each an id, returned as `X-Request-ID`. One for the app's life.

    Endpoints add to the line through `request.state.log`, a dict.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request through and log it when its answer is out."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.monotonic()
        request_id = new_id()
        fields: dict[str, Any] = {}
        scope.setdefault("state", {}).update(id=request_id, log=fields)
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (REQUEST_ID_HEADER, request_id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        finally:
            fields = {"id": request_id, "status": status, **fields, "ms": _milliseconds(started)}
            # Quoted: a path may hold line feeds and terminal escapes, and a caller must not write lines of its own.
            logger.info("%s %s", scope["method"], quote(scope["path"]), extra={"fields": fields})


class Tally:
    """Writes one line a second of what may happen thousands of times in it, with how often it did. On the event loop.

    Args:
        message: Of the line; `count` is among its fields.
    """

    def __init__(self, message: str) -> None:
        self._message = message
        self._counts: Counter[tuple[tuple[str, object], ...]] = Counter()

    def count(self, **fields: object) -> None:
        """Count once more what has these fields; what has others has a line of its own."""
        if not self._counts:
            asyncio.get_running_loop().call_later(TALLY_SECONDS, self._write)
        self._counts[tuple(fields.items())] += 1

    def _write(self) -> None:
        for fields, count in self._counts.items():
            logger.info(self._message, extra={"fields": {"count": count, **dict(fields)}})
        self._counts.clear()


_ids = Random()  # noqa: S311  # an id is no secret, and the system's own numbers cost a call of it each


def new_id() -> str:
    """Return an id that no other request has: 32 hexadecimal digits."""
    return f"{_ids.getrandbits(128):032x}"


def _to_stderr() -> logging.Handler:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(TerminalFormatter() if sys.stderr.isatty() else JsonFormatter())
    return handler


def _set_own(level: str) -> None:
    logger.setLevel(level.upper())
    logging.getLogger("uvicorn.error").addFilter(_is_news)
    # It quotes bytes of the upload that it cannot parse; the problem that the caller gets says it without them.
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)


def _is_news(record: logging.LogRecord) -> bool:
    """Leave out uvicorn's line for each request that is no HTTP: of those there is one line a second."""
    return record.msg != "Invalid HTTP request received."


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields: dict[str, Any] = getattr(record, "fields", {})
    return fields


def _milliseconds(started: float) -> float:
    return round(1000 * (time.monotonic() - started), 1)
