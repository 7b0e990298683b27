"""Nothing is worked out for a caller who has left; the framework by itself would work on."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar, cast

from fastapi import Request

from catdog_api.errors import CallerLeftError

T = TypeVar("T")


async def unless_the_caller_leaves(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Await work, and give it up when the connection closes.

    Args:
        request: Its body has been read.
        work: What its answer needs.

    Raises:
        CallerLeftError: The connection is closed.
    """
    waiting = cast("asyncio.Task[Any]", asyncio.current_task())
    cancelled_already = waiting.cancelling()
    leaving = asyncio.ensure_future(request.receive())  # after a whole body there is nothing to come but the disconnect
    is_over = False

    def give_up(_: "asyncio.Future[Any]") -> None:
        if not is_over:  # both may come in one turn of the event loop, and what is awaited next is not meant
            waiting.cancel()

    leaving.add_done_callback(give_up)
    try:
        return await work
    except asyncio.CancelledError as error:
        # As `asyncio.timeout` tells its own from another's: a deadline or the server may end this, too.
        if leaving.done() and waiting.uncancel() <= cancelled_already:
            raise CallerLeftError("The connection closed before its answer.") from error
        raise
    finally:
        is_over = True
        leaving.cancel()
