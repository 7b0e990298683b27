"""The network: from uint8 pixels to one logit a label, rescaling inside, so that training and serving cannot differ.

A residual network of the DAWNBench kind (Page 2018, "How to Train Your ResNet"): convolution and max-pooling between
the stages, residual pairs where features are already small and rich. Two choices are this project's own:

- The first convolution is 5 x 5 with stride 2. On a CPU a layer at full resolution costs more in memory traffic than
  in arithmetic: with it, a step runs 1.3 times faster than with a 3 x 3 convolution and a pooling (EXPERIMENTS.md).
- Global average pooling stands directly before the one dense layer, so that a label's logit is the mean of its class
  activation map (Zhou et al. 2016, arXiv 1512.04150).

Shapes at line ends are those for a 128 x 128 image; every size from 32 up works with the same weights.
"""

import keras
from keras import layers

STEM_FILTERS = 24
STAGES = ((48, 0), (96, 1), (192, 2))  # filters and residual pairs of each: depth where features are small
DROPOUT = 0.2


def convolve(x: keras.KerasTensor, filters: int, kernel: int = 3, strides: int = 1) -> keras.KerasTensor:
    """Convolve and normalize by batch (which makes a bias superfluous); height and width shrink by `strides`.

    Args:
        x: Any float (N, height, width, channels).
        filters: How many channels come out.
        kernel: Height and width of the kernel, pixels.
        strides: Down and across, pixels.

    Returns:
        The policy's compute dtype, (N, height / strides, width / strides, filters), rounded up.

    Raises:
        TypeError: `x` does not say how many channels it has.
        ValueError: `x` has another rank, or a number is below 1.
    """
    x = layers.Conv2D(filters, kernel, strides, padding="same", use_bias=False)(x)
    return layers.BatchNormalization(momentum=0.9)(x)


def residual_pair(x: keras.KerasTensor) -> keras.KerasTensor:
    """Carry the input around two convolutions and add it to what they give (He et al. 2015, arXiv 1512.03385).

    Args:
        x: Any float (N, height, width, channels).

    Returns:
        The policy's compute dtype, of the same shape, at least 0.

    Raises:
        TypeError: `x` does not say how many channels it has.
        ValueError: `x` has another rank.
    """
    filters = x.shape[-1]
    y = layers.ReLU()(convolve(x, filters))
    y = convolve(y, filters)
    return layers.ReLU()(layers.Add()([x, y]))


def build_network(labels: int, size: int | None = None) -> keras.Model:
    """Build the network with fresh weights under the current dtype policy.

    Args:
        labels: How many labels; at least 2.
        size: Height and width of the images in pixels, at least 32, or None for any.

    Returns:
        A functional model from uint8 (N, size, size, 3), RGB in [0, 255], to float32 (N, labels) logits.

    Raises:
        ValueError: `labels` is below 1, or `size` below 15: nothing would be left to pool.
    """
    images = keras.Input((size, size, 3), dtype="uint8", name="images")
    x = layers.Rescaling(1 / 127.5, offset=-1, name="rescaling")(images)  # (128, 128, 3) in [-1, 1]
    x = layers.ReLU()(convolve(x, STEM_FILTERS, kernel=5, strides=2))  # (64, 64, 24)
    for filters, residual_pairs in STAGES:
        x = layers.ReLU()(convolve(x, filters))
        x = layers.MaxPooling2D()(x)  # (32, 32, 48), (16, 16, 96), (8, 8, 192)
        for _ in range(residual_pairs):
            x = residual_pair(x)
    features = layers.GlobalAveragePooling2D(name="pooling")(x)  # (192,)
    features = layers.Dropout(DROPOUT)(features)
    # Logits leave in float32 whatever the policy computes in: a softmax over bfloat16 has two significant digits.
    logits = layers.Dense(labels, dtype="float32", name="logits")(features)  # (labels,)
    return keras.Model(images, logits, name="catdog")


def multiply_adds(network: keras.Model) -> int:
    """Count the multiply-adds of one image through the convolutions and the dense layer of a network.

    Args:
        network: Built for a fixed height and width.

    Returns:
        At least 0.

    Raises:
        TypeError: The network takes images of any size.
    """
    total = 0
    for layer in network.layers:
        if isinstance(layer, layers.Conv2D):
            _, height, width, filters = layer.output.shape
            rows, columns, channels, _ = layer.kernel.shape
            total += height * width * filters * rows * columns * channels
        elif isinstance(layer, layers.Dense):
            total += int(layer.kernel.shape[0]) * int(layer.kernel.shape[1])
    return total
