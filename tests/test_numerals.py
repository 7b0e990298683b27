"""Whole numbers from 0 to 255 as JSON writes them: read without a Python object for each, and nothing else is taken."""

import json
import tracemalloc

import numpy as np
import pytest

from catdog_api.errors import MalformedUploadError
from catdog_api.lifting import Numbers
from catdog_api.numerals import PIECE_BYTES, read_numerals

RANDOM = np.random.default_rng(0)


def of(text: str | bytes) -> Numbers:
    """Return an array as it is when it was lifted out of the middle of something."""
    encoded = text.encode() if isinstance(text, str) else text
    return Numbers(b"12" + encoded + b"34", 2, 2 + len(encoded))


@pytest.mark.parametrize("shape", [(1,), (1, 1, 1, 3), (2, 3, 4, 3), (5, 40, 30, 3), (1, 1, PIECE_BYTES, 3)])
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": "), (" ,\r\n\t ", ":")])
def test_every_way_to_write_an_array_is_read(shape: tuple[int, ...], separators: tuple[str, str]) -> None:
    array = RANDOM.integers(0, 256, shape, np.uint8)
    for values in (array.tolist(), array.ravel().tolist()):
        found = read_numerals(of(json.dumps(values, separators=separators)), shape)
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("shape", [(1, 6), (2, 3), (6,), (2, 1, 3)])
def test_an_array_nested_in_another_way_than_its_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(MalformedUploadError, match="nested as the shape says"):
        read_numerals(of("[[1,2],[3,4],[5,6]]"), shape)


@pytest.mark.parametrize("shape", [(5,), (7,), (2, 4), (2**64 - 1, 2**64 - 1, 2**64 - 1, 3)])
def test_a_shape_of_another_size_is_refused_before_anything_is_made_of_it(shape: tuple[int, ...]) -> None:
    with pytest.raises(MalformedUploadError, match=r"not the .* numbers of the shape"):
        read_numerals(of("[1,2,3,4,5,6]"), shape)


@pytest.mark.parametrize(
    "text",
    [
        *("[256,1]", "[999,1]", "[1000,1]", "[01,1]", "[00,1]", "[-1,1]", "[+1,1]", "[1.0,1]", "[1e2,1]", "[1.5,1]"),
        *("[true,1]", "[null,1]", "[NaN,1]", "[1,]", "[,1]", "[,]", "[ , 1]", "[1 2,1]", "[1\x002,1]", "[1,\x002]"),
        *("[[1,1]", "[1,1]]", "[1],[1]", "[1,[1]]", "[[1,1]]", "[[1],1]", "[[1],1]", "1[,1]", "[1,]1", "[1,2{}]"),
        *("[1,²]", "[9" + "9" * 100_000 + ",1]"),
    ],
)
def test_what_is_no_flat_array_of_two_such_numbers_is_refused(text: str) -> None:
    with pytest.raises(MalformedUploadError, match="whole numbers from 0 to 255"):
        read_numerals(of(text), (2,))


@pytest.mark.parametrize("text", ["[[1,2],3[,4]]", "[[1,2]3,[4]]", "[[1,2],[3,4]", "[[1,2],[3 4,]]", "[[1,2],[3],[4]]"])
def test_a_number_in_the_wrong_place_of_a_nested_array_is_seen(text: str) -> None:
    with pytest.raises(MalformedUploadError):
        read_numerals(of(text), (2, 2))


def test_a_large_array_takes_no_more_memory_than_it_has_bytes() -> None:
    array = RANDOM.integers(0, 256, (8, 128, 128, 3), np.uint8)
    numbers = of(json.dumps(array.tolist(), separators=(",", ":")))
    tracemalloc.start()
    try:
        read_numerals(numbers, array.shape)
        assert tracemalloc.get_traced_memory()[1] < 1.6 * len(numbers.whole)
    finally:
        tracemalloc.stop()
