"""The recipe: what may differ between runs, and the schedules that follow from it.

The numbers of views, network and optimizer stand beside their code; a run's record has them as well.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """The settings of a run; recorded with the model.

    Attributes:
        input_size: Height and width at which the model is served, pixels: more than the last views have, where a zoom
            makes everything look larger than it is in the photograph (Touvron et al. 2019, arXiv 1906.06423).
        stages: (epochs, size) in turn. Small images first: they cost less and teach the coarse things as well
            (progressive resizing).
        batch_size: Photographs a step.
        peak_learning_rate: Of Muon, reached after the warm-up.
        warmup_epochs: In which the learning rate rises linearly from 0.
        cooldown_epochs: The last, in which it falls linearly to 0; before them it stays.
        pruned_share: Of the photographs that the network already answers better than most, left out of an epoch.
        unpruned_epochs: The last, which leave none out.
        weight_decay: Of the convolutions, decoupled (Loshchilov & Hutter 2017, arXiv 1711.05101).
        label_smoothing: The share of a target that is spread over all labels.
        average_decay: Per step, of the exponential moving average of the weights, which is what is delivered.
        seed: Of weights, order and views.
    """

    input_size: int = 152
    stages: tuple[tuple[int, int], ...] = ((18, 64), (40, 96), (8, 128))
    batch_size: int = 128
    peak_learning_rate: float = 2e-2
    warmup_epochs: float = 1.0
    cooldown_epochs: float = 38.0
    pruned_share: float = 0.5
    unpruned_epochs: int = 2
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

    def strength_at(self, epoch: int) -> float:
        """Return how much the views of an epoch are damaged: what is small already cannot lose as much.

        Args:
            epoch: In [0, epochs).

        Returns:
            In (0, 1], the area of the views in that of the last ones.

        Raises:
            IndexError: There is no such epoch.
        """
        return (self.size_at(epoch) / self.size_at(self.epochs - 1)) ** 2

    def pruned_share_at(self, epoch: int) -> float:
        """Return the share of the well-answered photographs that an epoch leaves out.

        Args:
            epoch: In [0, epochs).

        Returns:
            `pruned_share`, or 0 in the last `unpruned_epochs`.
        """
        return self.pruned_share if epoch < self.epochs - self.unpruned_epochs else 0.0

    def learning_rate_at(self, epoch: float) -> float:
        """Return the learning rate at a point of the run.

        Args:
            epoch: In [0, epochs]; its fraction is that of the steps of the epoch that are done.

        Returns:
            In [0, peak_learning_rate].

        Raises:
            ZeroDivisionError: `warmup_epochs` or `cooldown_epochs` is 0.
        """
        rising = epoch / self.warmup_epochs
        falling = (self.epochs - epoch) / self.cooldown_epochs
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


SMOKE = Recipe(
    input_size=64,
    stages=((2, 32), (2, 64)),
    batch_size=32,
    warmup_epochs=0.5,
    cooldown_epochs=2.0,
    unpruned_epochs=1,
    average_decay=0.9,
)
"""The same run in two minutes, on a few hundred photographs: what the tests train."""
