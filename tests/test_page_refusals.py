"""What the page says when there is no answer, and how it comes by one after all."""

from functools import partial

import pytest
from playwright.sync_api import FilePayload, Route, expect

from catdog_api.problems import KINDS
from tests.browsing import (
    ANSWER,
    PETS,
    NewPage,
    before,
    card,
    choose,
    drawing,
    expect_state,
    file,
    holding,
    opened,
    photograph,
    refusing,
    until,
)
from tests.images import encode, quarters

pytestmark = [pytest.mark.browser, pytest.mark.model]

BUSY = {"type": "/problems/overloaded", "title": "Overloaded", "status": 503, "detail": "64 wait already."}
LISTEN = """() => {
  window.heard = [];
  const listen = new MutationObserver(([{ target }]) => heard.push(target.textContent));
  listen.observe(document.getElementById("status"), { childList: true });
}"""
FAST = {"type": "/problems/too-many-requests", "title": "Too many", "status": 429, "detail": "At most 3 a minute."}


@pytest.mark.parametrize(
    ("refused", "sentence"),
    [
        pytest.param(file("notes.txt", b"no picture " * 9), "This is not a photograph.", id="text"),
        pytest.param(file("empty.jpg", b""), "This is not a photograph.", id="empty"),
        pytest.param(file("big.jpg", bytes(11 * 1024**2)), "This file is too large.", id="too-many-bytes"),
        pytest.param(
            file("wide.tiff", encode(quarters(10_000, 6_000).convert("1"), "TIFF")),
            "This picture has too many pixels.",
            id="too-many-pixels",
        ),
        pytest.param(file("cut.png", photograph()["buffer"][:9000]), "This photograph cannot be read.", id="truncated"),
        pytest.param(file("x.svg", b"<svg xmlns='http://www.w3.org/2000/svg'><"), "This kind of image", id="svg"),
    ],
)
def test_what_the_service_refuses_gets_a_sentence_and_a_reason_on_its_card(
    new_page: NewPage, refused: FilePayload, sentence: str
) -> None:
    page = opened(new_page())
    choose(page, refused)
    expect(card(page).locator(".headline")).to_contain_text(sentence)
    expect(card(page).locator(".detail")).not_to_be_empty()
    expect_state(page, "done")
    for hidden in (".bars", ".retry", ".look", ".curl"):
        expect(card(page).locator(hidden)).to_be_hidden()


def test_every_problem_of_the_api_has_a_sentence_for_people(new_page: NewPage) -> None:
    page = before(new_page(), PETS)
    for kind in KINDS.values():
        problem = {"type": f"/problems/{kind.name}", "title": kind.title, "status": kind.status, "detail": kind.name}
        refusing(page, kind.status, problem)
        choose(page, file("x.tiff", b"x"))
        if kind.name == "unauthorized":
            page.get_by_role("button", name="Not now").click()
        expect(card(page).locator(".detail")).to_have_text(kind.name)
        assert card(page).locator(".headline").inner_text() not in {"", kind.title}
        expect(card(page).locator(".retry")).to_be_visible(visible=kind.status >= 500 or kind.status in {401, 429})
        page.locator("#clear").click()


@pytest.mark.parametrize(("status", "problem"), [(503, BUSY), (429, FAST)], ids=["busy", "too fast"])
def test_a_busy_service_is_asked_again_when_it_says_and_the_seconds_are_counted_down(
    new_page: NewPage, status: int, problem: dict[str, object]
) -> None:
    page = before(new_page(), PETS)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.url.endswith("/predict") else None)
    refusing(page, status, problem, times=1, Retry_After="3")
    choose(page)
    expect_state(page, "working")
    for seconds in ("3\u00a0s", "2\u00a0s", "1\u00a0s"):
        expect(card(page).locator(".detail")).to_have_text(f"{problem['detail']} Next try in {seconds}.")
    assert len(asked) == 1
    expect(card(page).locator(".headline")).to_have_text("cat")
    assert len(asked) == 2


