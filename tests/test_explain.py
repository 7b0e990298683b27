"""`POST /explain`: where the network saw a label, as a picture and as numbers."""

import io
import threading
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from catdog_api import pipeline
from catdog_api.drawing import overlay
from catdog_api.tensors import Look
from tests.conftest import Serve
from tests.images import BLUE, RED, encode

RED_FILE = encode(Image.new("RGB", (400, 300), RED), "PNG")
PHOTOGRAPH = {"file": RED_FILE}


async def explained(client: httpx.AsyncClient, **parameters: str) -> dict[str, Any]:
    """Return the explanation of a red photograph as numbers."""
    response = await client.post("/explain", files=PHOTOGRAPH, params={"format": "json", **parameters})
    assert response.status_code == 200, response.text
    content: dict[str, Any] = response.json()
    return content


async def test_the_answer_is_explained_unless_another_label_is_named(serve: Serve) -> None:
    client = await serve()
    predicted = (await client.post("/predict", files=PHOTOGRAPH)).json()
    for label, parameters in ((predicted["label"], {}), ("dog", {"label": "dog"})):
        content = await explained(client, **parameters)
        assert content["label"] == label
        assert content["prediction"] == predicted


async def test_the_mean_of_the_grid_plus_the_bias_is_the_logit(serve: Serve) -> None:
    client = await serve()
    logits = []
    for label in ("cat", "dog", "neither"):
        content = await explained(client, label=label)
        assert np.mean(content["grid"]) + content["bias"] == pytest.approx(content["logit"], abs=1e-5)
        logits.append(content["logit"])
    odds = np.exp(np.array(logits) - max(logits))
    assert odds / odds.sum() == pytest.approx(list(content["prediction"]["probabilities"].values()), abs=1e-5)


