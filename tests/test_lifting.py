"""JSON whose long parts stay bytes: what is left is what `json.loads` gives, and nothing costs more than its bytes."""

import json
import time
import tracemalloc
from typing import Any

import pytest

from catdog_api.errors import MalformedUploadError
from catdog_api.lifting import MAX_BYTES_LEFT, SHORT_BYTES, LongText, Numbers, loads

LARGE = 2_000_000
LONG = "x" * (SHORT_BYTES + 1)


def back(value: Any) -> Any:  # noqa: ANN401  # whatever was written
    """Put what was lifted out back."""
    if isinstance(value, LongText):
        return value.whole[value.start : value.end].decode()
    if isinstance(value, Numbers):
        return json.loads(value.whole[value.start : value.end])
    if isinstance(value, dict):
        return {key: back(item) for key, item in value.items()}
    return [back(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    "text",
    [
        '{"data": [1, [2, 3]], "a": "b"}',
        '{"data":[], "data" : [[1]] , "more":[{"data":[1,\n2]}]}',
        '{"data": ["a", "b"], "x": [1]}',
        '{"data": [["a"], ["b"]]}',
        '{"data": [{"a": [1]}]}',
        '{"data": "data", "name": "data"}',
        '{"data": 5, "NaN": "Infinity", "\\"data\\":[1": 2}',
        '["\\\\", "\\"", "\\u00e9", "é", ""]',
        f'["{LONG}", "{LONG}\\/\\"", "é{LONG}"]',
        f'{{"id": "{LONG}", "data": [1.5, -2, true, null]}}',
        " 7 ",
    ],
)
def test_what_is_lifted_out_and_what_is_left_are_together_what_was_written(text: str) -> None:
    encoded = text.encode()
    assert back(loads(encoded + b"more", len(encoded))) == json.loads(text)


def test_long_strings_and_numbers_in_data_stay_where_they_came() -> None:
    text = f'{{"id": "{LONG}", "data": [[1], [2]] }}'.encode()
    found = loads(text, len(text))
    assert isinstance(found["id"], LongText)
    assert isinstance(found["data"], Numbers)
    assert found["id"].whole is found["data"].whole is text
    assert text[found["data"].start : found["data"].end] == b"[[1], [2]]"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(b"", "not JSON", id="nothing"),
        pytest.param(b"{", "not JSON", id="no end"),
        pytest.param(b'{"a": 1}}', "not JSON", id="more"),
        pytest.param(b'{"a": NaN}', "NaN", id="nan"),
        pytest.param(b'{"a": -Infinity}', "NaN", id="infinity"),
        pytest.param(b'{"a": nan}', "not JSON", id="a word"),
        pytest.param(b'{"a": "b', "without an end", id="string without an end"),
        pytest.param(b'{"a": "b\\"', "without an end", id="escape before the end"),
        pytest.param(b'{"a": "' + b"\\/" * 600_000 + b'"}', "escapes", id="nothing but escapes"),
        pytest.param(b'["' + LONG.encode() + b'\\x"]', "not JSON", id="a wrong escape"),
        pytest.param(b'["\xff"]', "not JSON", id="no utf-8"),
        pytest.param("[]".encode("utf-16"), "not JSON", id="utf-16"),
        pytest.param(b"\xef\xbb\xbf[]", "not JSON", id="byte order mark"),
        pytest.param(b"[" * 100_000, "too deeply", id="deep arrays"),
        pytest.param(b'{"a":' * 40_000, "too deeply", id="deep objects"),
        pytest.param(b"9" * 5_000, "not JSON", id="a number of thousands of digits"),
        pytest.param(b'{"data": [[1], "a"]}', "not JSON", id="numbers and a string"),
        pytest.param(b'{"' + LONG.encode() + b'": 1}', "not JSON", id="a long key"),
    ],
)
def test_what_is_no_json_is_refused(text: bytes, words: str) -> None:
    with pytest.raises(MalformedUploadError, match=words):
        loads(text, len(text))


def repeated(piece: bytes) -> bytes:
    """Return an array of a piece, as often as it fits."""
    return b"[" + (piece + b",") * (LARGE // (len(piece) + 1)) + b"1]"


@pytest.mark.parametrize("piece", [b"[]", b"{}", b"1.5", b'""', b'"ab"', b'{"":1}', b'{"data":[]}', b'{"data":{}}'])
def test_a_million_small_parts_are_refused_before_they_are_anything(piece: bytes) -> None:
    text = repeated(piece)
    tracemalloc.start()
    try:
        with pytest.raises(MalformedUploadError, match="neither long strings nor numbers"):
            loads(text, len(text))
        assert tracemalloc.get_traced_memory()[1] < 16 * MAX_BYTES_LEFT
    finally:
        tracemalloc.stop()


def test_what_is_long_takes_no_memory_at_all() -> None:
    text = b'{"data": ' + repeated(b"[1]") + b', "id": "' + b"a" * LARGE + b'"}'
    tracemalloc.start()
    try:
        loads(text, len(text))
        assert tracemalloc.get_traced_memory()[1] < 10_000
    finally:
        tracemalloc.stop()


def test_arrays_without_an_end_do_not_each_search_all_that_follows() -> None:
    text = b'{"data":[' * 20_000 + b" " * 20_000_000
    started = time.process_time()
    with pytest.raises(MalformedUploadError):
        loads(text, len(text))
    assert time.process_time() - started < 1