def test_what_one_photograph_is_told_of_waiting_the_others_heed(new_page: NewPage) -> None:
    page = before(new_page(), PETS)
    held = holding(page, times=4)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.url.endswith("/predict") else None)
    page.evaluate(LISTEN)
    choose(page, *(drawing(f"{number}.png") for number in range(6)))
    until(page, lambda: len(held) == 4)
    for route in held:
        route.fulfill(status=503, json=BUSY, headers={"Retry-After": "5"})
    expect(card(page, 0).locator(".opening")).to_have_text("The service is busy.")
    expect(card(page, 5).locator(".opening")).to_have_text("Waiting")
    assert len(asked) == 4
    expect_state(page, "done")
    assert len(asked) == 10
    looking, waiting, *others = page.evaluate("heard")
    assert (looking, waiting.split(" Next")[0]) == (
        "Looking at 6 photographs.",
        "The service is busy. 64 wait already.",
    )
    assert others == ["It goes on.", "6 photographs: 6 cat."]


def test_a_service_that_stays_busy_leaves_it_to_the_person(new_page: NewPage) -> None:
    page = new_page()
    page.clock.install()
    before(page, PETS)
    refusing(page, 503, BUSY, Retry_After="1")
    choose(page)

    def is_left_after_another_second() -> bool:
        page.clock.run_for(1000)
        return card(page).get_attribute("data-state") == "refused"

    until(page, is_left_after_another_second)
    expect(card(page).locator(".headline")).to_have_text("The service is busy.")
    expect(card(page).locator(".retry")).to_be_visible()


def test_trying_again_is_one_key_and_the_focus_stays_on_the_card(new_page: NewPage) -> None:
    page = before(new_page(), PETS)
    refusing(page, 504, {"type": "/problems/deadline-exceeded", "detail": "10 s have passed."}, times=1)
    choose(page)
    expect(card(page).locator(".headline")).to_have_text("The answer took too long.")
    card(page).locator(".retry").press("Enter")
    expect(card(page).locator(".headline")).to_have_text("cat")
    expect(card(page).locator("h3")).to_be_focused()


def test_all_without_an_answer_are_asked_again_at_once(new_page: NewPage) -> None:
    page = before(new_page(), PETS)
    page.route("**/predict", partial(Route.abort, error_code="connectionrefused"), times=3)
    choose(page, *(drawing(f"{number}.png") for number in range(3)))
    expect(page.locator(".headline", has_text="The service cannot be reached.")).to_have_count(3)
    page.locator("#again").click()
    expect(page.locator(".card[data-state=answered]")).to_have_count(3)
    expect(page.locator("#again")).to_be_hidden()


def test_offline_is_said_and_the_connection_alone_makes_it_go_on(new_page: NewPage) -> None:
    page = opened(new_page())
    page.context.set_offline(offline=True)
    choose(page)
    expect(card(page).locator(".opening")).to_have_text("You are offline.")
    page.context.set_offline(offline=False)
    expect(card(page).locator(".headline")).to_have_text("cat")


def test_no_answer_in_a_minute_is_said(new_page: NewPage) -> None:
    page = new_page()
    page.clock.install()
    before(page, PETS)
    held = holding(page)
    choose(page)
    until(page, lambda: bool(held))
    page.clock.fast_forward(61_000)
    expect(card(page).locator(".headline")).to_have_text("No answer came.")


def test_a_proxy_that_speaks_html_gets_a_sentence_too(new_page: NewPage) -> None:
    page = before(new_page(), PETS)
    page.route("**/predict", partial(Route.fulfill, status=502, body="<h1>Bad gateway</h1>", content_type="text/html"))
    choose(page)
    expect(card(page).locator(".headline")).to_have_text("The service gave no answer.")
    expect(card(page).locator(".detail")).to_have_text("It sent status 502.")
    page.route("**/predict", partial(Route.fulfill, json=ANSWER))
    card(page).locator(".retry").click()
    expect(card(page).locator(".headline")).to_have_text("cat")
