"""The page for everyone: from the keyboard, to a screen reader, large, calm, in the dark, on a small phone."""

import re
from functools import partial
from typing import Literal

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
SPOILT = """() => {
  const mascot = document.querySelector(".mascot").getBoundingClientRect();
  const meets = ({ left, right, top, bottom }) =>
    right > mascot.left && left < mascot.right && bottom > mascot.top && top < mascot.bottom;
  const spoilt = [];
  const texts = document.createTreeWalker(document.querySelector("body"), NodeFilter.SHOW_TEXT);
  for (let text; (text = texts.nextNode()); ) {
    if (!text.parentElement.checkVisibility() || text.parentElement.closest(".unseen, .about, .name, footer")) continue;
    for (const { 0: word, index } of text.data.matchAll(/\\S+/g)) {
      const range = document.createRange();
      range.setStart(text, index);
      range.setEnd(text, index + word.length);
      const places = [...range.getClientRects()];
      if (places.length > 1 || places.some(meets)) spoilt.push(word);
    }
  }
  return spoilt;
}"""
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
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


def filtered(page: Page) -> None:
    """Show the answers with one label alone."""
    choose(page, drawing("one.png"), drawing("two.png"))
    expect_state(page, "done")
    page.get_by_role("radio", name="cat").check(force=True)


def delayed(page: Page) -> None:
    """Show a countdown."""
    refusing(page, 503, BUSY, Retry_After="600")
    choose(page, drawing("one.png"))
    expect(card(page).locator(".detail")).to_contain_text("Next try")


def offline(page: Page) -> None:
    """Show that there is no connection."""
    page.unroute("**/predict")  # a route answers offline, too
    page.context.set_offline(offline=True)
    choose(page, drawing("one.png"))
    expect(card(page).locator(".opening")).to_have_text("You are offline.")


def denied(page: Page) -> None:
    """Show that there is no camera."""
    page.context.clear_permissions()
    page.context.grant_permissions([])  # and so none
    page.locator("#go-live").click()
    expect(page.locator("#live .headline")).to_contain_text("may not use")


STATES = {state.__name__: state for state in (idle, working, answered, live, key, filtered, delayed, offline, denied)}


@pytest.mark.parametrize("state", STATES)
def test_axe_finds_nothing_and_nothing_goes_over_the_side(new_page: NewPage, state: str) -> None:
    probabilities = {"a-" + "very" * 12 + "-long-label": 0.6, "cat": 0.4}
    page = new_page(reduced_motion="reduce", permissions=["camera"])
    STATES[state](before(page, probabilities if state == "answered" else PETS))
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        results = Axe().run(page)
        assert results.violations_count == 0, results.generate_report()
    for width in (320, 360, 720):  # the last is a screen of 1440 at 200 %
        page.set_viewport_size({"width": width, "height": 740})
        assert page.evaluate(OVERFLOW) == 0


def test_no_text_meets_the_mascot_and_no_word_is_broken_on_a_small_screen(new_page: NewPage) -> None:
    page = before(new_page(), PETS)
    for state in ("idle", "done"):
        for width in (180, 320, 430, 600, 768, 870, 1100):  # the first is a phone of 360 at 200 %
            page.set_viewport_size({"width": width, "height": 740})
            assert page.evaluate(SPOILT) == [], (state, width)
        if state == "idle":
            choose(page, drawing("one.png"))
            expect_state(page, "done")


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
    page.route("**/predict", partial(Route.fulfill, json={**ANSWER, "label": "dog"}))
    choose(page, drawing("three.png"))
    expect_state(page, "done")
    expect(page.get_by_role("radio", name="cat")).to_be_focused()
    expect(page.locator(".card:visible")).to_have_count(3)  # no filter hides what was added
    page.emulate_media(forced_colors="active")
    background = "chip => getComputedStyle(chip).backgroundColor"
    assert len({page.locator(".chip", has_text=name).evaluate(background) for name in ("All", "cat")}) == 2
    assert page.locator(".button").first.evaluate("button => getComputedStyle(button).borderTopWidth") == "1px"


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
