"""Cat, dog or neither: a JSON inference service around one convolutional network."""

__version__ = "1.0.0"
