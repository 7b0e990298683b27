"""How large an upload may be, and how much of all is held: counted as it comes, so that a slow caller holds little."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from catdog_api.errors import OverloadedError, TooManyBytesError

BODIES_AT_ONCE = 16  # of the largest size: 160 MiB of those that are allowed by default


class HeldBodiesMiddleware:
    """Refuses a body that is too large, or where all that is held would be more than may be.

    One for the app's life; on the event loop.

    Args:
        app: What reads bodies, and has forgotten one when it has answered.
        most_bytes: Of one body.
    """

    def __init__(self, app: ASGIApp, most_bytes: int) -> None:
        self._app = app
        self._most_bytes = most_bytes
        self._held_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request through, and count its body in and out; reading one raises what it is refused for."""
        own_bytes = 0
        declared = declared_bytes(scope)

        async def receive_and_count() -> Message:
            nonlocal own_bytes
            message: Message = {} if declared > self._most_bytes else await receive()
            size = len(message.get("body", b""))
            if max(declared, own_bytes + size) > self._most_bytes:
                raise TooManyBytesError(
                    f"The request's body is larger than the {self._most_bytes:,} bytes that this service takes."
                )
            if self._held_bytes + size > BODIES_AT_ONCE * self._most_bytes:
                raise OverloadedError("The service holds as many uploads as it has room for.")
            self._held_bytes += size
            own_bytes += size
            return message

        try:
            await self._app(scope, receive_and_count, send)
        finally:
            self._held_bytes -= own_bytes


def declared_bytes(scope: Scope) -> int:
    """Return what a header says of the body's length; 0 where it says nothing that can be read."""
    for name, value in scope.get("headers", ()):
        if name == b"content-length":
            # More digits take `int` long, and are no length of anything; what comes is counted all the same.
            return int(value) if value.isdigit() and len(value) < 20 else 0  # noqa: PLR2004
    return 0
