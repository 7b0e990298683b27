"""What a request of the Open Inference Protocol carries, and everything that it may not be."""

import json
from typing import Any

import numpy as np
import pytest

from catdog_api.errors import MalformedUploadError, TooManyFilesError
from catdog_api.inference_request import read_inference
from tests.tensors import LENGTH, binary, photographs, pixels, prefixed

ARRAY = np.arange(2 * 3 * 4 * 3, dtype=np.uint8).reshape(2, 3, 4, 3)
FILES = [b"a file", b"", b"another" * 100]
NOTHING: dict[str, Any] = {}
HUGE = 2**63


def written(*inputs: object, **members: object) -> bytes:
    """Write a request down."""
    return json.dumps({"inputs": inputs, **members}).encode()


@pytest.mark.parametrize(
    "tensor",
    [
        pytest.param(photographs(*FILES), id="N"),
        pytest.param(photographs(*FILES, shape=[3, 1]), id="N x 1, flat"),
        pytest.param(
            photographs(*FILES, shape=[3, 1], data=[[one] for one in photographs(*FILES)["data"]]), id="N x 1"
        ),
        pytest.param(photographs(*FILES, parameters={"content_type": "base64", "any": [1]}), id="parameters"),
    ],
)
def test_encoded_images_come_as_base64(tensor: dict[str, Any]) -> None:
    inference = read_inference(written(tensor), None, 3)
    assert inference.photographs == FILES
    assert (inference.id, inference.outputs) == (None, {"label": False, "probabilities": False})


def test_slashes_of_base64_may_be_escaped() -> None:
    body = written(photographs(b"\xff" * 1000)).replace(b"/", b"\\/")
    assert b"\\/" in body
    assert read_inference(body, None, 1).photographs == [b"\xff" * 1000]


@pytest.mark.parametrize("shape", [[3], [3, 1]])
def test_encoded_images_come_behind_the_json(shape: list[int]) -> None:
    body, headers = binary(photographs(*FILES, shape=shape), prefixed(FILES), id="a")
    inference = read_inference(body, headers[LENGTH], 3)
    assert (inference.id, inference.photographs) == ("a", FILES)


@pytest.mark.parametrize("data", [ARRAY.tolist(), ARRAY.ravel().tolist()])
def test_pixels_come_as_numbers(data: object) -> None:
    inference = read_inference(written(pixels(ARRAY, data=data)), None, 2)
    np.testing.assert_array_equal(np.stack(inference.photographs), ARRAY)


def test_pixels_come_behind_the_json_and_are_not_copied() -> None:
    body, headers = binary(pixels(ARRAY), ARRAY.tobytes())
    found = read_inference(body, headers[LENGTH], 2).photographs
    np.testing.assert_array_equal(np.stack(found), ARRAY)
    assert np.shares_memory(found[0], np.frombuffer(body, np.uint8))


@pytest.mark.parametrize(
    ("members", "outputs"),
    [
        ({"outputs": []}, {"label": False, "probabilities": False}),
        ({"parameters": {"binary_data_output": True, "other": "x"}}, {"label": True, "probabilities": True}),
        ({"outputs": [{"name": "probabilities"}]}, {"probabilities": False}),
        (
            {
                "parameters": {"binary_data_output": True},
                "outputs": [
                    {"name": "probabilities", "parameters": {"binary_data": False}},
                    {"name": "label", "parameters": {"other": 3}},
                ],
            },
            {"probabilities": False, "label": True},
        ),
        ({"parameters": None, "outputs": None, "id": None}, {"label": False, "probabilities": False}),
    ],
)
def test_outputs_are_those_that_are_asked_for_as_they_are_asked_for(
    members: dict[str, Any], outputs: dict[str, bool]
) -> None:
    inference = read_inference(written(pixels(ARRAY), **members), None, 2)
    assert list(inference.outputs.items()) == list(outputs.items())


