"""What the page says of a model, and of how sure it is; what it weighs; what there is of it without a script."""

import re
from collections.abc import Mapping
from functools import partial
from typing import Literal

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from catdog_api.settings import bundled
from tests.browsing import ANSWER, PETS, NewPage, bars, before, card, choose, drawing, expect_state, opened, photograph

pytestmark = [pytest.mark.browser, pytest.mark.model]

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
ACCURACY = {"accuracy": {"value": 0.9612, "n": 4453, "interval": [0.9552, 0.9665]}}


def answered(page: Page, probabilities: Mapping[str, float]) -> Page:
    """Choose a photograph before a model that gives these probabilities."""
    choose(before(page, probabilities), drawing("one.png"))
    expect_state(page, "done")
    return page


def asked(page: Page, probabilities: Mapping[str, float]) -> Locator:
    """Choose another photograph, which is given these probabilities; return its card."""
    label = max(probabilities, key=lambda name: probabilities[name])
    answer = {**ANSWER, "label": label, "probabilities": probabilities}
    page.route("**/predict", partial(Route.fulfill, json=answer))
    choose(page, drawing("one.png"))
    expect_state(page, "done")
    return page.locator(".card").last


def luminance(colour: str) -> float:
    """Return the relative luminance of `rgb(r, g, b)` as WCAG 2.2 defines it."""
    shares = [int(level) / 255 for level in re.findall(r"\d+", colour)[:3]]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_another_models_labels_are_all_that_is_shown(new_page: NewPage) -> None:
    page = answered(new_page(), {"wolf": 0.12, "husky": 0.88})
    expect(page).to_have_title("Wolf or husky?")
    expect(page.locator("h1")).to_have_text("Wolf or husky?")
    expect(card(page).locator(".verdict")).to_have_text("Very likely husky")
    assert bars(card(page)) == [("wolf", "12\u00a0%"), ("husky", "88\u00a0%")]
    shown = page.inner_text("body").lower().replace("catdog", "")
    assert not [word for word in PETS if word in shown]


def test_a_label_has_one_colour_in_the_question_the_bars_and_the_choices(new_page: NewPage) -> None:
    page = before(new_page(), PETS)
    choose(page, drawing("one.png"), drawing("two.png"))
    expect_state(page, "done")
    number = "each => [each.textContent.toLowerCase(), each.dataset.label]"
    question = dict(page.locator("h1 [data-label]").evaluate_all(f"all => all.map({number})"))
    assert question == {"cat": "0", "dog": "1", "neither": "2"}
    assert card(page).locator("li").evaluate_all("all => all.map((each) => each.dataset.label)") == ["0", "1", "2"]
    expect(page.locator(".chip", has_text="cat")).to_have_attribute("data-label", "0")
    background = "all => all.map((each) => getComputedStyle(each).backgroundColor)"
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        track, *_ = map(luminance, card(page).locator(".track").evaluate_all(background))
        for fill in map(luminance, card(page).locator(".fill").evaluate_all(background)):
            assert (max(fill, track) + 0.05) / (min(fill, track) + 0.05) >= 3  # WCAG 2.2, 1.4.11


def test_many_labels_keep_the_models_order_and_the_question_short(new_page: NewPage) -> None:
    labels = [str(number) for number in range(12, 0, -1)]  # names that an object would sort
    page = answered(new_page(), dict.fromkeys(labels, 1 / 12))
    assert [label for label, _ in bars(card(page))] == labels
    expect(page.locator("h1")).to_have_text("12, 11, 10 or one of 9 others?")


SHARES = {1.0: "> 99.9 %", 0.9996: "> 99.9 %", 0.9994: "99.9 %", 0.99: "99.0 %", 0.986: "99 %", 0.5049: "50 %"}


def test_shares_are_rounded_so_that_nothing_is_certain(new_page: NewPage) -> None:
    page = before(new_page(), PETS)
    for probability, share in SHARES.items():
        shown = bars(asked(page, {"cat": probability, "dog": 1 - probability}))
        assert shown[0] == ("cat", share.replace(" ", "\u00a0"))
        if probability == 1:
            assert shown[1] == ("dog", "<\u00a00.1\u00a0%")


VERDICTS = [
    ({"cat": 0.96, "dog": 0.04}, "Almost certainly cat", ""),
    ({"cat": 0.03, "neither": 0.9, "dog": 0.07}, "Very likely neither", ""),
    ({"cat": 0.1, "dog": 0.6, "neither": 0.3}, "Probably dog", "or else neither"),
    ({"cat": 0.4, "dog": 0.36, "neither": 0.24}, "Hard to say, perhaps cat", "or else dog"),
]


def test_the_sentence_is_as_sure_as_the_model(new_page: NewPage) -> None:
    page = before(new_page(), PETS)
    for probabilities, verdict, detail in VERDICTS:
        shown = asked(page, probabilities)
        expect(shown.locator(".verdict")).to_have_text(verdict)
        expect(shown.locator(".detail")).to_have_text(detail)


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
    choose(opened(page), drawing("one.png"))
    expect_state(page, "done")
    assert [label for label, _ in bars(card(page))] == list(PETS)


def test_without_javascript_the_form_itself_asks_and_curl_is_explained(new_page: NewPage) -> None:
    page = new_page(java_script_enabled=False)
    page.goto("/")
    text = page.locator("body").inner_text()
    assert "says whether a photograph shows a cat, a dog or neither" in text
    assert "curl -F file=@photograph.jpg ADDRESS/predict" in text  # only a script could know it
    for hidden in (".sources", "#live", "#answers", "dialog"):
        expect(page.locator(hidden)).to_be_hidden()
    expect(page.locator("#file")).to_be_in_viewport()
    choose(page, photograph())
    with page.expect_navigation():
        page.locator("form noscript button").click()
    assert '"probabilities"' in page.content()


def test_the_page_weighs_less_than_60_kilobytes(new_page: NewPage) -> None:
    page = new_page()
    weights: dict[str, int] = {}
    page.on("response", lambda response: weights.update({response.url.rsplit("/", 1)[-1]: len(response.body())}))
    opened(page).wait_for_load_state("networkidle")
    scripts = {path.name for path in bundled("static").glob("*.js")} - {"docs.js"}
    assert {"", "style.css", "cards.css", "theme.css", "icon.svg", *scripts} <= set(weights)
    assert sum(weight for name, weight in weights.items() if name != "model") < 60_000
