"""What the page does with photographs, in a real Chromium before a real service process.

The fixture `new_page` fails every test in which a request leaves the origin, the policy is broken or a script errs.
"""

from functools import partial

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from tests.browsing import (
    ANSWER,
    PETS,
    NewPage,
    bars,
    before,
    card,
    choose,
    drawing,
    expect_state,
    file,
    heard,
    holding,
    names,
    opened,
    photograph,
    until,
)

pytestmark = [pytest.mark.browser, pytest.mark.model]

WATCH_ADDRESSES = """
  window.held = new Set();
  const { createObjectURL: create, revokeObjectURL: revoke } = URL;
  URL.createObjectURL = (file) => { const url = create.call(URL, file); held.add(url); return url; };
  URL.revokeObjectURL = (url) => { held.delete(url); revoke.call(URL, url); };
"""


def answering(page: Page, *labels: str) -> None:
    """Answer the photographs with labels, in the order in which they arrive; after the last, refuse."""
    left = list(labels)

    def answer(route: Route) -> None:
        if left:
            route.fulfill(json={**ANSWER, "label": left.pop(0)})
        else:
            route.fulfill(status=415, json={"type": "/problems/truncated-image", "detail": "It ends early."})

    page.route("**/predict", answer)


def test_a_chosen_photograph_is_shown_and_answered_as_the_api_answers_it(new_page: NewPage, service_url: str) -> None:
    chosen = photograph()
    api = httpx.post(f"{service_url}/predict", files={"file": chosen["buffer"]}, timeout=30).json()
    page = opened(new_page())
    choose(page, chosen)
    shown = card(page)
    expect(shown.locator(".headline")).to_have_text(api["label"])
    expect(shown.locator(".about")).to_contain_text(f"answered by {api['model']['name']} {api['model']['version']}")
    expect(shown.locator("h3")).to_have_text("chelsea.png")
    assert shown.locator(".thumb").evaluate("image => [image.naturalWidth, image.naturalHeight]") == [451, 300]
    assert [label for label, _ in bars(shown)] == list(api["probabilities"])
    assert all(share.endswith("%") for _, share in bars(shown))


def test_many_photographs_become_cards_in_the_order_given_and_a_bad_one_fails_alone(new_page: NewPage) -> None:
    page = opened(new_page())
    given = ["b.png", "a.png", "notes.txt", "10.png", "9.png"]
    choose(page, *(file(name, b"none") if name.endswith("txt") else photograph(name) for name in given))
    expect_state(page, "done")
    assert names(page) == given
    states = [card(page, position).get_attribute("data-state") for position in range(5)]
    assert states == ["answered", "answered", "refused", "answered", "answered"]


def test_who_is_faster_than_the_models_introduction_is_answered(new_page: NewPage) -> None:
    page = new_page()
    page.route("**/model", lambda _: None)
    page.route("**/predict", partial(Route.fulfill, json=ANSWER))
    page.goto("/")
    choose(page, drawing("one.png"), drawing("two.png"))
    expect_state(page, "done")


def test_four_requests_at_most_are_in_flight_and_the_progress_is_theirs(new_page: NewPage) -> None:
    page = before(new_page(), PETS)
    held = holding(page)
    choose(page, *(drawing(f"{number}.png") for number in range(7)))
    for done in range(7):
        in_flight = min(7, done + 4)
        until(page, partial(lambda count: len(held) >= count, in_flight))
        assert len(held) == in_flight
        assert page.locator("#progress").evaluate("bar => [bar.value, bar.max]") == [done, 7]
        expect(page.locator("#count")).to_have_text(f"{done} of 7 answered")
        held[done].fulfill(json=ANSWER)
    expect(page.locator("#count")).to_have_text("7 photographs")
    expect(page.locator("#progress")).to_be_hidden()


def test_photographs_given_later_stand_behind_and_clear_takes_all_away(new_page: NewPage) -> None:
    page = opened(new_page())
    choose(page, photograph("one.png"))
    expect_state(page, "done")
    choose(page, photograph("two.png"), photograph("three.png"))
    expect_state(page, "done")
    assert names(page) == ["one.png", "two.png", "three.png"]
    page.locator("#clear").click()
    expect_state(page, "idle")
    assert names(page) == []
    expect(page.locator("#file")).to_be_focused()


def test_an_answer_that_comes_after_clear_is_not_shown(new_page: NewPage) -> None:
    page = before(new_page(), PETS)
    held = holding(page, times=1)
    choose(page, photograph("late.png"))
    until(page, lambda: bool(held))
    page.locator("#clear").click()
    choose(page, photograph("new.png"))
    expect_state(page, "done")
    assert names(page) == ["new.png"]


def test_the_answers_are_sifted_by_label(new_page: NewPage) -> None:
    page = before(new_page(), PETS)
    answering(page, "cat", "dog", "cat", "cat")
    choose(page, *(drawing(f"{number}.png") for number in range(5)))
    expect_state(page, "done")
    chips = page.locator("#filters label:visible")
    assert chips.all_text_contents() == ["All 5", "cat 3", "dog 1", "without an answer 1"]
    share = "each => each.style.getPropertyValue('--count')"
    assert page.locator(".piece").evaluate_all(f"all => all.map({share})") == ["3", "1", "0", "1"]
    for chip, shown in (("cat 3", 3), ("dog 1", 1), ("without an answer 1", 1), ("All 5", 5)):
        page.get_by_role("radio", name=chip).check(force=True)
        expect(page.locator(".card:visible")).to_have_count(shown)


def test_the_sum_of_many_answers_is_spoken_and_few_are_spoken_one_by_one(new_page: NewPage) -> None:
    page = before(new_page(), PETS)
    choose(page, photograph("one.png"))
    expect(heard(page)).to_have_text("one.png: Almost certainly cat")
    answering(page, "cat", "dog", "cat")
    choose(page, *(drawing(f"{number}.png") for number in range(4)))
    expect(heard(page)).to_have_text("5 photographs: 3 cat, 1 dog, 1 without an answer.")


def test_a_photograph_that_the_browser_cannot_show_is_answered_all_the_same(new_page: NewPage) -> None:
    page = opened(new_page())
    choose(page, photograph("scan.tiff", "TIFF"))
    expect_state(page, "done")
    expect(card(page).locator(".headline")).to_have_text("cat")
    expect(card(page).locator(".suffix")).to_have_text("tiff")
    for hidden in (".thumb", ".look"):
        expect(card(page).locator(hidden)).to_be_hidden()


def test_of_hundreds_of_photographs_no_address_is_held(new_page: NewPage) -> None:
    page = new_page()
    page.add_init_script(WATCH_ADDRESSES)
    before(page, PETS)
    choose(page, *(drawing(f"{number}.png") for number in range(200)))
    expect(page.locator("#count")).to_have_text("200 photographs", timeout=120_000)
    until(page, lambda: page.evaluate("held.size") == 0)
    assert page.locator(".thumb").evaluate_all("all => all.every((image) => image.naturalWidth <= 640)")
