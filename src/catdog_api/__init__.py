"""Cat, dog or neither: a JSON inference service around one convolutional network."""
