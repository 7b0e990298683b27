"""Muon: momentum whose every matrix is brought to equal singular values before it is applied (Jordan et al. 2024).

A convolution's gradient is dominated by a few directions; equalizing them lets the rare ones learn, too. In the same
seconds a first network of this kind came to 87 % cat against dog with it and to 76 % with AdamW (EXPERIMENTS.md). Keras
has a Muon of its own, but that one leaves convolutions to Adam.
"""

from typing import Any

import keras
from keras import ops

# Newton-Schulz iteration towards the orthogonal factor: the quintic's coefficients are tuned for speed and not for
# convergence; singular values end up in about [0.7, 1.2] after five steps (Jordan, "Muon: An optimizer for hidden
# layers"), and after these four, for a fifth less, in about [0.6, 1.3].
QUINTIC = (3.4445, -4.7750, 2.0315)
ITERATIONS = 4
MOMENTUM = 0.9
ADAM_SHARE = 0.1  # of the learning rate: what Adam moves has another scale
ADAM_DECAYS = (0.9, 0.99)
EPSILON = 1e-7


class Muon(keras.optimizers.Optimizer):  # type: ignore[misc]  # Keras is published without types
    """Muon for the convolutions behind the first, Adam for everything else. One a run; its state is saved with it.

    Args:
        learning_rate: Of the convolutions; the size of a step relative to that of the weights.
        decay: Decoupled weight decay of the convolutions, times the learning rate a step.
    """

    def __init__(self, learning_rate: float, *, decay: float) -> None:
        super().__init__(learning_rate=learning_rate, name="muon")
        self.decay = decay

    def build(self, variables: list[keras.Variable]) -> None:
        """Make the state: one array like each variable, and a second for those that Adam updates."""
        if self.built:
            return
        super().build(variables)
        self.first = [self.add_variable_from_reference(variable, name="first") for variable in variables]
        self.second = [
            None if _is_hidden_convolution(variable) else self.add_variable_from_reference(variable, name="second")
            for variable in variables
        ]

    def update_step(self, gradient: Any, variable: keras.Variable, learning_rate: Any) -> None:  # noqa: ANN401  # tensors of any backend
        """Update one variable."""
        index = self._get_variable_index(variable)
        rate = ops.cast(learning_rate, variable.dtype)
        first, second = self.first[index], self.second[index]
        if second is None:
            self.assign(first, first * MOMENTUM + gradient)
            step = orthogonalize(gradient + first * MOMENTUM)
            self.assign(variable, variable * (1 - rate * self.decay) - rate * step)
            return
        decay_1, decay_2 = ADAM_DECAYS
        count = ops.cast(self.iterations + 1, variable.dtype)
        self.assign(first, first * decay_1 + gradient * (1 - decay_1))
        self.assign(second, second * decay_2 + ops.square(gradient) * (1 - decay_2))
        mean = first / (1 - ops.power(decay_1, count))
        deviation = ops.sqrt(second / (1 - ops.power(decay_2, count)))
        self.assign(variable, variable - rate * ADAM_SHARE * mean / (deviation + EPSILON))


def orthogonalize(kernel: Any) -> Any:  # noqa: ANN401  # tensors of any backend
    """Bring all singular values of a convolution's kernel near 1.

    Args:
        kernel: float32 (rows, columns, channels, filters), taken as the matrix (rows x columns x channels, filters).

    Returns:
        float32, of the same shape.
    """
    shape = kernel.shape
    inputs, filters = shape[0] * shape[1] * shape[2], shape[3]
    matrix = ops.transpose(ops.reshape(kernel, (inputs, filters)))  # the shorter side first: smaller products
    matrix = matrix / (ops.sqrt(ops.sum(ops.square(matrix))) + EPSILON)
    matrix = ops.cast(matrix, "bfloat16")  # two digits are enough for a direction
    a, b, c = QUINTIC
    for _ in range(ITERATIONS):
        gram = ops.matmul(matrix, ops.transpose(matrix))
        matrix = a * matrix + ops.matmul(b * gram + c * ops.matmul(gram, gram), matrix)
    return ops.reshape(ops.transpose(ops.cast(matrix, kernel.dtype)), shape)


def _is_hidden_convolution(variable: keras.Variable) -> bool:
    colours = 3
    rank = 4
    return len(variable.shape) == rank and variable.shape[2] != colours
