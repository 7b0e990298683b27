"""Requests of the Open Inference Protocol, written by hand as its specification has them."""

import base64
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

INFER = "/v2/models/fake/infer"
LENGTH = "Inference-Header-Content-Length"


def photographs(*files: bytes, **changes: object) -> dict[str, Any]:
    """Return a tensor of encoded images, with members changed or added."""
    data = [base64.b64encode(file).decode() for file in files]
    return {"name": "photographs", "datatype": "BYTES", "shape": [len(files)], "data": data, **changes}


def pixels(array: npt.NDArray[np.uint8], **changes: object) -> dict[str, Any]:
    """Return a tensor of pixels, with members changed or added."""
    tensor = {"name": "pixels", "datatype": "UINT8", "shape": list(array.shape), "data": array.tolist()}
    return {**tensor, **changes}


def binary(tensor: dict[str, Any], behind: bytes, **members: object) -> tuple[bytes, dict[str, str]]:
    """Return the body and the header of a request whose one tensor is behind its JSON."""
    described = {name: value for name, value in tensor.items() if name != "data"}
    described["parameters"] = {"binary_data_size": len(behind)}
    head = json.dumps({"inputs": [described], **members}).encode()
    return head + behind, {LENGTH: str(len(head))}


def prefixed(elements: Sequence[bytes]) -> bytes:
    """Return the elements of a binary BYTES tensor."""
    return b"".join(len(element).to_bytes(4, "little") + element for element in elements)
