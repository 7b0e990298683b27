"""How a process that measures tells its result to whoever started it: as a line of JSON among all else that it prints.

It needs nothing but Python's own library, for it runs in the contenders' environments, too. wrk's `load.lua` writes
the same line.
"""

import json
from collections.abc import Mapping
from typing import Any

MARK = "result "


def hand_over(found: Mapping[str, Any]) -> None:
    """Print a result, on a line of its own whatever a library has begun to print."""
    print(f"\n{MARK}{json.dumps(found)}", flush=True)


def handed_over(output: str) -> dict[str, Any]:
    """Return the last result in what a process has printed.

    Raises:
        ValueError: There is none.
    """
    for line in reversed(output.splitlines()):
        if line.startswith(MARK):
            found: dict[str, Any] = json.loads(line.removeprefix(MARK))
            return found
    raise ValueError(f"there is no result: {output[-500:]!r}")
