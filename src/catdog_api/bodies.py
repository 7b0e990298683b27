"""How much of all uploads is held at once: counted as it arrives, so that a slow caller holds what it has sent."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from catdog_api.errors import OverloadedError

BODIES_AT_ONCE = 16  # of the largest size: 160 MiB of those that are allowed by default


class HeldBodiesMiddleware:
    """Refuses a body where all that is held would be more than may be. One for the app's life; on the event loop.

    Args:
        app: What reads bodies, and has forgotten one when it has answered.
        most_bytes: Of all bodies together.
    """

    def __init__(self, app: ASGIApp, most_bytes: int) -> None:
        self._app = app
        self._most_bytes = most_bytes
        self._held_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request through, and count its body in and out."""
        own_bytes = 0

        async def receive_and_count() -> Message:
            nonlocal own_bytes
            message = await receive()
            size = len(message.get("body", b""))
            if self._held_bytes + size > self._most_bytes:
                raise OverloadedError("The service holds as many uploads as it has room for.")
            self._held_bytes += size
            own_bytes += size
            return message

        try:
            await self._app(scope, receive_and_count, send)
        finally:
            self._held_bytes -= own_bytes
