"""The recipe: every number that makes a training run what it is, and the schedules that follow from them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """The settings of a run; recorded with the model.

    Attributes:
        input_size: Height and width at which the model is served, pixels.
        stages: (epochs, size) in turn. Small images first: they cost less and teach the coarse things as well
            (progressive resizing); the last stage has the served size.
        batch_size: Photographs a step.
        peak_learning_rate: Of Muon, reached after the warm-up.
        warmup_share: Of all steps, in which the learning rate rises linearly from 0.
        cooldown_share: Of all steps, in which it falls linearly to 0; between the two it stays.
        weight_decay: Of the convolutions, decoupled (Loshchilov & Hutter 2017, arXiv 1711.05101).
        label_smoothing: The share of a target that is spread over all labels.
        average_decay: Per step, of the exponential moving average of the weights, which is what is delivered.
        seed: Of weights, order and views.
    """

    input_size: int = 128
    stages: tuple[tuple[int, int], ...] = ((12, 64), (9, 96), (3, 128))
    batch_size: int = 128
    peak_learning_rate: float = 2e-2
    warmup_share: float = 0.05
    cooldown_share: float = 0.6
    weight_decay: float = 0.02
    label_smoothing: float = 0.1
    average_decay: float = 0.998
    seed: int = 20261121

    @property
    def epochs(self) -> int:
        """How many epochs all stages have together."""
        return sum(epochs for epochs, _ in self.stages)

    def size_at(self, epoch: int) -> int:
        """Return the size of the views in an epoch.

        Args:
            epoch: In [0, epochs).

        Returns:
            Height and width, pixels.

        Raises:
            IndexError: There is no such epoch.
        """
        sizes = [size for epochs, size in self.stages for _ in range(epochs)]
        return sizes[epoch]

    def learning_rate_at(self, progress: float) -> float:
        """Return the learning rate when this share of all steps is done.

        Args:
            progress: In [0, 1].

        Returns:
            In [0, peak_learning_rate].

        Raises:
            ZeroDivisionError: `warmup_share` or `cooldown_share` is 0.
        """
        rising = progress / self.warmup_share
        falling = (1 - progress) / self.cooldown_share
        return self.peak_learning_rate * min(1.0, rising, falling)

    def average_decay_at(self, step: int) -> float:
        """Return the decay of the averaged weights at a step: the first steps move too far to be worth remembering.

        The ramp is that of TensorFlow's `tf.train.ExponentialMovingAverage`.

        Args:
            step: Counted from 0, over all epochs.

        Returns:
            In [0.1, average_decay], rising.
        """
        return min(self.average_decay, (1 + step) / (10 + step))


SMOKE = Recipe(input_size=64, stages=((2, 32), (2, 64)), batch_size=32, average_decay=0.9)
"""The same run in two minutes, on a few hundred photographs: what the tests train."""