TWICE = {"outputs": [{"name": "label"}, {"name": "label"}]}
WRONG_PARAMETERS = {"parameters": {"binary_data_output": 1}}
REFUSED: dict[str, tuple[bytes, str]] = {
    "no object": (b"[]", "valid dictionary"),
    "nothing": (b"{}", "inputs: Field required"),
    "no input": (written(), "inputs: List should have at least 1"),
    "two inputs": (written(pixels(ARRAY), photographs(b"a")), "at most 1"),
    "the same input twice": (written(pixels(ARRAY), pixels(ARRAY)), "at most 1"),
    "thousands of inputs": (written(*[NOTHING] * 9_000), "at most 1"),
    "another name": (written(pixels(ARRAY, name="image")), "inputs.0: .*'photographs', 'pixels'"),
    "no name": (written({"shape": [1]}), "inputs.0"),
    "another type": (written(pixels(ARRAY, datatype="FP32")), "datatype: Input should be 'UINT8'"),
    "the other's type": (written(photographs(b"a", datatype="UINT8")), "datatype: Input should be 'BYTES'"),
    "a shape of strings": (written(pixels(ARRAY, shape=["2", "3", "4", "3"])), "shape.0: Input should be a valid int"),
    "a shape of booleans": (written(photographs(b"a", shape=[True])), "shape.0"),
    "a shape of fractions": (written(photographs(b"a", shape=[1.0])), "shape.0"),
    "a negative shape": (written(photographs(b"a", shape=[-1])), "shape.0"),
    "a shape beyond 64 bits": (written(photographs(b"a", shape=[2**64])), "shape.0"),
    "no shape": (written(photographs(b"a", shape=[])), "shape"),
    "a deep shape": (written(photographs(b"a", shape=[1, 1, 1])), "shape"),
    "a flat shape of pixels": (written(pixels(ARRAY, shape=[72])), "shape"),
    "an empty tensor": (written(photographs()), "holds nothing"),
    "no rows": (written(pixels(ARRAY, shape=[2, 0, 4, 3])), "holds nothing"),
    "four channels": (written(pixels(ARRAY, shape=[2, 3, 3, 4])), r"\[N, height, width, 3\]"),
    "channels first": (written(pixels(ARRAY, shape=[2, 3, 3, 4])), r"\[N, height, width, 3\]"),
    "two columns": (written(photographs(b"a", b"b", shape=[1, 2])), r"\[N\] or \[N, 1\]"),
    "a shape that overflows": (written(pixels(ARRAY, shape=[2, HUGE, HUGE, 3])), "not the 2x.* numbers"),
    "a shape of fewer": (written(pixels(ARRAY, shape=[1, 3, 4, 3])), "not the 1x3x4x3 numbers"),
    "fewer strings": (written(photographs(b"a", shape=[2])), "not 2 strings"),
    "more strings": (written(photographs(b"a", b"b", shape=[1])), "not 1 strings"),
    "no data": (written(photographs(b"a", data=None)), "neither 'data' nor"),
    "one string": (written(photographs(b"a", data="YQ==")), "not 1 strings"),
    "one long string": (written(photographs(b"a", data="YQ==" * 100)), "not 1 strings"),
    "numbers as strings": (written(photographs(b"a", data=[1])), "not 1 strings"),
    "an object as a string": (written(photographs(b"a", data=[{"b64": "YQ=="}])), r"data\[0\] is not a string"),
    "strings as numbers": (written(pixels(ARRAY, data=["1"] * 72)), "data are not numbers"),
    "an object as numbers": (written(pixels(ARRAY, data={"data": 1})), "data are not numbers"),
    "booleans as numbers": (written(pixels(ARRAY, data=[True] * 72)), "whole numbers"),
    "a number that is too large": (written(pixels(ARRAY, data=[256] * 72)), "whole numbers"),
    "a number that is none": (written(pixels(ARRAY, data=[float("nan")] * 72)), "whole numbers"),
    "no base64": (written(photographs(b"a", data=["@@@@"])), r"data\[0\] is not base64"),
    "base64 without padding": (written(photographs(b"a", data=["YQ"])), "not base64"),
    "base64 with line feeds": (written(photographs(b"a", data=["YW\nFh"])), "not base64"),
    "long base64 with a fault": (written(photographs(b"a", data=["YQ==" * 100])), "not base64"),
    "letters beyond ascii": (written(photographs(b"a", data=["é" * 4])), "not base64"),
    "half a letter": (written(photographs(b"a", data=["\ud800"])), "not base64"),
    "half a letter in something long": (written(photographs(b"a", data=["\ud800" * 100])), "not base64"),
    "an id that is a number": (written(pixels(ARRAY), id=5), "id: "),
    "an id that is long": (written(pixels(ARRAY), id="x" * 300), "id: The string has more than 254 bytes"),
    "half a letter as a name": (written(pixels(ARRAY, name="\ud800")), "inputs.0"),
    "half a letter as a type": (written(pixels(ARRAY, datatype="\ud800")), "datatype"),
    "half a letter as an output": (written(pixels(ARRAY), outputs=[{"name": "\ud800"}]), "outputs.0.name"),
    "another output": (written(pixels(ARRAY), outputs=[{"name": "logits"}]), "outputs.0.name"),
    "an output twice": (written(pixels(ARRAY), **TWICE), "asked for twice"),
    "an output of classes": (
        written(pixels(ARRAY), outputs=[{"name": "probabilities", "parameters": {"classification": 2}}]),
        "'probabilities': 'classification' is of an extension",
    ),
    "an output in shared memory": (
        written(pixels(ARRAY), outputs=[{"name": "label", "parameters": {"shared_memory_region": "a"}}]),
        "'label': 'shared_memory_region' is of an extension",
    ),
    "outputs that are none": (written(pixels(ARRAY), outputs="label"), "outputs"),
    "a parameter of another type": (written(pixels(ARRAY), **WRONG_PARAMETERS), "binary_data_output"),
    "parameters that are none": (written(pixels(ARRAY, parameters=[1])), "parameters"),
    "a negative size": (written(pixels(ARRAY, parameters={"binary_data_size": -1})), "binary_data_size"),
    "data and a size": (written(pixels(ARRAY, parameters={"binary_data_size": 0})), "both 'data' and"),
    "a size and nothing behind": (
        written(pixels(ARRAY, data=None, parameters={"binary_data_size": 72})),
        "0 bytes behind the JSON",
    ),
}


