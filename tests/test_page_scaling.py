"""What is sent of a photograph: large ones smaller, with the same answer; what only the browser decodes, as JPEG."""

from collections.abc import Callable

import httpx
import numpy as np
import pytest
import skimage.data
from PIL import Image
from playwright.sync_api import FilePayload, Page, Response, expect

from tests.browsing import PETS, NewPage, before, card, choose, file, opened
from tests.images import RED, encode, quarters

pytestmark = [pytest.mark.browser, pytest.mark.model]

SVG = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30">'
    b'<rect fill="#c81e28" width="99" height="99"/></svg>'
)
LARGE = 3000  # pixels of the longer side, as an older phone has them
PHOTOGRAPHS = ("astronaut", "camera", "chelsea", "coffee", "hubble_deep_field", "rocket")
TURNED = 6  # EXIF's orientation of a phone held upright


def enlarged(name: str) -> Image.Image:
    """Return one of scikit-image's photographs at a phone's size."""
    image = Image.fromarray(getattr(skimage.data, name)()).convert("RGB")
    scale = LARGE / max(image.size)
    return image.resize((round(scale * image.width), round(scale * image.height)), Image.Resampling.BICUBIC)


def drawn(number: int) -> Image.Image:
    """Draw a large picture of blots and noise, another one for each number."""
    generator = np.random.default_rng(number)
    coarse = Image.fromarray(generator.integers(0, 256, (9, 12, 3), np.uint8)).resize(
        (2400, 1800), Image.Resampling.BICUBIC
    )
    return Image.fromarray(
        np.clip(np.asarray(coarse) + generator.normal(0, 9, (1800, 2400, 1)), 0, 255).astype(np.uint8)
    )


def sent(page: Page, chosen: FilePayload) -> bytes:
    """Choose a photograph; return the body of what was asked."""
    with page.expect_request("**/predict") as request:
        choose(page, chosen)
    return request.value.post_data_buffer or b""


LARGE_ONES = [
    *(pytest.param(lambda name=name: enlarged(name), id=name) for name in PHOTOGRAPHS),
    *(pytest.param(lambda number=number: drawn(number), id=f"drawing {number}") for number in range(4)),
]


@pytest.mark.parametrize("draw", LARGE_ONES)
def test_a_large_photograph_is_sent_smaller_and_answered_the_same(
    new_page: NewPage, service_url: str, draw: Callable[[], Image.Image]
) -> None:
    original = encode(draw(), "JPEG", quality=92)
    whole = httpx.post(f"{service_url}/predict", files={"file": original}, timeout=120).json()
    page = opened(new_page())
    with page.expect_response("**/predict") as response:
        choose(page, file("large.jpg", original))
    answer = response.value.json()
    assert answer["image"]["width"] * answer["image"]["height"] <= 1600 * 1200
    assert answer["label"] == whole["label"]
    assert answer["probabilities"] == pytest.approx(whole["probabilities"], abs=0.02)
    expect(card(page).locator(".about")).to_contain_text("sent as")


@pytest.mark.parametrize(
    ("chosen", "times"),
    [
        pytest.param(file("small.jpg", encode(quarters(1600, 1200), "JPEG")), 1, id="as large as it may be"),
        pytest.param(
            file("flat.png", encode(quarters(1601, 1200).convert("1"), "PNG")), 1, id="large, but smaller as it is"
        ),
        pytest.param(file("large.bmp", encode(quarters(1200, 900), "BMP")), 0, id="many bytes"),
    ],
)
def test_what_would_save_no_time_is_sent_as_it_is(new_page: NewPage, chosen: FilePayload, times: int) -> None:
    assert sent(before(new_page(), PETS), chosen).count(chosen["buffer"]) == times


def test_a_photograph_that_a_phone_turned_stays_turned_when_it_is_sent_smaller(new_page: NewPage) -> None:
    exif = Image.Exif()
    exif[274] = TURNED
    lying = enlarged("astronaut").crop((0, 0, 3000, 2000))
    page = opened(new_page())
    with page.expect_response("**/predict") as response:
        choose(page, file("turned.jpg", encode(lying, "JPEG", quality=95, exif=exif)))
    image = response.value.json()["image"]
    assert (image["width"], image["height"]) == (1000, 1500)
    expect(card(page).locator(".about")).to_contain_text("2000 \u00d7 3000 pixels, sent as 1000 \u00d7 1500")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param(
            "red.svg",
            SVG,
            id="svg",
        ),
        pytest.param("red.ico", encode(Image.new("RGBA", (40, 30), RED), "ICO", sizes=[(40, 30)]), id="ico"),
    ],
)
def test_what_the_browser_decodes_and_the_service_does_not_is_sent_as_jpeg(
    new_page: NewPage, service_url: str, name: str, content: bytes
) -> None:
    red = httpx.post(
        f"{service_url}/predict", files={"file": encode(Image.new("RGB", (40, 30), RED), "PNG")}, timeout=60
    )
    page = opened(new_page())
    answers: list[Response] = []
    page.on("response", lambda response: answers.append(response) if "/predict" in response.url else None)
    choose(page, file(name, content))
    expect(card(page).locator(".about")).to_contain_text("JPEG, 40 \u00d7 30 pixels")
    refused, answered = answers
    assert refused.status == 415
    expect(card(page).locator(".curl")).to_be_hidden()  # it would be refused in a terminal
    assert answered.json()["probabilities"] == pytest.approx(red.json()["probabilities"], abs=0.02)


def test_what_is_transparent_is_laid_on_white_as_the_service_does(new_page: NewPage) -> None:
    content = encode(Image.fromarray(np.random.default_rng(1).integers(0, 256, (900, 1800, 4), np.uint8)), "PNG")
    clear = encode(Image.new("RGBA", (60, 40), (0, 0, 0, 0)), "PNG")
    page = before(new_page(), PETS)
    assert len(sent(page, file("noise.png", content))) < len(content)
    choose(page, file("clear.png", clear))
    thumb = card(page, 1).locator(".thumb")
    expect(thumb).to_be_visible()
    pixel = thumb.evaluate("""(image) => {
      const context = document.createElement("canvas").getContext("2d");
      context.drawImage(image, 0, 0);
      return [...context.getImageData(5, 5, 1, 1).data];
    }""")
    assert pixel == pytest.approx([255, 255, 255, 255], abs=2)
