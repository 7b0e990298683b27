"""Nothing is worked out for a caller who has left; the framework by itself would work on."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

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
    working = asyncio.create_task(work)
    leaving = asyncio.ensure_future(request.receive())  # after a whole body there is nothing to come but the disconnect
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise CallerLeftError("The connection closed before its answer.")
        return working.result()
    finally:
        working.cancel()
        leaving.cancel()
