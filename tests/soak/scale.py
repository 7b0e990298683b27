"""How long the long tests last: their full measure, or with `SOAK_SCALE` a share of it, to try them."""

import os

SCALE = float(os.environ.get("SOAK_SCALE") or 1)


def seconds(full: float, least: float = 3) -> float:
    """Return the share of a time, seconds."""
    return max(least, full * SCALE)


def times(full: int, least: int = 2) -> int:
    """Return the share of a number of times."""
    return max(least, round(full * SCALE))
