"""Where the network looked, laid over the photograph; the grids are the tests' own: it is known what they show."""

import io
import re
from functools import partial

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from catdog_api.drawing import overlay
from tests.browsing import PETS, NewPage, before, card, choose, drawing, expect_state, file, heard
from tests.images import encode, quarters

pytestmark = [pytest.mark.browser, pytest.mark.model]

PIXELS = """canvas => [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data]"""


def pointing(row: int, column: int) -> list[list[float]]:
    """Return a grid of which one cell spoke for the answer."""
    return [[8.0 if (y, x) == (row, column) else -0.5 for x in range(8)] for y in range(8)]


def explained(page: Page, grid: list[list[float]]) -> Page:
    """Answer every photograph, and say by this grid what spoke for the answer."""
    answer = {"label": "cat", "logit": 0.1, "bias": 0.47, "grid": grid}
    page.route(re.compile("/explain"), partial(Route.fulfill, json=answer))
    return before(page, PETS)


def drawn(page: Page) -> npt.NDArray[np.int_]:
    """Return what is drawn over the first photograph, which is of 192 x 96: (96, 192, 3), RGB."""
    pixels: npt.NDArray[np.int_] = np.array(card(page).locator(".heat").evaluate(PIXELS)).reshape(96, 192, 4)
    return pixels[..., :3]


@pytest.mark.parametrize("grid", [pointing(1, 6), [[-1.0] * 8] * 8], ids=["something", "nothing"])
def test_what_spoke_for_the_answer_is_drawn_as_the_api_draws_it(new_page: NewPage, grid: list[list[float]]) -> None:
    page = explained(new_page(), grid)
    with page.expect_request(re.compile("/explain")) as request:
        choose(page, file("wide.png", encode(quarters(192, 96), "PNG")))
        card(page).get_by_role("button", name="Where it looked").click()
    assert request.value.url.endswith("/explain?format=json")
    assert b'filename="wide.png"' in (request.value.post_data_buffer or b"")
    expect(card(page).locator(".heat")).to_be_visible()
    expect(heard(page)).to_have_text("wide.png: In colour is what spoke for cat, most of it within the line.")
    png = overlay(np.asarray(quarters(192, 192)), 192, 96, np.array(grid, np.float32))
    expected = np.asarray(Image.open(io.BytesIO(png))).astype(int)
    assert np.abs(drawn(page) - expected).mean() < 4  # it is drawn on a JPEG


def test_the_heat_map_lies_on_the_photograph_whatever_its_shape(new_page: NewPage) -> None:
    page = explained(new_page(), pointing(4, 4))
    for width, height in ((400, 100), (100, 400), (300, 300)):
        choose(page, file("shape.png", encode(quarters(width, height), "PNG")))
        expect_state(page, "done")
        card(page).locator(".look").click()
        heat, thumb = card(page).locator(".heat"), card(page).locator(".thumb")
        expect(heat).to_be_visible()
        assert heat.evaluate("canvas => canvas.width / canvas.height") == pytest.approx(width / height, rel=0.02)
        assert heat.bounding_box() == thumb.bounding_box()
        for shown in (heat, thumb):
            assert shown.evaluate("each => getComputedStyle(each).objectFit") == "contain"
        page.locator("#clear").click()


def test_the_toggle_shows_and_hides_and_asks_once(new_page: NewPage) -> None:
    page = explained(new_page(), pointing(4, 4))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/explain" in request.url else None)
    choose(page, drawing("one.png"))
    toggle = card(page).locator(".look")
    expect(toggle).to_be_visible()  # a key that is pressed does not wait for that
    for is_on in (True, False, True):
        toggle.press("Space")
        expect(toggle).to_have_attribute("aria-pressed", str(is_on).lower())
        expect(card(page).locator(".heat")).to_be_visible(visible=is_on)
        expect(card(page).locator(".detail", has_text="In colour")).to_have_count(int(is_on))
    assert len(asked) == 1


def test_a_service_that_does_not_say_where_it_looked_gets_a_sentence(new_page: NewPage) -> None:
    page = before(new_page(), PETS)
    problem = {"type": "about:blank", "title": "Not Found", "detail": "There is nothing at /explain."}
    page.route(re.compile("/explain"), partial(Route.fulfill, status=404, json=problem))
    choose(page, drawing("one.png"))
    card(page).locator(".look").click()
    expect(card(page).locator(".detail")).to_have_text("Not Found There is nothing at /explain.")
    expect(card(page).locator(".look")).to_have_attribute("aria-pressed", "false")
    expect(card(page).locator(".headline")).to_have_text("cat")
