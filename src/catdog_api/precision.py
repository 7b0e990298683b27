"""Which precision serves: a faster one only where its answers stay, judged on drawn images and by the clock."""

import time
from collections.abc import Callable

import numpy as np

from catdog_api.tensors import Images, Logits

Network = Callable[[Images], Logits]

TOLERANCE = 2e-2  # by which a probability may change; a label does at most where the likeliest are within twice that
CLEARLY = 1.2  # times faster, below which a second precision is not worth having
ROUNDS = 5  # in turns, of which the fastest counts: what else the machine does only ever makes a round slower
CONTRAST = 65
STEEPNESS = 1.5
SEED = 20_250_101


def draw(count: int, size: int) -> Images:
    """Draw images with the statistics of photographs: amplitude falls with the frequency, and there is little colour.

    As the first power says Field 1987, "Relations between the statistics of natural images and the response properties
    of cortical cells"; shrunk photographs are smoother (neighbours correlate by 0.97, measured on 64 of them, and here
    by 0.98). The same every time. Zeros would let every layer off: a rounding error needs numbers to round.

    Args:
        count: How many.
        size: Their side, pixels.

    Returns:
        uint8 (count, size, size, 3), RGB in [0, 255].
    """
    noise = np.random.default_rng(SEED).normal(size=(count, size, size, 3))
    across, down = np.fft.fftfreq(size), np.fft.fftfreq(size)[:, None]
    frequency = np.maximum(np.hypot(across, down), 1 / size)[None, :, :, None]
    field = np.fft.ifft2(np.fft.fft2(noise, axes=(1, 2)) / frequency**STEEPNESS, axes=(1, 2)).real
    field /= field.std(axis=(1, 2), keepdims=True)
    grey = field.mean(axis=3, keepdims=True)
    pixels: Images = np.clip(128 + CONTRAST * (grey + 0.3 * field), 0, 255).astype(np.uint8)
    return pixels


def is_better(candidate: Network, reference: Network, images: Images, temperature: float) -> bool:
    """Say whether a network may stand in for another: it answers alike, alone and in a batch, and is clearly faster.

    Args:
        candidate: The same network in another precision.
        reference: From uint8 (N, size, size, 3) to float32 (N, labels).
        images: uint8 (N, size, size, 3): what both are tried on.
        temperature: By which logits are divided before the softmax.
    """
    expected = reference(images)
    alone = np.concatenate([candidate(image[None]) for image in images])
    change = max(largest_change(found, expected, temperature) for found in (alone, candidate(images)))
    if not change <= TOLERANCE:  # nor where it is not a number
        return False
    seconds = [(_seconds(candidate, images), _seconds(reference, images)) for _ in range(ROUNDS)]
    return CLEARLY * min(of_candidate for of_candidate, _ in seconds) < min(of_reference for _, of_reference in seconds)


def largest_change(found: Logits, expected: Logits, temperature: float) -> float:
    """Bound by how much a probability changes if logits go wrong as these do.

    A probability p changes by at most p (1 - p) times the spread of the errors. Drawn images are hardly ever undecided,
    which would hide every error behind a p near 0 or 1; so p is taken as the worst, a half.

    Args:
        found: float32 (N, labels).
        expected: Likewise.
        temperature: By which logits are divided before the softmax.
    """
    errors = (found - expected) / temperature
    return float((errors.max(axis=1) - errors.min(axis=1)).max() / 4)


def _seconds(network: Network, images: Images) -> float:
    started = time.perf_counter()
    network(images)
    return time.perf_counter() - started
