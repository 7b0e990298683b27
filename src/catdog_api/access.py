"""Who may ask, and how often: API keys and a rate limit; both are off unless they are set."""

import hmac
import math
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.params import Depends as Dependency
from fastapi.security import APIKeyHeader

from catdog_api.errors import CatdogError, RateLimitedError, UnauthorizedError
from catdog_api.settings import Settings

HEADER = "X-API-Key"
MAX_CALLERS = 10_000  # remembered at once; 2 MB
MINUTE_SECONDS = 60.0

_key_header = APIKeyHeader(name=HEADER, auto_error=False, description="One of the keys in `CATDOG_API_KEYS`.")


class RateLimit:
    """Lets each caller make so many requests at once, and as many again spread over a minute.

    The generic cell rate algorithm (ITU-T I.371): a caller is one number, the time at which all that it has used is
    earned back. One for the app's life; on the event loop.

    Args:
        per_minute: At least 1.
    """

    def __init__(self, per_minute: int) -> None:
        self._interval = MINUTE_SECONDS / per_minute
        self._earned_back: OrderedDict[str, float] = OrderedDict()  # the caller who came last stands last

    def take(self, caller: str, now: float) -> float:
        """Count a request of a caller.

        Args:
            caller: A key or an address.
            now: Seconds, of a clock that never goes back.

        Returns:
            0 if the request may pass; otherwise the seconds to wait for the next one that may.
        """
        earned_back = max(now, self._earned_back.get(caller, now)) + self._interval
        wait = earned_back - now - MINUTE_SECONDS
        if wait > 1e-6:  # noqa: PLR2004  # what rounding leaves of a whole minute
            return wait
        self._earned_back[caller] = earned_back
        self._earned_back.move_to_end(caller)
        if len(self._earned_back) > MAX_CALLERS:
            self._earned_back.popitem(last=False)
        return 0.0


def conditions(settings: Settings) -> list[Dependency]:
    """Return what a request has to meet before a guarded route reads its body: nothing, a key, a rate, or both."""
    found: list[Dependency] = []
    if settings.api_keys:
        found.append(Security(_check_key))
    if settings.rate_limit:
        limit = RateLimit(settings.rate_limit)

        async def check_rate(request: Request) -> None:
            # A key that gets here is a known one. Without a peer (a Unix socket) all callers are one.
            caller = request.headers.get(HEADER) if settings.api_keys else request.client and request.client.host
            if wait := limit.take(caller or "", time.monotonic()):
                raise RateLimitedError(
                    f"At most {settings.rate_limit} requests a minute are taken from one caller.",
                    retry_after_seconds=math.ceil(wait),
                )

        found.append(Depends(check_rate))
    return found


def refusals(settings: Settings) -> list[type[CatdogError]]:
    """Return the errors that those conditions end in."""
    switched = ((UnauthorizedError, settings.api_keys), (RateLimitedError, settings.rate_limit))
    return [error for error, is_on in switched if is_on]


async def _check_key(request: Request, key: Annotated[str | None, Security(_key_header)]) -> None:
    settings: Settings = request.app.state.settings
    if key is None:
        raise UnauthorizedError(f"This service asks for a key in the header {HEADER}, and there was none.")
    if not _is_known(key, settings.api_keys):
        raise UnauthorizedError(f"The key in the header {HEADER} is none that this service knows.")


def _is_known(key: str, keys: Sequence[str]) -> bool:
    """Compare with every key, in a time that tells nothing of where a guess went wrong."""
    matches = [hmac.compare_digest(key.encode(), known.encode()) for known in keys]
    return any(matches)
