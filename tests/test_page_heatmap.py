"""Where the network looked, laid over the photograph; the grids are the tests' own: it is known what they show."""

import re
from functools import partial

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browsing import PETS, NewPage, before, card, choose, drawing, expect_state, file
from tests.images import encode, quarters

pytestmark = [pytest.mark.browser, pytest.mark.model]

AT = """(canvas, [x, y]) => [...canvas.getContext("2d").getImageData(x * canvas.width, y * canvas.height, 1, 1).data]"""


def explained(page: Page, row: int, column: int) -> Page:
    """Answer every photograph, and say that one cell of the grid spoke for the answer."""
    grid = [[8.0 if (y, x) == (row, column) else -0.5 for x in range(8)] for y in range(8)]
    answer = {"label": "cat", "logit": 0.1, "bias": 0.47, "grid": grid}
    page.route(re.compile("/explain"), partial(Route.fulfill, json=answer))
    return before(page, PETS)


def glow(page: Page, x: float, y: float) -> int:
    """Return how yellow the heat map is at a place of the photograph: red over blue."""
    red, _, blue, _ = card(page).locator(".heat").evaluate(AT, [x, y])
    return int(red) - int(blue)


def test_what_spoke_for_the_answer_is_lit_where_it_is_and_the_rest_is_shaded(new_page: NewPage) -> None:
    page = explained(new_page(), row=1, column=6)
    with page.expect_request(re.compile("/explain")) as request:
        choose(page, file("wide.png", encode(quarters(400, 200), "PNG")))
        card(page).get_by_role("button", name="Where it looked").click()
    assert request.value.url.endswith("/explain?format=json")
    assert b'filename="wide.png"' in (request.value.post_data_buffer or b"")
    expect(card(page).locator(".heat")).to_be_visible()
    expect(card(page).locator(".detail")).to_have_text("Lit is what spoke for cat.")
    assert glow(page, 6.5 / 8, 1.5 / 8) > 150
    assert all(glow(page, x, y) < 30 for x, y in [(1.5 / 8, 6.5 / 8), (1.5 / 8, 1.5 / 8), (6.5 / 8, 6.5 / 8)])


def test_the_heat_map_lies_on_the_photograph_whatever_its_shape(new_page: NewPage) -> None:
    page = explained(new_page(), row=4, column=4)
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
    page = explained(new_page(), row=4, column=4)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/explain" in request.url else None)
    choose(page, drawing("one.png"))
    toggle = card(page).locator(".look")
    expect(toggle).to_be_visible()  # a key that is pressed does not wait for that
    for is_on in (True, False, True):
        toggle.press("Space")
        expect(toggle).to_have_attribute("aria-pressed", str(is_on).lower())
        expect(card(page).locator(".heat")).to_be_visible(visible=is_on)
        expect(card(page).locator(".detail", has_text="Lit")).to_have_count(int(is_on))
    assert len(asked) == 1


def test_what_spoke_for_nothing_is_only_shaded(new_page: NewPage) -> None:
    page = before(new_page(), PETS)
    grid = [[-1.0] * 8 for _ in range(8)]
    page.route(re.compile("/explain"), partial(Route.fulfill, json={"label": "cat", "grid": grid}))
    choose(page, drawing("one.png"))
    card(page).locator(".look").click()
    expect(card(page).locator(".heat")).to_be_visible()
    assert all(glow(page, x / 8, x / 8) < 30 for x in range(8))


def test_a_service_that_does_not_say_where_it_looked_gets_a_sentence(new_page: NewPage) -> None:
    page = before(new_page(), PETS)
    problem = {"type": "about:blank", "title": "Not Found", "detail": "There is nothing at /explain."}
    page.route(re.compile("/explain"), partial(Route.fulfill, status=404, json=problem))
    choose(page, drawing("one.png"))
    card(page).locator(".look").click()
    expect(card(page).locator(".detail")).to_have_text("Not Found There is nothing at /explain.")
    expect(card(page).locator(".look")).to_have_attribute("aria-pressed", "false")
    expect(card(page).locator(".headline")).to_have_text("cat")
