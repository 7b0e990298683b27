"""The network: from uint8 pixels to one logit a label, rescaling inside, so that training and serving cannot differ.

A residual network of the DAWNBench kind (Page 2018, "How to Train Your ResNet"): convolution and max-pooling between
the stages, residual pairs where features are already small and rich. Two choices are this project's own:

- The first convolution is 5 x 5 with stride 2. On a CPU a layer at full resolution costs more in memory traffic than
  in arithmetic: with it, a step runs 1.4 times faster than with a 3 x 3 convolution and a pooling.
- Global average pooling stands directly before the one dense layer, so that a label's logit is the mean of its class
  activation map (Zhou et al. 2016, arXiv 1512.04150).

Shapes at line ends are those for a 128 x 128 image; every size from 32 up works with the same weights.
"""

import keras
from keras import layers

STEM_FILTERS = 32
STAGE_FILTERS = (64, 128, 256)
DROPOUT = 0.2


def convolve(x: keras.KerasTensor, filters: int, kernel: int = 3, strides: int = 1) -> keras.KerasTensor:
    """Convolution and batch normalization (which makes a bias superfluous); height and width shrink by `strides`."""
    x = layers.Conv2D(filters, kernel, strides, padding="same", use_bias=False)(x)
    return layers.BatchNormalization(momentum=0.9)(x)


def residual_pair(x: keras.KerasTensor) -> keras.KerasTensor:
    """Two convolutions around which the input is carried and added (He et al. 2015, arXiv 1512.03385)."""
    filters = x.shape[-1]
    y = layers.ReLU()(convolve(x, filters))
    y = convolve(y, filters)
    return layers.ReLU()(layers.Add()([x, y]))


def build_network(labels: int, size: int | None = None) -> keras.Model:
    """Build the network with fresh weights under the current dtype policy.

    Args:
        labels: How many labels; at least 2.
        size: Height and width of the images in pixels, or None for any.

    Returns:
        A functional model from uint8 (N, size, size, 3), RGB in [0, 255], to float32 (N, labels) logits.
    """
    images = keras.Input((size, size, 3), dtype="uint8", name="images")
    x = layers.Rescaling(1 / 127.5, offset=-1, name="rescaling")(images)  # (128, 128, 3) in [-1, 1]
    x = layers.ReLU()(convolve(x, STEM_FILTERS, kernel=5, strides=2))  # (64, 64, 32)
    for stage, filters in enumerate(STAGE_FILTERS):
        x = layers.ReLU()(convolve(x, filters))
        x = layers.MaxPooling2D()(x)  # (32, 32, 64), (16, 16, 128), (8, 8, 256)
        if stage > 0:
            x = residual_pair(x)
    features = layers.GlobalAveragePooling2D(name="pooling")(x)  # (256,)
    features = layers.Dropout(DROPOUT)(features)
    # Logits leave in float32 whatever the policy computes in: a softmax over bfloat16 has two significant digits.
    logits = layers.Dense(labels, dtype="float32", name="logits")(features)  # (labels,)
    return keras.Model(images, logits, name="catdog")


def multiply_adds(network: keras.Model) -> int:
    """Count the multiply-adds of one image through the convolutions and the dense layer of a network of fixed size."""
    total = 0
    for layer in network.layers:
        if isinstance(layer, layers.Conv2D):
            _, height, width, filters = layer.output.shape
            rows, columns, channels, _ = layer.kernel.shape
            total += height * width * filters * rows * columns * channels
        elif isinstance(layer, layers.Dense):
            total += int(layer.kernel.shape[0]) * int(layer.kernel.shape[1])
    return total
