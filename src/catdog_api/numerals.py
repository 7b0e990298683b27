"""Whole numbers from 0 to 255 as JSON writes them, to an array: a piece at a time, and not a Python object for each."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from catdog_api.errors import MalformedUploadError
from catdog_api.lifting import Numbers

PIECE_BYTES: Final = 64 * 1024
_ZERO, _BAD = b"0?"
_IS_DIGIT: Final = np.isin(np.arange(256), list(b"0123456789"))  # by byte
_IS_MARK: Final = ~_IS_DIGIT & ~np.isin(np.arange(256), list(b" \t\r\n"))
_MAX_DIGITS: Final = 3
_LARGEST: Final = 255


def read_numerals(numbers: Numbers, shape: Sequence[int]) -> npt.NDArray[np.uint8]:
    """Read an array of numbers, nested as its shape says or flat.

    Args:
        numbers: As they came.
        shape: Of any size, each at least 1.

    Returns:
        uint8, of that shape.

    Raises:
        MalformedUploadError: They are more or fewer, nested otherwise, or something else than 0, 1, ... 255.
    """
    count = math.prod(shape)
    text, start, end = numbers.whole, numbers.start, numbers.end
    if text.count(b",", start, end) != count - 1:  # before anything is made of a shape that may lie
        raise MalformedUploadError(f"The data are not the {'x'.join(map(str, shape))} numbers of the shape.")
    is_nested = text.count(b"[", start, end) > 1
    expected = _pattern(shape if is_nested else [count])
    values = np.empty(count, np.uint8)
    filled = matched = 0
    while start < end:
        comma = text.find(b",", start + PIECE_BYTES, end)
        stop = end if comma == -1 else comma
        found, pattern = _read_piece(text[start:stop])
        # The last piece must be all of what is left: a bracket may be missing at the end.
        if pattern != expected[matched : len(expected) if stop == end else matched + len(pattern)]:
            raise MalformedUploadError(
                "The data are not whole numbers from 0 to 255, nested as the shape says or in one flat array."
            )
        values[filled : filled + len(found)] = found
        filled, matched, start = filled + len(found), matched + len(pattern), stop
    return values.reshape(shape)


def _pattern(shape: Sequence[int]) -> bytes:
    """Return how an array of the shape is written where every number is 0."""
    written = b"0"
    for length in reversed(shape):
        written = b"".join((b"[", (written + b",") * (length - 1), written, b"]"))
    return written


def _read_piece(piece: bytes) -> tuple[npt.NDArray[np.uint8], bytes]:
    """Return the values in a piece that cuts no number, and the piece with one mark for each number, without space."""
    raw = np.frombuffer(piece, np.uint8)
    starts, stops = np.flatnonzero(np.diff(_IS_DIGIT[raw], prepend=False, append=False)).reshape(-1, 2).T
    values = np.zeros(len(starts), np.int64)
    for place in range(_MAX_DIGITS):
        at = stops - 1 - place
        values += np.where(at >= starts, raw[np.maximum(at, starts)].astype(np.int64) - _ZERO, 0) * 10**place
    lengths = stops - starts
    is_good = (lengths <= _MAX_DIGITS) & (values <= _LARGEST) & ((lengths == 1) | (raw[starts] != _ZERO))
    pattern, is_mark = raw.copy(), _IS_MARK[raw]
    pattern[starts] = np.where(is_good, _ZERO, _BAD)
    is_mark[starts] = True
    return values.astype(np.uint8), pattern[is_mark].tobytes()
