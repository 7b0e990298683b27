"""Whether a series of measurements grows: a straight line through the means of blocks, and how sure it is. Pure.

Samples of a service's memory that follow on each other are alike, and a line through all of them looks surer than it
is. Means of blocks much longer than that likeness lasts are nearly independent of each other, so that ordinary least
squares with Student's t holds for them (batch means; Law, Simulation Modeling and Analysis, 5th ed., section 9.5.3).

That is so where each block says anew how much is held. What an allocator has taken it keeps: one step, the first time
that so many requests come together, is in all blocks after it, and looks like a line. There the increments from block
to block are independent, and their mean is the slope: a leak is in each of them, a step in one. Which of the two holds
is not known beforehand, so what grows is what grows by both (after Harvey, Leybourne and Taylor, A simple, robust and
powerful test of the trend hypothesis, Journal of Econometrics 141, 2007).
"""

import itertools
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

BLOCKS = 10
STUDENT_T = 3.355  # 99 % of both sides, 8 degrees of freedom: ten blocks less the line's two, nine increments less one


@dataclass(frozen=True, slots=True)
class Trend:
    """A line's slope and how far off it may be.

    Attributes:
        slope: By the unit of the moments.
        margin: Half of its 99 % confidence interval: the wider of the two.
        means: Of the blocks, in order.
    """

    slope: float
    margin: float
    means: tuple[float, ...]

    @property
    def grows(self) -> bool:
        """Whether the whole interval is above 0."""
        return self.slope - self.margin > 0


def trend(moments: Sequence[float], values: Sequence[float]) -> Trend:
    """Fit a line to the means of blocks of as many samples each.

    Args:
        moments: When each value was taken, in order; at least two a block. Those left over at the start are not used.
        values: As many.

    Raises:
        ValueError: There are too few.
    """
    size = len(values) // BLOCKS
    if size < 2:
        raise ValueError(f"{len(values)} values are too few for {BLOCKS} blocks.")
    starts = range(len(values) - BLOCKS * size, len(values), size)
    across = [statistics.fmean(moments[start : start + size]) for start in starts]
    up = [statistics.fmean(values[start : start + size]) for start in starts]
    slope, intercept = statistics.linear_regression(across, up)
    residual = sum((y - slope * x - intercept) ** 2 for x, y in zip(across, up, strict=True))
    spread = sum((x - statistics.fmean(across)) ** 2 for x in across)
    increments = [(late - early) / (across[1] - across[0]) for early, late in itertools.pairwise(up)]
    anew = math.sqrt(residual / (BLOCKS - 2) / spread)
    kept = statistics.stdev(increments) / math.sqrt(BLOCKS - 1)
    return Trend(slope, STUDENT_T * max(anew, kept), tuple(up))
