"""The loss of each photograph, which Keras adds up before anyone can see it, and which the pruning goes by."""

from typing import Any

import keras


class PhotographLosses(keras.metrics.Metric):  # type: ignore[misc]  # Keras is published without types
    """The loss of each photograph of the last step. One a run; written and read on the thread that trains.

    Args:
        batch_size: Of every step.
        label_smoothing: That of the loss that is trained.
    """

    def __init__(self, batch_size: int, label_smoothing: float) -> None:
        super().__init__(name="photograph_losses")
        self.label_smoothing = label_smoothing
        self.losses = self.add_variable((batch_size,), "zeros", name="losses")  # float32, nats

    def update_state(self, targets: Any, logits: Any, sample_weight: Any = None) -> None:  # noqa: ANN401, ARG002  # Keras's signature
        """Remember the losses of a step, each as if it had the weight 1.

        Args:
            targets: float32 (batch_size, labels), one-hot.
            logits: float32 (batch_size, labels).
            sample_weight: Keras's; not looked at.

        Raises:
            ValueError: There are not `batch_size` photographs.
        """
        self.losses.assign(
            keras.losses.categorical_crossentropy(
                targets, logits, from_logits=True, label_smoothing=self.label_smoothing
            )
        )

    def result(self) -> Any:  # noqa: ANN401  # a tensor of any backend
        """Return their mean, as every metric of Keras has one number."""
        return keras.ops.mean(self.losses)
