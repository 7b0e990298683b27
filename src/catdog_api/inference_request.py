"""A request of the Open Inference Protocol as photographs: JSON, and behind it the bytes of a binary tensor."""

import binascii
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import ValidationError

from catdog_api.errors import MalformedUploadError, TooManyFilesError
from catdog_api.inference_schemas import (
    HEADER_LENGTH,
    LABEL,
    PROBABILITIES,
    InferenceRequest,
    OutputParameters,
    Photographs,
    Pixels,
    RequestedOutput,
)
from catdog_api.lifting import SHORT_BYTES, LongText, Numbers, loads
from catdog_api.numerals import read_numerals
from catdog_api.tensors import View

LENGTH_BYTES = 4  # before each element of a binary BYTES tensor, little-endian
CHANNELS = 3
OF_OTHER_EXTENSIONS = {"classification", "shared_memory_region"}
"""What an output's parameters may ask of Triton, and would be answered otherwise than was asked here."""


@dataclass(frozen=True, slots=True)
class Inference:
    """What a request asks; lives as long as the request.

    Attributes:
        id: To be given back, None where there is none.
        photographs: Encoded images, or bare pixels, uint8 (rows, columns, 3), RGB in [0, 255].
        outputs: The names of the tensors to answer with, in their order, and whether each as bytes.
    """

    id: str | None
    photographs: Sequence[bytes | View]
    outputs: dict[str, bool]


def read_inference(body: bytes, json_length: str | None, max_photographs: int) -> Inference:
    """Read a request.

    Args:
        body: As hostile as it comes. Pixels that came as bytes stay in it.
        json_length: The header `Inference-Header-Content-Length`, as it came; None if all of the body is JSON.
        max_photographs: How many it may carry.

    Raises:
        MalformedUploadError: It is not what the protocol says.
        TooManyFilesError: It carries more than `max_photographs`.
    """
    end = _json_end(body, json_length)
    try:
        request = InferenceRequest.model_validate(loads(body, end))
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in fault["loc"])
        is_long = isinstance(fault["input"], LongText)
        sentence = f"The string has more than {SHORT_BYTES} bytes" if is_long else fault["msg"]
        raise MalformedUploadError(f"{place or 'The request'}: {sentence}.") from error
    (tensor,) = request.inputs
    count = tensor.shape[0]
    if not math.prod(tensor.shape):
        raise MalformedUploadError(f"A tensor of the shape {tensor.shape} holds nothing.")
    if count > max_photographs:
        raise TooManyFilesError(f"Received {count} photographs; at most {max_photographs} are taken.")
    binary = _binary(tensor, memoryview(body)[end:])
    photographs = _read_pixels(tensor, binary) if isinstance(tensor, Pixels) else _read_files(tensor, binary)
    is_binary = request.parameters is not None and request.parameters.binary_data_output is True
    return Inference(request.id, photographs, _outputs(request.outputs, is_binary=is_binary))


def _json_end(body: bytes, json_length: str | None) -> int:
    """Return where the JSON ends."""
    if json_length is None:
        return len(body)
    is_number = json_length.isascii() and json_length.isdecimal() and len(json_length) < len(str(2**64))
    if not is_number or int(json_length) > len(body):
        raise MalformedUploadError(
            f"The header {HEADER_LENGTH} is not the length of what begins a body of {len(body)}."
        )
    return int(json_length)


def _binary(tensor: Photographs | Pixels, behind: memoryview) -> memoryview | None:
    """Return a tensor's bytes, None if it is in the JSON."""
    size = tensor.parameters.binary_data_size if tensor.parameters else None
    if size is None and tensor.data is None:
        raise MalformedUploadError("The tensor has neither 'data' nor a 'binary_data_size' in its parameters.")
    if size is not None and tensor.data is not None:
        raise MalformedUploadError("The tensor has both 'data' and a 'binary_data_size' in its parameters.")
    if len(behind) != (size or 0):
        raise MalformedUploadError(
            f"There are {len(behind)} bytes behind the JSON, as the header {HEADER_LENGTH} measures it; "
            f"'binary_data_size' says {size or 0}."
        )
    return None if size is None else behind


def _read_pixels(tensor: Pixels, binary: memoryview | None) -> Sequence[View]:
    """Return the images of a tensor, one view for each."""
    if tensor.shape[-1] != CHANNELS:
        raise MalformedUploadError(f"The shape is {tensor.shape}; it has to be [N, height, width, {CHANNELS}].")
    if isinstance(tensor.data, Numbers):
        return list(read_numerals(tensor.data, tensor.shape))
    if binary is None:
        raise MalformedUploadError("The data are not numbers.")
    if len(binary) != math.prod(tensor.shape):
        raise MalformedUploadError(f"The tensor has {len(binary)} bytes, and the shape {tensor.shape}.")
    return list(np.frombuffer(binary, np.uint8).reshape(tensor.shape))


def _read_files(tensor: Photographs, binary: memoryview | None) -> Sequence[bytes]:
    """Return the encoded images of a tensor."""
    count, *rest = tensor.shape
    if rest not in ([], [1]):
        raise MalformedUploadError(f"The shape is {tensor.shape}; it has to be [N] or [N, 1].")
    if binary is not None:
        return _split(binary, count)
    if not isinstance(tensor.data, list) or len(tensor.data) != count:
        raise MalformedUploadError(f"The data are not {count} strings.")
    return [_from_base64(element, index) for index, element in enumerate(tensor.data)]


def _split(binary: memoryview, count: int) -> Sequence[bytes]:
    """Return the elements of a binary tensor, each behind its length."""
    elements = []
    for _ in range(count):
        length = int.from_bytes(binary[:LENGTH_BYTES], "little")
        if len(binary) < LENGTH_BYTES + length:
            raise MalformedUploadError(f"The tensor's bytes end before its {count} elements do.")
        elements.append(bytes(binary[LENGTH_BYTES : LENGTH_BYTES + length]))
        binary = binary[LENGTH_BYTES + length :]
    if binary:
        raise MalformedUploadError(f"The tensor has {len(binary)} bytes more than its {count} elements.")
    return elements


def _from_base64(element: Any, index: int) -> bytes:  # noqa: ANN401  # whatever JSON holds
    if isinstance(element, list) and len(element) == 1:
        element = element[0]
    if isinstance(element, LongText):
        element = memoryview(element.whole)[element.start : element.end]
    elif not isinstance(element, str):
        raise MalformedUploadError(f"data[{index}] is not a string.")
    try:
        return binascii.a2b_base64(element, strict_mode=True)
    except ValueError as error:
        raise MalformedUploadError(f"data[{index}] is not base64.") from error


def _outputs(requested: Sequence[RequestedOutput] | None, *, is_binary: bool) -> dict[str, bool]:
    """Return the outputs to answer with, and whether each is to be binary."""
    if not requested:
        return {LABEL: is_binary, PROBABILITIES: is_binary}
    outputs: dict[str, bool] = {}
    for output in requested:
        if output.name in outputs:
            raise MalformedUploadError(f"The output '{output.name}' is asked for twice.")
        parameters = output.parameters or OutputParameters(binary_data=None)
        if foreign := OF_OTHER_EXTENSIONS & (parameters.model_extra or {}).keys():
            raise MalformedUploadError(
                f"The output '{output.name}': '{min(foreign)}' is of an extension that is not spoken here."
            )
        outputs[output.name] = is_binary if parameters.binary_data is None else parameters.binary_data
    return outputs
