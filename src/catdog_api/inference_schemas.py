"""The wire contract of the Open Inference Protocol v2: what goes over HTTP as JSON under `/v2`.

As KServe specifies it (github.com/kserve/open-inference-protocol, `inference_rest.md`), with Triton's extension for
binary tensors (github.com/triton-inference-server/server, `extension_binary_data.md`). Unknown parameters pass.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from catdog_api.lifting import SHORT_BYTES

PHOTOGRAPHS, PIXELS = "photographs", "pixels"
LABEL, PROBABILITIES = "label", "probabilities"
HEADER_LENGTH = "Inference-Header-Content-Length"
BINARY_EXTENSION = "binary_tensor_data"

Dimension = Annotated[int, Field(strict=True, ge=0, le=2**64 - 1)]
Text = Annotated[str, Field(strict=True)]
Flag = Annotated[bool, Field(strict=True)]

_STRINGS = {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}}
_NUMBERS = {
    "type": "array",
    "items": {"anyOf": [{"type": "integer", "minimum": 0, "maximum": 255}, {"type": "array", "items": {}}]},
}


class InputParameters(BaseModel):
    """What is said of one tensor."""

    model_config = ConfigDict(extra="allow")

    binary_data_size: Annotated[int, Field(strict=True, ge=0)] | None = Field(
        None, description="That the tensor has so many bytes behind the JSON, and no `data`."
    )


class OutputParameters(BaseModel):
    """How one output is wanted."""

    model_config = ConfigDict(extra="allow")

    binary_data: Flag | None = Field(None, description="Whether as bytes behind the JSON.")


class RequestParameters(BaseModel):
    """How all outputs are wanted for which nothing else is said."""

    model_config = ConfigDict(extra="allow")

    binary_data_output: Flag | None = Field(None, description="Whether as bytes behind the JSON.")


class Photographs(BaseModel):
    """A tensor of encoded images: in `data` as base64; in binary each behind its length, 4 bytes, little-endian."""

    name: Literal["photographs"]
    datatype: Literal["BYTES"]
    shape: list[Dimension] = Field(min_length=1, max_length=2, description="[N] or [N, 1].")
    parameters: InputParameters | None = None
    data: Annotated[Any, WithJsonSchema(_STRINGS)] = None


class Pixels(BaseModel):
    """A tensor of upright RGB pixels, of any height and width."""

    name: Literal["pixels"]
    datatype: Literal["UINT8"]
    shape: list[Dimension] = Field(min_length=4, max_length=4, description="[N, height, width, 3].")
    parameters: InputParameters | None = None
    data: Annotated[Any, WithJsonSchema(_NUMBERS)] = Field(None, description="In row-major order, nested or flat.")


class RequestedOutput(BaseModel):
    """One output to answer with."""

    name: Literal["label", "probabilities"]
    parameters: OutputParameters | None = None


class InferenceRequest(BaseModel):
    """One tensor of photographs."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "42",
                "inputs": [{"name": PIXELS, "datatype": "UINT8", "shape": [1, 1, 2, 3], "data": [9, 9, 9, 0, 0, 0]}],
                "outputs": [{"name": LABEL}],
            }
        }
    )

    id: Text | None = Field(None, description=f"Given back. Of {SHORT_BYTES} bytes at most, as it stands in the JSON.")
    parameters: RequestParameters | None = None
    inputs: list[Annotated[Photographs | Pixels, Field(discriminator="name")]] = Field(min_length=1, max_length=1)
    outputs: list[RequestedOutput] | None = Field(None, description="All, unless some are named.")


class ResponseOutput(BaseModel):
    """One tensor of the answer."""

    name: str = Field(description=f"`{LABEL}`, or `{PROBABILITIES}`: calibrated, in the order of the model's labels.")
    datatype: str = Field(description="BYTES or FP32.")
    shape: list[int] = Field(description="[N], or [N, labels].")
    parameters: InputParameters | None = None
    data: list[str] | list[float] | None = Field(None, description="In row-major order; nothing if it is binary.")


class InferenceResponse(BaseModel):
    """The answer for all photographs, in their order."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "model_name": "catdog",
                "model_version": "2.1.0",
                "id": "42",
                "outputs": [{"name": LABEL, "datatype": "BYTES", "shape": [1], "data": ["cat"]}],
            }
        }
    )

    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[ResponseOutput]


class InferenceError(BaseModel):
    """What went wrong, as the protocol says it."""

    model_config = ConfigDict(json_schema_extra={"example": {"error": "The body is not JSON."}})

    error: str


class ServerMetadata(BaseModel):
    """What serves, and what it knows beyond the protocol."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"name": "catdog-api", "version": "1.0.0", "extensions": [BINARY_EXTENSION]}}
    )

    name: str
    version: str
    extensions: list[str]


class ServerLive(BaseModel):
    """That the process lives."""

    model_config = ConfigDict(json_schema_extra={"example": {"live": True}})

    live: bool


class ServerReady(BaseModel):
    """That it can answer."""

    model_config = ConfigDict(json_schema_extra={"example": {"ready": True}})

    ready: bool


class ModelReady(ServerReady):
    """That the model can answer."""

    model_config = ConfigDict(json_schema_extra={"example": {"name": "catdog", "ready": True}})

    name: str


class TensorMetadata(BaseModel):
    """What a tensor is; -1 in its shape is any size."""

    name: str
    datatype: str
    shape: list[int]
    parameters: dict[str, Any] = Field(
        description=f"Of an input: `one_of`, of which a request has one. Of `{PROBABILITIES}`: `labels`, by column."
    )


class ModelMetadata(BaseModel):
    """What the model takes and gives."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "name": "catdog",
                "versions": ["2.1.0"],
                "platform": "tensorflow_keras",
                "inputs": [{"name": PHOTOGRAPHS, "datatype": "BYTES", "shape": [-1], "parameters": {}}],
                "outputs": [{"name": LABEL, "datatype": "BYTES", "shape": [-1], "parameters": {}}],
            }
        }
    )

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata] = Field(description="One of these, and not both, is what a request has.")
    outputs: list[TensorMetadata]
