"""How large an upload may be, and how much of all is held: counted as it comes, so that a slow caller holds little."""

from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from catdog_api.errors import OverloadedError, TooManyBytesError
from catdog_api.memory import give_back

BODIES_AT_ONCE = 16  # of the largest size: 160 MiB of those that are allowed by default
# Of 10 MiB that came in pieces glibc kept 40 MB (measured); of less than this, little, and looking takes as long.
WORTH_GIVING_BACK_BYTES = 1 << 20


@dataclass(slots=True, eq=False)
class _Body:
    """What is held of one body, bytes, and whether it is to make room, or is refused for its size."""

    held: int = 0
    is_in_the_way: bool = False
    is_too_large: bool = False


class HeldBodiesMiddleware:
    """Refuses a body that is too large, or where all that is held would be more than may be.

    Then the one that has been arriving for longest is refused, too, with its next piece: or a few that come as slowly
    as they may would keep all others out. One for the app's life; on the event loop.

    Args:
        app: What reads bodies, and has forgotten one when it has answered.
        most_bytes: Of one body.
    """

    def __init__(self, app: ASGIApp, most_bytes: int) -> None:
        self._app = app
        self._most_bytes = most_bytes
        self._held_bytes = 0
        self._arriving: dict[_Body, None] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request through, and count its body in and out; reading one raises what it is refused for."""
        body = _Body()
        declared = declared_bytes(scope)

        async def receive_and_count() -> Message:
            message: Message = {} if declared > self._most_bytes else await receive()
            size = len(message.get("body", b""))
            if max(declared, body.held + size) > self._most_bytes:
                body.is_too_large = True
                raise TooManyBytesError(
                    f"The request's body is larger than the {self._most_bytes:,} bytes that this service takes."
                )
            has_room = self._held_bytes + size <= BODIES_AT_ONCE * self._most_bytes
            if not has_room and not body.is_in_the_way and (longest := next(iter(self._arriving), None)):
                del self._arriving[longest]
                longest.is_in_the_way = True
            if body.is_in_the_way or not has_room:
                raise OverloadedError("The service holds as many uploads as it has room for.")
            self._held_bytes += size
            body.held += size
            if message.get("more_body"):
                self._arriving[body] = None
            else:
                self._arriving.pop(body, None)
            return message

        try:
            await self._app(scope, receive_and_count, send)
        finally:
            self._held_bytes -= body.held
            self._arriving.pop(body, None)
            if body.is_too_large and body.held >= WORTH_GIVING_BACK_BYTES:
                give_back()


def declared_bytes(scope: Scope) -> int:
    """Return what a header says of the body's length; 0 where it says nothing that can be read."""
    for name, value in scope.get("headers", ()):
        if name == b"content-length":
            # More digits take `int` long, and are no length of anything; what comes is counted all the same.
            return int(value) if value.isdigit() and len(value) < 20 else 0  # noqa: PLR2004
    return 0
