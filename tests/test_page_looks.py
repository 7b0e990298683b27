"""How the page looks and reads: labels, figures, widths, schemes, no script; and pictures of all of it to look at."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from catdog_api.settings import bundled
from tests.browsing import ANSWER, NewPage, bars, choose, expect_state, opened, photograph

pytestmark = [pytest.mark.browser, pytest.mark.model]

SCREENSHOTS = Path(__file__).resolve().parents[1] / "screenshots"
ACCURACY = {"accuracy": {"value": 0.9612, "n": 4453, "interval": [0.9552, 0.9665]}}
PETS = {"cat": 0.9713, "dog": 0.0214, "neither": 0.0073}
VIEWPORTS = {360: 740, 768: 1024, 1440: 900}


def before(page: Page, probabilities: Mapping[str, float], figures: Mapping[str, Any] | None = None) -> Page:
    """Open the page before a model that gives every photograph these probabilities."""
    label = max(probabilities, key=lambda name: probabilities[name])
    model = {"name": "catdog", "version": "1.0.0", "labels": list(probabilities), "figures": figures or {}}
    answer = {**ANSWER, "label": label, "probabilities": probabilities}
    page.route("**/model", lambda route: route.fulfill(json=model))
    page.route("**/predict", lambda route: route.fulfill(json=answer))
    return opened(page)


def answered(page: Page, probabilities: Mapping[str, float]) -> Page:
    """Choose a photograph there, too."""
    choose(before(page, probabilities))
    expect_state(page, "answer")
    return page


def test_another_models_labels_are_all_that_is_shown(new_page: NewPage) -> None:
    page = before(new_page(), {"wolf": 0.12, "husky": 0.88})
    expect(page).to_have_title("Wolf or husky?")
    expect(page.locator("h1")).to_have_text("Wolf or husky?")
    choose(page)
    expect(page.locator("#answer")).to_have_text("Very likely husky")
    assert bars(page) == [("wolf", "12\u00a0%"), ("husky", "88\u00a0%")]
    shown = page.inner_text("body").lower().replace("catdog", "")
    assert not [word for word in PETS if word in shown]


def test_many_labels_keep_the_models_order_and_the_question_short(new_page: NewPage) -> None:
    labels = [str(number) for number in range(12, 0, -1)]  # names that an object would sort
    page = answered(new_page(), dict.fromkeys(labels, 1 / 12))
    assert [label for label, _ in bars(page)] == labels
    expect(page.locator("h1")).to_have_text("12, 11, 10 or one of 9 others?")


@pytest.mark.parametrize(
    ("probability", "share"),
    [
        (1.0, "> 99.9 %"),
        (0.9996, "> 99.9 %"),
        (0.9994, "99.9 %"),
        (0.99, "99.0 %"),
        (0.986, "99 %"),
        (0.5049, "50 %"),
    ],
)
def test_shares_are_rounded_so_that_nothing_is_certain(new_page: NewPage, probability: float, share: str) -> None:
    page = answered(new_page(), {"cat": probability, "dog": 1 - probability})
    assert bars(page)[0] == ("cat", share.replace(" ", "\u00a0"))
    if probability == 1:
        assert bars(page)[1] == ("dog", "<\u00a00.1\u00a0%")


@pytest.mark.parametrize(
    ("probabilities", "sentence"),
    [
        ({"cat": 0.96, "dog": 0.04}, "Almost certainly cat"),
        ({"cat": 0.03, "neither": 0.9, "dog": 0.07}, "Very likely neither"),
        ({"cat": 0.1, "dog": 0.6, "neither": 0.3}, "Probably dog or else neither"),
        ({"cat": 0.4, "dog": 0.36, "neither": 0.24}, "Hard to say, perhaps cat or else dog"),
    ],
)
def test_the_sentence_is_as_sure_as_the_model(
    new_page: NewPage, probabilities: dict[str, float], sentence: str
) -> None:
    expect(answered(new_page(), probabilities).locator("#answer")).to_have_text(sentence)


def test_the_page_says_how_good_the_model_is_where_that_was_measured(new_page: NewPage) -> None:
    figure = before(new_page(), PETS, ACCURACY).locator("#figure")
    expect(figure).to_have_text(
        "Right for 96.1 % of 4,453 photographs that it had never seen (95 % interval 95.5 to 96.7 %)."
    )
    expect(before(new_page(), PETS).locator("#figure")).to_be_empty()


def test_a_service_that_says_nothing_of_its_model_still_gets_photographs(new_page: NewPage) -> None:
    page = new_page()
    page.route("**/model", lambda route: route.abort())
    page.route("**/predict", lambda route: route.fulfill(json=ANSWER))
    choose(opened(page))
    expect_state(page, "answer")
    assert [label for label, _ in bars(page)] == list(PETS)


@pytest.mark.parametrize("width", [320, 360, 768])
def test_nothing_is_wider_than_a_small_screen(new_page: NewPage, width: int) -> None:
    page = before(
        new_page(viewport={"width": width, "height": 740}), {"a-" + "very" * 12 + "-long-label": 0.6, "dog": 0.4}
    )
    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(overflow) == 0
    choose(page, photograph("scan-" * 20 + ".tiff", "TIFF"))
    expect_state(page, "answer")
    expect(page.locator("#placeholder")).to_be_visible()
    assert page.evaluate(overflow) == 0


def test_light_and_dark_follow_the_reader_and_reduced_motion_moves_nothing(new_page: NewPage) -> None:
    papers = set()
    for scheme in ("light", "dark"):
        page = answered(new_page(color_scheme=scheme, reduced_motion="reduce"), PETS)
        papers.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        assert page.locator(".fill").first.evaluate("bar => getComputedStyle(bar).transitionDuration") == "0s"
    assert len(papers) == 2


def test_without_javascript_the_form_itself_asks_and_curl_is_explained(new_page: NewPage) -> None:
    page = new_page(java_script_enabled=False)
    page.goto("/")
    assert "curl -F file=@photograph.jpg" in page.locator("body").inner_text()
    expect(page.locator("#file")).to_be_in_viewport()
    choose(page)
    with page.expect_navigation():
        page.locator("form noscript button").click()
    assert '"probabilities"' in page.content()


def test_the_page_weighs_less_than_40_kilobytes() -> None:
    names = ("index.html", "theme.css", "style.css", "app.js", "icon.svg")
    assert sum((bundled("static") / name).stat().st_size for name in names) < 40_000


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", VIEWPORTS)
def test_every_state_has_its_picture_taken(new_page: NewPage, width: int, scheme: str) -> None:
    SCREENSHOTS.mkdir(exist_ok=True)
    size = {"width": width, "height": VIEWPORTS[width]}
    page = new_page(viewport=size, color_scheme=scheme, reduced_motion="reduce", has_touch=width == 360)
    before(page, PETS, ACCURACY)
    busy = {"type": "/problems/overloaded", "detail": "64 photographs wait already."}
    states: dict[str, Callable[..., None] | None] = {
        "idle": None,
        "working": lambda _: None,
        "answer": partial(Route.fulfill, json=ANSWER),
        "refusal": partial(Route.fulfill, status=503, json=busy),
    }
    for state, reply in states.items():
        if reply:
            page.route("**/predict", reply)
            choose(page)
        expect_state(page, state)
        page.screenshot(path=SCREENSHOTS / f"page-{state}-{width}-{scheme}.png", full_page=True)
