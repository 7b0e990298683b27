"""Clients that others wrote for the Open Inference Protocol, on a real socket: Triton's, and MLServer's codecs."""

import base64
import importlib
import importlib.util
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException

from tests.background import background
from tests.fakes import ColourClassifier
from tests.images import BLUE, GREEN, RED, encode

COLOURS = (RED, GREEN, BLUE)
LABELS = ["cat", "dog", "neither"]
FILES = [encode(Image.new("RGB", (40, 30), colour), "PNG") for colour in COLOURS]
ARRAY = np.stack([np.full((30, 40, 3), colour, np.uint8) for colour in COLOURS])
KEY = "0123456789abcdef"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Serve a small model."""
    with background(ColourClassifier()) as url:
        yield url


@pytest.fixture
def triton(address: str) -> Iterator[InferenceServerClient]:
    """Connect Triton's client."""
    with InferenceServerClient(address.removeprefix("http://")) as client:
        yield client


def tensor(name: str, datatype: str, array: Any, *, binary: bool) -> InferInput:  # noqa: ANN401  # of strings, too
    """Return an input as Triton's client makes it."""
    made = InferInput(name, list(array.shape), datatype)
    made.set_data_from_numpy(array, binary_data=binary)
    return made


def encoded(files: list[bytes], *, binary: bool) -> InferInput:
    """Return encoded images: as they are, or in JSON as base64."""
    elements = files if binary else [base64.b64encode(file) for file in files]
    return tensor("photographs", "BYTES", np.array(elements, np.object_), binary=binary)


def test_triton_finds_server_and_model(triton: InferenceServerClient) -> None:
    assert triton.is_server_live()
    assert triton.is_server_ready()
    assert triton.is_model_ready("fake")
    assert triton.is_model_ready("fake", "0.0.1")
    assert not triton.is_model_ready("other")
    assert triton.get_server_metadata()["name"] == "catdog-api"
    assert triton.get_model_metadata("fake", "0.0.1")["versions"] == ["0.0.1"]


@pytest.mark.parametrize("sent", [True, False], ids=["sent in binary", "sent in json"])
@pytest.mark.parametrize("wanted", [True, False], ids=["answered in binary", "answered in json"])
@pytest.mark.parametrize("kind", ["photographs", "pixels"])
def test_triton_is_answered_for_many_photographs(
    kind: str, triton: InferenceServerClient, *, sent: bool, wanted: bool
) -> None:
    made = encoded(FILES, binary=sent) if kind == "photographs" else tensor("pixels", "UINT8", ARRAY, binary=sent)
    outputs = [InferRequestedOutput(name, binary_data=wanted) for name in ("probabilities", "label")]
    answer = triton.infer("fake", [made], "0.0.1", outputs, request_id="a")
    assert answer.get_response()["id"] == "a"
    labels, probabilities = answer.as_numpy("label"), answer.as_numpy("probabilities")
    assert [label.decode() if wanted else label for label in labels] == LABELS
    assert (probabilities.dtype, probabilities.shape) == (np.float32, (3, 3))
    assert probabilities.argmax(axis=1).tolist() == [0, 1, 2]


def test_triton_gets_both_outputs_in_binary_unless_it_asks(triton: InferenceServerClient) -> None:
    answer = triton.infer("fake", [tensor("pixels", "UINT8", ARRAY, binary=True)])
    assert answer.as_numpy("label").tolist() == [label.encode() for label in LABELS]
    assert answer.as_numpy("probabilities").sum(axis=1) == pytest.approx(1)


@pytest.mark.parametrize(
    ("model", "made", "status", "words"),
    [
        pytest.param("other", tensor("pixels", "UINT8", ARRAY, binary=True), "404", "nothing at", id="another model"),
        pytest.param("fake", tensor("image", "UINT8", ARRAY, binary=True), "400", "'pixels'", id="another name"),
        pytest.param(
            "fake", tensor("pixels", "FP32", ARRAY.astype(np.float32), binary=True), "400", "'UINT8'", id="another type"
        ),
        pytest.param("fake", tensor("pixels", "UINT8", ARRAY[0], binary=True), "400", "shape", id="another shape"),
        pytest.param("fake", encoded([FILES[0], b"buy milk"], binary=True), "400", "Photograph 1 of 2", id="no image"),
        pytest.param("fake", encoded(FILES * 30, binary=False), "400", "at most 64", id="too many"),
    ],
)
def test_triton_is_told_what_is_wrong(
    model: str, made: InferInput, status: str, words: str, triton: InferenceServerClient
) -> None:
    with pytest.raises(InferenceServerException, match=words) as refused:
        triton.infer(model, [made])
    assert refused.value.status() == status


