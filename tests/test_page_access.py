"""The page for everyone: from the keyboard, to a screen reader, large, calm, in the dark, on a small phone."""

import re
from functools import partial

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Route, expect

from tests.browsing import (
    ANSWER,
    PETS,
    NewPage,
    before,
    card,
    choose,
    drawing,
    expect_state,
    holding,
    photograph,
    refusing,
)

pytestmark = [pytest.mark.browser, pytest.mark.model]

OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
BUSY = {"type": "/problems/overloaded", "detail": "64 wait already."}


def idle(page: Page) -> None:
    """Show nothing yet."""


def working(page: Page) -> None:
    """Show that some wait."""
    holding(page)
    choose(page, *(drawing(f"{number}.png") for number in range(6)))
    expect(card(page).locator(".opening")).to_have_text("Looking …")


def answered(page: Page) -> None:
    """Show answers, a refusal and a heat map."""
    grid = [[float(x * y) for x in range(8)] for y in range(8)]
    page.route(re.compile("/explain"), partial(Route.fulfill, json={"label": "cat", "grid": grid}))
    choose(page, photograph("one.png"), photograph("two.png"))
    expect_state(page, "done")
    refusing(page, 504, BUSY)
    choose(page, drawing("three.png"))
    expect_state(page, "done")
    card(page).locator(".look").click()
    expect(card(page).locator(".heat")).to_be_visible()


def live(page: Page) -> None:
    """Show the camera."""
    page.locator("#go-live").click()
    expect(page.locator("#live .headline")).to_have_text("cat")


def key(page: Page) -> None:
    """Show the question for a key."""
    problem = {"type": "/problems/unauthorized", "detail": "This service asks for a key."}
    page.route("**/predict", partial(Route.fulfill, status=401, json=problem))
    choose(page, drawing("one.png"))
    expect(page.get_by_role("dialog")).to_be_visible()


STATES = {state.__name__: state for state in (idle, working, answered, live, key)}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("state", STATES)
def test_axe_finds_nothing(new_page: NewPage, state: str, scheme: str) -> None:
    page = before(new_page(color_scheme=scheme, reduced_motion="reduce", permissions=["camera"]), PETS)
    STATES[state](page)
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("width", [320, 360, 720])
def test_nothing_goes_over_the_side_of_a_small_screen(new_page: NewPage, width: int, state: str) -> None:
    size = {"width": width, "height": 740}  # 720 pixels are a screen of 1440 at 200 %
    probabilities = {"a-" + "very" * 12 + "-long-label": 0.6, "cat": 0.4}
    page = before(new_page(viewport=size, permissions=["camera"]), probabilities if state == "answered" else PETS)
    STATES[state](page)
    assert page.evaluate(OVERFLOW) == 0


def test_the_keyboard_alone_chooses_photographs_and_reaches_everything_in_order(new_page: NewPage) -> None:
    page = new_page()
    # Playwright catches choosers from when a listener is there, but does not wait for that: have one before the key.
    page.on("filechooser", lambda _: None)
    before(page, PETS).keyboard.press("Tab")
    expect(page.locator("#file")).to_be_focused()
    assert page.locator(".panel").evaluate("panel => getComputedStyle(panel).outlineStyle") == "solid"
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files([photograph("one.png"), photograph("two.png")])
    expect_state(page, "done")
    reached = []
    for _ in range(11):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.textContent || document.activeElement.id || 'all'"))
    assert reached == [
        "folder",
        "Live camera",
        "all",
        "Download CSV",
        "Download JSON",
        "Clear",
        *["Where it looked", "Copy as curl"] * 2,
        "API explorer",
    ]


def test_arrow_keys_sift_and_keep_the_focus(new_page: NewPage) -> None:
    page = before(new_page(), PETS)
    choose(page, photograph("one.png"), photograph("two.png"))
    expect_state(page, "done")
    page.get_by_role("radio", name="All").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="cat")).to_be_checked()
    choose(page, drawing("three.png"))
    expect_state(page, "done")
    expect(page.get_by_role("radio", name="cat")).to_be_focused()


def test_the_buttons_of_a_card_say_whose_they_are(new_page: NewPage) -> None:
    page = before(new_page(), PETS)
    choose(page, photograph("one.png"), photograph("two.png"))
    expect_state(page, "done")
    for position, name in enumerate(["one.png", "two.png"]):
        expect(card(page, position).locator(".look")).to_have_accessible_description(name)
        expect(card(page, position).get_by_role("heading", level=3)).to_have_text(name)


def test_light_and_dark_follow_the_reader_and_reduced_motion_moves_nothing(new_page: NewPage) -> None:
    papers = set()
    for scheme in ("light", "dark"):
        page = before(new_page(color_scheme=scheme, reduced_motion="reduce"), PETS)
        working(page)
        papers.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        page.route("**/predict", partial(Route.fulfill, json=ANSWER))
        assert page.evaluate("document.getAnimations().length") == 0
    assert len(papers) == 2