@pytest.mark.parametrize(
    ("shape", "orientation", "view"),
    [
        pytest.param((400, 300), 1, (32, 24), id="landscape"),
        pytest.param((400, 300), 6, (24, 32), id="turned-by-EXIF"),
        pytest.param((16, 30), 1, (16, 30), id="smaller-than-the-view"),
        pytest.param((3000, 2), 1, (32, 1), id="a-hair"),
    ],
)
async def test_the_picture_has_the_photographs_own_shape_and_is_no_finer_than_the_network_saw_it(
    shape: tuple[int, int], orientation: int, view: tuple[int, int], serve: Serve
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = encode(Image.new("RGB", shape, BLUE), "PNG", exif=exif)
    response = await (await serve()).post("/explain", content=file, headers={"Content-Type": "image/png"})
    assert response.headers["Content-Type"] == "image/png"
    with Image.open(io.BytesIO(response.content)) as picture:
        assert (picture.format, picture.size) == ("PNG", view)


async def test_colour_is_left_where_the_evidence_is_and_nowhere_else(serve: Serve) -> None:
    response = await (await serve()).post("/explain", files=PHOTOGRAPH)
    pixels = np.asarray(Image.open(io.BytesIO(response.content))).astype(int)
    coloured = np.ptp(pixels, axis=2) > 30
    rows, columns = coloured.shape
    assert (pixels[: rows // 6, : columns // 6] == RED).all()
    assert not coloured[2 * rows // 3 :].any()
    assert not coloured[:, 2 * columns // 3 :].any()
    assert (pixels[..., 1:].min(axis=2) - pixels[..., 0]).max() > 100  # between the two runs the line, which is cyan


async def test_one_deadline_is_that_of_the_answer_and_of_the_picture(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()
    monkeypatch.setattr(pipeline, "overlay", lambda *_: gate.wait(10))
    client = await serve(deadline_seconds=0.5)
    response = await client.post("/explain", files=PHOTOGRAPH)
    gate.set()
    assert (response.status_code, response.json()["type"]) == (504, "/problems/deadline-exceeded")
    assert 'catdog_answers_total{label="cat"} 0.0' in (await client.get("/metrics")).text


async def test_of_a_panorama_it_shows_what_lies_on_it(serve: Serve) -> None:
    """The upper left quarter of the square, at which the fake points, is the upper left quarter of what lies in it."""
    panorama = {"file": encode(Image.new("RGB", (1600, 400), RED), "PNG")}
    client = await serve()
    content = (await client.post("/explain", files=panorama, params={"format": "json"})).json()
    grid = np.array(content["grid"])
    assert grid.shape == (4, 4)
    assert grid.mean() + content["bias"] == pytest.approx(content["logit"], abs=1e-5)
    assert content["logit"] == pytest.approx(np.log(content["prediction"]["probabilities"]["cat"]), abs=1e-5)
    assert (grid[0, :2] > grid[3, :2]).all()
    assert not grid[:, 2:].any()
    with Image.open(io.BytesIO((await client.post("/explain", files=panorama)).content)) as picture:
        assert picture.size == (32, 8)
        assert (np.asarray(picture)[0, 0] == RED).all()


def test_what_the_network_says_of_the_middle_is_cut_out_and_its_logits_stay() -> None:
    maps = np.tile(np.arange(8, dtype=np.float32)[:, None, None], (1, 8, 1))
    look = Look(np.ones(1, np.float32), maps, np.zeros(1, np.float32))
    whole, middle = look.within(1, 1), look.within(1, 0.5)
    assert np.allclose(whole.maps, maps)
    assert np.allclose(middle.maps[:, 0, 0], np.arange(1.75, 5.5, 0.5))
    assert np.allclose(middle.maps.mean((0, 1)) + middle.biases, maps.mean((0, 1)))
    assert np.allclose(look.within(1, 0.01).maps, 3.5, atol=0.05)


@pytest.mark.parametrize("evidence", [np.zeros((8, 8), np.float32), np.full((8, 8), -3, np.float32)])
def test_where_nothing_speaks_for_a_label_the_photograph_is_grey_and_dim(evidence: Any) -> None:  # noqa: ANN401
    image = np.random.default_rng(1).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    drawn = np.asarray(Image.open(io.BytesIO(overlay(image, 9, 32, evidence))))
    assert not np.ptp(drawn, axis=2).any()
    assert drawn.mean() == pytest.approx(0.38 * image.mean(), rel=0.05)


@pytest.mark.parametrize(
    ("parameters", "detail"),
    [
        pytest.param({"label": "horse"}, "label: 'horse' is none of cat, dog, neither.", id="label"),
        pytest.param({"format": "gif"}, "format: Input should be 'png' or 'json'.", id="format"),
    ],
)
async def test_what_it_does_not_know_is_a_problem_that_says_what_it_does(
    parameters: dict[str, str], detail: str, serve: Serve
) -> None:
    response = await (await serve()).post("/explain", files=PHOTOGRAPH, params=parameters)
    assert response.status_code == 422
    assert response.headers["Content-Type"] == "application/problem+json"
    assert (response.json()["type"], response.json()["detail"]) == ("/problems/invalid-parameter", detail)


@pytest.mark.parametrize("field", ["label", "format"])
async def test_a_parameter_in_the_form_is_refused_and_not_passed_over(field: str, serve: Serve) -> None:
    response = await (await serve()).post("/explain", files=PHOTOGRAPH, data={field: "dog", "note": "hello"})
    assert (response.status_code, response.json()["type"]) == (422, "/problems/invalid-parameter")
    assert response.json()["detail"] == f"{field}: send it in the address, as ?{field}=..., and not in the form."


async def test_bad_input_is_refused_as_by_predict(serve: Serve) -> None:
    response = await (await serve()).post("/explain", files={"file": b"buy milk"})
    assert (response.status_code, response.json()["type"]) == (415, "/problems/not-an-image")


async def test_an_explained_photograph_counts_as_answered(serve: Serve) -> None:
    client = await serve()
    await explained(client)
    assert 'catdog_answers_total{label="cat"} 1.0' in (await client.get("/metrics")).text


async def test_the_document_describes_both_forms(serve: Serve) -> None:
    document = (await (await serve()).get("/openapi.json")).json()
    answer = document["paths"]["/explain"]["post"]["responses"]["200"]["content"]
    assert set(answer) == {"image/png", "application/json"}
    properties = document["components"]["schemas"]["Explanation"]["properties"]
    assert {"label", "grid", "bias", "logit", "prediction"} == set(properties)
    assert properties["prediction"]["$ref"] == "#/components/schemas/Prediction"