def test_triton_is_told_that_it_gets_no_classes(triton: InferenceServerClient) -> None:
    outputs = [InferRequestedOutput("probabilities", class_count=2)]
    with pytest.raises(InferenceServerException, match="'classification' is of an extension") as refused:
        triton.infer("fake", [tensor("pixels", "UINT8", ARRAY, binary=True)], outputs=outputs)
    assert refused.value.status() == "400"


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_triton_is_told_that_it_must_not_compress(algorithm: str, triton: InferenceServerClient) -> None:
    made = tensor("pixels", "UINT8", ARRAY, binary=True)
    with pytest.raises(InferenceServerException, match=rf"compressed \({algorithm}\)") as refused:
        triton.infer("fake", [made], request_compression_algorithm=algorithm)
    assert refused.value.status() == "400"
    assert len(triton.infer("fake", [made], response_compression_algorithm=algorithm).as_numpy("label")) == 3


def test_triton_gives_a_key_where_one_is_asked_for() -> None:
    with (
        background(ColourClassifier(), api_keys=KEY) as url,
        InferenceServerClient(url.removeprefix("http://")) as client,
    ):
        assert client.is_server_ready()
        made = tensor("pixels", "UINT8", ARRAY, binary=True)
        with pytest.raises(InferenceServerException, match="X-API-Key") as refused:
            client.infer("fake", [made])
        assert refused.value.status() == "401"
        answer = client.infer("fake", [made], headers={"X-API-Key": KEY})
        assert len(answer.as_numpy("label")) == 3


@pytest.fixture(scope="module")
def mlserver() -> Any:  # noqa: ANN401  # published without types
    """Import MLServer's codecs and types without its server, which wants an older FastAPI than this service."""
    if sys.version_info >= (3, 13):
        pytest.skip("MLServer is not published for this Python.")
    spec = importlib.util.find_spec("mlserver")
    assert spec is not None
    sys.modules["mlserver"] = importlib.util.module_from_spec(spec)
    importlib.import_module("mlserver.codecs")
    return sys.modules["mlserver"]


def made_by(mlserver: Any, kind: str) -> Any:  # noqa: ANN401  # likewise
    """Return an input as MLServer's codecs make it."""
    if kind == "photographs":
        return mlserver.codecs.Base64Codec.encode_input(kind, FILES)
    return mlserver.codecs.NumpyCodec.encode_input(kind, ARRAY)


def ask(address: str, body: str, model: str = "fake") -> httpx.Response:
    """Send a request as JSON."""
    return httpx.post(f"{address}/v2/models/{model}/infer", content=body, headers={"Content-Type": "application/json"})


@pytest.mark.parametrize("kind", ["photographs", "pixels"])
def test_mlserver_is_answered_for_many_photographs(kind: str, address: str, mlserver: Any) -> None:  # noqa: ANN401
    request = mlserver.types.InferenceRequest(id="a", inputs=[made_by(mlserver, kind)])
    response = mlserver.types.InferenceResponse.model_validate_json(ask(address, request.model_dump_json()).text)
    assert (response.model_name, response.model_version, response.id) == ("fake", "0.0.1", "a")
    label, probabilities = response.outputs
    assert mlserver.codecs.StringCodec.decode_output(label) == LABELS
    decoded = mlserver.codecs.NumpyCodec.decode_output(probabilities)
    assert (decoded.dtype, decoded.shape) == (np.float32, (3, 3))
    assert decoded.argmax(axis=1).tolist() == [0, 1, 2]


def test_mlserver_reads_the_metadata(address: str, mlserver: Any) -> None:  # noqa: ANN401
    server = mlserver.types.MetadataServerResponse.model_validate_json(httpx.get(f"{address}/v2").text)
    model = mlserver.types.MetadataModelResponse.model_validate_json(httpx.get(f"{address}/v2/models/fake").text)
    assert (server.name, model.name) == ("catdog-api", "fake")
    assert model.outputs[1].parameters.labels == LABELS


@pytest.mark.parametrize("kind", ["photographs", "pixels"])
@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        pytest.param({"model": "other"}, 404, id="model"),
        pytest.param({"name": "image"}, 400, id="name"),
        pytest.param({"shape": [2, 1]}, 400, id="shape"),
    ],
)
def test_mlserver_reads_what_is_wrong(
    kind: str,
    wrong: dict[str, Any],
    status: int,
    address: str,
    mlserver: Any,  # noqa: ANN401
) -> None:
    changes = {**wrong}
    model = changes.pop("model", "fake")
    made = made_by(mlserver, kind).model_copy(update=changes)
    refused = ask(address, mlserver.types.InferenceRequest(inputs=[made]).model_dump_json(), model)
    assert refused.status_code == status
    assert mlserver.types.InferenceErrorResponse.model_validate_json(refused.text).error
