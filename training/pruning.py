"""Which photographs an epoch shows: fewer of those that are answered well, each of them counting for more.

InfoBatch (Qin et al. 2023, arXiv 2303.04947): a random share of the photographs whose last loss is below the mean is
left out, and the gradients of the others below it are scaled up, so that the expected gradient stays as it was. An
epoch costs two fifths less.
"""

import numpy as np
import numpy.typing as npt


def draw(
    losses: npt.NDArray[np.float32], pruned_share: float, rng: np.random.Generator
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Choose the photographs of an epoch, in random order.

    Args:
        losses: float32 (N,), of each photograph when it was last shown; infinite where it never was.
        pruned_share: In [0, 1), of those below the mean.
        rng: Where the randomness comes from; the same state gives the same choice.

    Returns:
        int64 (M,) indices in random order, M at most N, and float32 (M,) the weight of each in the loss, at least 1.
    """
    shown = losses[np.isfinite(losses)]
    easy = losses < shown.mean() if len(shown) else np.zeros(len(losses), bool)
    pruned = easy & (rng.random(len(losses)) < pruned_share)
    weights = np.where(easy, 1 / (1 - pruned_share), 1).astype(np.float32)
    order = rng.permutation(len(losses))
    order = order[~pruned[order]]
    return order, weights[order]