@pytest.mark.parametrize(("body", "words"), REFUSED.values(), ids=REFUSED)
def test_what_the_protocol_does_not_have_is_refused_with_a_sentence(body: bytes, words: str) -> None:
    with pytest.raises(MalformedUploadError, match=words):
        read_inference(body, None, 9_999)


@pytest.mark.parametrize(
    ("tensor", "behind", "words"),
    [
        pytest.param(pixels(ARRAY), bytes(71), r"has 71 bytes, and the shape \[2, 3, 4, 3\]", id="a byte too few"),
        pytest.param(pixels(ARRAY, shape=[2, HUGE, HUGE, 3]), bytes(72), "has 72 bytes, and", id="an overflow"),
        pytest.param(photographs(b"a", b"b"), prefixed([b"a"]), "end before its 2", id="an element too few"),
        pytest.param(photographs(b"a"), prefixed([b"a", b"b"]), "5 bytes more than", id="an element too many"),
        pytest.param(photographs(b"a"), b"\xff\xff\xff\xffa", "end before its 1", id="a length of 4 GB"),
        pytest.param(photographs(b"a"), b"\1\0\0", "end before its 1", id="half a length"),
        pytest.param(photographs(b"a", shape=[9_000]), b"", "end before its 9000", id="nothing"),
    ],
)
def test_bytes_that_do_not_fit_their_tensor_are_refused(tensor: dict[str, Any], behind: bytes, words: str) -> None:
    body, headers = binary(tensor, behind)
    with pytest.raises(MalformedUploadError, match=words):
        read_inference(body, headers[LENGTH], 9_999)


@pytest.mark.parametrize("length", ["", "x", "-1", "+1", "1.5", "1_0", " 1", "²", "9" * 19, "9" * 5_000])
def test_a_header_that_is_no_length_of_the_body_is_refused(length: str) -> None:
    with pytest.raises(MalformedUploadError, match="Inference-Header-Content-Length"):
        read_inference(written(pixels(ARRAY)), length, 2)


def test_a_body_of_bare_bytes_is_refused() -> None:
    """Which a header length of 0 announces to Triton, whatever the bytes are."""
    with pytest.raises(MalformedUploadError, match="not JSON"):
        read_inference(written(pixels(ARRAY)), "0", 2)


@pytest.mark.parametrize("by", [-1, 1])
def test_a_length_that_is_off_by_one_is_refused(by: int) -> None:
    body, headers = binary(pixels(ARRAY), ARRAY.tobytes())
    with pytest.raises(MalformedUploadError):
        read_inference(body, str(int(headers[LENGTH]) + by), 2)


def test_bytes_behind_the_json_that_no_tensor_claims_are_refused() -> None:
    body = written(pixels(ARRAY))
    with pytest.raises(MalformedUploadError, match="4 bytes behind the JSON"):
        read_inference(body + b"more", str(len(body)), 2)


@pytest.mark.parametrize("tensor", [photographs(*FILES), pixels(ARRAY), photographs(b"a", shape=[2**64 - 1])])
def test_more_photographs_than_are_taken_are_refused(tensor: dict[str, Any]) -> None:
    with pytest.raises(TooManyFilesError, match="at most 1"):
        read_inference(written(tensor), None, 1)
